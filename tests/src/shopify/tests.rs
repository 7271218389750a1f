//! Orders as the hub's reader finds them: two parties that know the channel's form from different sides.

use outpost_hub::connect::shopify::{Arrival, Shop, read, webhook};
use outpost_hub::connect::{Captured, Happened, Work};
use outpost_model::header::Service;
use outpost_model::id::{ChannelId, OrderId};
use outpost_model::order::{Delivery as Way, PaymentState};
use outpost_model::time::UtcMillis;

use super::*;
use crate::catalog::Catalog;

const SECRET: &[u8] = b"hush";

fn storefront() -> Storefront {
    Storefront::open("shop-1.example", SECRET, 11)
}

fn placed_at() -> Timestamp {
    "2026-11-23T09:15:30Z".parse().unwrap()
}

fn products() -> Vec<Product> {
    Catalog::from_seed(7, 10).products
}

fn captured(order: &Value) -> Captured {
    let shop = Shop::default();
    let arrival = Arrival {
        id: OrderId("0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061".parse().unwrap()),
        channel: ChannelId::new("shopify:shop-1.example").unwrap(),
        happened: Happened::Created,
        // Two days after the first order: a later time of placing would be taken for a wrong clock.
        at: UtcMillis(placed_at().as_millisecond() + 172_800_000),
        shop: &shop,
    };
    let captured = read(order.to_string().as_bytes(), &arrival);
    captured.unwrap_or_else(|error| panic!("{error}: {order:#}"))
}

/// The fields of an order of the 2026-07 version of the interface, as its documentation shows them.
const FIELDS: &[&str] = &[
    "admin_graphql_api_id",
    "app_id",
    "billing_address",
    "browser_ip",
    "buyer_accepts_marketing",
    "cancel_reason",
    "cancelled_at",
    "cart_token",
    "checkout_id",
    "checkout_token",
    "client_details",
    "closed_at",
    "confirmation_number",
    "confirmed",
    "contact_email",
    "created_at",
    "currency",
    "current_subtotal_price",
    "current_subtotal_price_set",
    "current_total_additional_fees_set",
    "current_total_discounts",
    "current_total_discounts_set",
    "current_total_duties_set",
    "current_total_price",
    "current_total_price_set",
    "current_total_tax",
    "current_total_tax_set",
    "customer",
    "customer_locale",
    "device_id",
    "discount_applications",
    "discount_codes",
    "duties_included",
    "email",
    "estimated_taxes",
    "financial_status",
    "fulfillment_status",
    "fulfillments",
    "id",
    "landing_site",
    "landing_site_ref",
    "line_items",
    "location_id",
    "merchant_business_entity_id",
    "merchant_of_record_app_id",
    "name",
    "note",
    "note_attributes",
    "number",
    "order_number",
    "order_status_url",
    "original_total_additional_fees_set",
    "original_total_duties_set",
    "payment_gateway_names",
    "payment_terms",
    "phone",
    "po_number",
    "presentment_currency",
    "processed_at",
    "reference",
    "referring_site",
    "refunds",
    "shipping_address",
    "shipping_lines",
    "source_identifier",
    "source_name",
    "source_url",
    "subtotal_price",
    "subtotal_price_set",
    "tags",
    "tax_exempt",
    "tax_lines",
    "taxes_included",
    "test",
    "token",
    "total_cash_rounding_payment_adjustment_set",
    "total_cash_rounding_refund_adjustment_set",
    "total_discounts",
    "total_discounts_set",
    "total_line_items_price",
    "total_line_items_price_set",
    "total_outstanding",
    "total_price",
    "total_price_set",
    "total_shipping_price_set",
    "total_tax",
    "total_tax_set",
    "total_tip_received",
    "total_weight",
    "updated_at",
    "user_id",
];

#[test]
fn an_order_has_every_field_and_no_other() {
    let order = storefront().place(&Purchase::ship(placed_at(), vec![Item::of(&products()[0], 2)]));
    let names: Vec<&str> = order.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = FIELDS.to_vec();
    expected.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, expected);
    insta::assert_json_snapshot!(order["line_items"]);
}

#[test]
fn amounts_add_up() {
    let products = products();
    let items = vec![Item::of(&products[0], 3), Item::of(&products[1], 1), Item::gift_card(2_500)];
    let order = storefront().place(&Purchase::ship(placed_at(), items).discounted(10));
    let minor = |value: &Value| value.as_str().unwrap().replace('.', "").parse::<u64>().unwrap();
    let full = products[0].price_minor * 3 + products[1].price_minor + 2_500;
    let discount = products[0].price_minor * 3 / 10 + products[1].price_minor / 10;
    assert_eq!(minor(&order["total_line_items_price"]), full);
    assert_eq!(minor(&order["total_discounts"]), discount);
    assert_eq!(minor(&order["subtotal_price"]), full - discount);
    assert_eq!(minor(&order["total_price"]), full - discount + 495);
}

#[test]
fn the_reader_understands_a_shipment_with_all_its_oddities() {
    let products = products();
    let mut shop = storefront();
    shop.number_ids_from(ID_BEYOND_DOUBLES);
    shop.present_in(Some(Presentment { currency: "USD", rate_e4: 10_842 }));
    let items = vec![
        Item::of(&products[0], 2),
        Item::of(&products[0], 1),
        Item::of(&products[1], 3).refunded(3),
        Item::of(&products[2], 1).in_bundle("kit-1"),
        Item::of(&products[3], 1).in_bundle("kit-1"),
        Item::gift_card(5_000),
    ];
    let order = shop.place(&Purchase::ship(placed_at(), items));
    let captured = captured(&order);
    assert_eq!(captured.order.channel_ref, order["id"].to_string());
    assert!(order["id"].as_u64().unwrap() > 1 << 53);
    assert_eq!(captured.order.placed_at, UtcMillis(placed_at().as_millisecond()));
    let lines: Vec<(&str, u32, bool, bool)> = captured
        .order
        .lines
        .iter()
        .map(|line| (line.sku.as_str(), line.qty.get(), line.group.is_some(), line.physical))
        .collect();
    let sku = |index: usize| products[index].sku.as_str();
    let physical = [
        (sku(0), 2, false, true),
        (sku(0), 1, false, true),
        (sku(2), 1, true, true),
        (sku(3), 1, true, true),
    ];
    assert_eq!(lines[..4], physical);
    assert!(lines[4..].iter().all(|line| !line.3));
    assert!(matches!(captured.order.delivery, Way::Ship { .. }));
    assert_eq!(captured.work, Work::Deliver);
    assert!(
        captured.contact.is_some_and(|contact| !contact.name.is_empty() && !contact.postal_code.is_empty())
    );
}

#[test]
fn the_reader_finds_the_site_of_a_pickup() {
    let order = storefront().place(&Purchase::pickup(
        placed_at(),
        "rotterdam-1",
        "Rotterdam 1",
        vec![Item::of(&products()[0], 1)],
    ));
    let captured = captured(&order);
    assert_eq!(captured.order.delivery.service(), Service::Pickup);
    assert!(matches!(&captured.order.delivery, Way::Pickup { site } if site.as_str() == "rotterdam-1"));
    assert_eq!(captured.order.payment, PaymentState::Paid);
    assert_eq!(captured.findings, []);
}

#[test]
fn a_line_without_a_sku_gets_none_that_a_product_has() {
    let product = &products()[0];
    let order = storefront().place(&Purchase::ship(placed_at(), vec![Item::of(product, 1).unlisted()]));
    assert!(order["line_items"][0]["sku"].is_null());
    let captured = captured(&order);
    assert_eq!(captured.order.lines.len(), 1);
    assert_ne!(captured.order.lines[0].sku.as_str(), product.sku);
}

#[test]
fn the_reader_understands_whatever_customers_buy() {
    let world = World::chain(3, 6, 200);
    let orders = storefront().orders(&world, 300, placed_at());
    let mut pickups = 0;
    for order in &orders {
        let captured = captured(order);
        assert_eq!((captured.findings, captured.work), (Vec::new(), Work::Deliver), "{order:#}");
        pickups += usize::from(captured.order.delivery.service() == Service::Pickup);
    }
    assert!((80..=160).contains(&pickups), "{pickups}");
    assert_eq!(orders, storefront().orders(&world, 300, placed_at()));
    let refs: std::collections::BTreeSet<String> =
        orders.iter().map(|order| order["id"].to_string()).collect();
    assert_eq!(refs.len(), 300);
}

#[test]
fn a_webhook_is_signed_over_its_bytes() {
    // RFC 4231, test case 2.
    let known = hmac_sha256_base64(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(known, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    let mut shop = storefront();
    let order = shop.place(&Purchase::ship(placed_at(), vec![Item::of(&products()[0], 1)]));
    let sent = shop.webhook("orders/create", &order);
    assert!(webhook::is_signed(SECRET, &sent.body, sent.header(webhook::HMAC_HEADER).unwrap()));
    assert!(!webhook::is_signed(b"other", &sent.body, sent.header(webhook::HMAC_HEADER).unwrap()));
    assert_eq!(sent.header("x-shopify-topic"), Some("orders/create"));
    let again = shop.webhook("orders/create", &order);
    assert_ne!(sent.header(webhook::DELIVERY_HEADER), again.header(webhook::DELIVERY_HEADER));
}
