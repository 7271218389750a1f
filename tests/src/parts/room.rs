//! A chain at work: daemons that are started again when they die, staff, customers, and a shop that delivers each
//! order until it is answered.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::demo::chain::{Chain, ChainOptions};
use crate::demo::goods::Want;
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
    sent: Mutex<BTreeSet<String>>,
}

impl Room {
    /// Starts a chain at the broker of this name, with its people.
    pub async fn open(options: ChainOptions) -> Result<Self> {
        let chain = Arc::new(Chain::start(&options).await?);
        let stop = CancellationToken::new();
        let people = set_to_work(&chain, &stop, true);
        Ok(Self { chain, stop, _people: people, sent: Mutex::default() })
    }

    /// The same, and nobody works by themselves: daemons are started again when they die.
    pub async fn open_without_staff(options: ChainOptions) -> Result<Self> {
        let chain = Arc::new(Chain::start(&options).await?);
        let mut people = JoinSet::new();
        people.spawn(chain.hub.clone().watch());
        for site in &chain.sites {
            people.spawn(site.service.clone().watch());
        }
        Ok(Self { chain, stop: CancellationToken::new(), _people: people, sent: Mutex::default() })
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
        let begun = Instant::now();
        while let Err(error) = self.chain.deliver(&placed).await {
            if begun.elapsed() > DELIVERED_WITHIN {
                bail!("order {} was not taken within {DELIVERED_WITHIN:?}: {error:#}", placed.number);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let count = {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.insert(placed.number.clone());
            sent.len()
        };
        if count.is_multiple_of(TWICE_EVERY) {
            // What comes of it is seen at the end, in how often the order is there.
            let _ = self.chain.deliver(&placed).await;
        }
        Ok(placed.number)
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
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all work is done and nothing is under way; how long that took. Then the staff go home.
    pub async fn settle(&self, within: Duration) -> Result<Duration> {
        let begun = Instant::now();
        until_within(within, "all work to be done and both sides to have everything", || async {
            Ok(self.chain.open_tasks(None).await? == 0 && self.chain.is_quiet().await?)
        })
        .await?;
        self.stop.cancel();
        Ok(begun.elapsed())
    }
}
