//! The Shopify reader against payloads as they come: each row of the table is one quirk and what becomes of it.

#![allow(clippy::unwrap_used)]

#[path = "connect_shopify/delivery.rs"]
mod delivery;
#[path = "connect_shopify/lines.rs"]
mod lines;
#[path = "connect_shopify/order.rs"]
mod order;
#[path = "connect_shopify/quirk.rs"]
mod quirk;
#[path = "connect_shopify/support.rs"]
mod support;

use outpost_hub::connect::shopify::Shop;
use outpost_hub::connect::{Captured, Happened, NothingToDo, REMARKS_MAX, Unreadable, Work};
use outpost_model::order::{Delivery, ORDER_LINES_MAX, PaymentState};
use quirk::Leads;
use quirk::{Quirk, line};
use serde_json::{Value, json};
use support::{ARRIVED, read_with, shop, web_order};

fn read_as(order: &Value, happened: Happened) -> Result<Captured, Unreadable> {
    read_with(order.to_string().as_bytes(), &shop(), happened)
}

fn read(order: &Value) -> Result<Captured, Unreadable> {
    read_as(order, Happened::Created)
}

fn quantities(captured: &Captured) -> Vec<(u16, u32)> {
    captured.order.lines.iter().map(|line| (line.line.0, line.qty.get())).collect()
}

#[test]
fn a_whole_order_is_read_without_losing_a_digit() {
    let captured = read(&web_order()).unwrap();
    let order = &captured.order;
    assert_eq!(order.channel_ref, "9123456789012345678");
    assert_eq!(order.number, "#20417");
    assert_eq!(order.placed_at.to_string(), "2026-11-20T08:14:05Z");
    assert_eq!(order.total.to_string(), "76.30 EUR");
    assert_eq!(order.payment, PaymentState::Paid);
    assert_eq!(order.language.as_deref(), Some("de-CH"));
    let delivery = Delivery::Ship {
        country: "CH".into(),
        postal_code: "8400".into(),
        method: "standard_international".into(),
    };
    assert_eq!(order.delivery, delivery);
    assert_eq!(quantities(&captured), [(1, 2), (2, 1)]);
    let mug = &order.lines[0];
    assert_eq!((mug.sku.as_str(), mug.title.as_str()), ("MUG-0007-BL", "Enamel mug - Blue"));
    assert_eq!(mug.unit_price.to_string(), "17.90 EUR");
    assert_eq!(mug.presentment_price.unwrap().to_string(), "16.83 CHF");
    assert_eq!(mug.channel_ref.as_deref(), Some("15903845671023451"));
    assert_eq!(order.lines[1].unit_price.to_string(), "35.60 EUR", "a price as a number");
    assert_eq!(order.lines[1].presentment_price, None);

    let contact = captured.contact.unwrap();
    assert_eq!((contact.name.as_str(), contact.city.as_str()), ("Mira Vogel", "Winterthur"));
    assert_eq!(contact.address, ["Lindenhof 12", "c/o Atelier"]);
    assert_eq!(contact.email.as_deref(), Some("mira.vogel@mail.example"));
    assert_eq!(captured.billing, None);
    assert_eq!((captured.work, captured.findings.len()), (Work::Deliver, 0));
}

#[test]
fn of_a_part_delivered_order_the_rest_is_ours() {
    let body = include_bytes!("fixtures/shopify/part_delivered.json");
    let captured = read_with(body, &shop(), Happened::Updated).unwrap();
    // Line 1: three ordered, one taken back, one delivered. Line 2 is done. Line 3's delivery was called off.
    assert_eq!(quantities(&captured), [(1, 1), (3, 1)]);
    assert_eq!(captured.order.channel_ref, "6600112233445566");
    assert_eq!(captured.order.total.to_string(), "190.00 USD");
    assert_eq!(captured.order.payment, PaymentState::Paid);
    assert_eq!(
        captured.order.lines[0].sku, captured.order.lines[1].sku,
        "one variant on two lines stays two lines"
    );
    let Delivery::Ship { country, postal_code, .. } = &captured.order.delivery else { panic!("ships") };
    assert_eq!((country.as_str(), postal_code.as_str()), ("US", "62701"));
    assert_eq!(captured.billing.unwrap().company.as_deref(), Some("Fields & Daughters"));
    assert!(captured.findings.is_empty(), "{:?}", captured.findings);
}

fn quirks() -> Vec<Quirk> {
    [order::of_orders(), lines::of_lines(), delivery::of_delivery()].into_iter().flatten().collect()
}

#[test]
fn every_quirk_leads_where_it_should() {
    for (name, edit, leads) in quirks() {
        let mut order = web_order();
        edit(&mut order);
        let got = read(&order);
        match (leads, got) {
            (Leads::To(look), Ok(captured)) => {
                let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(&captured)));
                assert!(looked.is_ok(), "{name}: {captured:#?}");
            }
            (Leads::Held(code), Ok(captured)) => {
                let codes: Vec<&str> = captured.findings.iter().map(|finding| finding.code).collect();
                assert_eq!((captured.work, codes), (Work::Deliver, vec![code]), "{name}");
            }
            (Leads::Nothing(why), Ok(captured)) => {
                assert_eq!(captured.work, Work::Nothing(why), "{name}");
                assert!(captured.findings.is_empty(), "{name}: nobody has to settle what is over");
            }
            (Leads::Unreadable(code, at), Err(error)) => {
                assert_eq!((error.code, error.at.as_str()), (code, at), "{name}")
            }
            (_, got) => panic!("{name}: {got:#?}"),
        }
    }
}

#[test]
fn lines_are_read_to_their_limit_and_not_beyond() {
    let mut order = web_order();
    let one = order["line_items"][1].take();
    let many = |count: usize| {
        let mut order = web_order();
        order["line_items"] = (0..count)
            .map(|n| {
                let mut l = one.clone();
                l["id"] = json!(n + 1);
                l
            })
            .collect();
        read(&order)
    };
    assert_eq!(many(ORDER_LINES_MAX).unwrap().order.lines.len(), ORDER_LINES_MAX);
    let error = many(ORDER_LINES_MAX + 1).unwrap_err();
    assert_eq!((error.code, error.at.as_str()), ("too_many_lines", "$.line_items"));
}

#[test]
fn long_texts_are_cut_and_remarks_are_counted() {
    let mut order = web_order();
    line(&mut order)["name"] = json!("☕".repeat(5_000));
    order["shipping_address"]["name"] = json!("N".repeat(5_000));
    let captured = read(&order).unwrap();
    assert_eq!(captured.order.lines[0].title.chars().count(), 200);
    assert_eq!(captured.contact.unwrap().name.len(), 200);

    let template = order["line_items"][1].clone();
    order["line_items"] = (0..300)
        .map(|n| {
            let mut l = template.clone();
            l["id"] = json!(n + 1);
            l["sku"] = Value::Null;
            l["variant_id"] = json!(n + 1);
            l
        })
        .collect();
    let captured = read(&order).unwrap();
    assert_eq!((captured.order.lines.len(), captured.order.remarks.len()), (300, REMARKS_MAX));
}

#[test]
fn what_the_topic_says_counts() {
    let captured = read_as(&web_order(), Happened::Cancelled).unwrap();
    assert_eq!(captured.work, Work::Nothing(NothingToDo::Cancelled));
    assert_eq!(captured.order.cancelled_at, Some(ARRIVED), "the payload itself may be older than the topic");
    assert_eq!(captured.cancel_reason.unwrap().as_str(), "customer_changed_mind");
    assert_eq!(read_as(&web_order(), Happened::Paid).unwrap().happened, Happened::Paid);
}

#[test]
fn nothing_personal_gets_into_remarks_findings_or_errors() {
    let secrets =
        ["Mira", "Vogel", "mira.vogel", "Lindenhof", "Winterthur", "+41", "Ring the bell", "For Ada"];
    for (name, edit, _) in quirks() {
        let mut order = web_order();
        edit(&mut order);
        if order["line_items"].is_array() {
            order["note"] = json!("Ring the bell");
        }
        let said = match read(&order) {
            Ok(captured) => format!("{:?} {:?}", captured.order, captured.findings),
            Err(error) => error.to_string(),
        };
        for secret in secrets {
            assert!(!said.contains(secret), "{name} tells {secret}: {said}");
        }
    }
}

#[test]
fn a_shop_may_take_test_orders() {
    let mut order = web_order();
    order["test"] = json!(true);
    let shop = Shop { take_test_orders: true, ..shop() };
    let captured = read_with(order.to_string().as_bytes(), &shop, Happened::Created).unwrap();
    assert!(captured.findings.is_empty());
    assert!(captured.order.remarks.iter().any(|remark| remark.contains("test order")));
}
