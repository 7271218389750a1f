//! Any change to a valid payload gives an order that makes sense, or an error that says where: never a panic.

#![allow(clippy::unwrap_used)]

#[path = "connect_shopify/support.rs"]
mod support;

use outpost_hub::connect::canonical;
use outpost_hub::connect::shopify::MINOR_MAX;
use outpost_hub::connect::{Captured, REMARKS_MAX, TEXT_CHARS_MAX, Unreadable, Work};
use outpost_model::id::OrderId;
use outpost_model::order::ORDER_LINES_MAX;
use outpost_model::quantity::Quantity;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{ARRIVED, read_with, shop, web_order};

/// What a careless or hostile sender might put anywhere.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u32..5).prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "-?[0-9]{1,25}(\\.[0-9]{1,6})?".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{2}:[0-9]{2}|Z)?"
            .prop_map(Value::from),
        prop::sample::select(vec![
            "fulfilled",
            "pos",
            "pickup",
            "paid",
            "EUR",
            "JPY",
            "1e30",
            "-0",
            "NaN",
            "null"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop::sample::select(vec![
                    "id",
                    "name",
                    "value",
                    "quantity",
                    "amount",
                    "currency_code",
                    "line_items"
                ]),
                inner,
                0..4
            )
            .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// One careless change.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Repeat,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![6 => anything().prop_map(Change::Replace), 2 => Just(Change::Remove), 1 => Just(Change::Repeat)]
}

/// The pointers of everything in a document.
fn places(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                places(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(at);
}

fn apply(document: &mut Value, place: &str, change: Change) {
    match change {
        Change::Replace(value) => {
            if let Some(old) = document.pointer_mut(place) {
                *old = value;
            }
        }
        Change::Remove | Change::Repeat => {
            let Some((parent, key)) = place.rsplit_once('/') else { return };
            match (document.pointer_mut(parent), change) {
                (Some(Value::Object(entries)), Change::Remove) => {
                    entries.remove(key);
                }
                (Some(Value::Array(items)), change) => {
                    let Ok(index) = key.parse::<usize>() else { return };
                    match change {
                        Change::Remove => drop(items.remove(index)),
                        _ => items.push(items[index].clone()),
                    }
                }
                _ => {}
            }
        }
    }
}

fn mutated(base: Value) -> impl Strategy<Value = Value> {
    let steps = prop::collection::vec((any::<prop::sample::Index>(), change()), 1..5);
    steps.prop_map(move |steps| {
        let mut document = base.clone();
        for (index, change) in steps {
            let mut all = Vec::new();
            places(&document, String::new(), &mut all);
            let place = all[index.index(all.len())].clone();
            apply(&mut document, &place, change);
        }
        document
    })
}

fn makes_sense(read: &Result<Captured, Unreadable>) -> Result<(), TestCaseError> {
    let captured = match read {
        Ok(captured) => captured,
        Err(error) => {
            prop_assert!(!error.code.is_empty() && !error.sentence.is_empty() && !error.at.is_empty());
            prop_assert!(error.sentence.chars().count() < 600, "{}", error.sentence);
            return Ok(());
        }
    };
    let order = &captured.order;
    prop_assert!(!order.channel_ref.is_empty() && order.channel_ref.len() <= 120);
    prop_assert!(!order.number.is_empty() && order.number.chars().count() <= 41);
    prop_assert!(order.lines.len() <= ORDER_LINES_MAX && order.remarks.len() <= REMARKS_MAX);
    prop_assert!((0..=MINOR_MAX).contains(&order.total.minor));
    prop_assert_eq!(order.total.currency, order.currency);
    let mut numbers = std::collections::BTreeSet::new();
    for line in &order.lines {
        prop_assert!(line.line.0 > 0 && numbers.insert(line.line));
        prop_assert!(!line.qty.is_zero() && line.qty <= Quantity::MAX);
        prop_assert!((0..=MINOR_MAX).contains(&line.unit_price.minor));
        prop_assert_eq!(line.unit_price.currency, order.currency);
        prop_assert!(!line.title.is_empty() && line.title.chars().count() <= TEXT_CHARS_MAX);
    }
    prop_assert_eq!(
        captured.work == Work::Deliver,
        order.cancelled_at.is_none() && {
            order.lines.iter().any(|line| line.physical) && !sold_in_store(captured)
        }
    );
    let text = serde_json::to_string(order).unwrap();
    prop_assert_eq!(&serde_json::from_str::<outpost_model::order::Order>(&text).unwrap(), order);
    Ok(())
}

fn sold_in_store(captured: &Captured) -> bool {
    captured.work == Work::Nothing(outpost_hub::connect::NothingToDo::SoldInStore)
}

fn canonical_order() -> Value {
    json!({
        "order": {
            "channel": "phone:desk-1", "channel_ref": "A-20331", "number": "#20331",
            "placed_at": "2026-11-20T09:30:00+01:00", "currency": "EUR",
            "total": { "minor": 4070, "currency": "EUR" },
            "lines": [
                { "line": 1, "sku": "MUG-0007", "title": "Mug", "qty": 2, "unit_price": { "minor": 1790, "currency": "EUR" } },
                { "line": 2, "sku": "CARD-1", "title": "Card", "qty": 1, "unit_price": { "minor": 490, "currency": "EUR" },
                  "presentment_price": { "minor": 460, "currency": "CHF" }, "group": "set-1", "physical": false }
            ],
            "delivery": { "service": "ship", "country": "DE", "postal_code": "10115", "method": "express" },
            "partial": { "ask_customer": { "deadline": 1795248850000_i64, "ship_by_default": true } },
            "payment": "paid", "language": "de"
        },
        "contact": {
            "name": "Ada Example", "address": ["Ringstr. 1"], "city": "Berlin", "postal_code": "10115", "country": "DE",
            "email": "ada@mail.example"
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_shop_order_makes_sense_or_says_where_not(order in mutated(web_order())) {
        makes_sense(&read_with(order.to_string().as_bytes(), &shop(), outpost_hub::connect::Happened::Created))?;
    }

    #[test]
    fn a_changed_canonical_order_makes_sense_or_says_where_not(order in mutated(canonical_order())) {
        let read = canonical::read(order.to_string().as_bytes(), OrderId(uuid::Uuid::nil()), ARRIVED);
        makes_sense(&read)?;
    }

    #[test]
    fn damaged_bytes_never_panic(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(), cuts in any::<bool>()
    ) {
        let mut body = web_order().to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        if cuts {
            body.truncate(cut.index(body.len()));
        }
        makes_sense(&read_with(&body, &shop(), outpost_hub::connect::Happened::Updated))?;
        makes_sense(&canonical::read(&body, OrderId(uuid::Uuid::nil()), ARRIVED))?;
    }
}
