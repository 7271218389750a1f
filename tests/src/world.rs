//! Sites and what lies in them: a small chain for demos, and chains of any size.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::catalog::{Catalog, Product, write_csv};

/// Products at the beginning of the catalog that every site has plenty of.
pub const STAPLES: usize = 60;
/// Every so many sites of a larger chain one is a warehouse.
const WAREHOUSE_EVERY: usize = 5;

/// What kind of site it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteKind {
    /// Customers come in.
    Store,
    /// Nobody but staff comes in.
    Warehouse,
}

/// A store or warehouse.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its id.
    pub id: String,
    /// Its name, as staff say it.
    pub name: String,
    /// What kind it is.
    pub kind: SiteKind,
    /// IANA time zone.
    pub zone: &'static str,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// Postal code.
    pub postal_code: &'static str,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// What it does: `pickup`, `ship`, `ship_to_store`.
    pub services: &'static [&'static str],
    /// Orders it can work on a day.
    pub capacity_per_day: u32,
    /// Lower goes first where all else is equal.
    pub priority: u32,
}

/// Units of a product in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    /// The site.
    pub site: String,
    /// The product.
    pub sku: String,
    /// Where in the site.
    pub location: String,
    /// How many.
    pub quantity: u32,
}

/// Towns of the chain: id, name, zone, country, postal code, latitude, longitude.
type Town = (&'static str, &'static str, &'static str, &'static str, &'static str, f64, f64);

const TOWNS: &[Town] = &[
    ("rotterdam", "Rotterdam", "Europe/Amsterdam", "NL", "3012", 51.9225, 4.4792),
    ("amsterdam", "Amsterdam", "Europe/Amsterdam", "NL", "1012", 52.3728, 4.8936),
    ("utrecht", "Utrecht", "Europe/Amsterdam", "NL", "3511", 52.0907, 5.1214),
    ("antwerp", "Antwerp", "Europe/Brussels", "BE", "2000", 51.2194, 4.4025),
    ("hamburg", "Hamburg", "Europe/Berlin", "DE", "20095", 53.5511, 9.9937),
    ("berlin", "Berlin", "Europe/Berlin", "DE", "10115", 52.5200, 13.4050),
    ("cologne", "Köln", "Europe/Berlin", "DE", "50667", 50.9375, 6.9603),
    ("paris", "Paris", "Europe/Paris", "FR", "75001", 48.8566, 2.3522),
    ("lyon", "Lyon", "Europe/Paris", "FR", "69001", 45.7640, 4.8357),
    ("vienna", "Wien", "Europe/Vienna", "AT", "1010", 48.2082, 16.3738),
    ("madrid", "Madrid", "Europe/Madrid", "ES", "28001", 40.4168, -3.7038),
    ("lisbon", "Lisboa", "Europe/Lisbon", "PT", "1100-001", 38.7223, -9.1393),
];

const STORE_SERVICES: &[&str] = &["pickup", "ship", "ship_to_store"];
const WAREHOUSE_SERVICES: &[&str] = &["ship"];

fn site(town: Town, kind: SiteKind, number: usize) -> Site {
    let (id, name, zone, country, postal_code, latitude, longitude) = town;
    let is_store = kind == SiteKind::Store;
    Site {
        id: if is_store { format!("{id}-{number}") } else { format!("{id}-dc{number}") },
        name: if is_store { format!("{name} {number}") } else { format!("{name} warehouse {number}") },
        kind,
        zone,
        country,
        postal_code,
        latitude,
        longitude,
        services: if is_store { STORE_SERVICES } else { WAREHOUSE_SERVICES },
        capacity_per_day: if is_store { 400 } else { 4_000 },
        priority: if is_store { 20 } else { 10 },
    }
}

/// A merchant: products, sites, and what lies where on the first morning.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// What is sold.
    pub catalog: Catalog,
    /// Where from.
    pub sites: Vec<Site>,
    /// What lies there.
    pub stock: Vec<StockLine>,
}

impl World {
    /// Two stores and a warehouse, all near each other, with two thousand products.
    pub fn small(seed: u64) -> Self {
        let sites = vec![
            site(TOWNS[0], SiteKind::Store, 1),
            site(TOWNS[1], SiteKind::Store, 1),
            site(TOWNS[2], SiteKind::Warehouse, 1),
        ];
        Self::of(sites, Catalog::from_seed(seed, crate::catalog::PRODUCTS), seed)
    }

    /// A chain of so many sites, every fifth a warehouse, with so many products.
    pub fn chain(seed: u64, sites: usize, products: usize) -> Self {
        let sites = (0..sites).map(|index| {
            let is_warehouse = index % WAREHOUSE_EVERY == WAREHOUSE_EVERY - 1;
            let kind = if is_warehouse { SiteKind::Warehouse } else { SiteKind::Store };
            site(TOWNS[index % TOWNS.len()], kind, index / TOWNS.len() + 1)
        });
        Self::of(sites.collect(), Catalog::from_seed(seed, products), seed)
    }

    /// Sites and products of one's own, with stock from the seed.
    pub fn of(sites: Vec<Site>, catalog: Catalog, seed: u64) -> Self {
        // A stream of its own, so that more products do not change the stock of the first ones' sites.
        let stock = sites.iter().enumerate().flat_map(|(index, site)| {
            let mut random =
                Xoshiro256PlusPlus::seed_from_u64(seed ^ (index as u64 + 1).wrapping_mul(0x9E37_79B9));
            let lines: Vec<_> = catalog
                .products
                .iter()
                .enumerate()
                .flat_map(|(number, product)| stock_of(site, number, product, &mut random))
                .collect();
            lines
        });
        let stock = stock.collect();
        Self { catalog, sites, stock }
    }

    /// The site with this id.
    pub fn site(&self, id: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.id == id)
    }

    /// Units of every product at a site, all its places together.
    pub fn units_at(&self, site: &str) -> BTreeMap<&str, u32> {
        let mut units = BTreeMap::new();
        for line in self.stock.iter().filter(|line| line.site == site) {
            *units.entry(line.sku.as_str()).or_default() += line.quantity;
        }
        units
    }

    /// The file `sites.csv` as the hub imports it.
    pub fn sites_csv(&self) -> String {
        let header =
            "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority";
        let rows = self.sites.iter().map(|site| {
            let kind = if site.kind == SiteKind::Store { "store" } else { "warehouse" };
            vec![
                site.id.clone(),
                site.name.clone(),
                kind.to_owned(),
                site.zone.to_owned(),
                site.country.to_owned(),
                site.postal_code.to_owned(),
                site.latitude.to_string(),
                site.longitude.to_string(),
                site.services.join("|"),
                site.capacity_per_day.to_string(),
                site.priority.to_string(),
            ]
        });
        write_csv(header, rows)
    }

    /// The file `stock.csv` as the hub imports it.
    pub fn stock_csv(&self) -> String {
        let rows = self.stock.iter().map(|line| {
            vec![line.site.clone(), line.sku.clone(), line.location.clone(), line.quantity.to_string()]
        });
        write_csv("site,sku,location,quantity", rows)
    }

    /// Writes the four files into a folder.
    pub fn write_csv_files(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join("products.csv"), self.catalog.products_csv())?;
        std::fs::write(folder.join("barcodes.csv"), self.catalog.barcodes_csv())?;
        std::fs::write(folder.join("sites.csv"), self.sites_csv())?;
        std::fs::write(folder.join("stock.csv"), self.stock_csv())
    }
}

/// A warehouse has everything, some of it in two places; a store has the staples and about two thirds of the rest.
fn stock_of(
    site: &Site,
    number: usize,
    product: &Product,
    random: &mut Xoshiro256PlusPlus,
) -> Vec<StockLine> {
    let line = |location: String, quantity: u32| StockLine {
        site: site.id.clone(),
        sku: product.sku.clone(),
        location,
        quantity,
    };
    let is_staple = number < STAPLES;
    // Drawn whether used or not, so that one product's luck does not move the next one's.
    let (draw, few, shelf) =
        (random.random_range(0..3_u32), random.random_range(2..=12_u32), random.random_range(1..=5_u32));
    let (aisle, bay) = (char::from(b'A' + (number / 120 % 26) as u8), number / 6 % 20 + 1);
    match site.kind {
        SiteKind::Warehouse => {
            let pick = line(format!("W{aisle}-{bay:02}-{shelf}"), 20 + few * 3);
            let reserve = line(format!("R{aisle}-{bay:02}"), 60 + few * 5);
            if draw == 0 { vec![pick, reserve] } else { vec![pick] }
        }
        SiteKind::Store if is_staple => vec![line(format!("{aisle}-{bay:02}-{shelf}"), 40 + few)],
        SiteKind::Store if draw > 0 => vec![line(format!("{aisle}-{bay:02}-{shelf}"), few)],
        SiteKind::Store => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use outpost_model::id::{LocationId, SiteId};

    use super::*;

    #[test]
    fn the_small_world_has_two_stores_and_a_warehouse() {
        let world = World::small(7);
        let kinds: Vec<SiteKind> = world.sites.iter().map(|site| site.kind).collect();
        assert_eq!(kinds, [SiteKind::Store, SiteKind::Store, SiteKind::Warehouse]);
        insta::assert_snapshot!(world.sites_csv());
        assert!(world.stock_csv().starts_with("site,sku,location,quantity\nrotterdam-1,"));
    }

    #[test]
    fn every_site_has_plenty_of_the_staples_and_a_store_lacks_some_of_the_rest() {
        let world = World::small(7);
        for site in &world.sites {
            let units = world.units_at(&site.id);
            for product in &world.catalog.products[..STAPLES] {
                assert!(units[product.sku.as_str()] >= 20);
            }
            let is_store = site.kind == SiteKind::Store;
            assert_eq!(units.len() < world.catalog.products.len(), is_store);
            assert!(units.len() > world.catalog.products.len() / 2);
        }
    }

    #[test]
    fn chains_of_any_size_have_ids_and_places_that_the_model_takes() {
        let world = World::chain(7, 40, 100);
        let ids: BTreeSet<&str> = world.sites.iter().map(|site| site.id.as_str()).collect();
        assert_eq!(ids.len(), 40);
        assert!(ids.iter().all(|id| SiteId::new(*id).is_ok()));
        assert_eq!(world.sites.iter().filter(|site| site.kind == SiteKind::Warehouse).count(), 8);
        assert!(world.stock.iter().all(|line| LocationId::new(line.location.as_str()).is_ok()));
        let keys: BTreeSet<_> =
            world.stock.iter().map(|line| (&line.site, &line.sku, &line.location)).collect();
        assert_eq!(keys.len(), world.stock.len());
    }

    #[test]
    fn the_files_land_in_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::chain(1, 3, 10);
        world.write_csv_files(folder.path()).unwrap();
        for (name, lines) in [("products.csv", 11), ("sites.csv", 4), ("stock.csv", world.stock.len() + 1)] {
            assert_eq!(std::fs::read_to_string(folder.path().join(name)).unwrap().lines().count(), lines);
        }
    }
}
