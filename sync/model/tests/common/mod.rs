//! A case, its site and its hub, small enough to tell stories with.
#![allow(dead_code, reason = "each test program uses its own part of the storyteller")]
#![allow(clippy::unwrap_used, reason = "a story that cannot be told is a failed test")]

use std::collections::BTreeMap;

use outpost_model::answer::{answer, answer_all};
use outpost_model::authority::NoAuthority;
use outpost_model::command::{CaseCommand, Held, PackLine};
use outpost_model::decide::{Book, CodeCheck, Context, Decision, Resolved, Scanned, SitePolicy, decide};
use outpost_model::event::{Body, By, Event};
use outpost_model::fact::{LabelKind, ProofMethod, Recipient, SiteFact};
use outpost_model::fold::fold;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::{Header, HeaderLine, PartialRule, Promise, Service};
use outpost_model::id::*;
use outpost_model::intent::HubEvent;
use outpost_model::ledger::Ledger;
use outpost_model::money::Money;
use outpost_model::movements::movements;
use outpost_model::quantity::Quantity;
use outpost_model::rejection::Rejection;
use outpost_model::stock::{Movement, MovementReason, Place, StockKey, StockStatus};
use outpost_model::time::UtcMillis;
use uuid::Uuid;

pub const NOW: UtcMillis = UtcMillis(1_763_874_000_000);
pub const HOUR: i64 = 3_600_000;

pub fn q(units: u32) -> Quantity {
    Quantity::new(u64::from(units)).unwrap()
}

pub fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub fn tote(text: &str) -> ContainerId {
    ContainerId::new(text).unwrap()
}

pub fn at(text: &str) -> LocationId {
    LocationId::new(text).unwrap()
}

pub fn why(text: &str) -> ReasonCode {
    ReasonCode::new(text).unwrap()
}

/// A header with these lines: SKU, quantity, group.
pub fn header(service: Service, lines: &[(&str, u32, Option<&str>)], partial: PartialRule) -> Header {
    let pickup = service == Service::Pickup;
    Header {
        case: CaseId(Uuid::from_u128(0xCA5E)),
        order: OrderId(Uuid::from_u128(0x04DE4)),
        order_number: "#1002".to_owned(),
        channel: ChannelId::new("shopify:shop-1.example").unwrap(),
        site: SiteId::new("berlin-1").unwrap(),
        service,
        ship_method: (!pickup).then(|| "standard".to_owned()),
        lines: lines
            .iter()
            .zip(1..)
            .map(|((name, qty, group), line)| HeaderLine {
                line: LineNo(line),
                sku: sku(name),
                qty: q(*qty),
                unit_price: Money { minor: 1_299, currency: "EUR".parse().unwrap() },
                group: group.map(|group| GroupId::new(group).unwrap()),
            })
            .collect(),
        partial,
        promise: Promise {
            promised_at: NOW + 4 * HOUR,
            pick_by: NOW + HOUR,
            pack_by: NOW + 2 * HOUR,
            cutoff_at: None,
        },
        hold_until: pickup.then(|| NOW + 72 * HOUR),
        payment_ok_until: None,
        generation: 1,
        consignee: None,
        language: None,
        rules: "1".to_owned(),
        offered_at: NOW,
        more: BTreeMap::new(),
    }
}

/// One case as its site and its hub live it, with the site's stock book.
#[derive(Debug, Clone)]
pub struct Story {
    pub header: Header,
    pub case: Fulfillment,
    pub site: Vec<Event<SiteFact>>,
    pub hub: Vec<Event<HubEvent>>,
    pub moved: Vec<Movement>,
    pub book: Ledger,
    pub policy: SitePolicy,
    pub held: Held,
    pub code: CodeCheck,
    pub scanned: Option<Scanned>,
    pub label: Option<Resolved>,
    pub other_case: Option<CaseId>,
    pub now: UtcMillis,
    ids: u128,
}

impl Story {
    pub fn of(header: Header) -> Self {
        let mut story = Self {
            case: Fulfillment::offered(header.clone()),
            header,
            site: Vec::new(),
            hub: Vec::new(),
            moved: Vec::new(),
            book: Ledger::default(),
            policy: SitePolicy::default(),
            held: Held::Yes,
            code: CodeCheck::Right,
            scanned: None,
            label: None,
            other_case: None,
            now: NOW,
            ids: 0,
        };
        for line in story.header.lines.clone() {
            story.stock(line.sku.as_str(), 10);
        }
        story
    }

    /// Two mugs and a tray, to be fetched.
    pub fn pickup() -> Self {
        Self::of(header(Service::Pickup, &[("MUG", 2, None), ("TRAY", 1, None)], PartialRule::ShipAvailable))
    }

    /// Two mugs and a tray, to be sent.
    pub fn ship() -> Self {
        Self::of(header(Service::Ship, &[("MUG", 2, None), ("TRAY", 1, None)], PartialRule::ShipAvailable))
    }

    pub fn stock(&mut self, name: &str, units: i64) {
        let opening = Movement {
            key: StockKey {
                sku: sku(name),
                place: Place::Location(at("A-1")),
                status: StockStatus::Sellable,
                lot: None,
                serial: None,
                owner: None,
            },
            delta: units,
            reason: MovementReason::Opening,
            occurred_at: self.now,
            booked_at: self.now,
            case: None,
        };
        self.book.book(&opening);
        self.moved.push(opening);
    }

    fn id(&mut self) -> CommandId {
        self.ids += 1;
        CommandId(Uuid::from_u128(self.ids))
    }

    pub fn with_context<T>(&self, command: Option<&CaseCommand>, act: impl FnOnce(&Context<'_>) -> T) -> T {
        let line = match command {
            Some(CaseCommand::Pick { line, .. } | CaseCommand::Short { line, .. }) => Some(*line),
            _ => None,
        };
        let asked = line.and_then(|line| self.header.line(line)).map(|line| line.sku.clone());
        let looked_up = match (command, &asked) {
            (Some(CaseCommand::Pick { barcode: Some(_), .. }), Some(sku)) => {
                Scanned::Product(sku.clone(), q(1))
            }
            (Some(CaseCommand::Substitute { with, .. }), _) => Scanned::Product(with.clone(), q(1)),
            _ => Scanned::Nothing,
        };
        let label = match command {
            Some(CaseCommand::Label { container, label, .. }) => Some(Resolved {
                number: format!("{label:?}-{container}"),
                label_hash: "00".to_owned(),
                carrier: (*label == LabelKind::Carrier).then(|| "virtual".to_owned()),
            }),
            _ => None,
        };
        act(&Context {
            scanned: self.scanned.clone().unwrap_or(looked_up),
            book: Book {
                at_location: asked.map_or(0, |sku| self.book.sellable_at(&sku, &at("A-1"))),
                free: 5,
            },
            label: self.label.clone().or(label),
            code: self.code,
            container_holder: self.other_case,
            ..Context::new(self.now, self.held.clone(), &self.policy)
        })
    }

    /// Decides without writing.
    pub fn decide(&self, command: &CaseCommand) -> Result<Decision, Rejection> {
        self.with_context(Some(command), |ctx| decide(&self.case, command, ctx))
    }

    /// Decides and writes.
    pub fn give(&mut self, command: CaseCommand) -> Result<Decision, Rejection> {
        let decision = self.decide(&command)?;
        self.write(decision.facts.clone());
        Ok(decision)
    }

    /// Gives a command that must succeed.
    pub fn did(mut self, command: CaseCommand) -> Self {
        if let Err(refused) = self.give(command.clone()) {
            panic!("{command:?}: {refused}");
        }
        self
    }

    /// The code with which a command is refused.
    pub fn refusal(&self, command: CaseCommand) -> String {
        match self.decide(&command) {
            Ok(decision) => panic!("{command:?} was not refused but gave {decision:?}"),
            Err(refused) => refused.code.into_owned(),
        }
    }

    /// Writes facts as the daemon does.
    pub fn write(&mut self, facts: Vec<SiteFact>) {
        let command = self.id();
        for (fact, index) in facts.into_iter().zip(0..) {
            let event = Event {
                id: EventId { command, index },
                n: self.site.len() as u64 + 1,
                seen: self.hub.len() as u64,
                at: self.now,
                by: By::edge(),
                critical: false,
                body: Body::Known(fact),
            };
            self.case.apply_site(&event);
            for movement in movements(&self.header, &event, self.now) {
                self.book.book(&movement);
                self.moved.push(movement);
            }
            self.site.push(event);
        }
    }

    /// The hub says something; the site does not answer yet.
    pub fn say(&mut self, said: HubEvent) -> EventId {
        let id = EventId { command: self.id(), index: 0 };
        let event = Event {
            id,
            n: self.hub.len() as u64 + 1,
            seen: self.site.len() as u64,
            at: self.now,
            by: By::hub(),
            critical: false,
            body: Body::Known(said),
        };
        self.case.apply_hub(&event);
        self.hub.push(event);
        id
    }

    /// The hub says something and the site answers it by rule, if it can, and whatever else that settles.
    pub fn ask(&mut self, said: HubEvent) -> (EventId, Option<Vec<SiteFact>>) {
        let id = self.say(said);
        let answered = self.with_context(None, |ctx| answer(&self.case, id, ctx));
        self.write(answered.clone().unwrap_or_default());
        let others = self.with_context(None, |ctx| answer_all(&self.case, ctx));
        self.write(others);
        (id, answered)
    }

    pub fn asked(mut self, said: HubEvent) -> Self {
        self.ask(said);
        self
    }

    pub fn without_authority(mut self, why: NoAuthority) -> Self {
        self.held = Held::No(why);
        self
    }

    /// What must hold whatever has happened.
    pub fn check(&self) {
        let case = &self.case;
        for (line, units) in &case.lines {
            assert_eq!(
                units.sum(),
                case.ordered(*line),
                "line {line} does not sum to what was ordered: {units:?}"
            );
        }
        let folded = fold(&self.header, &self.site, &self.hub);
        assert_eq!(folded, *case, "folding from scratch differs from event by event");
        self.book.conserved(&self.moved).unwrap();
        let gone: i64 = case.lines.values().map(|units| units.handed_over.delta()).sum();
        let opening: i64 =
            self.moved.iter().filter(|m| m.reason == MovementReason::Opening).map(|m| m.delta).sum();
        let on_hand: i64 = self.book.balances().values().sum();
        assert_eq!(on_hand, opening - gone, "on hand falls by what was handed over and by nothing else");
        for (id, container) in &case.containers {
            let booked: i64 = self
                .book
                .balances()
                .iter()
                .filter(|(key, _)| key.place == Place::Container(id.clone()))
                .map(|(_, units)| units)
                .sum();
            let there: i64 = container.contents.iter().map(|content| content.qty.delta()).sum();
            assert_eq!(booked, there, "book and case disagree about container {id}");
        }
        for content in &case.to_put_back {
            let there = &case.containers[&content.from].contents;
            assert!(there.iter().any(|other| other.line == content.line && other.qty >= content.qty));
        }
    }
}

pub fn pick(line: u16, units: u32, container: &str) -> CaseCommand {
    CaseCommand::Pick {
        line: LineNo(line),
        qty: q(units),
        barcode: Some("4006381333931".to_owned()),
        lot: None,
        serial: None,
        net_weight_g: None,
        location: at("A-1"),
        container: tote(container),
    }
}

pub fn unpick(line: u16, units: u32, container: &str) -> CaseCommand {
    CaseCommand::Unpick { line: LineNo(line), qty: q(units), container: tote(container), location: at("A-1") }
}

pub fn put_back(line: u16, units: u32, container: &str) -> CaseCommand {
    CaseCommand::PutBack {
        line: LineNo(line),
        qty: q(units),
        container: tote(container),
        location: at("A-1"),
    }
}

pub fn short(line: u16, units: u32) -> CaseCommand {
    CaseCommand::Short {
        line: LineNo(line),
        qty: q(units),
        reason: why("not_found"),
        location: Some(at("A-1")),
    }
}

pub fn pack(container: &str) -> CaseCommand {
    CaseCommand::Pack {
        container: tote(container),
        contents: Vec::new(),
        weight_g: Some(800),
        dimensions: None,
    }
}

pub fn stage(container: &str) -> CaseCommand {
    CaseCommand::Stage { container: tote(container), location: at("STAGE-1") }
}

pub fn label(container: &str) -> CaseCommand {
    CaseCommand::Label { container: tote(container), label: LabelKind::Carrier, override_reason: None }
}

/// Everything that is here, to whom the service says.
pub fn hand_over(service: Service) -> CaseCommand {
    let (to, proof) = match service {
        Service::Pickup => (Recipient::Customer, ProofMethod::Code),
        Service::Ship | Service::ShipToStore => (Recipient::Carrier, ProofMethod::Scan),
    };
    CaseCommand::HandOver {
        lines: Vec::new(),
        containers: Vec::new(),
        to,
        proof,
        code: None,
        proof_ref: None,
        manifest: None,
        override_reason: None,
        already_done: false,
    }
}

/// These units of these lines.
pub fn hand_over_lines(service: Service, units: &[(u16, u32)]) -> CaseCommand {
    let mut command = hand_over(service);
    if let CaseCommand::HandOver { lines, .. } = &mut command {
        *lines = units.iter().map(|(line, qty)| PackLine { line: LineNo(*line), qty: q(*qty) }).collect();
    }
    command
}

pub fn already_done(mut command: CaseCommand) -> CaseCommand {
    if let CaseCommand::HandOver { already_done, .. } = &mut command {
        *already_done = true;
    }
    command
}

pub fn by_supervisor(mut command: CaseCommand) -> CaseCommand {
    if let CaseCommand::HandOver { override_reason, .. } | CaseCommand::Label { override_reason, .. } =
        &mut command
    {
        *override_reason = Some("customer waits since an hour".to_owned());
    }
    command
}

pub fn cancel(lines: &[u16]) -> HubEvent {
    HubEvent::CancelRequested {
        lines: lines.iter().map(|line| LineNo(*line)).collect(),
        reason: why("customer_changed_mind"),
    }
}

pub fn names(facts: &[SiteFact]) -> Vec<&'static str> {
    facts.iter().map(SiteFact::name).collect()
}
