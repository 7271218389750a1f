//! Tells sites what they work with: products, rules, opening stock. Records, never documents.

use outpost_model::id::{LocationId, SiteId, Sku};
use outpost_model::quantity::Quantity;
use outpost_sync::{Item, Limits, Record};
use serde::Serialize;

use super::errand::{self, Errand};
use crate::error::HubError;
use crate::store::product::Told;
use crate::store::to_json;
use crate::write::Unit;

/// The most products in one record.
pub const PRODUCTS_MAX: usize = 300;
/// Room for the brackets and commas of a list.
const SLACK_BYTES: usize = 1_024;

/// Units that a site opens its book with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// What.
    pub sku: Sku,
    /// Where it lies.
    pub location: LocationId,
    /// How many.
    pub qty: Quantity,
}

/// Sends a version of the product list: all of it to a new site, what has changed to the others.
pub async fn products(
    unit: &mut Unit,
    site: &SiteId,
    version: u64,
    products: &[Told],
) -> Result<(), HubError> {
    let parts = split(products, PRODUCTS_MAX)?;
    let count = parts.len();
    let records = parts.into_iter().enumerate().map(|(index, bytes)| {
        Item::Record(Record {
            kind: "products".to_owned(),
            key: format!("{version}/{}/{count}", index + 1),
            bytes,
        })
    });
    send(unit, site, records.collect()).await
}

/// Sends opening stock in one record. The site books it once, by its batch.
pub async fn opening(unit: &mut Unit, site: &SiteId, batch: &str, units: &[Opening]) -> Result<(), HubError> {
    let bytes = to_json(&units)?.into_bytes();
    let record = Record { kind: "opening".to_owned(), key: batch.to_owned(), bytes };
    send(unit, site, vec![Item::Record(record)]).await
}

/// Sends the rules, as text.
pub async fn rules(unit: &mut Unit, site: &SiteId, version: &str, text: &str) -> Result<(), HubError> {
    let record =
        Record { kind: "rules".to_owned(), key: version.to_owned(), bytes: text.as_bytes().to_vec() };
    send(unit, site, vec![Item::Record(record)]).await
}

async fn send(unit: &mut Unit, site: &SiteId, items: Vec<Item>) -> Result<(), HubError> {
    if items.is_empty() {
        return Ok(());
    }
    if errand::ours(unit, site).await? {
        unit.append(site, &items).await?;
        return Ok(());
    }
    let records = items.into_iter().filter_map(|item| match item {
        Item::Record(record) => Some(record.into()),
        Item::Change(_) => None,
    });
    errand::leave(unit, site, &Errand::Records { records: records.collect() }).await
}

/// Lists as JSON, each within the limits of a record.
fn split<T: Serialize>(items: &[T], items_max: usize) -> Result<Vec<Vec<u8>>, HubError> {
    let bytes_max = Limits::PROTOCOL.record_bytes_max - SLACK_BYTES;
    let mut parts = Vec::new();
    let (mut part, mut count) = (Vec::new(), 0);
    for item in items {
        let text = to_json(item)?;
        if count == items_max || (count > 0 && part.len() + text.len() + 2 > bytes_max) {
            part.push(b']');
            parts.push(std::mem::take(&mut part));
            count = 0;
        }
        part.push(if count == 0 { b'[' } else { b',' });
        part.extend_from_slice(text.as_bytes());
        count += 1;
    }
    if count > 0 {
        part.push(b']');
        parts.push(part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_both_limits() {
        let small: Vec<u32> = (0..601).collect();
        let parts = split(&small, 300).unwrap();
        let sizes: Vec<usize> =
            parts.iter().map(|part| serde_json::from_slice::<Vec<u32>>(part).unwrap().len()).collect();
        assert_eq!(sizes, [300, 300, 1]);
        let long = vec!["x".repeat(1_000); 250];
        let parts = split(&long, 300).unwrap();
        assert!(parts.iter().all(|part| part.len() <= Limits::PROTOCOL.record_bytes_max));
        let all: usize =
            parts.iter().map(|part| serde_json::from_slice::<Vec<String>>(part).unwrap().len()).sum();
        assert_eq!(all, 250);
        assert!(split::<u32>(&[], 300).unwrap().is_empty());
    }
}
