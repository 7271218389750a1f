//! What the reader's tests share.

use std::collections::{BTreeMap, BTreeSet};

use outpost_hub::connect::shopify::{self, Arrival, Shop};
use outpost_hub::connect::{Captured, Happened, Unreadable};
use outpost_model::header::Service;
use outpost_model::id::{ChannelId, OrderId, SiteId, Sku};
use outpost_model::time::UtcMillis;
use serde_json::Value;

/// 2026-11-20T08:14:10Z
pub const ARRIVED: UtcMillis = UtcMillis(1_795_162_450_000);

pub fn web_order() -> Value {
    serde_json::from_str(include_str!("../fixtures/shopify/web_order.json")).unwrap()
}

pub fn shop() -> Shop {
    let berlin = SiteId::new("berlin-1").unwrap();
    Shop {
        pickup_places: BTreeMap::from([
            ("655441491".to_owned(), berlin.clone()),
            ("Laden Mitte".to_owned(), berlin.clone()),
        ]),
        methods: BTreeMap::from([("next day".to_owned(), "express".to_owned())]),
        variants: BTreeMap::from([("7001".to_owned(), Sku::new("KNOWN-1").unwrap())]),
        services_elsewhere: BTreeSet::from(["far-away-logistics".to_owned()]),
        services_ours: BTreeSet::from(["outpost".to_owned()]),
        default_service: Service::Ship,
        currency: Some("EUR".parse().unwrap()),
        take_test_orders: false,
    }
}

pub fn read_with(body: &[u8], shop: &Shop, happened: Happened) -> Result<Captured, Unreadable> {
    let arrival = Arrival {
        id: OrderId("0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061".parse().unwrap()),
        channel: ChannelId::new("shopify:shop-1.example").unwrap(),
        happened,
        at: ARRIVED,
        shop,
    };
    shopify::read(body, &arrival)
}
