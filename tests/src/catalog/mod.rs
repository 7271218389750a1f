//! Products made from a seed: the same seed gives the same catalog on every machine and in every release.

mod gtin;
mod words;

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use gtin::{case_gtin, gtin8, gtin12, gtin13};
use words::{CLASSES, Class, STYLES};

/// Products of the catalog that the demo and the tests use.
pub const PRODUCTS: usize = 2_000;
/// What everything is priced in.
pub const CURRENCY: &str = "EUR";

/// A barcode, and how many units one scan of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductBarcode {
    /// GTIN-8, -12, -13 or -14.
    pub code: String,
    /// Units in what carries it: 1, or the contents of a case.
    pub quantity: u32,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The merchant's number.
    pub sku: String,
    /// What it is called.
    pub title: String,
    /// What it belongs to; rules of granting stock go by it.
    pub class: &'static str,
    /// The unit of measure.
    pub unit: &'static str,
    /// Weight of one, in grams.
    pub weight_g: u32,
    /// Longest side, in millimeters.
    pub length_mm: u32,
    /// Middle side, in millimeters.
    pub width_mm: u32,
    /// Shortest side, in millimeters.
    pub height_mm: u32,
    /// Price of one in minor units of [`CURRENCY`].
    pub price_minor: u64,
    /// Its barcodes; the first is on every piece.
    pub barcodes: Vec<ProductBarcode>,
}

impl Product {
    /// What a scanner reads from one piece.
    pub fn barcode(&self) -> &str {
        &self.barcodes[0].code
    }

    /// What a scanner reads from a whole case, and how many are in it.
    pub fn case_pack(&self) -> Option<&ProductBarcode> {
        self.barcodes.iter().find(|barcode| barcode.quantity > 1)
    }
}

/// A merchant's products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// In the order of their numbers.
    pub products: Vec<Product>,
}

impl Catalog {
    /// Makes so many products, at most 10,000: that is how many item numbers there are for GTIN-8.
    pub fn from_seed(seed: u64, count: usize) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let products = (0..count.min(10_000) as u32).map(|number| product(number, &mut random)).collect();
        Self { products }
    }

    /// The product with this number.
    pub fn product(&self, sku: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.sku == sku)
    }

    /// The file `products.csv` as the hub imports it.
    pub fn products_csv(&self) -> String {
        let header = "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency";
        let rows = self.products.iter().map(|product| {
            vec![
                product.sku.clone(),
                product.title.clone(),
                product.class.to_owned(),
                product.unit.to_owned(),
                product.weight_g.to_string(),
                product.length_mm.to_string(),
                product.width_mm.to_string(),
                product.height_mm.to_string(),
                product.price_minor.to_string(),
                CURRENCY.to_owned(),
            ]
        });
        write_csv(header, rows)
    }

    /// The file `barcodes.csv` as the hub imports it.
    pub fn barcodes_csv(&self) -> String {
        let rows = self.products.iter().flat_map(|product| {
            let row = |barcode: &ProductBarcode| {
                vec![barcode.code.clone(), product.sku.clone(), barcode.quantity.to_string()]
            };
            product.barcodes.iter().map(row)
        });
        write_csv("barcode,sku,quantity", rows)
    }
}

fn product(number: u32, random: &mut Xoshiro256PlusPlus) -> Product {
    let class = CLASSES.choose(random).unwrap_or(&CLASSES[0]);
    let noun = class.nouns.choose(random).copied().unwrap_or_default();
    let style = STYLES.choose(random).copied().unwrap_or_default();
    let (variant, variant_code) = class.variants.choose(random).copied().unwrap_or_default();
    let size = class.sizes.choose(random).copied().unwrap_or_default();
    let title = match size {
        "" => format!("{style} {noun}, {variant}"),
        size => format!("{style} {noun}, {variant}, {size}"),
    };
    let mut sides = [0; 3].map(|_: u32| random.random_range(class.side_mm.0..=class.side_mm.1));
    sides.sort_unstable();
    // Whole units and 95 or 99 hundredths, as prices are.
    let units = random.random_range(class.price_minor.0 / 100..=class.price_minor.1 / 100);
    let price_minor = units * 100 + [95, 99][number as usize % 2];
    Product {
        sku: format!("{}-{number:05}-{variant_code}", class.code),
        title,
        class: class.name,
        unit: "each",
        weight_g: random.random_range(class.weight_g.0..=class.weight_g.1),
        length_mm: sides[2],
        width_mm: sides[1],
        height_mm: sides[0],
        price_minor,
        barcodes: barcodes(number, class, random),
    }
}

fn barcodes(number: u32, class: &Class, random: &mut Xoshiro256PlusPlus) -> Vec<ProductBarcode> {
    let piece = match random.random_range(0..100) {
        // Small things have room for a short code only.
        0..15 if class.side_mm.0 < 40 => gtin8(number),
        0..25 => gtin12(number),
        _ => gtin13(number),
    };
    let mut barcodes = vec![ProductBarcode { code: piece.clone(), quantity: 1 }];
    if random.random_ratio(2, 5) {
        let quantity = [6, 10, 12, 24].choose(random).copied().unwrap_or(6);
        barcodes.push(ProductBarcode { code: case_gtin(&piece), quantity });
    }
    // A package that was redesigned: pieces with the old and with the new code lie on one shelf.
    if random.random_ratio(1, 20) {
        barcodes.push(ProductBarcode { code: gtin13(500_000 + number), quantity: 1 });
    }
    barcodes
}

/// Rows with quotes where they are needed.
pub(crate) fn write_csv(header: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail, and every row has as many fields as the first.
    let _ = writer.write_record(header.split(','));
    for row in rows {
        let _ = writer.write_record(&row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use outpost_model::barcode::Gtin;
    use outpost_model::id::Sku;

    use super::*;

    #[test]
    fn two_thousand_products_have_valid_codes_of_every_width_and_none_twice() {
        let catalog = Catalog::from_seed(7, PRODUCTS);
        let skus: BTreeSet<&str> = catalog.products.iter().map(|product| product.sku.as_str()).collect();
        assert_eq!(skus.len(), PRODUCTS);
        assert!(skus.iter().all(|sku| Sku::new(*sku).is_ok()));
        let codes: Vec<&str> = catalog
            .products
            .iter()
            .flat_map(|product| &product.barcodes)
            .map(|barcode| barcode.code.as_str())
            .collect();
        let numbers: BTreeSet<Gtin> = codes.iter().map(|code| Gtin::parse(code).unwrap()).collect();
        assert_eq!(numbers.len(), codes.len());
        for (width, at_least) in [(8, 20), (12, 150), (13, 1_000), (14, 500)] {
            assert!(codes.iter().filter(|code| code.len() == width).count() >= at_least, "{width}");
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_catalog() {
        assert_eq!(Catalog::from_seed(7, 50), Catalog::from_seed(7, 50));
        assert_ne!(Catalog::from_seed(7, 50), Catalog::from_seed(8, 50));
        assert_eq!(Catalog::from_seed(7, 50).products[..], Catalog::from_seed(7, 500).products[..50]);
    }

    #[test]
    fn the_files_have_the_columns_of_the_import() {
        let catalog = Catalog::from_seed(7, 3);
        insta::assert_snapshot!(catalog.products_csv() + "\n" + &catalog.barcodes_csv());
    }

    #[test]
    fn every_product_could_be_bought_and_sent() {
        for product in &Catalog::from_seed(1, PRODUCTS).products {
            assert!(product.price_minor > 0 && product.weight_g > 0, "{product:?}");
            assert!(product.length_mm >= product.width_mm && product.width_mm >= product.height_mm);
            assert!(product.height_mm > 0 && product.length_mm <= 1_000);
        }
    }
}
