//! A shop for tests: products, stock, printers, and an order at every stage.

use std::collections::BTreeMap;

use axum::Router;
use outpost_model::event::{Body as EventBody, By, Event};
use outpost_model::fact::{CancelledLine, Content, Effect, LabelKind, Permission, SiteFact};
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::{Header, HeaderLine, PartialRule, Promise, Service};
use outpost_model::id::{
    CaseId, ChannelId, CommandId, ContainerId, EventId, LineNo, LocationId, OrderId, ReasonCode, RecordId,
    SiteId, Sku,
};
use outpost_model::intent::HubEvent;
use outpost_model::money::Money;
use outpost_model::order::Contact;
use outpost_model::quantity::Quantity;
use outpost_model::stock::{Movement, MovementReason, Place, StockKey, StockStatus};
use outpost_model::time::UtcMillis;
use outpost_sync::seal::{Name, NewKey};
use uuid::Uuid;

use super::routes;
use crate::app::print::{self, PrintChange};
use crate::device::job::JobInput;
use crate::device::printer::{Cause, PrinterState};
use crate::rig::Rig;
use crate::store::case::{self, CaseRow};
use crate::store::print_job::{NewPrintJob, PrintKind};
use crate::store::product::{self, Product, ProductBarcode};
use crate::store::vault::Vault;
use crate::store::{exception, record, stock};

const MINUTE: i64 = 60_000;
pub(super) const HOSTILE: &str = "<script>alert('x')</script> \"Mug\" & </script>";

pub(in crate::http) struct Shop {
    pub rig: Rig,
    pub router: Router,
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_b3a4_c5d6_7e8f_9a0b_0000_0000_0000 + n)
}

pub(in crate::http) fn case_id(n: u128) -> CaseId {
    CaseId(id(n))
}

fn qty(units: u64) -> Quantity {
    Quantity::new(units).unwrap()
}

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn place(text: &str) -> LocationId {
    LocationId::new(text).unwrap()
}

struct Story {
    case: Fulfillment,
    now: UtcMillis,
}

impl Story {
    fn new(
        n: u128,
        number: &str,
        service: Service,
        due_min: i64,
        lines: &[(&str, u64)],
        now: UtcMillis,
    ) -> Self {
        let at = |minutes: i64| now + minutes * MINUTE;
        let header = Header {
            case: case_id(n),
            order: OrderId(id(n + 1000)),
            order_number: number.to_owned(),
            channel: ChannelId::new("shopify:shop.example").unwrap(),
            site: SiteId::new("test-1").unwrap(),
            service,
            ship_method: (service == Service::Ship).then(|| "standard".to_owned()),
            lines: lines
                .iter()
                .enumerate()
                .map(|(index, (code, units))| HeaderLine {
                    line: LineNo(index as u16 + 1),
                    sku: sku(code),
                    qty: qty(*units),
                    unit_price: Money { minor: 1990, currency: "EUR".parse().unwrap() },
                    group: None,
                })
                .collect(),
            partial: PartialRule::ShipAvailable,
            promise: Promise {
                promised_at: at(due_min + 60),
                pick_by: at(due_min),
                pack_by: at(due_min + 30),
                cutoff_at: (service == Service::Ship).then(|| at(due_min + 90)),
            },
            hold_until: (service == Service::Pickup).then(|| at(3 * 1440)),
            payment_ok_until: None,
            generation: 1,
            consignee: Some(RecordId(id(n + 2000))),
            language: None,
            rules: "r1".to_owned(),
            offered_at: at(-90),
            more: BTreeMap::new(),
        };
        Self { case: Fulfillment::offered(header), now }
    }

    fn event_id(&self, side: u128, n: u64) -> EventId {
        let case = self.case.header.case.0.as_u128();
        EventId { command: CommandId(Uuid::from_u128(case + (side << 40) + u128::from(n))), index: 0 }
    }

    fn site(mut self, kind: SiteFact) -> Self {
        let n = self.case.site_n + 1;
        self.case.apply_site(&Event {
            id: self.event_id(1, n),
            n,
            seen: self.case.hub_n,
            at: self.now + -(30 - n as i64) * MINUTE,
            by: By::edge(),
            critical: false,
            body: EventBody::Known(kind),
        });
        self
    }

    fn hub(mut self, kind: HubEvent) -> Self {
        let n = self.case.hub_n + 1;
        self.case.apply_hub(&Event {
            id: self.event_id(2, n),
            n,
            seen: self.case.site_n,
            at: self.now,
            by: By::hub(),
            critical: false,
            body: EventBody::Known(kind),
        });
        self
    }

    fn picked(self, line: u16, code: &str, units: u64, container: &str) -> Self {
        self.site(SiteFact::Picked {
            line: LineNo(line),
            sku: sku(code),
            qty: qty(units),
            barcode: None,
            lot: None,
            serial: None,
            net_weight_g: None,
            location: place("A-03-12"),
            container: ContainerId::new(container).unwrap(),
        })
    }

    fn content(line: u16, code: &str, units: u64, from: &str) -> Content {
        Content {
            line: LineNo(line),
            sku: sku(code),
            qty: qty(units),
            from: ContainerId::new(from).unwrap(),
            lot: None,
            serial: None,
        }
    }
}

/// A shop with products, stock, and an order at every stage.
pub(in crate::http) fn shop() -> Shop {
    let rig = Rig::new();
    let now = rig.state.now().wall;
    let conn = rusqlite::Connection::open(&rig.state.site.database).unwrap();
    let products = [
        ("MUG-01", HOSTILE, "4006381333931", "A-03-12", 14),
        ("TEE-BLK-M", "Organic cotton T-shirt, black, M", "96385074", "B-01-04", 6),
        ("LAMP-7", "Desk lamp “Lumen”, brass, with a cable of two meters", "036000291452", "C-11-02", 2),
        ("NOTE-A5", "Notebook A5, dotted", "5901234123457", "A-01-01", 40),
    ];
    for (code, title, barcode, location, units) in products {
        let barcodes = vec![
            ProductBarcode { code: barcode.to_owned(), qty: Quantity::ONE },
            ProductBarcode { code: format!("case-{code}"), qty: qty(6) },
        ];
        let product = Product {
            sku: sku(code),
            title: title.to_owned(),
            class: "default".to_owned(),
            unit: "piece".to_owned(),
            weight_g: Some(320),
            length_mm: None,
            width_mm: None,
            height_mm: None,
            barcodes,
        };
        product::save(&conn, &product, 1).unwrap();
        let key = StockKey {
            sku: sku(code),
            place: Place::Location(place(location)),
            status: StockStatus::Sellable,
            lot: None,
            serial: None,
            owner: None,
        };
        let opening = Movement {
            key,
            delta: units,
            reason: MovementReason::Opening,
            occurred_at: now,
            booked_at: now,
            case: None,
        };
        stock::apply(&conn, &opening).unwrap();
    }
    for story in stories(now) {
        let contact = Contact {
            name: "Ada <b>Lovelace</b>".to_owned(),
            phone: Some("+49 30 1234567".to_owned()),
            ..Contact::default()
        };
        let consignee = story.case.header.consignee.unwrap();
        keep_contact(&conn, &rig.state.site.vault, consignee, &contact, now + 100 * MINUTE);
        case::save(
            &conn,
            None,
            &CaseRow { state: story.case, place: case::Place { stream: None, n: 1 } },
            now,
        )
        .unwrap();
    }
    let subject = format!("case/{}", case_id(4));
    exception::raise(
        &conn,
        now,
        "outside_authority",
        &subject,
        "e1",
        "A label was issued without authority.",
    )
    .unwrap();
    print_jobs(&conn, now);
    rig.state.desk.note("packing", PrinterState::NeedsAttention(Cause::HeadOpen));
    let router = routes(rig.state.clone());
    Shop { rig, router }
}

fn stories(now: UtcMillis) -> Vec<Story> {
    let bag = outpost_model::container::bag(case_id(3), 1);
    let parcel = outpost_model::container::parcel(case_id(4), 1);
    let reason = |code: &str| ReasonCode::new(code).unwrap();
    let cancelled = Story::new(5, "#1005", Service::Pickup, 20, &[("TEE-BLK-M", 2)], now)
        .picked(1, "TEE-BLK-M", 2, "tote-5")
        .hub(HubEvent::CancelRequested { lines: Vec::new(), reason: reason("customer_changed_mind") });
    let intent = cancelled.event_id(2, 1);
    vec![
        Story::new(1, "#1001", Service::Ship, -25, &[("MUG-01", 3), ("LAMP-7", 1), ("NOTE-A5", 4)], now)
            .picked(1, "MUG-01", 2, "tote-1"),
        Story::new(2, "#1002", Service::Pickup, 45, &[("TEE-BLK-M", 1), ("NOTE-A5", 2)], now),
        Story::new(3, "#1003", Service::Pickup, 90, &[("LAMP-7", 1), ("MUG-01", 2)], now)
            .picked(1, "LAMP-7", 1, bag.as_str())
            .picked(2, "MUG-01", 2, bag.as_str())
            .site(SiteFact::Staged { container: bag, location: place("R-04") })
            .site(SiteFact::Ready),
        Story::new(4, "#1004", Service::Ship, 130, &[("NOTE-A5", 2), ("TEE-BLK-M", 1)], now)
            .picked(1, "NOTE-A5", 2, "tote-4")
            .picked(2, "TEE-BLK-M", 1, "tote-4")
            .site(SiteFact::Packed {
                container: parcel.clone(),
                contents: vec![
                    Story::content(1, "NOTE-A5", 2, "tote-4"),
                    Story::content(2, "TEE-BLK-M", 1, "tote-4"),
                ],
                weight_g: Some(1250),
                dimensions: None,
            })
            .hub(HubEvent::LabelBought {
                container: parcel.clone(),
                carrier: "virtual".to_owned(),
                number: "VC00000001234".to_owned(),
                label_hash: "00".repeat(32),
                record: RecordId(id(4004)),
            })
            .site(SiteFact::Labeled {
                container: parcel,
                label: LabelKind::Carrier,
                number: "VC00000001234".to_owned(),
                carrier: Some("virtual".to_owned()),
                label_hash: "00".repeat(32),
                permission: Permission::Granted,
            }),
        cancelled.site(SiteFact::IntentAccepted {
            intent,
            effect: Effect::Cancelled {
                lines: vec![CancelledLine { line: LineNo(1), open: Quantity::ZERO, to_put_back: qty(2) }],
            },
        }),
        Story::new(6, "#1006", Service::Ship, 240, &[("NOTE-A5", 10), ("MUG-01", 1)], now)
            .picked(1, "NOTE-A5", 10, "tote-6")
            .picked(2, "MUG-01", 1, "tote-6"),
    ]
}

fn print_jobs(conn: &rusqlite::Connection, now: UtcMillis) {
    let parcel = outpost_model::container::parcel(case_id(4), 1);
    for (number, kind, inputs) in [
        ("VC00000001234", PrintKind::Carrier, &[JobInput::SendBegun, JobInput::LineLost][..]),
        (
            "VC00000001234",
            PrintKind::PackingSlip,
            &[JobInput::SendBegun, JobInput::AllSent, JobInput::Counted],
        ),
        ("340123450000000017", PrintKind::Handling, &[]),
    ] {
        let job = NewPrintJob {
            printer: "packing".to_owned(),
            kind,
            case: Some(case_id(4)),
            container: parcel.clone(),
            number: number.to_owned(),
            bytes: b"^XA^XZ".to_vec(),
            labels: 1,
            request: None,
            asked_by: "s-1@scan-1".to_owned(),
            expires_at: now + 30 * MINUTE,
        };
        let id = print::queue(conn, now, &job, &mut |_, bytes| bytes.to_vec()).unwrap().unwrap();
        for input in inputs {
            print::change(conn, now, &PrintChange::step(id, *input), &mut |_, bytes| bytes.to_vec())
                .unwrap()
                .unwrap();
        }
    }
}

/// A contact as the hub would have sent it.
fn keep_contact(
    conn: &rusqlite::Connection,
    vault: &Vault,
    id: RecordId,
    contact: &Contact,
    retain_until: UtcMillis,
) {
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    let name = Name { kind: record::CONTACT, key: &id.to_string() };
    let content = serde_json::to_vec(contact).unwrap();
    let (key, sealed) = NewKey::seal(name, retain_until.0, &content, &mut rng);
    record::save_sealed(conn, name, &sealed, retain_until, UtcMillis(0)).unwrap();
    vault.keep(&[key]).unwrap();
}
