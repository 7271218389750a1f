//! What travels beside the stream: the keys of sealed records, wrapped for the site they go to. They stand in no table
//! of the stream, so that they can be left out once their time has come.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_sync::seal::Name;
use outpost_sync::{Item, Outgoing, Query};

use crate::error::HubError;
use crate::store::sealed::{CONTACT, LABEL};
use crate::store::{Store, enrollment, outbox};

/// Reads the stream as [`outbox::read`] does, each sealed record with its key while that is kept.
pub async fn read(
    store: &Store,
    site: &SiteId,
    query: &Query,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<Outgoing>, HubError> {
    let mut connection = store.read().acquire().await?;
    let mut items = outbox::read(&mut connection, site, query, limit, bytes_max).await?;
    let mut wanted: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for outgoing in &items {
        if let Item::Record(record) = &outgoing.item
            && let Some(kind) = [CONTACT, LABEL].into_iter().find(|kind| *kind == record.kind)
        {
            wanted.entry(kind).or_default().push(record.key.clone());
        }
    }
    if wanted.is_empty() {
        return Ok(items);
    }
    let secret = enrollment::secret(&mut connection, site).await?.unwrap_or_default();
    drop(connection);
    for (kind, keys) in wanted {
        let secrets = store.vault().some(kind, &keys).await?;
        for outgoing in &mut items {
            let Item::Record(record) = &mut outgoing.item else { continue };
            if record.kind != kind {
                continue;
            }
            if let Some(key) = secrets.get(&record.key) {
                let name = Name { kind: &record.kind, key: &record.key };
                let wrapped = key.wrap(&secret, site.as_str(), name, &record.bytes);
                record.attached = wrapped.map_err(|error| HubError::corrupt("item", &record.key, error))?;
            }
        }
    }
    Ok(items)
}
