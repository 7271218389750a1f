//! Quirks of lines: SKUs, counters, bundles, what is not ours or not there.

use outpost_hub::connect::NothingToDo;
use outpost_model::id::{LineNo, Sku};
use serde_json::Value;
use serde_json::json;

use crate::quirk::Leads::{Held, Nothing, To, Unreadable};
use crate::quirk::{Quirk, line};

pub fn of_lines() -> Vec<Quirk> {
    vec![
        (
            "sku null",
            |o| line(o)["sku"] = Value::Null,
            To(|c| assert_eq!(c.order.lines[0].sku.as_str(), "shopify-variant-44001122334455")),
        ),
        (
            "sku empty, variant known to the shop",
            |o| {
                line(o)["sku"] = json!("");
                line(o)["variant_id"] = json!("7001")
            },
            To(|c| assert_eq!(c.order.lines[0].sku, Sku::new("KNOWN-1").unwrap())),
        ),
        (
            "sku null, no variant",
            |o| {
                line(o)["sku"] = Value::Null;
                line(o)["variant_id"] = Value::Null
            },
            To(|c| assert_eq!(c.order.lines[0].sku.as_str(), "shopify-line-15903845671023451")),
        ),
        (
            "sku in letters that no product has",
            |o| line(o)["sku"] = json!("Tasse ☕"),
            To(|c| {
                assert_eq!(c.order.lines[0].sku.as_str(), "shopify-variant-44001122334455");
                assert!(c.order.remarks.iter().any(|r| r.contains("Tasse")))
            }),
        ),
        (
            "sku a number",
            |o| line(o)["sku"] = json!(4006381333931_u64),
            To(|c| assert_eq!(c.order.lines[0].sku.as_str(), "4006381333931")),
        ),
        (
            "sku with blanks around",
            |o| line(o)["sku"] = json!("  MUG-0007-BL "),
            To(|c| assert_eq!(c.order.lines[0].sku.as_str(), "MUG-0007-BL")),
        ),
        (
            "counters as texts",
            |o| {
                line(o)["quantity"] = json!("2");
                line(o)["current_quantity"] = json!("2");
                line(o)["fulfillable_quantity"] = json!("2")
            },
            To(|c| assert_eq!(c.order.lines[0].qty.get(), 2)),
        ),
        (
            "a negative quantity",
            |o| line(o)["fulfillable_quantity"] = json!(-1),
            Unreadable("quantity_unreadable", "$.line_items[0].fulfillable_quantity"),
        ),
        (
            "half a unit",
            |o| line(o)["quantity"] = json!(1.5),
            Unreadable("quantity_unreadable", "$.line_items[0].quantity"),
        ),
        (
            "more units than there can be",
            |o| {
                line(o)["quantity"] = json!(100_000_001);
                line(o)["current_quantity"] = Value::Null;
                line(o)["fulfillable_quantity"] = Value::Null
            },
            Unreadable("quantity_too_large", "$.line_items[0].quantity"),
        ),
        (
            "paid back: current_quantity 0",
            |o| {
                line(o)["current_quantity"] = json!(0);
                line(o)["fulfillable_quantity"] = json!(0)
            },
            To(|c| assert_eq!((c.order.lines.len(), c.order.lines[0].line), (1, LineNo(2)))),
        ),
        (
            "paid back, old API without current_quantity",
            |o| {
                line(o)["current_quantity"] = Value::Null;
                line(o)["fulfillable_quantity"] = Value::Null;
                o["refunds"] = json!([{ "refund_line_items": [{ "line_item_id": 15903845671023451_u64, "quantity": 1, "restock_type": "cancel" }] }])
            },
            To(|c| assert_eq!(c.order.lines[0].qty.get(), 1)),
        ),
        (
            "one of two delivered, counters missing",
            |o| {
                line(o)["current_quantity"] = Value::Null;
                line(o)["fulfillable_quantity"] = Value::Null;
                o["fulfillments"] = json!([{ "status": "success", "line_items": [{ "id": "15903845671023451", "quantity": 1 }] }])
            },
            To(|c| assert_eq!(c.order.lines[0].qty.get(), 1)),
        ),
        (
            "delivered, came back, to be sent again",
            |o| {
                line(o)["quantity"] = json!(3);
                o["fulfillments"] = json!([{ "status": "success", "line_items": [{ "id": 15903845671023451_u64, "quantity": 1 }] }]);
                o["refunds"] = json!([{ "refund_line_items": [{ "line_item_id": 15903845671023451_u64, "quantity": 1, "restock_type": "return" }] }])
            },
            To(|c| {
                assert_eq!(c.order.lines[0].qty.get(), 2);
                assert!(c.findings.is_empty())
            }),
        ),
        (
            "a failed delivery counts for nothing",
            |o| o["fulfillments"] = json!([{ "status": "failure", "line_items": [{ "id": 15903845671023451_u64, "quantity": 2 }] }]),
            To(|c| {
                assert_eq!(c.order.lines[0].qty.get(), 2);
                assert!(c.findings.is_empty())
            }),
        ),
        (
            "counters that disagree",
            |o| o["fulfillments"] = json!([{ "status": "success", "line_items": [{ "id": 15903845671023451_u64, "quantity": 1 }] }]),
            Held("quantity_disagrees"),
        ),
        (
            "all delivered",
            |o| {
                for at in 0..2 {
                    o["line_items"][at]["fulfillable_quantity"] = json!(0)
                }
            },
            Nothing(NothingToDo::NothingLeft),
        ),
        (
            "delivered, says only the order",
            |o| {
                o["fulfillment_status"] = json!("fulfilled");
                for at in 0..2 {
                    o["line_items"][at]["fulfillable_quantity"] = Value::Null
                }
            },
            Nothing(NothingToDo::NothingLeft),
        ),
        (
            "a tip as a line",
            |o| {
                line(o)["tip"] = json!({ "payment_gateway": "x" });
                line(o)["requires_shipping"] = Value::Null
            },
            To(|c| assert!(!c.order.lines[0].physical && c.order.lines[1].physical)),
        ),
        (
            "only gift cards by mail",
            |o| {
                for at in 0..2 {
                    o["line_items"][at]["gift_card"] = json!(true);
                    o["line_items"][at]["requires_shipping"] = json!(false)
                }
            },
            Nothing(NothingToDo::NotPhysical),
        ),
        (
            "a gift card of plastic",
            |o| line(o)["gift_card"] = json!(true),
            To(|c| assert!(c.order.lines[0].physical)),
        ),
        (
            "a bundle by property",
            |o| {
                for at in 0..2 {
                    o["line_items"][at]["properties"] = json!([{ "name": "_bundle_id", "value": "set 7!" }])
                }
            },
            To(|c| {
                assert_eq!(c.order.lines[0].group.as_ref().unwrap().as_str(), "bundle-1");
                assert_eq!(c.order.lines[0].group, c.order.lines[1].group);
            }),
        ),
        (
            "a bundle by line group",
            |o| {
                for at in 0..2 {
                    o["line_items"][at]["line_item_group"] = json!({ "id": 88 })
                }
            },
            To(|c| assert_eq!(c.order.lines[1].group.as_ref().unwrap().as_str(), "88")),
        ),
        (
            "a bundle of one",
            |o| line(o)["properties"] = json!({ "_bundle_id": 9 }),
            To(|c| assert_eq!(c.order.lines[0].group, None)),
        ),
        (
            "properties as an object",
            |o| line(o)["properties"] = json!({ "Engraving": "For Ada" }),
            Held("line_properties"),
        ),
        ("properties null", |o| line(o)["properties"] = Value::Null, To(|c| assert!(c.findings.is_empty()))),
        (
            "somebody else's line",
            |o| line(o)["fulfillment_service"] = json!("Far-Away-Logistics"),
            To(|c| assert_eq!(c.order.lines.len(), 1)),
        ),
        (
            "a service nobody knows",
            |o| line(o)["fulfillment_service"] = json!("mystery"),
            Held("other_service"),
        ),
        (
            "our own service",
            |o| line(o)["fulfillment_service"] = json!("outpost"),
            To(|c| assert!(c.findings.is_empty())),
        ),
        (
            "a line that is none",
            |o| *line(o) = json!("mug"),
            Unreadable("line_unreadable", "$.line_items[0]"),
        ),
    ]
}
