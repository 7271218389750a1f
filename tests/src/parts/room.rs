//! A chain at work: daemons that are started again when they die, staff, customers, and a shop that delivers each
//! order until it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::demo::chain::{Chain, ChainOptions};
use crate::demo::checks::documents;
use crate::demo::goods::{Placed, Want};
use crate::demo::set_to_work;
use crate::demo::story::until_within;

/// How long a shop goes on delivering an order that nobody answers.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// Every so many orders one is delivered a second time though it was answered.
const TWICE_EVERY: usize = 5;

/// How much happens: 1 is what `tests/run` does.
#[derive(Debug, Clone, Copy)]
pub struct Scale(pub u32);

impl Scale {
    /// So much of something, a multiple of what scale 1 has.
    pub fn of(self, small: u32) -> u32 {
        small * self.0
    }
}

/// A chain at work.
pub struct Room {
    /// Its daemons.
    pub chain: Arc<Chain>,
    /// Ends the staff's work.
    stop: CancellationToken,
    _people: JoinSet<()>,
    sent: Mutex<BTreeMap<String, Placed>>,
    copies: bool,
}

impl Room {
    /// Starts a chain at the broker of this name, with its people.
    pub async fn open(options: ChainOptions) -> Result<Self> {
        let chain = Arc::new(Chain::start(&options).await?);
        let stop = CancellationToken::new();
        let people = set_to_work(&chain, &stop, true);
        Ok(Self { chain, stop, _people: people, sent: Mutex::default(), copies: options.copies })
    }

    /// The same, and nobody works by themselves: daemons are started again when they die.
    pub async fn open_without_staff(options: ChainOptions) -> Result<Self> {
        let chain = Arc::new(Chain::start(&options).await?);
        let mut people = JoinSet::new();
        people.spawn(chain.hub.clone().watch());
        for site in &chain.sites {
            people.spawn(site.service.clone().watch());
        }
        let (stop, copies) = (CancellationToken::new(), options.copies);
        Ok(Self { chain, stop, _people: people, sent: Mutex::default(), copies })
    }

    /// What most scenarios want: three stores, few products, and so much stock that orders never run out of it.
    pub fn options(broker: &str, keep: Option<PathBuf>) -> ChainOptions {
        ChainOptions {
            broker: broker.to_owned(),
            keep,
            seed: 11,
            plenty: Some(20_000),
            sites: Some(3),
            ..ChainOptions::default()
        }
    }

    /// Places an order and delivers it until it is answered, as shops do; every fifth once more.
    pub async fn order(&self, want: &Want) -> Result<String> {
        let placed = self.chain.goods().place(want)?;
        self.deliver(&placed).await?;
        let count = {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.insert(placed.number.clone(), placed.clone());
            sent.len()
        };
        if count.is_multiple_of(TWICE_EVERY) {
            // What comes of it is seen at the end, in how often the order is there.
            let _ = self.chain.deliver(&placed).await;
        }
        Ok(placed.number)
    }

    async fn deliver(&self, placed: &Placed) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.chain.deliver(placed).await {
            if begun.elapsed() > DELIVERED_WITHIN {
                bail!("order {} was not taken within {DELIVERED_WITHIN:?}: {error:#}", placed.number);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Delivers once more, byte for byte, all orders but those whose numbers are in `before`; how many.
    pub async fn deliver_again(&self, before: &BTreeSet<String>) -> Result<usize> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let again: Vec<Placed> = sent
            .into_iter()
            .filter(|(number, _)| !before.contains(number))
            .map(|(_, placed)| placed)
            .collect();
        for placed in &again {
            self.deliver(placed).await?;
        }
        Ok(again.len())
    }

    /// Orders of every kind, one after the other, with a pause in between.
    pub async fn orders(&self, count: u32, pause: Duration) -> Result<()> {
        let sites = self.chain.goods().sites();
        for k in 0..count {
            let want = match k % 4 {
                0 => Want::pickup(&sites[0], 2),
                1 => Want::pickup(&sites[1], 1),
                2 => Want::split(),
                _ => Want::ship(2),
            };
            self.order(&want).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Numbers of the orders that were answered.
    pub fn sent(&self) -> BTreeSet<String> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Waits until all work is done and nothing is under way; how long that took. Then the staff go home.
    pub async fn settle(&self, within: Duration) -> Result<Duration> {
        let settled = self.rest(within).await?;
        self.stop.cancel();
        Ok(settled)
    }

    /// Whether nothing is under way. Where sites keep what no copy of the hub's database contains, they count that as
    /// not acknowledged, and the documents tell.
    async fn is_quiet(&self) -> Result<bool> {
        if !self.copies {
            return self.chain.is_quiet().await;
        }
        for site in &self.chain.sites {
            let here = documents(&site.api.get("/v1/sync/documents").await?);
            let there =
                documents(&self.chain.hub_api.get(&format!("/v1/sites/{}/documents", site.id)).await?);
            let same = here.len() == there.len()
                && here
                    .iter()
                    .all(|(name, row)| there.get(name).is_some_and(|other| other["heads"] == row["heads"]));
            let printing =
                site.api.get("/v1/devices").await?["live"].as_array().is_none_or(|jobs| !jobs.is_empty());
            if !same || printing {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until all work is done and nothing is under way.
    pub async fn rest(&self, within: Duration) -> Result<Duration> {
        let begun = Instant::now();
        until_within(within, "all work to be done and both sides to have everything", || async {
            Ok(self.chain.open_tasks(None).await? == 0 && self.is_quiet().await?)
        })
        .await?;
        Ok(begun.elapsed())
    }
}
