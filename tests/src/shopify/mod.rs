//! A shop on Shopify: orders in the form of its webhooks, signed as it signs them.
//!
//! The body of a webhook is the order object itself; the REST interface wraps the same object in `{"order": …}`.
//! A pickup order says where in two ways, as shops do that map their locations to sites: the first shipping line has
//! the code `pickup:<site>`, and `note_attributes` has an entry `pickup_site` with the site.

mod line;
mod money;
mod order;
mod people;
#[cfg(test)]
mod tests;
mod webhook;

use jiff::Timestamp;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::catalog::Product;
use crate::world::{STAPLES, SiteKind, World};

pub use money::Presentment;
pub use webhook::{Webhook, hmac_sha256_base64};

/// The first id beyond what a double can hold exactly: where readers that go through floating point begin to err.
pub const ID_BEYOND_DOUBLES: u64 = (1 << 53) + 1;

/// How the customer wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// By a carrier; the customer's address comes from the storefront's people.
    Ship {
        /// What was sold: `standard` or `express`.
        method: &'static str,
    },
    /// Collected at a site.
    Pickup {
        /// The site's id.
        site: String,
        /// The site's name, as the shop shows it.
        name: String,
    },
}

/// What a line sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goods {
    /// A product of the catalog.
    Product(Product),
    /// A gift card sent by mail: nothing to pick.
    GiftCard {
        /// Its value.
        value_minor: u64,
    },
}

/// One line of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub goods: Goods,
    /// How many were ordered.
    pub quantity: u32,
    /// How many of them were refunded and removed before the webhook was sent.
    pub refunded: u32,
    /// A bundle it belongs to; bundles are never parted.
    pub bundle: Option<String>,
    /// Whether the shop lists the variant without a SKU.
    pub is_unlisted: bool,
}

impl Item {
    /// A product.
    pub fn of(product: &Product, quantity: u32) -> Self {
        let goods = Goods::Product(product.clone());
        Self { goods, quantity, refunded: 0, bundle: None, is_unlisted: false }
    }

    /// A gift card.
    pub fn gift_card(value_minor: u64) -> Self {
        let goods = Goods::GiftCard { value_minor };
        Self { goods, quantity: 1, refunded: 0, bundle: None, is_unlisted: false }
    }

    /// With so many refunded.
    pub fn refunded(self, refunded: u32) -> Self {
        Self { refunded: refunded.min(self.quantity), ..self }
    }

    /// As part of a bundle.
    pub fn in_bundle(self, bundle: &str) -> Self {
        Self { bundle: Some(bundle.to_owned()), ..self }
    }

    /// With `sku: null`.
    pub fn unlisted(self) -> Self {
        Self { is_unlisted: true, ..self }
    }
}

/// What a customer put into the basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// When.
    pub placed_at: Timestamp,
    /// How it is to get to the customer.
    pub delivery: Delivery,
    /// What.
    pub items: Vec<Item>,
    /// A discount code's percentage; 0 for none.
    pub discount_percent: u32,
}

impl Purchase {
    /// Sent by standard mail.
    pub fn ship(placed_at: Timestamp, items: Vec<Item>) -> Self {
        Self { placed_at, delivery: Delivery::Ship { method: "standard" }, items, discount_percent: 0 }
    }

    /// Collected at a site.
    pub fn pickup(placed_at: Timestamp, site: &str, name: &str, items: Vec<Item>) -> Self {
        let delivery = Delivery::Pickup { site: site.to_owned(), name: name.to_owned() };
        Self { placed_at, delivery, items, discount_percent: 0 }
    }

    /// With a discount code.
    pub fn discounted(self, percent: u32) -> Self {
        Self { discount_percent: percent.min(100), ..self }
    }
}

/// A shop: numbers its orders, and has customers.
pub struct Storefront {
    domain: String,
    secret: Vec<u8>,
    random: Xoshiro256PlusPlus,
    next_id: u64,
    next_number: u64,
    presentment: Option<Presentment>,
}

impl Storefront {
    /// Opens a shop. The secret signs its webhooks.
    pub fn open(domain: &str, secret: &[u8], seed: u64) -> Self {
        Self {
            domain: domain.to_owned(),
            secret: secret.to_vec(),
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            next_id: 5_600_000_000_001,
            next_number: 1_001,
            presentment: None,
        }
    }

    /// From now on ids begin here, such as at [`ID_BEYOND_DOUBLES`].
    pub fn number_ids_from(&mut self, id: u64) {
        self.next_id = id;
    }

    /// From now on customers see prices in another currency.
    pub fn present_in(&mut self, presentment: Option<Presentment>) {
        self.presentment = presentment;
    }

    /// Its domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Takes an order: the object that the webhook carries.
    pub fn place(&mut self, purchase: &Purchase) -> Value {
        order::write(self, purchase)
    }

    /// The webhook for an order. Send the same one again to deliver it twice.
    pub fn webhook(&mut self, topic: &'static str, order: &Value) -> Webhook {
        let delivery = uuid::Builder::from_random_bytes(self.random.random()).into_uuid();
        Webhook::sign(&self.secret, &self.domain, topic, delivery.to_string(), order)
    }

    /// A purchase as a customer of this chain might make it: mostly one to three lines of what every site has.
    pub fn browse(&mut self, world: &World, placed_at: Timestamp) -> Purchase {
        let random = &mut self.random;
        let lines = [1, 1, 1, 2, 2, 3, 4].choose(random).copied().unwrap_or(1);
        let staples = &world.catalog.products[..STAPLES.min(world.catalog.products.len())];
        let items = (0..lines)
            .filter_map(|_| staples.choose(random))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|product| Item::of(product, random.random_range(1..=2)))
            .collect();
        let stores: Vec<_> = world.sites.iter().filter(|site| site.kind == SiteKind::Store).collect();
        let purchase = match stores.choose(random) {
            Some(store) if random.random_ratio(2, 5) => {
                Purchase::pickup(placed_at, &store.id, &store.name, items)
            }
            _ => Purchase::ship(placed_at, items),
        };
        if random.random_ratio(1, 6) { purchase.discounted(10) } else { purchase }
    }

    /// So many orders of such purchases, a minute apart.
    pub fn orders(&mut self, world: &World, count: usize, first_at: Timestamp) -> Vec<Value> {
        (0..count as i64)
            .map(|minute| {
                let at = first_at.checked_add(jiff::SignedDuration::from_mins(minute)).unwrap_or(first_at);
                let purchase = self.browse(world, at);
                self.place(&purchase)
            })
            .collect()
    }

    fn id(&mut self) -> u64 {
        let id = self.next_id;
        // Ids of one shop are far apart, since all shops share them.
        self.next_id += self.random.random_range(1_000..50_000_u64);
        id
    }
}
