//! Barcodes: `barcode,sku,quantity`. A code of 8, 12, 13 or 14 digits must have its check digit.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::barcode::{Barcode as Code, Gtin};
use outpost_model::id::Sku;

use super::table::{Row, Wrong};
use super::{Report, tell_products};
use crate::error::HubError;
use crate::store::product::{self, Barcode};
use crate::write::Unit;

pub(super) const COLUMNS: [&str; 3] = ["barcode", "sku", "quantity"];

const QTY_MAX: u32 = 10_000;

pub(super) async fn import(unit: &mut Unit, rows: Vec<Row>, report: &mut Report) -> Result<(), HubError> {
    let mut read_rows = Vec::with_capacity(rows.len());
    for row in &rows {
        match read(row) {
            Ok(barcode) => read_rows.push((row.line, barcode)),
            Err(Wrong(code, sentence)) => report.refuse(row.line, code, sentence),
        }
    }
    let skus: BTreeSet<Sku> = read_rows.iter().map(|(_, (sku, _))| sku.clone()).collect();
    let skus: Vec<Sku> = skus.into_iter().collect();
    let known = product::known(unit.db(), &skus).await?;
    let mut barcodes: BTreeMap<String, (Sku, Barcode)> = BTreeMap::new();
    for (line, (sku, barcode)) in read_rows {
        if !known.contains(&sku) {
            report.refuse(
                line,
                "unknown_sku",
                format!("The product {sku} is not known. Import products first."),
            );
        } else if barcodes.contains_key(&barcode.code) {
            let sentence =
                format!("The barcode {} stands in the file twice; the first one counts.", barcode.code);
            report.refuse(line, "repeated", sentence);
        } else {
            barcodes.insert(barcode.code.clone(), (sku, barcode));
            report.accepted += 1;
        }
    }
    if barcodes.is_empty() {
        return Ok(());
    }
    let barcodes: Vec<(Sku, Barcode)> = barcodes.into_values().collect();
    let codes: Vec<String> = barcodes.iter().map(|(_, barcode)| barcode.code.clone()).collect();
    // A barcode that moves changes two products.
    let mut touched = product::owners(unit.db(), &codes).await?;
    touched.extend(barcodes.iter().map(|(sku, _)| sku.clone()));
    product::put_barcodes(unit.db(), &barcodes).await?;
    tell_products(unit, touched.into_iter().collect()).await
}

fn read(row: &Row) -> Result<(Sku, Barcode), Wrong> {
    let text = row.text("barcode");
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && matches!(text.len(), 8 | 12 | 13 | 14) {
        Gtin::parse(text).map_err(|error| Wrong("check_digit", format!("barcode: {error}.")))?;
    } else {
        Code::parse(text).map_err(|error| Wrong("barcode", format!("barcode: {error}.")))?;
    }
    let qty = row.number("quantity", 1, QTY_MAX)?;
    Ok((row.parse("sku", "sku")?, Barcode { code: text.to_owned(), qty }))
}
