//! What the demo sells and orders: a seeded catalogue, stock placed so that the story can ask for splits and
//! re-routes, and orders in the shop system's form.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Context, Result};

use crate::shopify::{Item, Purchase, Storefront, Webhook};
use crate::world::{StockLine, World};

/// The shop whose webhooks the demo sends. Their secret is made anew for every run.
pub const SHOP_DOMAIN: &str = "demo.myshopify.com";
/// Products that every site has plenty of.
const COMMON: usize = 40;
/// Units of a common product at each site.
const PLENTY: u32 = 300;

/// Catalogue, stock and orders of the demo.
pub struct Goods {
    world: World,
    common: Vec<String>,
    secret: String,
    counter: Mutex<Counter>,
}

/// What a customer wants.
#[derive(Debug, Clone)]
pub struct Want {
    pickup_at: Option<String>,
    lines: usize,
    units: u32,
    from: Shelf,
}

#[derive(Debug, Clone)]
enum Shelf {
    Common,
    /// One product of each of two sites' own.
    Split,
    /// A product that only this site has.
    Only(String),
}

impl Want {
    /// So many products, sent to the customer.
    pub fn ship(lines: usize) -> Self {
        Self { pickup_at: None, lines, units: 1, from: Shelf::Common }
    }

    /// So many products, collected at a store.
    pub fn pickup(site: &str, lines: usize) -> Self {
        Self { pickup_at: Some(site.to_owned()), ..Self::ship(lines) }
    }

    /// Two products that no single site has.
    pub fn split() -> Self {
        Self { from: Shelf::Split, ..Self::ship(2) }
    }

    /// A product that only one site has, sent to the customer.
    pub fn only_at(site: &str) -> Self {
        Self { from: Shelf::Only(site.to_owned()), ..Self::ship(1) }
    }

    /// This many units of each product.
    pub fn units(self, units: u32) -> Self {
        Self { units, ..self }
    }
}

impl Goods {
    /// Goods from a seed. The first products lie at every site, one product at each site only.
    pub fn new(seed: u64, secret: &str, plenty: Option<u32>, sites: Option<usize>) -> Self {
        let mut world =
            sites.map_or_else(|| World::small(seed), |sites| World::chain(seed, sites, COMMON + sites));
        if plenty.is_some() {
            // Who asks for plenty of stock wants plenty of orders.
            world.sites.iter_mut().for_each(|site| site.capacity_per_day = 1_000_000);
        }
        let skus: Vec<String> = world
            .catalog
            .products
            .iter()
            .take(COMMON + world.sites.len())
            .map(|product| product.sku.clone())
            .collect();
        world.stock.retain(|line| !skus.contains(&line.sku));
        let sites: Vec<String> = world.sites.iter().map(|site| site.id.clone()).collect();
        for (k, site) in sites.iter().enumerate() {
            let here = skus.iter().take(COMMON).chain([&skus[COMMON + k]]);
            world.stock.extend(here.enumerate().map(|(shelf, sku)| StockLine {
                site: site.clone(),
                sku: sku.clone(),
                location: format!("A-{:02}-{}", shelf / 4 + 1, shelf % 4 + 1),
                quantity: plenty.unwrap_or(PLENTY),
            }));
        }
        let common = skus[..COMMON].to_vec();
        let shop = Storefront::open(SHOP_DOMAIN, secret.as_bytes(), seed);
        let counter = Mutex::new(Counter { shop, orders: 0 });
        Self { world, common, secret: secret.to_owned(), counter }
    }

    /// Ids of the sites: two stores and a warehouse.
    pub fn sites(&self) -> Vec<String> {
        self.world.sites.iter().map(|site| site.id.clone()).collect()
    }

    /// How many products there are.
    pub fn products(&self) -> usize {
        self.world.catalog.products.len()
    }

    /// Products that lie at every site.
    pub fn common(&self) -> &[String] {
        &self.common
    }

    /// The product that only this site has.
    fn only_at(&self, site: &str) -> Result<&str> {
        let k = self.world.sites.iter().position(|entry| entry.id == site);
        let k = k.with_context(|| format!("there is no site {site}"))?;
        Ok(&self.world.catalog.products[COMMON + k].sku)
    }

    /// The merchant's catalogue, sites and stock.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What lies at a site at the beginning, by SKU.
    pub fn opening(&self, site: &str) -> BTreeMap<String, i64> {
        let mut units = BTreeMap::new();
        for line in self.world.stock.iter().filter(|line| line.site == site) {
            *units.entry(line.sku.clone()).or_default() += i64::from(line.quantity);
        }
        units
    }

    /// A customer places an order with the shop.
    pub fn place(&self, want: &Want) -> Result<Placed> {
        let sites = self.sites();
        let mut counter = self.counter.lock().expect("nobody panics with the counter");
        counter.orders += 1;
        let skus: Vec<&str> = match &want.from {
            Shelf::Common => {
                let first = counter.orders * 7;
                (0..want.lines).map(|k| self.common[(first + k * 3) % COMMON].as_str()).collect()
            }
            Shelf::Split => vec![self.only_at(&sites[1])?, self.only_at(&sites[2])?],
            Shelf::Only(site) => vec![self.only_at(site)?],
        };
        let items = skus.iter().map(|sku| {
            let product = self.world.catalog.product(sku).with_context(|| format!("no product {sku}"))?;
            Ok(Item::of(product, want.units))
        });
        let items = items.collect::<Result<Vec<_>>>()?;
        let purchase = match &want.pickup_at {
            Some(site) => Purchase::pickup(now(), site, site, items),
            None => Purchase::ship(now(), items),
        };
        let order = counter.shop.place(&purchase);
        let number = order["name"].as_str().context("an order has a name")?.to_owned();
        Ok(Placed { number, webhook: counter.shop.webhook("orders/create", &order) })
    }

    /// A delivery that breaks off in the middle of a payload, correctly signed.
    pub fn broken_off(&self) -> Result<Webhook> {
        let whole = self.place(&Want::ship(1))?.webhook;
        let half = whole.body[..whole.body.len() / 2].to_vec();
        let delivery = whole.header("X-Shopify-Webhook-Id").unwrap_or_default().to_owned();
        Ok(Webhook::of_bytes(self.secret.as_bytes(), SHOP_DOMAIN, "orders/create", delivery, half))
    }
}

/// An order as the shop has it, and its webhook.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The number customers and staff know.
    pub number: String,
    /// The delivery; it can be sent any number of times.
    pub webhook: Webhook,
}

struct Counter {
    shop: Storefront,
    orders: usize,
}

/// Customers have clocks of their own.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
