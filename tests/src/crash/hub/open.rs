//! A hub opened on a disk, and what it is handed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use outpost_config::{HubSettings, RulesHandle, SourceText, resolve};
use outpost_daemon::{Hands, Reading, Supervisor};
use outpost_disk::Disk;
use outpost_edge::testing::CASE_SKU;
use outpost_hub::app::{capture, lease};
use outpost_hub::connect::canonical;
use outpost_hub::ids::Entropy;
use outpost_hub::store::payload::Payload;
use outpost_hub::{Hub, start};
use outpost_model::id::{OrderId, SiteId};
use serde_json::json;

use super::DATABASE;

/// Where the hub's time begins, milliseconds since 1970: that of the site.
pub const BEGIN_MS: i64 = 1_763_877_600_000;

/// A hub that is open and listens nowhere.
pub struct Open {
    /// The hub.
    pub hub: Hub,
    supervisor: Supervisor,
    /// Its clocks.
    pub hands: Hands,
}

/// Opens the hub's database as the daemon does when it starts.
pub async fn open(disk: &Disk, folder: &Path, seed: u64) -> Result<Open> {
    let text = format!(
        "[data]\ndirectory = {:?}\n[database]\nurl = {:?}\nconnections_max = 2\n",
        folder.display().to_string(),
        disk.url(DATABASE)
    );
    let source = SourceText { name: "crash", text: &text };
    let settings = resolve::<HubSettings>(Some(source), []).map_err(|errors| anyhow!("{errors}"))?.settings;
    let rules = RulesHandle::new("crash rules", &always_open()).map_err(|errors| anyhow!("{errors}"))?;
    let supervisor = Supervisor::new();
    let hands = Hands::new(reading(BEGIN_MS)?);
    let hub = start::open_with(settings, rules, &supervisor, hands.clock(), Entropy::seeded(seed)).await?;
    Ok(Open { hub, supervisor, hands })
}

impl Open {
    /// Ends it as a crash would: nothing is waited for but the connections.
    pub async fn close(self) {
        self.supervisor.shut_down();
        self.hub.store.close().await;
    }
}

/// The clocks at this instant.
pub fn reading(wall_ms: i64) -> Result<Reading> {
    let since_boot = Duration::from_millis((wall_ms - BEGIN_MS).unsigned_abs() + 1_000_000);
    let wall = jiff::Timestamp::from_millisecond(wall_ms)?;
    Ok(Reading { wall, since_boot, boot_id: uuid::Uuid::from_u128(1) })
}

/// Rules by which sites are always open: no order waits for the morning.
fn always_open() -> String {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let mut text = String::from("[routing]\nsort = [\"priority\", \"distance\"]\n");
    for service in ["pickup", "ship", "ship_to_store"] {
        text.push_str(&format!("[calendars.standard.open.{service}]\n"));
        days.iter().for_each(|day| text.push_str(&format!("{day} = [\"00:00-24:00\"]\n")));
    }
    let quoted: Vec<String> = days.iter().map(|day| format!("\"{day}\"")).collect();
    text.push_str(&format!(
        "[calendars.standard.collections.default]\ncutoffs = [\"23:00\"]\ndays = [{}]\n",
        quoted.join(", ")
    ));
    text
}

/// Hands an order to the hub as a channel does.
pub async fn capture_order(hub: &Hub, reference: &str, units: u32) -> Result<capture::Answer> {
    let price = json!({ "minor": 1999, "currency": "EUR" });
    let body = serde_json::to_vec(&json!({
        "order": {
            "channel": "web", "channel_ref": reference, "number": format!("#{reference}"),
            "currency": "EUR", "total": price,
            "lines": [{ "sku": CASE_SKU, "title": "A thing", "qty": units, "unit_price": price }],
            "delivery": { "service": "pickup", "site": "berlin-1" },
            "payment": "paid",
        },
        "contact": { "name": "Ada Example", "address": ["Street 1"], "city": "Berlin",
            "postal_code": "10117", "country": "DE" },
    }))?;
    let read = canonical::read(&body, OrderId(hub.ids().uuid()), hub.now())
        .map_err(|why| anyhow!("an order cannot be read: {}", why.sentence))?;
    let raw = Payload { channel: "web".into(), topic: String::new(), delivery: String::new(), body };
    let (key, shared) = (reference.to_owned(), Arc::new((read, raw)));
    let answer = hub.writer.run(key, move |unit| {
        let shared = shared.clone();
        Box::pin(async move { capture::capture(unit, &shared.0, &shared.1).await })
    });
    Ok(answer.await?)
}

/// Leases serials to a site; returns the first one that was not leased.
pub async fn lease_block(hub: &Hub, site: &SiteId) -> Result<u64> {
    let (of, sscc) = (site.clone(), Arc::new(hub.settings.sscc.clone()));
    let leased = hub.writer.run(site.clone(), move |unit| {
        let (site, sscc) = (of.clone(), sscc.clone());
        Box::pin(async move {
            lease::lease(unit, &site, &sscc).await?;
            let next: i64 = sqlx::query_scalar("SELECT max(next) FROM serial").fetch_one(unit.db()).await?;
            Ok(next.unsigned_abs())
        })
    });
    Ok(leased.await?)
}

/// A file of products; the first of all has the bare name.
pub fn product_list(numbers: std::ops::Range<u64>, name: &str) -> String {
    let mut text =
        "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency\n".to_owned();
    for number in numbers {
        let sku = if number == 0 { name.to_owned() } else { format!("{name}-{number}") };
        text.push_str(&format!("{sku},Product {sku},,,500,100,80,60,1999,EUR\n"));
    }
    text
}
