//! Opening stock: `site,sku,location,quantity`. The site books it; the hub only passes it on, each batch once.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::id::{SiteId, Sku};
use outpost_model::quantity::Quantity;

use super::Report;
use super::table::{Row, Wrong};
use crate::app::tell::{self, Opening};
use crate::error::HubError;
use crate::store::{product, site, to_json};
use crate::write::Unit;

pub(super) const COLUMNS: [&str; 4] = ["site", "sku", "location", "quantity"];

/// Rows in one batch: about 60 bytes each, well within one record.
const BATCH_ROWS: usize = 500;

pub(super) async fn import(unit: &mut Unit, rows: Vec<Row>, report: &mut Report) -> Result<(), HubError> {
    let mut lines: BTreeMap<SiteId, Vec<(u64, Opening)>> = BTreeMap::new();
    for row in &rows {
        match read(row) {
            Ok((site, opening)) => lines.entry(site).or_default().push((row.line, opening)),
            Err(Wrong(code, sentence)) => report.refuse(row.line, code, sentence),
        }
    }
    let skus: BTreeSet<Sku> = lines.values().flatten().map(|(_, opening)| opening.sku.clone()).collect();
    let skus: Vec<Sku> = skus.into_iter().collect();
    let known = product::known(unit.db(), &skus).await?;
    for (id, openings) in lines {
        if site::get(unit.db(), &id).await?.is_none() {
            for (line, _) in openings {
                report.refuse(
                    line,
                    "unknown_site",
                    format!("The site {id} is not known. Import sites first."),
                );
            }
            continue;
        }
        let mut units = Vec::with_capacity(openings.len());
        for (line, opening) in openings {
            if known.contains(&opening.sku) {
                units.push((line, opening));
            } else {
                let sentence = format!("The product {} is not known. Import products first.", opening.sku);
                report.refuse(line, "unknown_sku", sentence);
            }
        }
        for batch in units.chunks(BATCH_ROWS) {
            send(unit, &id, batch, report).await?;
        }
    }
    Ok(())
}

/// A batch is named by its content: the same file imported again is the same batch, which changes nothing.
async fn send(
    unit: &mut Unit,
    site: &SiteId,
    batch: &[(u64, Opening)],
    report: &mut Report,
) -> Result<(), HubError> {
    let openings: Vec<Opening> = batch.iter().map(|(_, opening)| opening.clone()).collect();
    let id = blake3::hash(to_json(&openings)?.as_bytes()).to_hex()[..32].to_owned();
    if !product::first_time(unit.db(), site, &format!("opening {id}")).await? {
        for (line, _) in batch {
            let sentence =
                format!("This opening stock was imported for {site} before; it is not booked again.");
            report.refuse(*line, "already_imported", sentence);
        }
        return Ok(());
    }
    tell::opening(unit, site, &id, &openings).await?;
    report.accepted += batch.len() as u64;
    Ok(())
}

fn read(row: &Row) -> Result<(SiteId, Opening), Wrong> {
    let qty = row.number("quantity", 0, Quantity::MAX.get())?;
    let qty = Quantity::new(u64::from(qty)).map_err(|error| Wrong("number", error.to_string()))?;
    let opening =
        Opening { sku: row.parse("sku", "sku")?, location: row.parse("location", "location")?, qty };
    Ok((row.parse("site", "site")?, opening))
}
