//! Our own form: what is allowed is read as it stands, what is not is named with its place.

#![allow(clippy::unwrap_used)]

use outpost_hub::connect::{Captured, Unreadable, Work, canonical};
use outpost_model::header::{PartialRule, Service};
use outpost_model::id::OrderId;
use outpost_model::order::{Delivery, ORDER_LINES_MAX, PaymentState};
use outpost_model::time::UtcMillis;
use serde_json::{Value, json};

const ARRIVED: UtcMillis = UtcMillis(1_795_162_450_000);

fn read(body: &Value) -> Result<Captured, Unreadable> {
    canonical::read(body.to_string().as_bytes(), OrderId(uuid::Uuid::nil()), ARRIVED)
}

fn eur(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "EUR" })
}

fn smallest() -> Value {
    json!({ "order": {
        "channel": "phone", "channel_ref": "A-1", "currency": "EUR", "total": eur(1790),
        "lines": [{ "sku": "MUG-7", "title": "Mug", "qty": 1, "unit_price": eur(1790) }],
        "delivery": { "service": "pickup", "site": "berlin-1" }, "payment": "paid"
    }})
}

fn shipped() -> Value {
    let mut body = smallest();
    body["order"]["delivery"] = json!({ "service": "ship" });
    body["contact"] = json!({
        "name": "Ada Example", "address": ["Ringstr. 1"], "city": "Berlin", "postal_code": "10115", "country": "DE"
    });
    body
}

#[test]
fn what_may_be_left_out_has_a_meaning() {
    let captured = read(&smallest()).unwrap();
    let order = &captured.order;
    assert_eq!((order.number.as_str(), order.placed_at), ("A-1", ARRIVED));
    assert_eq!((order.lines[0].line.0, order.lines[0].physical), (1, true));
    assert_eq!((order.partial, order.payment), (PartialRule::ShipAvailable, PaymentState::Paid));
    assert_eq!(order.delivery.service(), Service::Pickup);
    assert_eq!((captured.work, captured.contact), (Work::Deliver, None));

    let captured = read(&shipped()).unwrap();
    let delivery =
        Delivery::Ship { country: "DE".into(), postal_code: "10115".into(), method: "standard".into() };
    assert_eq!(captured.order.delivery, delivery, "country and postal code are the contact's");
}

#[test]
fn times_are_read_in_both_spellings() {
    for (written, at) in [
        (json!("2026-11-20T09:14:10+01:00"), Some(ARRIVED)),
        (json!(ARRIVED.0), Some(ARRIVED)),
        (json!(946_684_799_999_i64), None),
        (json!(946_684_800_000_i64), Some(UtcMillis(946_684_800_000))),
        (json!("2026-11-20T09:14:10"), None),
        (json!(1.5), None),
    ] {
        let mut body = smallest();
        body["order"]["placed_at"] = written.clone();
        let read = read(&body);
        assert_eq!(read.as_ref().ok().map(|captured| captured.order.placed_at), at, "{written}: {read:?}");
        if let Err(error) = read {
            assert_eq!((error.code, error.at.as_str()), ("field_malformed", "$.order.placed_at"));
        }
    }
}

#[test]
fn what_is_not_allowed_is_named_with_its_place() {
    type Row = (&'static str, fn(&mut Value), &'static str, &'static str);
    let rows: [Row; 26] = [
        ("a misspelled field", |b| b["order"]["chanel"] = json!("x"), "field_unknown", "$.order.chanel"),
        (
            "an unknown field of a line",
            |b| b["order"]["lines"][0]["price"] = json!(1),
            "field_unknown",
            "$.order.lines[0].price",
        ),
        ("our id", |b| b["order"]["id"] = json!("x"), "field_unknown", "$.order.id"),
        ("no order", |b| *b = json!({}), "field_missing", "$"),
        (
            "no channel",
            |b| drop(b["order"].as_object_mut().unwrap().remove("channel")),
            "field_missing",
            "$.order",
        ),
        (
            "a channel with a blank",
            |b| b["order"]["channel"] = json!("my shop"),
            "id_malformed",
            "$.order.channel",
        ),
        (
            "a quantity as text",
            |b| b["order"]["lines"][0]["qty"] = json!("1"),
            "field_malformed",
            "$.order.lines[0].qty",
        ),
        (
            "a negative quantity",
            |b| b["order"]["lines"][0]["qty"] = json!(-1),
            "field_malformed",
            "$.order.lines[0].qty",
        ),
        ("no units", |b| b["order"]["lines"][0]["qty"] = json!(0), "quantity", "$.order.lines[0].qty"),
        (
            "too many units",
            |b| b["order"]["lines"][0]["qty"] = json!(100_000_001),
            "quantity",
            "$.order.lines[0].qty",
        ),
        (
            "a sku in cyrillic",
            |b| b["order"]["lines"][0]["sku"] = json!("кружка"),
            "id_malformed",
            "$.order.lines[0].sku",
        ),
        (
            "a blank title",
            |b| b["order"]["lines"][0]["title"] = json!("  "),
            "text",
            "$.order.lines[0].title",
        ),
        (
            "a negative price",
            |b| b["order"]["lines"][0]["unit_price"]["minor"] = json!(-1),
            "money_out_of_range",
            "$.order.lines[0].unit_price.minor",
        ),
        (
            "a price in dollars",
            |b| b["order"]["lines"][0]["unit_price"]["currency"] = json!("USD"),
            "currency_mixed",
            "$.order.lines[0].unit_price.currency",
        ),
        (
            "a price with cents",
            |b| b["order"]["total"]["minor"] = json!(17.9),
            "field_malformed",
            "$.order.total.minor",
        ),
        (
            "a currency in small letters",
            |b| b["order"]["currency"] = json!("eur"),
            "currency_unreadable",
            "$.order.currency",
        ),
        (
            "line number 0",
            |b| b["order"]["lines"][0]["line"] = json!(0),
            "line_number",
            "$.order.lines[0].line",
        ),
        ("no lines", |b| b["order"]["lines"] = json!([]), "no_lines", "$.order.lines"),
        (
            "a service of tomorrow",
            |b| b["order"]["delivery"]["service"] = json!("drone"),
            "field_malformed",
            "$.order.delivery.service",
        ),
        (
            "pickup without a site",
            |b| b["order"]["delivery"] = json!({ "service": "pickup" }),
            "field_missing",
            "$.order.delivery.site",
        ),
        (
            "pickup with a country",
            |b| b["order"]["delivery"]["country"] = json!("DE"),
            "field_unknown",
            "$.order.delivery.country",
        ),
        (
            "a site with a slash",
            |b| b["order"]["delivery"]["site"] = json!("a/b"),
            "id_malformed",
            "$.order.delivery.site",
        ),
        (
            "ship without a contact",
            |b| b["order"]["delivery"] = json!({ "service": "ship", "country": "DE" }),
            "field_missing",
            "$.contact",
        ),
        (
            "a payment in words",
            |b| b["order"]["payment"] = json!("sure"),
            "field_malformed",
            "$.order.payment",
        ),
        (
            "a language that is none",
            |b| b["order"]["language"] = json!("deutsch, bitte"),
            "text",
            "$.order.language",
        ),
        (
            "seven address lines",
            |b| b["contact"] = json!({ "address": ["1", "2", "3", "4", "5", "6", "7"] }),
            "text",
            "$.contact.address",
        ),
    ];
    for (name, edit, code, at) in rows {
        let mut body = smallest();
        edit(&mut body);
        let error = read(&body).map(|captured| captured.order).expect_err(name);
        assert_eq!((error.code, error.at.as_str()), (code, at), "{name}: {}", error.sentence);
    }
}

#[test]
fn an_address_is_checked_and_never_quoted() {
    type Row = (fn(&mut Value), &'static str, &'static str);
    let rows: [Row; 7] = [
        (|b| b["contact"]["phone"] = json!(4915100000000_i64), "field_malformed", "$.contact.phone"),
        (|b| b["contact"]["nick"] = json!("Ada"), "field_unknown", "$.contact.nick"),
        (|b| b["contact"]["country"] = json!("Germany"), "country", "$.contact.country"),
        (|b| b["contact"]["country"] = json!("AT"), "country", "$.order.delivery.country"),
        (|b| b["contact"]["email"] = json!("ada at mail"), "text", "$.contact.email"),
        (|b| b["contact"]["postal_code"] = json!("10115\u{202e}"), "postal_code", "$.contact.postal_code"),
        (|b| b["contact"]["city"] = json!(""), "field_missing", "$.contact"),
    ];
    for (edit, code, at) in rows {
        let mut body = shipped();
        body["order"]["delivery"]["country"] = json!("DE");
        edit(&mut body);
        let error = read(&body).expect_err(at);
        assert_eq!((error.code, error.at.as_str()), (code, at), "{}", error.sentence);
        for secret in ["Ada Example", "49151", "Ringstr", "ada at"] {
            assert!(!error.sentence.contains(secret), "{}", error.sentence);
        }
    }
}

#[test]
fn lines_have_a_limit_and_their_own_numbers() {
    let many = |count: usize| {
        let mut body = smallest();
        let line = body["order"]["lines"][0].take();
        body["order"]["lines"] = vec![line; count].into();
        read(&body)
    };
    let order = many(ORDER_LINES_MAX).unwrap().order;
    assert_eq!(order.lines.last().unwrap().line.0 as usize, ORDER_LINES_MAX);
    assert_eq!(many(ORDER_LINES_MAX + 1).unwrap_err().code, "too_many_lines");

    let mut body = smallest();
    let line = body["order"]["lines"][0].clone();
    body["order"]["lines"] = json!([line, line]);
    body["order"]["lines"][0]["line"] = json!(7);
    body["order"]["lines"][1]["line"] = json!(7);
    assert_eq!(read(&body).unwrap_err().at, "$.order.lines[1].line");
}

#[test]
fn bytes_that_are_no_json_are_refused() {
    for body in [&b""[..], b"{", b"[]", b"null", b"{\"order\":{}} trailing", b"\xff\xfe"] {
        let error = canonical::read(body, OrderId(uuid::Uuid::nil()), ARRIVED).unwrap_err();
        assert!(["not_json", "field_malformed", "field_missing"].contains(&error.code), "{error}");
    }
    let large = vec![b' '; outpost_hub::connect::PAYLOAD_BYTES_MAX + 1];
    let error = canonical::read(&large, OrderId(uuid::Uuid::nil()), ARRIVED).unwrap_err();
    assert_eq!(error.code, "payload_too_large");
}

#[test]
fn the_documented_examples_are_read() {
    let page = include_str!("../../docs/channels.md");
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let captured = canonical::read(example.as_bytes(), OrderId(uuid::Uuid::nil()), ARRIVED).unwrap();
        assert_eq!(captured.work, Work::Deliver);
    }
}
