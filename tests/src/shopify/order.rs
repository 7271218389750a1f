//! The order object, with every field that the channel sends.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use rand::RngExt;
use serde_json::{Map, Value, json};

use super::line::Line;
use super::money::{Prices, contained_tax, tax_line, text};
use super::people::Person;
use super::{Delivery, Purchase, Storefront};
use crate::catalog::CURRENCY;

/// What the order costs.
struct Sums {
    full: u64,
    discounts: u64,
    shipping: u64,
    refunded: u64,
}

impl Sums {
    fn of(lines: &[Line], delivery: &Delivery) -> Self {
        let shipping = match delivery {
            Delivery::Ship { method: "express" } => 1_295,
            Delivery::Ship { .. } => 495,
            Delivery::Pickup { .. } => 0,
        };
        Self {
            full: lines.iter().map(Line::full_minor).sum(),
            discounts: lines.iter().map(|line| line.discount_minor).sum(),
            shipping,
            refunded: lines.iter().map(Line::refunded_minor).sum(),
        }
    }

    fn subtotal(&self) -> u64 {
        self.full - self.discounts
    }

    fn total(&self) -> u64 {
        self.subtotal() + self.shipping
    }
}

/// An instant with the offset of a place so many hours east.
fn local(at: Timestamp, hours: i8) -> String {
    let zone = TimeZone::fixed(Offset::constant(hours));
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

pub fn write(shop: &mut Storefront, purchase: &Purchase) -> Value {
    let prices = Prices { presentment: shop.presentment };
    let lines: Vec<Line> =
        purchase.items.iter().map(|item| Line::of(shop, item, purchase.discount_percent)).collect();
    let sums = Sums::of(&lines, &purchase.delivery);
    let person = Person::meet(&mut shop.random);

    let mut order = Map::new();
    for part in [
        identity(shop, purchase, &person),
        state(&sums),
        amounts(&sums, prices, &lines),
        people(shop, purchase, &person, prices),
        discounts(&sums, purchase),
        json!({ "shipping_lines": shipping_lines(shop, purchase, &sums, prices) }),
        json!({ "line_items": lines.iter().map(|line| line.write(prices)).collect::<Vec<_>>() }),
    ] {
        if let Value::Object(part) = part {
            order.extend(part);
        }
    }
    let id = order["id"].clone();
    order.insert("refunds".to_owned(), refunds(shop, purchase, &lines, prices, &id));
    Value::Object(order)
}

fn identity(shop: &mut Storefront, purchase: &Purchase, person: &Person) -> Value {
    let id = shop.id();
    let number = shop.next_number;
    shop.next_number += 1;
    let token = hex::encode(shop.random.random::<[u8; 16]>());
    let key = hex::encode(shop.random.random::<[u8; 16]>());
    // The shop's own time and the payment's are not in one zone, as in real payloads.
    let (created, processed) = (local(purchase.placed_at, 1), local(purchase.placed_at, -5));
    json!({
        "id": id,
        "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
        "app_id": 580_111,
        "browser_ip": null,
        "buyer_accepts_marketing": false,
        "cart_token": null,
        "checkout_id": null,
        "checkout_token": null,
        "client_details": null,
        "confirmation_number": token[..9].to_uppercase(),
        "confirmed": true,
        "contact_email": person.email(),
        "created_at": created,
        "customer_locale": "nl-NL",
        "device_id": null,
        "email": person.email(),
        "landing_site": "/",
        "landing_site_ref": null,
        "location_id": null,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": null,
        "name": format!("#{number}"),
        "number": number - 1_000,
        "order_number": number,
        "order_status_url": format!("https://{}/orders/{token}/authenticate?key={key}", shop.domain),
        "phone": null,
        "po_number": null,
        "processed_at": processed,
        "reference": null,
        "referring_site": null,
        "source_identifier": null,
        "source_name": "web",
        "source_url": null,
        "token": token,
        "updated_at": local(purchase.placed_at, 1),
        "user_id": null,
        "payment_terms": null,
        "fulfillments": [],
    })
}

fn state(sums: &Sums) -> Value {
    let financial = match sums.refunded {
        0 => "paid",
        refunded if refunded == sums.subtotal() => "refunded",
        _ => "partially_refunded",
    };
    json!({
        "cancel_reason": null,
        "cancelled_at": null,
        "closed_at": null,
        "duties_included": false,
        "estimated_taxes": false,
        "financial_status": financial,
        "fulfillment_status": null,
        "note": null,
        "payment_gateway_names": ["shopify_payments"],
        "tags": "",
        "tax_exempt": false,
        "taxes_included": true,
        "test": false,
    })
}

fn amounts(sums: &Sums, prices: Prices, lines: &[Line]) -> Value {
    let mut amounts = Map::new();
    let pairs = [
        ("current_subtotal_price", sums.subtotal() - sums.refunded),
        ("current_total_discounts", sums.discounts),
        ("current_total_price", sums.total() - sums.refunded),
        ("current_total_tax", contained_tax(sums.total() - sums.refunded)),
        ("subtotal_price", sums.subtotal()),
        ("total_discounts", sums.discounts),
        ("total_line_items_price", sums.full),
        ("total_price", sums.total()),
        ("total_tax", contained_tax(sums.total())),
    ];
    for (name, minor) in pairs {
        amounts.insert(name.to_owned(), text(minor).into());
        amounts.insert(format!("{name}_set"), prices.set(minor));
    }
    let sets = [
        ("total_cash_rounding_payment_adjustment_set", 0),
        ("total_cash_rounding_refund_adjustment_set", 0),
        ("total_shipping_price_set", sums.shipping),
    ];
    for (name, minor) in sets {
        amounts.insert(name.to_owned(), prices.set(minor));
    }
    for name in [
        "current_total_additional_fees_set",
        "current_total_duties_set",
        "original_total_additional_fees_set",
        "original_total_duties_set",
    ] {
        amounts.insert(name.to_owned(), Value::Null);
    }
    let grams: u64 = lines.iter().map(|line| u64::from(line.grams()) * u64::from(line.item.quantity)).sum();
    let rest = json!({
        "currency": CURRENCY,
        "presentment_currency": prices.shown_in(),
        "tax_lines": [tax_line(prices, sums.total())],
        "total_outstanding": "0.00",
        "total_tip_received": "0.00",
        "total_weight": grams,
    });
    if let Value::Object(rest) = rest {
        amounts.extend(rest);
    }
    Value::Object(amounts)
}

fn people(shop: &mut Storefront, purchase: &Purchase, person: &Person, prices: Prices) -> Value {
    let customer = person.customer(shop.id(), prices.shown_in(), &local(purchase.placed_at, 1));
    let (shipping, notes) = match &purchase.delivery {
        Delivery::Ship { .. } => (person.address(), json!([])),
        Delivery::Pickup { site, .. } => (Value::Null, json!([{ "name": "pickup_site", "value": site }])),
    };
    json!({
        "customer": customer,
        "billing_address": person.address(),
        "shipping_address": shipping,
        "note_attributes": notes,
    })
}

fn discounts(sums: &Sums, purchase: &Purchase) -> Value {
    if sums.discounts == 0 {
        return json!({ "discount_codes": [], "discount_applications": [] });
    }
    let code = format!("WELCOME{}", purchase.discount_percent);
    json!({
        "discount_codes": [{ "code": code, "amount": text(sums.discounts), "type": "percentage" }],
        "discount_applications": [{
            "target_type": "line_item",
            "type": "discount_code",
            "value": format!("{}.0", purchase.discount_percent),
            "value_type": "percentage",
            "allocation_method": "across",
            "target_selection": "all",
            "code": code,
        }],
    })
}

fn shipping_lines(shop: &mut Storefront, purchase: &Purchase, sums: &Sums, prices: Prices) -> Value {
    let (code, title) = match &purchase.delivery {
        Delivery::Ship { method } => ((*method).to_owned(), (*method).to_owned()),
        Delivery::Pickup { site, name } => (format!("pickup:{site}"), name.clone()),
    };
    let minor = sums.shipping;
    json!([{
        "id": shop.id(),
        "carrier_identifier": null,
        "code": code,
        "discounted_price": text(minor),
        "discounted_price_set": prices.set(minor),
        "is_removed": false,
        "phone": null,
        "price": text(minor),
        "price_set": prices.set(minor),
        "requested_fulfillment_service_id": null,
        "source": "shopify",
        "title": title,
        "tax_lines": if minor > 0 { json!([tax_line(prices, minor)]) } else { json!([]) },
        "discount_allocations": [],
    }])
}

fn refunds(
    shop: &mut Storefront,
    purchase: &Purchase,
    lines: &[Line],
    prices: Prices,
    order: &Value,
) -> Value {
    let refunded: Vec<Value> =
        lines.iter().filter(|line| line.item.refunded > 0).map(|line| line.refund(shop, prices)).collect();
    if refunded.is_empty() {
        return json!([]);
    }
    let id = shop.id();
    json!([{
        "id": id,
        "admin_graphql_api_id": format!("gid://shopify/Refund/{id}"),
        "created_at": local(purchase.placed_at, 1),
        "note": null,
        "order_id": order,
        "processed_at": local(purchase.placed_at, 1),
        "restock": true,
        "total_duties_set": prices.set(0),
        "user_id": null,
        "order_adjustments": [],
        "transactions": [],
        "refund_line_items": refunded,
        "duties": [],
    }])
}
