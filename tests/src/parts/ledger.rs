//! Whether all that was answered is there, once, on both sides.
//!
//! The ledger is kept outside the daemons: the staff's diaries (each command that was answered, with its events), the
//! shop's orders that were answered, the printers' paper, the carrier's book, what lay on the shelves. It is held
//! against the hub's interface, the edges' interface and the edges' databases.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::Value;

use super::room::Room;
use super::verdict::Told;
use crate::demo::chain::Site;
use crate::demo::{checks, evidence};

/// Holds the ledger against both sides. Exceptions whose codes are not among `expected` are broken promises, too.
pub async fn check(room: &Room, expected: &[&str], told: &mut Told) -> Result<()> {
    check_but(room, expected, &BTreeSet::new(), told).await
}

/// The same, where sites cannot remember that they answered the commands in `forgotten`. What these have done must be
/// there all the same.
pub async fn check_but(
    room: &Room,
    expected: &[&str],
    forgotten: &BTreeSet<String>,
    told: &mut Told,
) -> Result<()> {
    let sent = room.sent();
    let findings = checks::check(&evidence(&room.chain, &sent)?).await?;
    told.broken.extend(findings.broken);
    let mut answered = 0;
    for site in &room.chain.sites {
        answered += outcomes_are_kept(site, room, forgotten, told)?;
        for (label, times) in site.printer.duplicates() {
            told.broken.push(format!("{}: label {label} came out {times} times", site.id));
        }
    }
    labels_are_bought_once(room, told);
    exceptions_are_expected(room, expected, told).await?;
    told.figure("orders", sent.len());
    told.figure("commands_answered", answered);
    told.figure("handed_over", findings.handed_over);
    Ok(())
}

/// Every command that a site's staff were answered stands in its database with the events they were told; how many.
fn outcomes_are_kept(
    site: &Site,
    room: &Room,
    forgotten: &BTreeSet<String>,
    told: &mut Told,
) -> Result<usize> {
    let file = room.chain.folder().join(&site.id).join("outpost.db");
    let database = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("opening {}", file.display()))?;
    let mut look = database.prepare("SELECT outcome FROM outcome WHERE command_id = ?1")?;
    let diary = site.staff.diary();
    for (command, events) in diary.applied.iter().filter(|(command, _)| !forgotten.contains(*command)) {
        let kept: Option<String> = look.query_row([command], |row| row.get(0)).optional()?;
        let kept: Value = kept.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
        let same = kept["events"]
            .as_array()
            .is_some_and(|kept| kept.iter().filter_map(Value::as_str).eq(events.iter().map(String::as_str)));
        told.require(same, || {
            format!("{}: command {command} was answered {events:?}, kept is {kept}", site.id)
        });
    }
    Ok(diary.applied.len())
}

/// No parcel has two labels that were paid for.
fn labels_are_bought_once(room: &Room, told: &mut Told) {
    let mut keys: BTreeMap<String, u32> = BTreeMap::new();
    for parcel in room.chain.carrier.parcels().into_iter().filter(|parcel| !parcel.voided) {
        *keys.entry(parcel.key).or_default() += 1;
    }
    for (key, times) in keys.iter().filter(|(_, times)| **times > 1) {
        told.broken.push(format!("the carrier sold {times} labels for {key}"));
    }
    told.figure("carrier_labels", keys.len());
}

async fn exceptions_are_expected(room: &Room, expected: &[&str], told: &mut Told) -> Result<()> {
    let raised = exceptions(room).await?;
    for exception in &raised {
        let code = exception["code"].as_str().unwrap_or_default();
        told.require(expected.contains(&code), || format!("an exception that is not expected: {exception}"));
    }
    let codes: BTreeSet<&str> = raised.iter().filter_map(|exception| exception["code"].as_str()).collect();
    told.figure("exceptions", codes.into_iter().collect::<Vec<_>>());
    Ok(())
}

/// All exceptions that the hub has raised, resolved ones too.
pub async fn exceptions(room: &Room) -> Result<Vec<Value>> {
    let listing = room.chain.hub_api.get("/v1/exceptions?all=true&limit=200").await?;
    Ok(listing["exceptions"].as_array().cloned().unwrap_or_default())
}
