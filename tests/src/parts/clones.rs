//! Two appliances from one disk image, both running. One goes on; the other is refused and says so; a person switches
//! it off.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::api::new_command_id;
use crate::demo::chain::Site;
use crate::demo::goods::Want;
use crate::demo::opening::{copy_folder, start_twin};
use crate::staff::Until;

/// Orders at scale 1 before there are two, and after.
const ORDERS: u32 = 12;
/// Counter sales at each of the two.
const SALES: usize = 20;
const RESTED_WITHIN: Duration = Duration::from_secs(120);
const NOTICED_WITHIN: Duration = Duration::from_secs(60);
/// What people at both ends must be told.
const CLONE: &str = "clone_alive";
/// What else follows from two appliances at work: the other's past is not the site's, what both have written into one
/// document is held, and nothing is promised from the site while it is not known which is the right one.
const FOLLOWS: [&str; 5] = ["site_lost_its_past", "stream_forgotten", "quarantined", "no_site_left", CLONE];

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let room = Room::open(Room::options("mosquitto-acl", keep)).await?;
    let chain = &room.chain;
    let site = &chain.sites[0];
    let at = chain.folder();
    room.orders(scale.of(ORDERS), Duration::from_millis(30)).await?;
    room.rest(RESTED_WITHIN).await?;
    chain.all_staff_until(Until::Untouched);
    site.service.stop().await;
    copy_folder(&at.join(&site.id), &at.join("twin"))?;
    site.service.start().await?;
    site.service.wait_ready(&site.api).await?;
    let twin = start_twin(site, "twin", at, chain.broker_address()).await?;

    // Both work: what each does before one is refused, and after it, is the site's or is kept where it was done.
    let begun = Instant::now();
    sell(&twin, chain.goods().common(), SALES).await?;
    sell(site, chain.goods().common(), SALES).await?;
    for _ in 0..4 {
        room.order(&Want::pickup(&site.id, 1)).await?;
    }
    let refused_is_twin = refused(site, &twin).await?;
    let noticed = begun.elapsed();
    let (refused, winner) = if refused_is_twin { (&twin, site) } else { (site, &twin) };
    sell(refused, chain.goods().common(), SALES).await?;
    let complaint = refused.api.get("/v1/exceptions").await?;
    let told_at_site = complaint.to_string().contains(CLONE);

    // A person switches the refused one off and keeps the other.
    let diary = winner.staff.diary();
    twin.service.stop().await;
    site.service.stop().await;
    std::fs::rename(at.join(if refused_is_twin { "twin" } else { &site.id }), at.join("refused"))?;
    if !refused_is_twin {
        std::fs::rename(at.join("twin"), at.join(&site.id))?;
    }
    site.staff.take_over(diary);
    site.service.start().await?;
    site.service.wait_ready(&site.api).await?;
    chain.all_staff_until(Until::HandedOver);
    room.orders(scale.of(ORDERS), Duration::from_millis(30)).await?;
    let settled = room.settle(RESTED_WITHIN).await?;

    let mut told = Told::default();
    ledger::check(&room, &FOLLOWS, &mut told).await?;
    let told_at_hub = ledger::exceptions(&room).await?.iter().any(|exception| exception["code"] == CLONE);
    told.require(told_at_site && told_at_hub, || {
        format!("{CLONE} was raised at the refused appliance: {told_at_site}, at the hub: {told_at_hub}")
    });
    told.figure("noticed_after_seconds", tenths(noticed));
    told.figure("settled_seconds", tenths(settled));
    told.figure("refused", if refused_is_twin { "the copy" } else { "the original" });
    told.sentence = format!(
        "one of two appliances from one disk was refused after {noticed:.1?} and told so at both ends; the other one's {} \
         orders and the site's {} answered commands are there once",
        told.figures["orders"], told.figures["commands_answered"]
    );
    Ok(told)
}

async fn sell(site: &Site, skus: &[String], count: usize) -> Result<()> {
    let sale = |k: usize| json!({ "do": "sell", "sku": skus[k % skus.len()], "qty": 1, "receipt": new_command_id() });
    site.staff.act_all((0..count).map(sale).collect()).await?;
    Ok(())
}

/// Waits until one of the two is refused, and the other is heard; whether the refused one is the copy.
async fn refused(site: &Site, twin: &Site) -> Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < NOTICED_WITHIN {
        let (one, other) = (site.api.get("/v1/sync").await?, twin.api.get("/v1/sync").await?);
        let stands =
            |sync: &serde_json::Value| (sync["line"]["up"] == true, sync["line"]["taken_over"] == true);
        match (stands(&one), stands(&other)) {
            ((true, false), (false, true)) => return Ok(true),
            ((false, true), (true, false)) => return Ok(false),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    bail!("after {NOTICED_WITHIN:?} neither of the two was refused")
}
