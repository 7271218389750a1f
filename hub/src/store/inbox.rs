//! How far each site's stream has been stored.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_sync::{Digest, Incoming, Item, Progress};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{column, cursor, item, parsed};
use crate::error::HubError;

/// What the hub has stored of a site's stream, by incarnation.
pub async fn progress(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Progress>, HubError> {
    let rows = cursor::all(db, site, cursor::UP).await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Progress, HubError> {
    let beyond: Vec<u8> = column(row, "cursor", "beyond")?;
    let (entries, rest) = beyond.as_chunks::<40>();
    if !rest.is_empty() {
        return Err(HubError::corrupt("cursor", "beyond", "not a multiple of 40 bytes"));
    }
    let beyond = entries.iter().map(|entry| {
        let (n, digest) = entry.split_at(8);
        let n = n.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest);
        (n, Digest(bytes))
    });
    Ok(Progress::restore(cursor::mark(row)?, beyond))
}

/// The same for several sites.
pub async fn progress_of(
    db: &mut AnyConnection,
    sites: &[String],
) -> Result<BTreeMap<SiteId, Vec<Progress>>, HubError> {
    let mut all: BTreeMap<SiteId, Vec<Progress>> = BTreeMap::new();
    for row in cursor::of_sites(db, sites, cursor::UP).await? {
        all.entry(parsed(&row, "cursor", "site")?).or_default().push(read(&row)?);
    }
    Ok(all)
}

/// Writes how far incarnations of sites have been stored.
pub async fn save_all(db: &mut AnyConnection, progress: &[(&SiteId, &Progress)]) -> Result<(), HubError> {
    let marks = progress.iter().map(|(site, progress)| (*site, progress.mark(), beyond(progress))).collect();
    cursor::save_all(db, cursor::UP, marks).await
}

fn beyond(progress: &Progress) -> Vec<u8> {
    let mut beyond = Vec::with_capacity(progress.beyond().len() * 40);
    for (n, digest) in progress.beyond() {
        beyond.extend_from_slice(&n.to_be_bytes());
        beyond.extend_from_slice(&digest.0);
    }
    beyond
}

/// Counts one item as received; `false` when it was before.
pub async fn count(db: &mut AnyConnection, site: &SiteId, incoming: &Incoming) -> Result<bool, HubError> {
    let incarnation = incoming.position.incarnation;
    let known = progress(db, site).await?;
    let found = known.into_iter().find(|progress| progress.incarnation() == incarnation);
    let mut progress = found.unwrap_or_else(|| Progress::start(incarnation));
    let fresh = progress.store(incoming.position.n, incoming.digest);
    save_all(db, &[(site, &progress)]).await?;
    Ok(fresh)
}

/// Stores one item with the progress it makes; `true` when it is new. Batches do the same for many at once.
pub async fn store(db: &mut AnyConnection, site: &SiteId, incoming: &Incoming) -> Result<bool, HubError> {
    let incarnation = incoming.position.incarnation;
    let mut all = progress(db, site).await?;
    let found = all.iter().position(|progress| progress.incarnation() == incarnation);
    let mut progress = found.map_or_else(|| Progress::start(incarnation), |index| all.swap_remove(index));
    if !progress.take(incoming) {
        return Ok(false);
    }
    save_all(db, &[(site, &progress)]).await?;
    match &incoming.item {
        Item::Change(_) => Ok(item::keep(db, &[(site, incoming)]).await? == 1),
        // What travels beside the documents is taken in by whoever reads it, and not kept.
        Item::Record(_) => Ok(true),
    }
}
