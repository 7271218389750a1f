//! Tells sites what they open their books with. Records, never documents.

use outpost_model::id::{LocationId, SiteId, Sku};
use outpost_model::quantity::Quantity;
use outpost_sync::{Item, Record};
use serde::Serialize;

use super::errand::{self, Errand};
use crate::error::HubError;
use crate::store::to_json;
use crate::write::Unit;

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

/// Sends opening stock in one record. The site books it once, by its batch.
pub async fn opening(unit: &mut Unit, site: &SiteId, batch: &str, units: &[Opening]) -> Result<(), HubError> {
    let bytes = to_json(&units)?.into_bytes();
    let record = Record::new("opening", batch, bytes);
    if errand::ours(unit, site).await? {
        unit.append(site, &[Item::Record(record)]).await?;
        return Ok(());
    }
    errand::leave(unit, site, &Errand::Records { records: vec![record.into()] }).await
}
