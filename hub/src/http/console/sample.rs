//! A story for the tests of the pages: an order for two sites, of which one fails, and another that is held.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use outpost_model::event::{Event, Side};
use outpost_model::fact::SiteFact;
use outpost_model::fold::fold;
use outpost_model::header::{Header, Service};
use outpost_model::id::{CommandId, EventId};
use outpost_model::intent::HubEvent;
use outpost_model::milestone::OrderState;
use outpost_model::time::UtcMillis;
use serde_json::{Value, json};
use uuid::Uuid;

use super::when::Watch;
use crate::store::query::console::RightsTotals;
use crate::store::query::exceptions::ExceptionRow;
use crate::store::query::orders::OrderSummary;
use crate::store::query::sites::{LineState, SiteSummary};
use crate::store::query::stats::Stats;
use crate::store::query::timeline::{CaseDetail, OrderDetail, TimelineEntry};

/// 2026-11-23, 14:30 in Berlin.
pub const NOW: UtcMillis = UtcMillis(1_795_440_600_000);
pub const MINUTE: i64 = 60_000;

pub fn watch() -> Watch {
    Watch::new(NOW, TimeZone::get("Europe/Berlin").unwrap())
}

pub fn zones() -> BTreeMap<String, String> {
    let zones = [("berlin-1", "Europe/Berlin"), ("lisbon-1", "Europe/Lisbon")];
    zones.map(|(site, zone)| (site.to_owned(), zone.to_owned())).into()
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_b3a4_c5d6_7e8f_9a0b_0000_0000_0000 + n)
}

fn eur(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "EUR" })
}

fn header(case: u128, site: &str, generation: u32, lines: Value) -> Header {
    serde_json::from_value(json!({
        "case": id(case), "order": id(1), "order_number": "#20417", "channel": "shopify:shop-1.example",
        "site": site, "service": "ship", "ship_method": "standard", "lines": lines, "partial": "ship_available",
        "promise": {
            "promised_at": NOW.0 + 150 * MINUTE, "pick_by": NOW.0 - 12 * MINUTE, "pack_by": NOW.0 + 40 * MINUTE,
            "cutoff_at": NOW.0 + 90 * MINUTE
        },
        "generation": generation, "rules": "3f9a", "offered_at": NOW.0 - 80 * MINUTE
    }))
    .unwrap()
}

/// A case from its events: side, minutes ago, who, kind, data. Their numbers follow from their order.
fn case(
    header: Header,
    position: u64,
    events: &[(Side, i64, &str, &str, Value)],
    timeline: &mut Vec<TimelineEntry>,
) -> CaseDetail {
    let (mut site, mut hub): (Vec<Event<SiteFact>>, Vec<Event<HubEvent>>) = Default::default();
    let entry = |side, at, n, seen, event, by: &str, kind: &str, data: Value| TimelineEntry {
        at,
        case: Some(header.case),
        site: Some(header.site.to_string()),
        side,
        n,
        seen,
        event,
        by: by.to_owned(),
        kind: kind.to_owned(),
        data,
    };
    timeline.push(entry(Side::Hub, header.offered_at, 0, 0, None, "hub", "offered", Value::Null));
    for (index, (side, ago, by, kind, data)) in events.iter().enumerate() {
        let event = EventId { command: CommandId(id(position.into())), index: u16::try_from(index).unwrap() };
        let at = UtcMillis(NOW.0 - ago * MINUTE);
        let (n, seen) = match side {
            Side::Site => (site.len() as u64 + 1, hub.len() as u64),
            Side::Hub => (hub.len() as u64 + 1, site.len() as u64),
        };
        let text =
            json!({ "n": n, "seen": seen, "at": at, "by": by, "kind": kind, "data": data }).to_string();
        match side {
            Side::Site => site.push(Event::parse(event, &text).unwrap()),
            Side::Hub => hub.push(Event::parse(event, &text).unwrap()),
        }
        timeline.push(entry(*side, at, n, seen, Some(event), by, kind, data.clone()));
    }
    let fulfillment = fold(&header, &site, &hub);
    CaseDetail { milestone: fulfillment.milestone(), fulfillment, position, at_site: true }
}

pub fn order_detail() -> OrderDetail {
    let order = serde_json::from_value(json!({
        "id": id(1), "channel": "shopify:shop-1.example", "channel_ref": "9123456789012345678", "number": "#20417",
        "placed_at": NOW.0 - 86 * MINUTE, "currency": "EUR", "total": eur(9_420),
        "lines": [
            { "line": 1, "sku": "MUG-0007-BL", "title": "Enamel mug <blue>", "qty": 3, "unit_price": eur(1_790),
              "presentment_price": { "minor": 1_683, "currency": "CHF" } },
            { "line": 2, "sku": "APR-0102", "title": "Linen apron", "qty": 2, "unit_price": eur(3_560), "group": "set-1" },
            { "line": 3, "sku": "CARD-MAIL", "title": "Gift card by mail", "qty": 1, "unit_price": eur(0), "physical": false }
        ],
        "delivery": { "service": "ship", "country": "DE", "postal_code": "10115", "method": "standard" },
        "payment": "paid", "language": "de-DE",
        "remarks": ["Discounts are part of the total; unit prices are those before discounts"]
    }))
    .unwrap();
    let mut timeline = Vec::new();
    let parcel = format!("{}-p1", id(10).simple());
    let berlin = case(
        header(
            10,
            "berlin-1",
            1,
            json!([
                { "line": 1, "sku": "MUG-0007-BL", "qty": 3, "unit_price": eur(1_790) },
                { "line": 2, "sku": "APR-0102", "qty": 2, "unit_price": eur(3_560) }
            ]),
        ),
        411,
        &[
            (Side::Site, 75, "edge", "accepted", Value::Null),
            (
                Side::Hub,
                74,
                "hub",
                "label_bought",
                json!({ "container": parcel, "carrier": "virtual", "number": "VC0042", "label_hash": "00", "record": id(77) }),
            ),
            (
                Side::Site,
                61,
                "017@scan-3",
                "picked",
                json!({ "line": 1, "sku": "MUG-0007-BL", "qty": 2, "barcode": "4006381333931", "location": "A-01-2", "container": "TOTE-3" }),
            ),
            (
                Side::Site,
                60,
                "017@scan-3",
                "picked",
                json!({ "line": 2, "sku": "APR-0102", "qty": 1, "location": "B-11-1", "container": "TOTE-3" }),
            ),
            (
                Side::Site,
                58,
                "017@scan-3",
                "shorted",
                json!({ "line": 2, "sku": "APR-0102", "qty": 1, "reason": "not_found", "suspect": 1 }),
            ),
            (
                Side::Hub,
                30,
                "hub",
                "cancel_requested",
                json!({ "lines": [1], "reason": "customer_changed_mind" }),
            ),
            (
                Side::Site,
                29,
                "edge",
                "intent_accepted",
                json!({ "intent": format!("{}.5", id(411).simple()), "effect": { "is": "cancelled", "lines": [{ "line": 1, "open": 1, "to_put_back": 2 }] } }),
            ),
            (Side::Hub, 4, "hub", "hold_requested", json!({ "reason": "fraud" })),
        ],
        &mut timeline,
    );
    let lisbon = case(
        header(
            11,
            "lisbon-1",
            2,
            json!([{ "line": 2, "sku": "APR-0102", "qty": 1, "unit_price": eur(3_560) }]),
        ),
        97,
        &[],
        &mut timeline,
    );
    let decisions = serde_json::from_value(json!([{
        "at": NOW.0 - 80 * MINUTE, "generation": 0, "rules": "3f9a", "outcome": "routed", "cases": [id(10)],
        "considered": [
            { "site": "berlin-1", "verdict": "chosen", "reasons_for": ["distance_km=2", "unused_rights=40"], "reasons_against": [] },
            { "site": "lisbon-1", "verdict": "passed", "reasons_for": ["unused_rights=12"], "reasons_against": ["distance_km=2314"] },
            { "site": "lager-1", "verdict": "refused", "reasons_for": [], "reasons_against": ["silent", "stock_short=APR-0102"] }
        ],
        "unassigned": []
    }, {
        "at": NOW.0 - 57 * MINUTE, "generation": 1, "rules": "3f9a", "outcome": "routed", "cases": [id(11)],
        "considered": [{ "site": "berlin-1", "verdict": "refused", "reasons_for": [], "reasons_against": ["failed_before"] },
                       { "site": "lisbon-1", "verdict": "chosen", "reasons_for": ["unused_rights=12"], "reasons_against": [] }],
        "unassigned": []
    }]))
    .unwrap();
    OrderDetail {
        order,
        state: OrderState::InProgress,
        reason: None,
        captured_at: NOW + -85 * MINUTE,
        route_at: None,
        cases: vec![berlin, CaseDetail { at_site: false, ..lisbon }],
        timeline,
        decisions,
        exceptions: vec![
            exception("outside_authority", 3),
            ExceptionRow { resolved_at: Some(NOW), ..exception("unknown_sku", 80) },
        ],
    }
}

pub fn exception(code: &str, ago: i64) -> ExceptionRow {
    ExceptionRow {
        id: id(900 + u128::try_from(ago).unwrap()),
        code: code.to_owned(),
        sentence: "Parcel VC0041 of order #20399 was handed over <at> lisbon-1 without authority.".to_owned(),
        order: Some(id(1).to_string()),
        order_number: Some("#20417".to_owned()),
        case: None,
        site: Some("lisbon-1".to_owned()),
        payload: None,
        raised_at: NOW + -ago * MINUTE,
        resolved_at: None,
        resolved_by: Some("console".to_owned()),
        note: Some("Product imported".to_owned()),
    }
}

pub fn orders() -> Vec<OrderSummary> {
    let states = crate::store::order::STATES;
    (0..12_u8)
        .map(|n| OrderSummary {
            id: outpost_model::id::OrderId(id(u128::from(n) + 1)),
            number: format!("#{}", 20_417 - u32::from(n)),
            channel: "shopify:shop-1.example".parse().unwrap(),
            channel_ref: format!("91234567890123456{n:02}"),
            state: states[usize::from(n) % states.len()],
            reason: (n % 9 == 1).then(|| "payment_pending".to_owned()),
            service: if n % 3 == 0 { Service::Pickup } else { Service::Ship },
            placed_at: NOW + -i64::from(n) * 7 * MINUTE,
            captured_at: NOW + -i64::from(n) * 7 * MINUTE,
            total: serde_json::from_value(eur(4_990 + i64::from(n) * 310)).unwrap(),
            sites: if n % 4 == 0 {
                vec!["berlin-1".into(), "lisbon-1".into()]
            } else {
                vec!["berlin-1".into()]
            },
            exceptions: u64::from(n % 5 == 4),
        })
        .collect()
}

pub fn sites() -> Vec<(SiteSummary, RightsTotals)> {
    let site = |site: &str, name: &str, kind: &str, zone: &str, up: bool| -> SiteSummary {
        SiteSummary {
            site: serde_json::from_value(json!({
                "site": site, "name": name, "kind": kind, "zone": zone, "country": "DE", "postal_code": "10115",
                "latitude": 52.5, "longitude": 13.4, "services": ["pickup", "ship"], "capacity_per_day": 120, "priority": 0
            }))
            .unwrap(),
            enrolled: true,
            line: Some(LineState { up, since: NOW + -47 * MINUTE, last_seen: NOW + if up { -4_000 } else { -47 * MINUTE } }),
            open_cases: 7,
            unacknowledged: if up { 0 } else { 23 },
            position: 1_204,
            authority: serde_json::from_value(json!({ "epoch": 1, "through": if up { 1204 } else { 1181 },
                "until": { "pickup": NOW.0 + 6_000 * MINUTE, "ship": NOW.0 + if up { 4_000 } else { -5 } * MINUTE } })).ok(),
            quarantined: 0,
            exceptions: u64::from(!up),
            day: None,
        }
    };
    let mut paused = site("lager-1", "Warehouse North", "warehouse", "Europe/Berlin", true);
    paused.day = serde_json::from_value(json!({
        "open": true, "closed_early": false, "paused": { "ship": { "until": NOW.0 + 45 * MINUTE, "reason": "no_capacity" } },
        "staffed": 4, "no_shows": ["virtual"], "devices_down": {}, "n": 3
    }))
    .ok();
    let rights = RightsTotals { skus: 1_420, granted: 8_800, promised: 2_210, returned: 90 };
    vec![
        (site("berlin-1", "Berlin Mitte", "store", "Europe/Berlin", true), rights),
        (site("lisbon-1", "Lisboa Chiado", "store", "Europe/Lisbon", false), rights),
        (paused, RightsTotals::default()),
    ]
}

pub fn stats() -> Stats {
    let counts =
        |pairs: &[(&str, i64)]| pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    Stats {
        orders_captured: 1_204,
        duplicates_refused: 12,
        malformed_kept: 1,
        orders: counts(&[
            ("held", 3),
            ("routed", 18),
            ("in_progress", 41),
            ("fulfilled", 1_120),
            ("cancelled", 22),
        ]),
        reroutes: 14,
        cancels_accepted: 19,
        cancels_refused: 3,
        cancels_pending: 1,
        events_synced: 9_832,
        wire_bytes_in: 2_401_220,
        wire_bytes_out: 804_113,
        exceptions: counts(&[("outside_authority", 1), ("no_site_left", 2)]),
        ..Stats::default()
    }
}
