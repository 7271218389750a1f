//! Quirks of delivery: addresses, shipping lines, collection in a store.

use outpost_hub::connect::{NothingToDo, Work};
use outpost_model::header::Service;
use outpost_model::id::SiteId;
use outpost_model::order::Delivery;
use serde_json::Value;
use serde_json::json;

use crate::quirk::Leads::{Held, Nothing, To, Unreadable};
use crate::quirk::Quirk;

pub fn of_delivery() -> Vec<Quirk> {
    vec![
        (
            "rung up at a till",
            |o| {
                o["source_name"] = json!("pos");
                o["shipping_lines"] = json!([]);
                o["shipping_address"] = Value::Null
            },
            Nothing(NothingToDo::SoldInStore),
        ),
        (
            "rung up at a till, to be sent",
            |o| o["source_name"] = json!("pos"),
            To(|c| assert_eq!(c.work, Work::Deliver)),
        ),
        (
            "no address but a bill's",
            |o| o["billing_address"] = o["shipping_address"].take(),
            To(|c| {
                assert_eq!(c.contact.as_ref().unwrap().city, "Winterthur");
                assert!(c.order.remarks.iter().any(|r| r.contains("billing address is taken")));
            }),
        ),
        (
            "no address but a stored one",
            |o| o["customer"]["default_address"] = o["shipping_address"].take(),
            Held("address_assumed"),
        ),
        ("no address at all", |o| o["shipping_address"] = Value::Null, Held("no_address")),
        (
            "an address of nulls",
            |o| o["shipping_address"] = json!({ "first_name": null, "address1": "", "zip": null }),
            Held("no_address"),
        ),
        (
            "a country by name",
            |o| o["shipping_address"]["country_code"] = Value::Null,
            To(|c| assert!(matches!(&c.order.delivery, Delivery::Ship { country, .. } if country == "CH"))),
        ),
        (
            "a country that is none",
            |o| {
                o["shipping_address"]["country_code"] = json!("??");
                o["shipping_address"]["country"] = json!("Utopia")
            },
            Held("country_unknown"),
        ),
        (
            "a street is missing",
            |o| {
                o["shipping_address"]["address1"] = json!("");
                o["shipping_address"]["address2"] = Value::Null
            },
            Held("address_incomplete"),
        ),
        (
            "no shipping lines",
            |o| o["shipping_lines"] = json!([]),
            To(|c| {
                assert!(matches!(&c.order.delivery, Delivery::Ship { method, .. } if method == "standard"))
            }),
        ),
        (
            "a method that the shop names",
            |o| o["shipping_lines"][0]["title"] = json!("Next Day"),
            To(|c| {
                assert!(matches!(&c.order.delivery, Delivery::Ship { method, .. } if method == "express"))
            }),
        ),
        (
            "a removed shipping line",
            |o| {
                o["shipping_lines"] =
                    json!([{ "code": "pickup:berlin-1", "is_removed": true }, { "code": "Eco" }])
            },
            To(|c| assert!(matches!(&c.order.delivery, Delivery::Ship { method, .. } if method == "eco"))),
        ),
        (
            "collected: our attribute",
            |o| o["note_attributes"] = json!([{ "name": "pickup_site", "value": "berlin-1" }]),
            To(|c| {
                assert_eq!(c.order.delivery, Delivery::Pickup { site: SiteId::new("berlin-1").unwrap() });
                assert!(
                    c.contact.as_ref().unwrap().address.is_empty(),
                    "a counter has no use for an address"
                );
                assert_eq!(c.contact.as_ref().unwrap().name, "Mira Vogel");
            }),
        ),
        (
            "collected: attributes as an object",
            |o| o["note_attributes"] = json!({ "pickup_site": "berlin-1" }),
            To(|c| assert_eq!(c.order.delivery.service(), Service::Pickup)),
        ),
        (
            "collected: code of the shipping line",
            |o| o["shipping_lines"][0]["code"] = json!("pickup:berlin-1"),
            To(|c| assert_eq!(c.order.delivery.service(), Service::Pickup)),
        ),
        (
            "collected: name of the place",
            |o| o["shipping_lines"][0]["title"] = json!("Laden  MITTE"),
            To(|c| assert_eq!(c.order.delivery, Delivery::Pickup { site: SiteId::new("berlin-1").unwrap() })),
        ),
        (
            "collected: only a location",
            |o| {
                o["shipping_lines"] = json!([]);
                o["shipping_address"] = Value::Null;
                o["location_id"] = json!(655441491)
            },
            To(|c| assert_eq!(c.order.delivery, Delivery::Pickup { site: SiteId::new("berlin-1").unwrap() })),
        ),
        (
            "collected, nobody says where",
            |o| o["shipping_lines"][0]["delivery_category"] = json!("pick_up"),
            Unreadable("pickup_site_unknown", "$.shipping_lines[0].delivery_category"),
        ),
        (
            "collected at an unknown place",
            |o| o["note_attributes"] = json!([{ "name": "Pickup-Location-Id", "value": 1 }]),
            Unreadable("pickup_site_unknown", "$.note_attributes[0].value"),
        ),
        (
            "sent to a store",
            |o| o["note_attributes"] = json!([{ "name": "ship_to_store_site", "value": "berlin-1" }]),
            To(|c| assert_eq!(c.order.delivery.service(), Service::ShipToStore)),
        ),
    ]
}
