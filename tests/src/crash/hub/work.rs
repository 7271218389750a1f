//! A hub at random: channels send orders, orders are routed, cancelled and imported for, and one real site takes what
//! the hub says and answers it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use outpost_disk::Disk;
use outpost_edge::testing::{Bench, CASE_SKU, site};
use outpost_edge::write::{Answer as SiteAnswer, Job, Limits};
use outpost_hub::app::import::{self, Kind};
use outpost_hub::app::{authority, cancel, capture};
use outpost_hub::replicate::apply::{self, Applied};
use outpost_hub::replicate::notice;
use outpost_hub::store::{enrollment, inbox, outbox};
use outpost_hub::{witness, work};
use outpost_model::command::Subject;
use outpost_model::id::{CaseId, DocumentKey, OrderId, ReasonCode, SiteId};
use outpost_sync::{Batch, Identity, Incoming, InstallId, Mark, Outgoing, Position, Query};
use rand::RngExt;
use rand::rngs::StdRng;

use super::super::{Defect, Plan};
use super::open::{BEGIN_MS, Open, capture_order, open, product_list, reading};
use crate::crash::edge::{CHECKPOINT_PAGES, commands};

/// The file of the hub's key.
const KEY: &str = "hub.key";

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
}

/// A hub on a disk with one real site, and everything it ever answered.
pub struct Office {
    /// The disk it works on.
    pub disk: Disk,
    opened: Open,
    folder: tempfile::TempDir,
    /// The site, on a disk of its own that nothing happens to.
    bench: Bench,
    _shop: Disk,
    install: InstallId,
    oaths: Vec<Oath>,
    witnessed: BTreeMap<u64, Vec<u8>>,
    orders: BTreeMap<String, OrderId>,
    products: u64,
    acknowledged: u64,
    now_ms: i64,
    plan: Plan,
}

impl Office {
    /// A new hub with one site, one product and its stock.
    pub async fn open(disk: Disk, plan: Plan) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let opened = open(&disk, folder.path(), plan.seed).await?;
        let shop = Disk::new();
        let bench = Bench::with(site(&shop.path("outpost.db")), Limits::default());
        let identity = Identity::generate(opened.hub.ids().rng());
        let (oaths, orders, witnessed) = Default::default();
        let mut office = Self {
            disk,
            opened,
            folder,
            bench,
            _shop: shop,
            install: identity.install(),
            oaths,
            witnessed,
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

    /// Checkpoints often; and the planted defect. The writer's connection is always in a transaction when it is seen.
    async fn tune(&self) -> Result<()> {
        let normal = self.plan.defect == Some(Defect::SynchronousNormal);
        let tuned = self.opened.hub.writer.run("tune", move |unit| {
            Box::pin(async move {
                sqlx::raw_sql("COMMIT").execute(unit.db()).await?;
                let pages = format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}");
                sqlx::raw_sql(sqlx::AssertSqlSafe(pages)).execute(unit.db()).await?;
                if normal {
                    sqlx::raw_sql("PRAGMA synchronous = NORMAL").execute(unit.db()).await?;
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

    fn site(&self) -> SiteId {
        self.bench.core.site().id.clone()
    }

    /// Ends.
    pub async fn close(self) {
        self.opened.close().await;
    }

    /// The same hub, started anew on what a power cut has left; channels and the site go on where they were.
    pub async fn after_the_cut(self, disk: Disk, marked: u64) -> Result<Self> {
        let folder = self.folder_at(marked)?;
        // What was answered in earlier lives holds from the first moment of this one.
        disk.mark(marked);
        let Self { opened, mut oaths, mut witnessed, plan, now_ms, .. } = self;
        opened.close().await;
        oaths.truncate(usize::try_from(marked).unwrap_or(usize::MAX));
        witnessed.retain(|mark, _| *mark <= marked);
        let opened = open(&disk, folder.path(), plan.seed ^ 0xcafe).await.context("the hub does not open")?;
        opened.hands.set(reading(now_ms)?);
        let office = Self { disk, opened, folder, oaths, witnessed, ..self };
        office.tune().await?;
        Ok(office)
    }

    fn swear(&mut self, oaths: impl IntoIterator<Item = Oath>) {
        self.oaths.extend(oaths);
        let mark = self.oaths.len() as u64;
        self.disk.mark(mark);
        // What is written down beside the database is as old as the database.
        if let Ok(told) = fs::read(self.folder.path().join(witness::FILE)) {
            self.witnessed.insert(mark, told);
        }
    }

    /// What stood beside the database when a mark was made: the hub's key and its witness.
    pub fn folder_at(&self, mark: u64) -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        fs::copy(self.folder.path().join(KEY), folder.path().join(KEY))?;
        if let Some((_, told)) = self.witnessed.range(..=mark).next_back() {
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
        match rng.random_range(0..20) {
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

    /// What the hub has committed is sent; the site takes it.
    async fn down(&mut self) -> Result<()> {
        let site = self.site();
        let mut db = self.opened.hub.store.read().acquire().await?;
        let all = outbox::read(&mut db, &site, &Query::After { after: None }, 100_000, usize::MAX).await?;
        drop(db);
        let published = all.iter().map(|outgoing| Oath::Published(site.clone(), outgoing.mark));
        let published: Vec<Oath> = published.collect();
        self.swear(published);
        let known =
            outpost_journal::progress(self.bench.core.connection(), outpost_edge::replicate::apply::HUB)?;
        let is_new = |mark: &Mark| {
            let of = known.iter().find(|progress| progress.incarnation() == mark.incarnation);
            !of.is_some_and(|progress| progress.contains(mark.n))
        };
        let items: Vec<Incoming> = all.into_iter().filter(|one| is_new(&one.mark)).map(incoming).collect();
        if items.is_empty() {
            return Ok(());
        }
        match self.bench.job(Job::Merge(Batch { site, install: InstallId([7; 16]), items })) {
            SiteAnswer::Merged(refused) if refused.is_empty() => Ok(()),
            answer => bail!("the site does not take what the hub sends: {answer:?}"),
        }
    }

    /// The site's people work.
    fn work(&mut self, rng: &mut StdRng) -> Result<()> {
        let cases = cases(&self.bench)?;
        for _ in 0..rng.random_range(1..=6) {
            let subject = if cases.is_empty() || rng.random_range(0..6) == 0 {
                Subject::Site(commands::of_site(rng))
            } else {
                let recent = cases.len().saturating_sub(6);
                let case = cases[rng.random_range(recent..cases.len())];
                Subject::Case { case, command: commands::of_case(rng, case, self.bench.now.wall) }
            };
            let mut command = self.bench.command(CaseId(uuid::Uuid::nil()), commands::accept());
            command.subject = subject;
            self.bench.job(Job::Command(Box::new(command)));
        }
        Ok(())
    }

    /// The site sends what the hub does not have; the hub acknowledges it after its commit.
    async fn up(&mut self, limit: usize) -> Result<()> {
        let site = self.site();
        let mut db = self.opened.hub.store.read().acquire().await?;
        let known = inbox::progress(&mut db, &site).await?;
        drop(db);
        let is_new = |outgoing: &Outgoing| {
            let of = known.iter().find(|known| known.incarnation() == outgoing.mark.incarnation);
            !of.is_some_and(|known| known.contains(outgoing.mark.n))
        };
        let new: Vec<Outgoing> = self.bench.outbox().into_iter().filter(is_new).take(limit).collect();
        let Some(last) = new.last().map(|outgoing| outgoing.mark) else { return Ok(()) };
        let items = new.into_iter().map(incoming).collect();
        let batch = Arc::new(Batch { site: site.clone(), install: self.install, items });
        let sscc = Arc::new(self.opened.hub.settings.sscc.clone());
        let applied = self.opened.hub.writer.run(site, move |unit| {
            let (batch, sscc) = (batch.clone(), sscc.clone());
            Box::pin(async move { apply::apply(unit, &batch, &sscc).await })
        });
        match applied.await? {
            Applied::Stored(refused) if refused.is_empty() => self.swear([Oath::Taken(last.position())]),
            other => bail!("the hub does not take what the site sends: {other:?}"),
        }
        Ok(())
    }

    /// The site acknowledges what it has.
    async fn acknowledge(&mut self) -> Result<()> {
        let conn = self.bench.core.connection();
        let known = outpost_journal::progress(conn, outpost_edge::replicate::apply::HUB)?;
        let Some(mark) = known.last().map(|progress| progress.mark()) else { return Ok(()) };
        // Known before it is asked: the hub may forget as soon as it has heard of it.
        self.acknowledged = self.acknowledged.max(mark.n);
        let (site, terms) = (self.site(), Arc::new(self.opened.hub.authority_terms()));
        let given = self.opened.hub.writer.run(site.clone(), move |unit| {
            let (site, terms) = (site.clone(), terms.clone());
            Box::pin(async move { authority::acknowledge(unit, &site, mark, &terms).await })
        });
        given.await?;
        Ok(())
    }
}

fn incoming(outgoing: Outgoing) -> Incoming {
    let digest = outgoing.item.digest();
    Incoming { position: outgoing.mark.position(), digest, item: outgoing.item }
}

fn cases(bench: &Bench) -> Result<Vec<CaseId>> {
    let conn = bench.core.connection();
    let mut statement =
        conn.prepare("SELECT DISTINCT doc FROM sync_change WHERE doc LIKE 'case/%' ORDER BY doc")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let keys = names.iter().filter_map(|name| name.parse::<DocumentKey>().ok());
    Ok(keys.filter_map(|key| if let DocumentKey::Case(case) = key { Some(case) } else { None }).collect())
}
