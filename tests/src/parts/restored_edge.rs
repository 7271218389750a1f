//! A store's appliance is put back to yesterday's copy of its disk.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::demo::goods::Want;
use crate::demo::opening::copy_folder;
use crate::demo::story::until_within;
use crate::staff::Until;

/// Orders at scale 1 before the copy, after it, and when the store is back.
const ORDERS: u32 = 12;
const RESTED_WITHIN: Duration = Duration::from_secs(120);
/// What an operator must be told. Of what follows from it they are told as well: that items are gone which the old copy
/// asks for, and that orders wait which no other site can take.
const LOST: &str = "site_lost_its_past";

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let room = Room::open(Room::options("mosquitto-acl", keep)).await?;
    let chain = &room.chain;
    let site = &chain.sites[0];
    let (data, yesterday) = (chain.folder().join(&site.id), chain.folder().join("yesterday"));
    work(&room, scale).await?;
    site.service.stop().await;
    copy_folder(&data, &yesterday)?;
    site.service.start().await?;
    site.service.wait_ready(&site.api).await?;

    let before: BTreeSet<String> = site.staff.diary().applied.into_keys().collect();
    work(&room, scale).await?;
    let forgotten: BTreeSet<String> =
        site.staff.diary().applied.into_keys().filter(|command| !before.contains(command)).collect();

    // What people write before the hub's first word, into a case whose lost part it gives back, would be held.
    room.chain.all_staff_until(Until::Untouched);
    site.service.stop().await;
    std::fs::rename(&data, chain.folder().join("lost"))?;
    std::fs::rename(&yesterday, &data)?;
    site.service.start().await?;
    site.service.wait_ready(&site.api).await?;
    until_within(RESTED_WITHIN, "the loss to be noticed", || async {
        Ok(ledger::exceptions(&room).await?.iter().any(|exception| exception["code"] == LOST))
    })
    .await?;
    room.chain.all_staff_until(Until::HandedOver);
    work(&room, scale).await?;
    let settled = room.settle(RESTED_WITHIN).await?;

    let mut told = Told::default();
    ledger::check_but(&room, &[LOST, "stream_forgotten", "no_site_left"], &forgotten, &mut told).await?;
    told.require(!forgotten.is_empty(), || "nothing was lost: the scenario shows nothing".to_owned());
    told.figure("commands_lost_at_the_site", forgotten.len());
    told.figure("settled_seconds", tenths(settled));
    told.sentence = format!(
        "the store lost {} answered commands with its disk: their events came back from the hub, {} orders are there \
         once after {settled:.1?}, {LOST} was raised",
        forgotten.len(),
        told.figures["orders"]
    );
    Ok(told)
}

/// Orders for the store and others, some counter sales, and all of it done.
async fn work(room: &Room, scale: Scale) -> Result<()> {
    let site = &room.chain.sites[0];
    for _ in 0..scale.of(ORDERS) {
        room.order(&Want::pickup(&site.id, 2)).await?;
    }
    room.orders(4, Duration::ZERO).await?;
    room.chain.sell_something(&site.id, 3).await?;
    room.rest(RESTED_WITHIN).await?;
    Ok(())
}
