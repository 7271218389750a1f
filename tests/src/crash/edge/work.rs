//! A shop at random: staff pick, pack, label, sell and hand over, the hub offers, cancels and acknowledges, and the
//! daemon keeps house.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use outpost_disk::Disk;
use outpost_edge::Site;
use outpost_edge::store::record::CONTACT;
use outpost_edge::store::vault::Vault;
use outpost_edge::testing::{Bench, CASE_SKU, header, product, site};
use outpost_edge::write::{Answer, Job, Limits};
use outpost_model::command::{Command, Subject};
use outpost_model::header::Service;
use outpost_model::id::{CaseId, CommandId, ReasonCode, RecordId};
use outpost_model::intent::HubEvent;
use outpost_model::page::HubPageEvent;
use outpost_sync::seal::NewKey;
use outpost_sync::{Incoming, Item, Query};
use rand::RngExt;
use rand::rngs::StdRng;

use super::super::{Defect, Plan};
use super::DATABASE;
use super::diary::Diary;
use super::keys::somebody;
use crate::crash::edge::commands;

/// Documents that stay open: few, so that documents are saved and opened again all the time.
const OPEN_DOCUMENTS: usize = 4;
/// Pages in the log after which SQLite takes it into the database: few, for the same reason.
pub const CHECKPOINT_PAGES: i64 = 60;
/// `PRAGMA synchronous` of an edge as it is shipped.
const SYNCHRONOUS_FULL: i64 = 2;
/// Units on the shelf.
const UNITS: u32 = 500;

/// A shop on a disk, and everything it ever answered.
pub struct Shop {
    /// The writer, and the hub's half of the conversation.
    pub bench: Bench,
    /// The disk it works on.
    pub disk: Disk,
    /// What was answered.
    pub diary: Diary,
    cases: Vec<CaseId>,
    /// Commands that were given, for retries.
    given: BTreeMap<CommandId, Command>,
    /// All the hub ever sent.
    sent: Vec<Incoming>,
    plan: Plan,
}

impl Shop {
    /// A new shop with goods on its shelf.
    pub fn open(disk: Disk, plan: Plan) -> Result<Self> {
        let database = disk.path(DATABASE);
        let vault = match plan.defect {
            Some(Defect::KeysAfterTheCommit) => Vault::in_memory(),
            _ => Vault::beside(&database),
        };
        let bench = Bench::with(Site { vault, ..site(&database) }, limits());
        let (diary, cases, given, sent) = Default::default();
        let mut shop = Self { bench, disk, diary, cases, given, sent, plan };
        shop.tune()?;
        let lease = HubPageEvent::SerialsLeased {
            extension: 3,
            company_prefix: "4012345".to_owned(),
            first: 1_000,
            count: 1_000,
        };
        let mut items = vec![shop.bench.hub.products(1, &[product(CASE_SKU, "4006381333931")])];
        items.push(shop.bench.hub.opening("batch-1", &[(CASE_SKU, "R1", UNITS)]));
        items.extend(shop.bench.hub.page(lease));
        let batch = shop.batch(items);
        shop.group(vec![batch])?;
        shop.bench.authorize(u64::MAX >> 1);
        Ok(shop)
    }

    fn tune(&self) -> Result<()> {
        let conn = self.bench.core.connection();
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        let synced: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        if (mode.as_str(), synced) != ("wal", SYNCHRONOUS_FULL) {
            bail!("the edge runs with {mode} and {synced}");
        }
        match self.plan.defect {
            Some(Defect::SynchronousNormal) => conn.pragma_update(None, "synchronous", "NORMAL")?,
            Some(Defect::SynchronousOff) => conn.pragma_update(None, "synchronous", "OFF")?,
            _ => {}
        }
        Ok(())
    }

    /// The planted defect.
    pub fn defect(&self) -> Option<Defect> {
        self.plan.defect
    }

    /// A command that was given.
    pub fn given(&self, id: CommandId) -> Option<&Command> {
        self.given.get(&id)
    }

    /// The same shop, started anew on what a power cut has left, after which the hub sends again what is missing.
    pub fn after_the_cut(self, disk: Disk, marked: u64) -> Result<Self> {
        let Self { bench, mut diary, cases, given, sent, plan, .. } = self;
        diary.cut(marked);
        // What was answered in earlier lives holds from the first moment of this one.
        disk.mark(marked);
        let bench = bench.moved(&disk.path(DATABASE), limits()).context("the shop does not open any more")?;
        let mut shop = Self { bench, disk, diary, cases, given, sent, plan };
        shop.tune()?;
        shop.note_written()?;
        shop.send_again()?;
        Ok(shop)
    }

    /// The hub's cursor is in the database: it sends what comes after it.
    fn send_again(&mut self) -> Result<()> {
        let hub = outpost_edge::replicate::apply::HUB;
        let known = outpost_journal::progress(self.bench.core.connection(), hub)?;
        let missing: Vec<Incoming> = self
            .sent
            .iter()
            .filter(|item| {
                let of = known.iter().find(|known| known.incarnation() == item.position.incarnation);
                !of.is_some_and(|known| known.contains(item.position.n))
            })
            .cloned()
            .collect();
        if !missing.is_empty() {
            let job = Job::Merge(self.bench.hub.batch(missing));
            self.group(vec![job])?;
        }
        Ok(())
    }

    /// Something happens.
    pub fn step(&mut self, rng: &mut StdRng) -> Result<()> {
        self.bench.pass(rng.random_range(1..20_000));
        let before = self.disk.operations();
        match rng.random_range(0..20) {
            0..=12 => {
                let jobs = (0..rng.random_range(1..=6)).map(|_| self.command(rng)).collect::<Vec<_>>();
                self.group(jobs)?;
            }
            13 | 14 => {
                let items = self.offers(rng);
                let batch = self.batch(items);
                self.group(vec![batch])?;
            }
            15 => {
                let items = self.intents(rng);
                if !items.is_empty() {
                    let batch = self.batch(items);
                    self.group(vec![batch])?;
                }
            }
            16 | 17 => self.acknowledge(rng)?,
            18 => self.keep_house(rng)?,
            _ => self.look_after_the_log(rng)?,
        }
        if self.plan.defect == Some(Defect::AnswerBeforeCommit) {
            self.disk.mark_at(before, self.diary.mark());
        }
        self.note_written()
    }

    /// Commands under way when the power goes: nobody hears of them.
    pub fn unanswered(&mut self, rng: &mut StdRng) -> Result<()> {
        for _ in 0..rng.random_range(1..=3) {
            let jobs: Vec<Job> = (0..rng.random_range(1..=4)).map(|_| self.command(rng)).collect();
            self.bench.group(&jobs)?;
        }
        self.note_written()
    }

    /// Runs a group and notes its answers as given.
    fn group(&mut self, jobs: Vec<Job>) -> Result<()> {
        let committed = self.bench.group(&jobs)?;
        self.note_keys(&jobs)?;
        for (job, answer) in jobs.iter().zip(&committed.answers) {
            match (job, answer) {
                (_, Answer::Failed(failed)) => bail!("a healthy disk failed: {}", failed.code),
                (Job::Command(command), answer) => self.diary.answered(command.id, answer),
                (Job::Merge(batch), Answer::Merged(refused)) => {
                    if let Some(refused) = refused.first() {
                        bail!("the hub's item {} was refused: {}", refused.position.n, refused.reason);
                    }
                    batch.items.iter().for_each(|item| self.diary.merged(item.position));
                }
                _ => {}
            }
        }
        self.disk.mark(self.diary.mark());
        Ok(())
    }

    /// Notes the keys of what the hub has sent. The planted defect writes them to the disk only now.
    fn note_keys(&mut self, jobs: &[Job]) -> Result<()> {
        let vault = self.bench.core.site().vault.clone();
        let mut late = Vec::new();
        for job in jobs {
            let Job::Merge(batch) = job else { continue };
            for item in &batch.items {
                let Item::Record(record) = &item.item else { continue };
                if record.kind != CONTACT {
                    continue;
                }
                let Some(secret) = vault.get(CONTACT, &record.key)? else { continue };
                self.diary.keys.insert(record.key.clone());
                let (kind, key) = (record.kind.clone(), record.key.clone());
                late.push(NewKey { kind, key, secret, retain_until_ms: i64::MAX });
            }
        }
        if self.plan.defect == Some(Defect::KeysAfterTheCommit) {
            Vault::beside(&self.disk.path(DATABASE)).keep(&late)?;
        }
        Ok(())
    }

    /// Notes which keys are gone: no image of later may hold them.
    fn note_deleted(&mut self) -> Result<()> {
        let vault = self.bench.core.site().vault.clone();
        for record in self.diary.keys.iter().cloned().collect::<Vec<_>>() {
            if vault.get(CONTACT, &record)?.is_none() {
                self.diary.closed(record);
            }
        }
        self.disk.mark(self.diary.mark());
        Ok(())
    }

    fn command(&mut self, rng: &mut StdRng) -> Job {
        let again = rng.random_range(0..12) == 0;
        if let (true, Some(command)) = (again, self.given.values().next_back().cloned()) {
            return Job::Command(Box::new(command));
        }
        let subject = if self.cases.is_empty() || rng.random_range(0..10) == 0 {
            Subject::Site(commands::of_site(rng))
        } else {
            // Mostly recent cases: so that some of them come to their end.
            let recent = self.cases.len().saturating_sub(8);
            let case = self.cases[rng.random_range(recent..self.cases.len())];
            Subject::Case { case, command: commands::of_case(rng, case, self.bench.now.wall) }
        };
        let mut command = self.bench.command(CaseId(uuid::Uuid::nil()), commands::accept());
        command.subject = subject;
        self.given.insert(command.id, command.clone());
        Job::Command(Box::new(command))
    }

    fn batch(&mut self, items: Vec<Incoming>) -> Job {
        self.sent.extend(items.iter().cloned());
        Job::Merge(self.bench.hub.batch(items))
    }

    fn offers(&mut self, rng: &mut StdRng) -> Vec<Incoming> {
        let named = self.bench.core.site().id.clone();
        (0..rng.random_range(1..=3))
            .map(|_| {
                let service = Service::ALL[rng.random_range(0..Service::ALL.len())];
                let case = self.bench.new_case();
                let units = rng.random_range(1..=3);
                self.cases.push(case);
                let mut header = header(&named, case, service, units, self.bench.now.wall);
                let mut items = Vec::new();
                if rng.random_range(0..2) == 0 {
                    let (record, lasts) = (RecordId(case.0), rng.random_range(20_000..600_000));
                    header.consignee = Some(record);
                    items.push(self.bench.hub.contact(record, &somebody(), self.bench.now.wall + lasts));
                }
                items.push(self.bench.hub.offer(&header));
                items
            })
            .collect::<Vec<_>>()
            .concat()
    }

    fn intents(&mut self, rng: &mut StdRng) -> Vec<Incoming> {
        if self.cases.is_empty() {
            return Vec::new();
        }
        let case = self.cases[rng.random_range(0..self.cases.len())];
        let Ok(reason) = ReasonCode::new("customer_changed_mind") else { return Vec::new() };
        let said = match rng.random_range(0..4) {
            0 => HubEvent::HoldRequested { reason },
            1 => HubEvent::UnholdRequested,
            2 => HubEvent::ReleaseRequested { reason },
            _ => HubEvent::CancelRequested { lines: Vec::new(), reason },
        };
        vec![self.bench.hub.say(case, said).1]
    }

    /// What is committed is published; the hub then has some of it.
    fn acknowledge(&mut self, rng: &mut StdRng) -> Result<()> {
        let outbox = self.bench.outbox();
        self.bench.hub.hear(&outbox);
        for outgoing in &outbox {
            self.diary.published(outgoing.mark);
        }
        self.disk.mark(self.diary.mark());
        if let Some(outgoing) = outbox.get(rng.random_range(0..outbox.len().max(1))) {
            let n = self.diary.acknowledged.entry(outgoing.mark.incarnation).or_insert(0);
            *n = outgoing.mark.n.max(*n);
            self.group(vec![Job::Acknowledge(outgoing.mark)])?;
        }
        Ok(())
    }

    fn keep_house(&mut self, rng: &mut StdRng) -> Result<()> {
        let device = (rng.random_range(0..2) == 0).then(|| "no paper".to_owned());
        self.bench.authorize(u64::MAX >> 1);
        self.diary.deletes(self.bench.now.wall);
        self.disk.mark(self.diary.mark());
        let jobs = vec![Job::Housekeep, Job::Device { device: "packing".to_owned(), trouble: device }];
        self.group(jobs)?;
        self.note_deleted()
    }

    fn look_after_the_log(&self, rng: &mut StdRng) -> Result<()> {
        let how = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][rng.random_range(0..4)];
        let conn = self.bench.core.connection();
        conn.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()))?;
        Ok(())
    }

    /// What is written so far, published or not: no later life may use these positions for anything else.
    fn note_written(&mut self) -> Result<()> {
        let conn = self.bench.core.connection();
        let items = outpost_journal::read(conn, &Query::After { after: None }, 1 << 30, usize::MAX)?;
        for outgoing in items {
            let position = outgoing.mark.position();
            let known = self.diary.written.insert(position, outgoing.mark.running);
            if known.is_some_and(|known| known != outgoing.mark.running) {
                bail!("position {} was used twice within one run", position.n);
            }
        }
        self.diary.incarnations.insert(self.bench.core.incarnation());
        Ok(())
    }
}

fn limits() -> Limits {
    Limits { open_documents_max: OPEN_DOCUMENTS }
}
