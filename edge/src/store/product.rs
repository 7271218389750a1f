//! Products and their barcodes, as the hub last described them.

use outpost_model::id::Sku;
use outpost_model::quantity::Quantity;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, StoreResult};

/// A product as the hub sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// What.
    pub sku: Sku,
    /// Its name for people.
    pub title: String,
    /// Its class in the grant policy.
    #[serde(default = "default_class")]
    pub class: String,
    /// Unit of measure.
    #[serde(default)]
    pub unit: String,
    /// Weight of one unit, grams.
    #[serde(default)]
    pub weight_g: Option<u32>,
    /// Longest side, mm.
    #[serde(default)]
    pub length_mm: Option<u32>,
    /// Middle side, mm.
    #[serde(default)]
    pub width_mm: Option<u32>,
    /// Shortest side, mm.
    #[serde(default)]
    pub height_mm: Option<u32>,
    /// Codes on it and how many units each stands for.
    #[serde(default)]
    pub barcodes: Vec<ProductBarcode>,
}

/// A barcode of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductBarcode {
    /// The code as it is scanned.
    pub code: String,
    /// Units it stands for: more than one on a case pack.
    pub qty: Quantity,
}

/// The class of a product nobody gave one.
pub const DEFAULT_CLASS: &str = "default";

fn default_class() -> String {
    DEFAULT_CLASS.to_owned()
}

/// Writes a product as a version of the list describes it.
pub fn save(conn: &Connection, product: &Product, version: u64) -> StoreResult<()> {
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "INSERT INTO product (sku, title, class, unit, weight_g, length_mm, width_mm, height_mm, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (sku) DO UPDATE SET title = excluded.title, class = excluded.class, \
                 unit = excluded.unit, weight_g = excluded.weight_g, length_mm = excluded.length_mm, \
                 width_mm = excluded.width_mm, height_mm = excluded.height_mm, version = excluded.version",
    )?
    .execute(params![
        product.sku.as_str(),
        product.title,
        product.class,
        product.unit,
        product.weight_g,
        product.length_mm,
        product.width_mm,
        product.height_mm,
        version,
    ])?;
    conn.prepare_cached("DELETE FROM barcode WHERE sku = ?1")?.execute([product.sku.as_str()])?;
    for barcode in &product.barcodes {
        conn.prepare_cached("INSERT OR REPLACE INTO barcode (code, sku, qty) VALUES (?1, ?2, ?3)")?
            .execute(params![barcode.code, product.sku.as_str(), barcode.qty.get()])?;
    }
    Ok(())
}

/// Drops a product and its barcodes.
pub fn remove(conn: &Connection, sku: &Sku) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM barcode WHERE sku = ?1")?.execute([sku.as_str()])?;
    conn.prepare_cached("DELETE FROM product WHERE sku = ?1")?.execute([sku.as_str()])?;
    Ok(())
}

/// What a barcode stands for: a SKU and a number of units.
pub fn by_barcode(conn: &Connection, code: &str) -> StoreResult<Option<(Sku, Quantity)>> {
    let found: Option<(String, u32)> = conn
        .prepare_cached("SELECT sku, qty FROM barcode WHERE code = ?1")?
        .query_row([code], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((sku, qty)) = found else { return Ok(None) };
    let corrupt = |why: String| StoreError::corrupt("barcode", code, why);
    let sku = Sku::new(sku).map_err(|error| corrupt(error.to_string()))?;
    let qty = Quantity::new(u64::from(qty)).map_err(|error| corrupt(error.to_string()))?;
    Ok(Some((sku, qty)))
}

/// The product with this SKU.
pub fn load(conn: &Connection, sku: &Sku) -> StoreResult<Option<Product>> {
    let found = conn
        .prepare_cached(
            "SELECT title, class, unit, weight_g, length_mm, width_mm, height_mm FROM product WHERE sku = ?1",
        )?
        .query_row([sku.as_str()], |row| {
            Ok(Product {
                sku: sku.clone(),
                title: row.get(0)?,
                class: row.get(1)?,
                unit: row.get(2)?,
                weight_g: row.get(3)?,
                length_mm: row.get(4)?,
                width_mm: row.get(5)?,
                height_mm: row.get(6)?,
                barcodes: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut product) = found else { return Ok(None) };
    let mut statement =
        conn.prepare_cached("SELECT code, qty FROM barcode WHERE sku = ?1 ORDER BY qty, code")?;
    let rows =
        statement.query_map([sku.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?)))?;
    for row in rows {
        let (code, qty) = row?;
        let qty =
            Quantity::new(u64::from(qty)).map_err(|error| StoreError::corrupt("barcode", sku, error))?;
        product.barcodes.push(ProductBarcode { code, qty });
    }
    Ok(Some(product))
}
