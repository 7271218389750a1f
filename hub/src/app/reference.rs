//! What sites work by: products with their barcodes, rules. A set has versions that only grow; a site gets a snapshot
//! first and then what has changed. Nothing piles up for a site that is away: it gets the newest version when it is back.

use outpost_model::id::SiteId;
use outpost_sync::reference::{Edition, Holding, KIND, Version};
use outpost_sync::{Identity, Item, Record};

use super::errand;
use crate::error::HubError;
use crate::store::reference::{self, Sent};
use crate::store::{exception, outbox};
use crate::write::Unit;

/// A delta of more items is sent as a snapshot instead.
pub const DELTA_ITEMS_MAX: u64 = 2_000;

/// Brings items of a set up to date; without a text an item is gone. What is as it was makes no version.
pub async fn put(
    unit: &mut Unit,
    name: &str,
    items: Vec<(String, Option<String>)>,
) -> Result<bool, HubError> {
    let mut set = reference::lock(unit.db(), name).await?;
    let keys: Vec<String> = items.iter().map(|(key, _)| key.clone()).collect();
    let before = reference::some(unit.db(), name, &keys).await?;
    let mut changed = Vec::new();
    for (key, text) in items {
        let old = before.get(&key);
        if old == text.as_ref() {
            continue;
        }
        if let Some(old) = old {
            set.sum.toggle(&key, old);
            set.count -= 1;
        }
        if let Some(text) = &text {
            set.sum.toggle(&key, text);
            set.count += 1;
        }
        changed.push((key, text));
    }
    if changed.is_empty() {
        return Ok(false);
    }
    set.n += 1;
    reference::put(unit.db(), name, set.n, changed).await?;
    reference::save(unit.db(), name, &set).await?;
    unit.wakes.reference = true;
    Ok(true)
}

/// Sends a site the newest version of a set: what has changed since the one it was sent, or all of it. `false` when it
/// has it already, the last one is still under way, or another worker works for the site and sends it.
pub async fn send(
    unit: &mut Unit,
    identity: &Identity,
    epoch: u32,
    site: &SiteId,
    name: &str,
) -> Result<bool, HubError> {
    if !errand::ours(unit, site).await? {
        return Ok(false);
    }
    let set = reference::lock(unit.db(), name).await?;
    let version = Version { epoch: u64::from(epoch), n: set.n };
    let sent = reference::sent(unit.db(), site, name).await?;
    if set.n == 0 || sent.is_some_and(|sent| sent.version >= version) {
        return Ok(false);
    }
    let base = match sent {
        Some(sent) if sent.version.epoch == version.epoch => {
            let changed = reference::changed(unit.db(), name, sent.version.n).await?;
            (changed <= DELTA_ITEMS_MAX).then_some(sent.version)
        }
        _ => None,
    };
    let (put, mut gone) = reference::since(unit.db(), name, base.map_or(0, |base| base.n)).await?;
    if base.is_none() {
        gone.clear();
    }
    let edition = Edition {
        site: site.as_str(),
        set: name,
        version,
        base,
        sum: set.sum,
        count: set.count,
        put: &put,
        gone: &gone,
    };
    let records = edition
        .sign(identity)
        .map_err(|error| HubError::Invariant(format!("{name} {version} for {site}: {error}")))?;
    let items: Vec<Item> = records.into_iter().map(Item::Record).collect();
    let position = unit.append(site, &items).await?;
    let incarnation = unit.stream(site).await?.mark.incarnation;
    let held = sent.map(|sent| sent.held).unwrap_or_default();
    reference::save_sent(unit.db(), site, name, &Sent { version, incarnation, position, held }).await?;
    Ok(true)
}

/// A site begins anew, or has lost what it had: it gets snapshots.
pub async fn forget(unit: &mut Unit, site: &SiteId) -> Result<(), HubError> {
    reference::forget_sent(unit.db(), site, None).await?;
    unit.wakes.reference = true;
    Ok(())
}

/// Takes in what a site says that it holds. A snapshot follows when it needs one, or holds less than it has acknowledged.
pub async fn held(
    unit: &mut Unit,
    site: &SiteId,
    record: &Record,
) -> Result<Result<(), &'static str>, HubError> {
    let Ok(holding) = serde_json::from_slice::<Holding>(&record.bytes) else {
        return Ok(Err("malformed_record"));
    };
    if record.kind != KIND {
        return Ok(Err("record_by_site"));
    }
    let name = record.key.as_str();
    let Some(sent) = reference::sent(unit.db(), site, name).await? else {
        return Ok(Ok(()));
    };
    reference::save_sent(unit.db(), site, name, &Sent { held: holding.version, ..sent }).await?;
    if let Some(code) = &holding.refused {
        let code: String = code.chars().take(40).filter(|c| c.is_ascii_lowercase() || *c == '_').collect();
        unit.raise(exception::New {
            code: "reference_refused",
            sentence: format!("{site} could not take {name} {}: {code}.", sent.version),
            once: format!("reference_refused {site} {name} {}", sent.version),
            site: Some(site.clone()),
            ..Default::default()
        })
        .await?;
        return Ok(Ok(()));
    }
    // What it said before it had the last part says nothing about that one, but for a site that begins a life: it may
    // have acknowledged what it does not have any more.
    let (life, position) = (sent.incarnation, sent.position);
    let seen = holding.through.is_some_and(|through| through.incarnation == life && through.n >= position);
    let acknowledged = outbox::through(unit.db(), site, life).await? >= position;
    let lost = holding.version < sent.version && (seen || holding.start && acknowledged);
    if lost || holding.need && holding.of == Some(sent.version) {
        reference::forget_sent(unit.db(), site, Some(name)).await?;
        unit.wakes.reference = true;
    }
    Ok(Ok(()))
}
