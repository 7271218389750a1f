//! Products and their barcodes. Which version of them a site has is the affair of reference data.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::id::Sku;
use outpost_model::money::Money;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, parsed, unsigned};
use crate::error::HubError;

const TABLE: &str = "product";

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Stock keeping unit.
    pub sku: Sku,
    /// Its title.
    pub title: String,
    /// Its class, for grant policies.
    pub class: String,
    /// Its unit of measure.
    pub unit: String,
    /// Weight of one unit, grams.
    pub weight_g: u32,
    /// Longest side, mm.
    pub length_mm: u32,
    /// Middle side, mm.
    pub width_mm: u32,
    /// Shortest side, mm.
    pub height_mm: u32,
    /// Price of one unit.
    pub price: Money,
}

/// A barcode of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barcode {
    /// Its digits or text.
    pub code: String,
    /// Units it stands for.
    pub qty: u32,
}

/// A product as sites are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Stock keeping unit.
    pub sku: Sku,
    /// Its title.
    pub title: String,
    /// Its class.
    pub class: String,
    /// Its unit of measure.
    pub unit: String,
    /// Weight of one unit, grams.
    pub weight_g: u32,
    /// Longest side, mm.
    pub length_mm: u32,
    /// Middle side, mm.
    pub width_mm: u32,
    /// Shortest side, mm.
    pub height_mm: u32,
    /// Its barcodes.
    pub barcodes: Vec<Barcode>,
}

/// Writes products; existing ones are replaced.
pub async fn put(db: &mut AnyConnection, products: &[Product]) -> Result<(), HubError> {
    let rows = products
        .iter()
        .map(|product| {
            [
                Cell::from(product.sku.as_str()),
                product.title.as_str().into(),
                product.class.as_str().into(),
                product.unit.as_str().into(),
                i64::from(product.weight_g).into(),
                i64::from(product.length_mm).into(),
                i64::from(product.width_mm).into(),
                i64::from(product.height_mm).into(),
                product.price.minor.into(),
                product.price.currency.as_str().into(),
                Cell::Int(0),
            ]
        })
        .collect();
    many::insert(
        db,
        "INSERT INTO product (sku, title, class, unit, weight_g, length_mm, width_mm, height_mm, price_minor,
                              currency, version)",
        "ON CONFLICT (sku) DO UPDATE SET title = excluded.title, class = excluded.class, unit = excluded.unit,
             weight_g = excluded.weight_g, length_mm = excluded.length_mm, width_mm = excluded.width_mm,
             height_mm = excluded.height_mm, price_minor = excluded.price_minor, currency = excluded.currency,
             version = excluded.version",
        rows,
    )
    .await?;
    Ok(())
}

/// Writes barcodes; an existing one is replaced.
pub async fn put_barcodes(db: &mut AnyConnection, barcodes: &[(Sku, Barcode)]) -> Result<(), HubError> {
    let rows = barcodes
        .iter()
        .map(|(sku, barcode)| {
            [Cell::from(barcode.code.as_str()), sku.as_str().into(), i64::from(barcode.qty).into()]
        })
        .collect();
    many::insert(
        db,
        "INSERT INTO barcode (code, sku, qty)",
        "ON CONFLICT (code) DO UPDATE SET sku = excluded.sku, qty = excluded.qty",
        rows,
    )
    .await?;
    Ok(())
}

/// Those of the SKUs that are products.
pub async fn known(db: &mut AnyConnection, skus: &[Sku]) -> Result<BTreeSet<Sku>, HubError> {
    let keys: Vec<String> = skus.iter().map(ToString::to_string).collect();
    let rows = many::select(db, "SELECT sku FROM product WHERE sku IN", "", None, &keys).await?;
    rows.iter().map(|row| parsed(row, TABLE, "sku")).collect()
}

/// Products with these SKUs.
pub async fn some(db: &mut AnyConnection, skus: &[Sku]) -> Result<Vec<Product>, HubError> {
    let keys: Vec<String> = skus.iter().map(ToString::to_string).collect();
    let rows = many::select(db, "SELECT * FROM product WHERE sku IN", "", None, &keys).await?;
    rows.iter().map(read).collect()
}

/// Notes that something was sent to a site; `false` when it was sent before.
pub async fn first_time(
    db: &mut AnyConnection,
    site: &outpost_model::id::SiteId,
    what: &str,
) -> Result<bool, HubError> {
    let done = sqlx::query(
        "INSERT INTO site_record (site, kind, version) VALUES ($1, $2, 1) ON CONFLICT (site, kind) DO NOTHING",
    )
    .bind(site.as_str())
    .bind(what)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Products as sites are told of them, of those of the SKUs that are there.
pub async fn told(db: &mut AnyConnection, skus: &[Sku]) -> Result<BTreeMap<Sku, Told>, HubError> {
    let products = some(db, skus).await?;
    let keys: Vec<String> = products.iter().map(|product| product.sku.to_string()).collect();
    let rows =
        many::select(db, "SELECT code, sku, qty FROM barcode WHERE sku IN", "ORDER BY code", None, &keys)
            .await?;
    let mut barcodes: BTreeMap<String, Vec<Barcode>> = BTreeMap::new();
    for row in &rows {
        let qty = u32::try_from(unsigned(row, "barcode", "qty")?)
            .map_err(|error| HubError::corrupt("barcode", "qty", error))?;
        let barcode = Barcode { code: column(row, "barcode", "code")?, qty };
        barcodes.entry(column(row, "barcode", "sku")?).or_default().push(barcode);
    }
    let told = products.into_iter().map(|product| {
        let told = Told {
            barcodes: barcodes.remove(product.sku.as_str()).unwrap_or_default(),
            sku: product.sku,
            title: product.title,
            class: product.class,
            unit: product.unit,
            weight_g: product.weight_g,
            length_mm: product.length_mm,
            width_mm: product.width_mm,
            height_mm: product.height_mm,
        };
        (told.sku.clone(), told)
    });
    Ok(told.collect())
}

/// The products that barcodes belong to now.
pub async fn owners(db: &mut AnyConnection, codes: &[String]) -> Result<BTreeSet<Sku>, HubError> {
    let rows = many::select(db, "SELECT sku FROM barcode WHERE code IN", "", None, codes).await?;
    rows.iter().map(|row| parsed(row, "barcode", "sku")).collect()
}

/// Drops products and their barcodes.
pub async fn remove(db: &mut AnyConnection, skus: &[Sku]) -> Result<(), HubError> {
    for sku in skus {
        for sql in ["DELETE FROM barcode WHERE sku = $1", "DELETE FROM product WHERE sku = $1"] {
            sqlx::query(sql).bind(sku.as_str()).execute(&mut *db).await?;
        }
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<Product, HubError> {
    let number = |name| -> Result<u32, HubError> {
        u32::try_from(unsigned(row, TABLE, name)?).map_err(|error| HubError::corrupt(TABLE, name, error))
    };
    Ok(Product {
        sku: parsed(row, TABLE, "sku")?,
        title: column(row, TABLE, "title")?,
        class: column(row, TABLE, "class")?,
        unit: column(row, TABLE, "unit")?,
        weight_g: number("weight_g")?,
        length_mm: number("length_mm")?,
        width_mm: number("width_mm")?,
        height_mm: number("height_mm")?,
        price: Money { minor: column(row, TABLE, "price_minor")?, currency: parsed(row, TABLE, "currency")? },
    })
}
