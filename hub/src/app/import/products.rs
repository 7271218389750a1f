//! Products: `sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency`.

use std::collections::BTreeMap;

use outpost_model::id::Sku;
use outpost_model::money::Money;

use super::table::{Row, Wrong};
use super::{Report, tell_products};
use crate::error::HubError;
use crate::store::product::{self, Product};
use crate::write::Unit;

pub(super) const REMOVED_COLUMNS: [&str; 1] = ["sku"];

pub(super) const COLUMNS: [&str; 10] = [
    "sku",
    "title",
    "class",
    "unit",
    "weight_g",
    "length_mm",
    "width_mm",
    "height_mm",
    "price_minor",
    "currency",
];

const WEIGHT_G_MAX: u32 = 2_000_000;
const SIDE_MM_MAX: u32 = 20_000;

pub(super) async fn import(unit: &mut Unit, rows: Vec<Row>, report: &mut Report) -> Result<(), HubError> {
    let mut products: BTreeMap<Sku, Product> = BTreeMap::new();
    for row in &rows {
        match read(row) {
            Ok(product) if products.contains_key(&product.sku) => {
                let sentence =
                    format!("The product {} stands in the file twice; the first one counts.", product.sku);
                report.refuse(row.line, "repeated", sentence);
            }
            Ok(product) => {
                products.insert(product.sku.clone(), product);
                report.accepted += 1;
            }
            Err(Wrong(code, sentence)) => report.refuse(row.line, code, sentence),
        }
    }
    if products.is_empty() {
        return Ok(());
    }
    let products: Vec<Product> = products.into_values().collect();
    product::put(unit.db(), &products).await?;
    tell_products(unit, products.into_iter().map(|product| product.sku).collect()).await
}

/// Products that are not sold any more: `sku`. Orders that name them go on; new ones wait for a person.
pub(super) async fn remove(unit: &mut Unit, rows: Vec<Row>, report: &mut Report) -> Result<(), HubError> {
    let mut skus: BTreeMap<Sku, u64> = BTreeMap::new();
    for row in &rows {
        match row.parse::<Sku>("sku", "sku") {
            Ok(sku) => {
                skus.entry(sku).or_insert(row.line);
            }
            Err(Wrong(code, sentence)) => report.refuse(row.line, code, sentence),
        }
    }
    let all: Vec<Sku> = skus.keys().cloned().collect();
    let known = product::known(unit.db(), &all).await?;
    for (sku, line) in skus.iter().filter(|(sku, _)| !known.contains(*sku)) {
        report.refuse(*line, "unknown_sku", format!("The product {sku} is not known."));
    }
    let known: Vec<Sku> = known.into_iter().collect();
    report.accepted += known.len() as u64;
    product::remove(unit.db(), &known).await?;
    tell_products(unit, known).await
}

fn read(row: &Row) -> Result<Product, Wrong> {
    let price: i64 = row.parse("price_minor", "price")?;
    if price < 0 {
        return Err(Wrong("price", format!("price_minor is {price}: allowed are minor units from 0.")));
    }
    let side = |name| row.number(name, 0, SIDE_MM_MAX);
    Ok(Product {
        sku: row.parse("sku", "sku")?,
        title: row.named("title", 200)?,
        class: if row.text("class").is_empty() { "default".to_owned() } else { row.named("class", 40)? },
        unit: if row.text("unit").is_empty() { "piece".to_owned() } else { row.named("unit", 20)? },
        weight_g: row.number("weight_g", 0, WEIGHT_G_MAX)?,
        length_mm: side("length_mm")?,
        width_mm: side("width_mm")?,
        height_mm: side("height_mm")?,
        price: Money { minor: price, currency: row.parse("currency", "currency")? },
    })
}
