//! Quirks of the order as a whole: envelope, ids, times, money, payment.

use crate::support::ARRIVED;
use outpost_hub::connect::NothingToDo;
use outpost_model::order::PaymentState;
use serde_json::Value;
use serde_json::json;

use crate::quirk::Leads::{Held, Nothing, To, Unreadable};
use crate::quirk::{Quirk, line};

pub fn of_orders() -> Vec<Quirk> {
    vec![
        (
            "wrapped in an envelope",
            |o| *o = json!({ "order": o.take() }),
            To(|c| assert_eq!(c.order.number, "#20417")),
        ),
        (
            "alone in a list",
            |o| *o = json!({ "orders": [o.take()] }),
            To(|c| assert_eq!(c.order.number, "#20417")),
        ),
        (
            "a list of two",
            |o| *o = json!({ "orders": [o.clone(), o.take()] }),
            Unreadable("several_orders", "$.orders"),
        ),
        ("a list at the top", |o| *o = json!([o.take()]), Unreadable("not_an_order", "$")),
        ("a draft", |o| *o = json!({ "draft_order": o.take() }), Unreadable("draft_order", "$.draft_order")),
        (
            "no id but a gid",
            |o| o["id"] = Value::Null,
            To(|c| assert_eq!(c.order.channel_ref, "9123456789012345678")),
        ),
        (
            "no id at all",
            |o| {
                o["id"] = json!("");
                o["admin_graphql_api_id"] = Value::Null
            },
            Unreadable("id_missing", "$.id"),
        ),
        ("a negative id", |o| o["id"] = json!(-5), Unreadable("id_missing", "$.id")),
        ("no name", |o| o["name"] = Value::Null, To(|c| assert_eq!(c.order.number, "#20417"))),
        (
            "no number either",
            |o| {
                o["name"] = json!(" ");
                o["order_number"] = Value::Null;
                o["number"] = Value::Null
            },
            To(|c| assert_eq!(c.order.number, "#9123456789012345678")),
        ),
        (
            "processed_at null",
            |o| o["processed_at"] = Value::Null,
            To(|c| assert_eq!(c.order.placed_at.to_string(), "2026-11-20T08:14:07Z")),
        ),
        (
            "no time at all",
            |o| {
                o["processed_at"] = json!("soon");
                o["created_at"] = Value::Null
            },
            To(|c| assert_eq!(c.order.placed_at, ARRIVED)),
        ),
        (
            "a time of the year one",
            |o| o["processed_at"] = json!("0001-01-01T00:00:00Z"),
            To(|c| assert_eq!(c.order.placed_at.to_string(), "2026-11-20T08:14:07Z")),
        ),
        (
            "no currency but in a set",
            |o| o["currency"] = Value::Null,
            To(|c| assert_eq!(c.order.currency.as_str(), "EUR")),
        ),
        (
            "no currency but the shop's",
            |o| {
                o["currency"] = Value::Null;
                o["current_total_price_set"] = Value::Null;
                o["presentment_currency"] = Value::Null;
                line(o)["price_set"] = Value::Null
            },
            To(|c| assert_eq!(c.order.currency.as_str(), "EUR")),
        ),
        (
            "a currency that is none",
            |o| o["currency"] = json!("EURO"),
            Unreadable("currency_unreadable", "$.currency"),
        ),
        (
            "yen with zeros after the point",
            |o| {
                o["currency"] = json!("JPY");
                o["current_total_price"] = json!("1500.00");
                o["current_total_price_set"] = Value::Null;
                line(o)["price"] = json!("750");
                line(o)["price_set"] = Value::Null;
                o["line_items"][1]["price"] = json!(0)
            },
            To(|c| assert_eq!((c.order.total.minor, c.order.lines[0].unit_price.minor), (1500, 750))),
        ),
        (
            "dinars with three decimals",
            |o| {
                o["currency"] = json!("KWD");
                o["current_total_price"] = json!("1.234");
                line(o)["price"] = json!(0.617);
                line(o)["price_set"] = Value::Null
            },
            To(|c| assert_eq!((c.order.total.minor, c.order.lines[0].unit_price.minor), (1234, 617))),
        ),
        (
            "more decimals than the currency",
            |o| line(o)["price"] = json!("17.905"),
            To(|c| {
                assert_eq!(c.order.lines[0].unit_price.minor, 1791);
                assert!(c.order.remarks.iter().any(|r| r.contains("rounded")))
            }),
        ),
        (
            "a price in words",
            |o| line(o)["price"] = json!("free"),
            Unreadable("money_unreadable", "$.line_items[0].price"),
        ),
        (
            "a price with a comma",
            |o| line(o)["price"] = json!("17,90"),
            Unreadable("money_unreadable", "$.line_items[0].price"),
        ),
        (
            "a negative price",
            |o| line(o)["price"] = json!("-1.00"),
            Unreadable("money_negative", "$.line_items[0].price"),
        ),
        (
            "a price beyond belief",
            |o| line(o)["price"] = json!("99999999999999999999"),
            Unreadable("money_too_large", "$.line_items[0].price"),
        ),
        (
            "a price only in its set",
            |o| line(o)["price"] = Value::Null,
            To(|c| assert_eq!(c.order.lines[0].unit_price.minor, 1790)),
        ),
        (
            "a set in another currency",
            |o| {
                line(o)["price"] = Value::Null;
                line(o)["price_set"]["shop_money"]["currency_code"] = json!("USD")
            },
            Unreadable("currency_mixed", "$.line_items[0].price_set.shop_money.currency_code"),
        ),
        (
            "no price",
            |o| {
                line(o)["price"] = Value::Null;
                line(o)["price_set"] = Value::Null
            },
            Held("price_missing"),
        ),
        (
            "cancelled while pending",
            |o| {
                o["cancelled_at"] = json!("2026-11-20T10:00:00Z");
                o["financial_status"] = json!("pending");
                o["cancel_reason"] = json!("fraud")
            },
            Nothing(NothingToDo::Cancelled),
        ),
        (
            "cancelled at no time",
            |o| o["cancelled_at"] = json!("today"),
            To(|c| assert_eq!(c.order.cancelled_at, Some(ARRIVED))),
        ),
        ("a test order", |o| o["test"] = json!(true), Held("test_order")),
        (
            "a payment state of tomorrow",
            |o| o["financial_status"] = json!("tokenized"),
            To(|c| assert_eq!(c.order.payment, PaymentState::Pending)),
        ),
        (
            "an authorization that ran out",
            |o| o["financial_status"] = json!("EXPIRED"),
            To(|c| assert_eq!(c.order.payment, PaymentState::Voided)),
        ),
        ("archived with work left", |o| o["closed_at"] = json!("2026-11-21T00:00:00Z"), Held("archived")),
        (
            "a locale that is none",
            |o| o["customer_locale"] = json!("!!"),
            To(|c| assert_eq!(c.order.language, None)),
        ),
        ("no lines", |o| o["line_items"] = json!([]), Unreadable("no_lines", "$.line_items")),
        ("lines null", |o| o["line_items"] = Value::Null, Unreadable("not_an_order", "$.line_items")),
        (
            "fields of tomorrow",
            |o| {
                o["brand_new"] = json!({ "deep": [1, { "er": null }] });
                line(o)["also_new"] = json!(true)
            },
            To(|c| assert_eq!(c.order.lines.len(), 2)),
        ),
    ]
}
