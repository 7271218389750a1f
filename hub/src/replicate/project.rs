//! Folds what batches say into the hub's view of their sites. In memory: each row is written once a transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use outpost_model::event::Event;
use outpost_model::fact::{LabelKind, SiteFact};
use outpost_model::fulfillment::{Exception, LineQuantities, Milestone};
use outpost_model::id::{CaseId, DocumentKey, EventId, SiteId, Sku};
use outpost_model::movements::movements;
use outpost_model::page::{LedgerFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::site_day::SiteDayState;
use outpost_model::stock::{Movement, StockKey};

use super::admit::Admitted;
use crate::store::case;

/// What a case was before the batch: only what reactions compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// How far it was.
    pub milestone: Milestone,
    /// Exceptions it had.
    pub exceptions: BTreeSet<Exception>,
    /// What its order depends on.
    pub weight: Weight,
}

/// What an order depends on in a case: while this stays, the order stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Whether somebody has begun.
    pub begun: bool,
    /// Whether nothing is left to do.
    pub closed: bool,
    /// Whether it had ended otherwise than by handover.
    pub ended: bool,
    /// How often something had left.
    pub handovers: usize,
    /// Units of all lines, those that amendments added included.
    pub units: Quantity,
    /// Units that were short.
    pub short: Quantity,
    /// Units that had left.
    pub handed_over: Quantity,
    /// Units that are not wanted any more.
    pub given_up: Quantity,
}

/// The answer to an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The case.
    pub case: CaseId,
    /// The intent.
    pub intent: EventId,
    /// Why not, when it was refused.
    pub refused: Option<outpost_model::id::ReasonCode>,
}

/// What the batches of one transaction add up to.
#[derive(Debug, Default)]
pub struct Projection {
    /// Cases by id, with what they were before.
    pub cases: BTreeMap<CaseId, (case::Row, Before)>,
    /// Those that something was said of.
    pub changed: BTreeSet<CaseId>,
    /// Answers to intents.
    pub answers: Vec<Answered>,
    /// What concerns each site as a whole.
    pub sites: BTreeMap<SiteId, OfSite>,
    /// Events taken in.
    pub events: i64,
}

/// What concerns a site as a whole.
#[derive(Debug, Default)]
pub struct OfSite {
    /// Changes of stock by key.
    pub stock: BTreeMap<StockKey, i64>,
    /// Rights granted.
    pub grants: BTreeMap<Sku, u64>,
    /// Rights asked back, by the event that asks.
    pub recalls: Vec<(EventId, Vec<SkuQty>)>,
    /// Days that are known, and those that have changed.
    pub days: BTreeMap<Date, SiteDayState>,
    /// Whether one has.
    pub day_changed: bool,
    /// Handling labels issued.
    pub handling_labels: u64,
}

impl Before {
    /// What reactions compare, of a case as it is now.
    pub fn of(row: &case::Row) -> Self {
        let state = &row.state;
        let (milestone, closed) = (state.milestone(), state.is_closed());
        let sum = |part: fn(&LineQuantities) -> Quantity| state.lines.values().map(part).sum();
        let weight = Weight {
            begun: milestone > Milestone::Offered,
            closed,
            ended: state.ended().is_some(),
            handovers: state.handovers.len(),
            units: sum(LineQuantities::sum),
            short: sum(|line| line.short),
            handed_over: sum(|line| line.handed_over),
            given_up: sum(|line| line.cancelled + line.declined),
        };
        Self { milestone, exceptions: state.exceptions.clone(), weight }
    }
}

impl Projection {
    /// Takes in what was admitted of a site's document.
    pub fn take(&mut self, site: &SiteId, key: &DocumentKey, admitted: &Admitted) {
        let of_site = match self.sites.get_mut(site) {
            Some(of_site) => of_site,
            None => self.sites.entry(site.clone()).or_default(),
        };
        match (admitted, key) {
            (Admitted::Case(events), DocumentKey::Case(case)) => {
                let Some((row, _)) = self.cases.get_mut(case) else { return };
                self.events += events.len() as i64;
                fold_case(row, events, of_site, &mut self.answers);
                self.changed.insert(*case);
            }
            (Admitted::Ledger(events), _) => {
                self.events += events.len() as i64;
                events.iter().for_each(|event| of_site.ledger(event));
            }
            (Admitted::Day(events), DocumentKey::SiteDay(_, date)) => {
                self.events += events.len() as i64;
                of_site.day_changed = true;
                let day = of_site.days.entry(*date).or_default();
                for event in events {
                    day.apply(event);
                }
            }
            (Admitted::Founded | Admitted::Case(_) | Admitted::Day(_), _) => {}
        }
    }
}

fn fold_case(
    row: &mut case::Row,
    events: &[Event<SiteFact>],
    of_site: &mut OfSite,
    answers: &mut Vec<Answered>,
) {
    for event in events {
        row.state.apply_site(event);
        for movement in movements(&row.state.header, event, event.at) {
            book(&mut of_site.stock, movement);
        }
        let case = row.state.header.case;
        match event.known() {
            Some(SiteFact::IntentAccepted { intent, .. }) => {
                answers.push(Answered { case, intent: *intent, refused: None });
            }
            Some(SiteFact::IntentRefused { intent, reason }) => {
                answers.push(Answered { case, intent: *intent, refused: Some(reason.clone()) });
            }
            Some(SiteFact::Labeled { label: LabelKind::Handling, .. }) => of_site.handling_labels += 1,
            _ => {}
        }
    }
}

impl OfSite {
    fn ledger(&mut self, event: &Event<LedgerFact>) {
        match event.known() {
            Some(LedgerFact::Booked { movements, .. }) => {
                movements.iter().cloned().for_each(|movement| book(&mut self.stock, movement));
            }
            Some(LedgerFact::Granted { units }) => {
                for SkuQty { sku, qty } in units {
                    *self.grants.entry(sku.clone()).or_insert(0) += u64::from(qty.get());
                }
            }
            Some(LedgerFact::Recalled { units, .. }) => self.recalls.push((event.id, units.clone())),
            None => {}
        }
    }
}

fn book(stock: &mut BTreeMap<StockKey, i64>, movement: Movement) {
    *stock.entry(movement.key).or_insert(0) += movement.delta;
}
