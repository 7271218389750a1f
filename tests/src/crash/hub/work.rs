//! A hub at random: channels send orders, orders are routed, cancelled and imported for, and one real site takes what
//! the hub says and answers it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use outpost_disk::Disk;
use outpost_edge::testing::{Bench, CASE_SKU, site};
use outpost_edge::write::Limits;
use outpost_hub::app::import::{self, Kind};
use outpost_hub::app::{cancel, capture};
use outpost_hub::replicate::notice;
use outpost_hub::store::authority::Life;
use outpost_hub::store::enrollment;
use outpost_hub::{HubError, witness, work};
use outpost_model::id::{OrderId, ReasonCode, SiteId};
use outpost_sync::{Identity, InstallId, Mark, Position};
use rand::RngExt;
use rand::rngs::StdRng;

use super::super::{Defect, Plan};
use super::open::{BEGIN_MS, Open, capture_order, lease_block, open, product_list, reading};
use crate::crash::edge::CHECKPOINT_PAGES;

/// The file of the hub's key.
const KEY: &str = "hub.key";
/// `PRAGMA synchronous` of a hub as it is shipped.
const SYNCHRONOUS_FULL: i64 = 2;

/// Something the hub gave its word for.
#[derive(Debug, Clone)]
pub enum Oath {
    /// An order was answered.
    Captured {
        /// The channel's id.
        reference: String,
        /// Ours.
        id: OrderId,
    },
    /// An import was answered: so many products there are at least.
    Imported {
        /// Products.
        products: u64,
    },
    /// A cancellation was answered.
    Cancelled(OrderId),
    /// An item of the site was acknowledged.
    Taken(Position),
    /// An item was sent to a site.
    Published(SiteId, Mark),
    /// Serials below this one were leased.
    Leased {
        /// The first that was not.
        next: u64,
    },
}

/// A hub on a disk with one real site, and everything it ever answered.
pub struct Office {
    /// The disk it works on.
    pub disk: Disk,
    pub(super) opened: Open,
    folder: tempfile::TempDir,
    /// The site, on a disk of its own that nothing happens to.
    pub(super) bench: Bench,
    _shop: Disk,
    pub(super) install: InstallId,
    oaths: Vec<Oath>,
    orders: BTreeMap<String, OrderId>,
    products: u64,
    pub(super) acknowledged: u64,
    now_ms: i64,
    plan: Plan,
}

impl Office {
    /// A new hub with one site, one product and its stock.
    pub async fn open(disk: Disk, plan: Plan) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        disk.watch_beside(&folder.path().join(witness::FILE));
        let opened = open(&disk, folder.path(), plan.seed).await?;
        let shop = Disk::new();
        let bench = Bench::with(site(&shop.path("outpost.db")), Limits::default());
        let identity = Identity::generate(opened.hub.ids().rng());
        let (oaths, orders) = Default::default();
        let mut office = Self {
            disk,
            opened,
            folder,
            bench,
            _shop: shop,
            install: identity.install(),
            oaths,
            orders,
            products: 1,
            acknowledged: 0,
            now_ms: BEGIN_MS,
            plan,
        };
        office.swear([]);
        office.tune().await?;
        office.import(
            Kind::Sites,
            "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority\n\
             berlin-1,Berlin,store,Etc/UTC,DE,10115,52.53,13.38,pickup|ship,0,1\n"
                .to_owned(),
        )
        .await?;
        office.enroll(identity).await?;
        office.import(Kind::Products, product_list(0..1, CASE_SKU)).await?;
        office.import(Kind::Barcodes, format!("barcode,sku,quantity\n4006381333931,{CASE_SKU},1\n")).await?;
        office
            .import(Kind::Stock, format!("site,sku,location,quantity\nberlin-1,{CASE_SKU},R1,500\n"))
            .await?;
        office.bench.authorize(u64::MAX >> 1);
        office.down().await?;
        office.up(usize::MAX).await?;
        Ok(office)
    }

    /// The hub runs as it is shipped, but with more checkpoints; and the planted defect. The writer's connection is always in a transaction when it is seen.
    async fn tune(&self) -> Result<()> {
        let planted = match self.plan.defect {
            Some(Defect::SynchronousNormal) => Some("PRAGMA synchronous = NORMAL"),
            Some(Defect::SynchronousOff) => Some("PRAGMA synchronous = OFF"),
            _ => None,
        };
        let tuned = self.opened.hub.writer.run("tune", move |unit| {
            Box::pin(async move {
                let mode: String =
                    sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *unit.db()).await?;
                let synced: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *unit.db()).await?;
                if (mode.as_str(), synced) != ("wal", SYNCHRONOUS_FULL) {
                    return Err(HubError::Invariant(format!("the hub runs with {mode} and {synced}")));
                }
                sqlx::raw_sql("COMMIT").execute(unit.db()).await?;
                let pages = format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}");
                sqlx::raw_sql(sqlx::AssertSqlSafe(pages)).execute(unit.db()).await?;
                if let Some(planted) = planted {
                    sqlx::raw_sql(planted).execute(unit.db()).await?;
                }
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(unit.db()).await?;
                Ok(())
            })
        });
        Ok(tuned.await?)
    }

    async fn enroll(&mut self, identity: Identity) -> Result<()> {
        let (site, public) = (self.site(), identity.public());
        let enrolled = self.opened.hub.writer.run(site.clone(), move |unit| {
            let site = site.clone();
            Box::pin(async move {
                let now = unit.now();
                enrollment::put_token(unit.db(), &[8; 32], &site, now).await?;
                enrollment::enroll(unit.db(), &[8; 32], &site, &public, &[9; 32], now).await
            })
        });
        Ok(enrolled.await?)
    }

    /// The oaths that a mark covers.
    pub fn through(&self, mark: u64) -> &[Oath] {
        &self.oaths[..usize::try_from(mark).unwrap_or(usize::MAX).min(self.oaths.len())]
    }

    /// The highest position that the site said to have.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn site(&self) -> SiteId {
        self.bench.core.site().id.clone()
    }

    /// Ends.
    pub async fn close(self) {
        self.opened.close().await;
    }

    /// The same hub, started anew on what a power cut has left; channels and the site go on where they were.
    pub async fn after_the_cut(self, disk: Disk, told: Option<&[u8]>, marked: u64) -> Result<Self> {
        let folder = self.folder(told)?;
        disk.watch_beside(&folder.path().join(witness::FILE));
        // What was answered in earlier lives holds from the first moment of this one.
        disk.mark(marked);
        let Self { opened, mut oaths, plan, now_ms, .. } = self;
        let life = opened.hub.life.incarnation;
        opened.close().await;
        oaths.truncate(usize::try_from(marked).unwrap_or(usize::MAX));
        let opened = open(&disk, folder.path(), plan.seed ^ 0xcafe).await.context("the hub does not open")?;
        if opened.hub.life.incarnation != life && plan.defect.is_none() {
            bail!("the hub takes a power cut for a restored copy");
        }
        opened.hands.set(reading(now_ms)?);
        let office = Self { disk, opened, folder, oaths, ..self };
        office.tune().await?;
        Ok(office)
    }

    /// The planted defect.
    pub fn defect(&self) -> Option<Defect> {
        self.plan.defect
    }

    /// Who the hub is to its sites.
    pub fn life(&self) -> &Life {
        &self.opened.hub.life
    }

    pub(super) fn swear(&mut self, oaths: impl IntoIterator<Item = Oath>) {
        self.oaths.extend(oaths);
        self.disk.mark(self.oaths.len() as u64);
    }

    /// The data folder at a moment when this stood in the hub's witness. The key never changes.
    pub fn folder(&self, told: Option<&[u8]>) -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        fs::copy(self.folder.path().join(KEY), folder.path().join(KEY))?;
        if let Some(told) = told {
            fs::write(folder.path().join(witness::FILE), told)?;
        }
        Ok(folder)
    }

    /// Something happens.
    pub async fn step(&mut self, rng: &mut StdRng) -> Result<()> {
        let passed = rng.random_range(1..20_000);
        self.now_ms += passed;
        self.bench.pass(passed);
        self.opened.hands.set(reading(self.now_ms)?);
        let before = self.disk.operations();
        match rng.random_range(0..22) {
            0..=6 => self.capture(rng).await?,
            7 | 8 => {
                self.hear().await?;
                work::routing::all(&self.opened.hub, true).await?;
            }
            9..=11 => self.down().await?,
            12..=15 => {
                self.work(rng)?;
                self.up(rng.random_range(1..30)).await?;
            }
            16 => self.cancel(rng).await?,
            17 | 18 => self.acknowledge().await?,
            20 => self.lease().await?,
            21 => work::tide::rise(&self.opened.hub).await?,
            _ => {
                let known = self.products;
                self.products += rng.random_range(1..20);
                self.import(Kind::Products, product_list(known..self.products, "EXTRA")).await?;
                let products = self.products;
                self.swear([Oath::Imported { products }]);
            }
        }
        if self.plan.defect == Some(Defect::AnswerBeforeCommit) {
            self.disk.mark_at(before, self.oaths.len() as u64);
        }
        Ok(())
    }

    /// A channel sends some orders at once, now and then one that it has sent before.
    async fn capture(&mut self, rng: &mut StdRng) -> Result<()> {
        let hub = &self.opened.hub;
        let wanted: Vec<(String, u32)> = (0..rng.random_range(1..=4))
            .map(|_| {
                let known = self.orders.len();
                let number = if rng.random_range(0..6) == 0 { rng.random_range(0..=known) } else { known };
                (format!("{}-{number}-{}", self.plan.seed, rng.random_range(0..3)), rng.random_range(1..=3))
            })
            .collect();
        let sent = wanted.iter().map(|(reference, units)| capture_order(hub, reference, *units));
        let answers = futures_util::future::join_all(sent).await;
        let mut captured = Vec::new();
        for ((reference, _), answer) in wanted.into_iter().zip(answers) {
            let (capture::Answer::New(id) | capture::Answer::Repeated(id)) = answer?;
            if self.orders.insert(reference.clone(), id).is_some_and(|known| known != id) {
                bail!("order {reference} was captured twice");
            }
            captured.push(Oath::Captured { reference, id });
        }
        self.swear(captured);
        Ok(())
    }

    /// Orders under way when the power goes: their channel hears nothing.
    pub async fn unanswered(&mut self, rng: &mut StdRng) -> Result<()> {
        let count = rng.random_range(1..=4);
        let (hub, from) = (&self.opened.hub, self.oaths.len());
        let sent = (0..count)
            .map(|number| async move { capture_order(hub, &format!("unanswered-{from}-{number}"), 1).await });
        futures_util::future::try_join_all(sent).await?;
        Ok(())
    }

    async fn cancel(&mut self, rng: &mut StdRng) -> Result<()> {
        let nth = rng.random_range(0..self.orders.len().max(1));
        let Some(id) = self.orders.values().nth(nth).copied() else { return Ok(()) };
        let reason = ReasonCode::new("customer_changed_mind")?;
        let cancelled = self.opened.hub.writer.run(id, move |unit| {
            let reason = reason.clone();
            Box::pin(async move { cancel::cancel(unit, id, &reason, &[]).await })
        });
        if cancelled.await?.is_ok() {
            self.swear([Oath::Cancelled(id)]);
        }
        Ok(())
    }

    /// The site gets serials for its labels. They are pledged beside the database before they are committed.
    async fn lease(&mut self) -> Result<()> {
        let next = lease_block(&self.opened.hub, &self.site()).await?;
        self.swear([Oath::Leased { next }]);
        Ok(())
    }

    async fn import(&self, kind: Kind, text: String) -> Result<()> {
        let text: Arc<str> = text.into();
        let report = self.opened.hub.writer.run("imports", move |unit| {
            let text = text.clone();
            Box::pin(async move { import::import(unit, kind, text.as_bytes()).await })
        });
        match report.await? {
            Ok(report) if report.refused.is_empty() => Ok(()),
            Ok(report) => bail!("an import was refused: {:?}", report.refused.first()),
            Err(rejection) => bail!("an import was refused: {}", rejection.sentence),
        }
    }

    async fn hear(&self) -> Result<()> {
        let site = self.site();
        let heard = self.opened.hub.writer.run(site.clone(), move |unit| {
            let site = site.clone();
            Box::pin(async move { notice::heard(unit, &site, true).await })
        });
        Ok(heard.await?)
    }
}
