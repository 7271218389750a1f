//! Imports of CSV files. What can be accepted is; each row that cannot be is named with its line, a code and a
//! sentence, and changes nothing.

mod barcodes;
mod products;
mod sites;
mod stock;
mod table;

use outpost_model::id::Sku;
use outpost_model::reference::PRODUCTS;
use outpost_model::rejection::Rejection;
use serde::Serialize;

use crate::error::{HubError, Verdict};
use crate::store::{product, to_json};
use crate::write::Unit;

/// The most rows in one file.
pub const ROWS_MAX: usize = 100_000;

/// What a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Products.
    Products,
    /// Barcodes of products.
    Barcodes,
    /// Sites.
    Sites,
    /// Opening stock.
    Stock,
    /// Products that are not sold any more.
    RemovedProducts,
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "products" => Ok(Self::Products),
            "barcodes" => Ok(Self::Barcodes),
            "sites" => Ok(Self::Sites),
            "stock" => Ok(Self::Stock),
            "removed-products" => Ok(Self::RemovedProducts),
            _ => Err("allowed are products, barcodes, sites, stock and removed-products".to_owned()),
        }
    }
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Its line in the file; the header is line 1.
    pub line: u64,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong, what stood there and what is allowed.
    pub sentence: String,
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that were accepted.
    pub accepted: u64,
    /// Rows that were refused.
    pub refused: Vec<Refused>,
}

impl Report {
    fn refuse(&mut self, line: u64, code: &'static str, sentence: impl Into<String>) {
        self.refused.push(Refused { line, code, sentence: sentence.into() });
    }
}

/// Imports a file. Refused as a whole only when it is no table with the right columns.
pub async fn import(unit: &mut Unit, kind: Kind, file: &[u8]) -> Result<Verdict<Report>, HubError> {
    let (columns, rows_max): (&[&str], usize) = match kind {
        Kind::Products => (&products::COLUMNS, ROWS_MAX),
        Kind::Barcodes => (&barcodes::COLUMNS, ROWS_MAX),
        Kind::Sites => (&sites::COLUMNS, ROWS_MAX),
        Kind::Stock => (&stock::COLUMNS, ROWS_MAX),
        Kind::RemovedProducts => (&products::REMOVED_COLUMNS, ROWS_MAX),
    };
    let mut report = Report::default();
    let rows = match table::read(file, columns, rows_max, &mut report) {
        Ok(rows) => rows,
        Err(rejection) => return Ok(Err(rejection)),
    };
    match kind {
        Kind::Products => products::import(unit, rows, &mut report).await?,
        Kind::Barcodes => barcodes::import(unit, rows, &mut report).await?,
        Kind::Sites => sites::import(unit, rows, &mut report).await?,
        Kind::Stock => stock::import(unit, rows, &mut report).await?,
        Kind::RemovedProducts => products::remove(unit, rows, &mut report).await?,
    }
    report.refused.sort_by_key(|refused| refused.line);
    Ok(Ok(report))
}

/// Brings the list that sites work by up to date with these products; what is gone is gone there too.
async fn tell_products(unit: &mut Unit, skus: Vec<Sku>) -> Result<(), HubError> {
    let told = product::told(unit.db(), &skus).await?;
    let items = skus.iter().map(|sku| Ok((sku.to_string(), told.get(sku).map(to_json).transpose()?)));
    let items = items.collect::<Result<Vec<_>, HubError>>()?;
    super::reference::put(unit, PRODUCTS, items).await?;
    Ok(())
}

fn columns_wrong(sentence: String) -> Rejection {
    Rejection::new("columns", sentence)
}
