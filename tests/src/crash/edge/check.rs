//! An image opened by the code that opens a database when the daemon starts.

use std::rc::Rc;

use outpost_disk::{Disk, Image};
use outpost_edge::testing::{CASE_SKU, site};
use outpost_edge::write::{Answer, Core, Job, Limits};
use outpost_edge::{Ids, store};
use outpost_model::command::{Command, SiteCommand, Subject};
use outpost_model::id::{DeviceId, Sku, StaffId};
use outpost_model::quantity::Quantity;
use outpost_sync::{Incarnation, Query};
use rusqlite::Connection;

use super::super::{Defect, Harm, Report};
use super::diary::{Diary, Oath};
use super::facts::{Facts, digest};
use super::work::Shop;
use super::{DATABASE, Known};

/// What is wrong, and how bad it is.
pub type Wrong = (Harm, String);

/// An image whose database is open and whose writer has not begun.
pub struct Reopened {
    disk: Disk,
    conn: Connection,
    whole: bool,
}

impl Reopened {
    /// Opens the database as the daemon does.
    pub fn open(image: &Image, shop: &Shop) -> Result<Self, Wrong> {
        let disk = Disk::of(image.clone());
        let conn = store::open(&disk.path(DATABASE), shop.bench.now.wall)
            .map_err(|error| (Harm::Damaged, format!("it does not open: {error}")))?;
        // The full check also reads indexes back; a part of the images is enough for it.
        let thorough = image.files.values().map(Vec::len).sum::<usize>() % 8 == 0;
        let pragma = if thorough { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
        let said: Result<String, _> = conn.query_row(pragma, [], |row| row.get(0));
        let whole = said.is_ok_and(|said| said == "ok");
        Ok(Self { disk, conn, whole })
    }

    /// Looks for all that must be there, then lets the writer begin and, when asked to, work.
    pub fn check(
        self,
        shop: &Shop,
        marked: u64,
        goes_on: bool,
        known: &mut Known,
        report: &mut Report,
    ) -> Vec<Wrong> {
        if !self.whole {
            return vec![(Harm::Damaged, "SQLite finds it damaged".to_owned())];
        }
        let facts = match self.facts(known, report) {
            Ok(facts) => facts,
            Err(what) => return vec![(Harm::Damaged, what)],
        };
        let mut wrong: Vec<Wrong> = facts.broken.iter().map(|what| (Harm::Broken, what.clone())).collect();
        answered(&facts, &shop.diary, marked, report, &mut wrong);
        never_written_otherwise(&facts, &shop.diary, &mut wrong);
        wrong.extend(super::keys::check(&self.disk, &self.conn, &shop.diary, marked));
        if let Err(what) = self.begin(&facts, shop, marked, goes_on, report) {
            wrong.push(what);
        }
        wrong
    }

    fn facts(&self, known: &mut Known, report: &mut Report) -> Result<Rc<Facts>, String> {
        let digest = digest(&self.conn).map_err(|error| error.to_string())?;
        if let Some(facts) = known.get(&digest) {
            return Ok(facts.clone());
        }
        report.states += 1;
        let facts = Rc::new(Facts::read(&self.conn)?);
        known.insert(digest, facts.clone());
        Ok(facts)
    }

    /// Starts the writer: a new incarnation, with the last one as its parent. Then a retry hears what was answered, and
    /// new work gets positions that nobody ever had.
    fn begin(
        self,
        facts: &Facts,
        shop: &Shop,
        marked: u64,
        goes_on: bool,
        report: &mut Report,
    ) -> Result<(), Wrong> {
        let reused = |what: String| (Harm::Reused, what);
        let broken = |what: String| (Harm::Broken, what);
        let mut ids = Ids::seeded(marked ^ 0x5eed);
        let database = self.disk.path(DATABASE);
        let mut core = Core::open(self.conn, site(&database), Limits::default(), &mut ids)
            .map_err(|error| broken(format!("the writer does not begin: {error}")))?;
        let incarnation = core.incarnation();
        if shop.diary.incarnations.contains(&incarnation) {
            return Err(reused(format!("incarnation {incarnation}")));
        }
        let links = outpost_journal::links(core.connection()).map_err(|error| broken(error.to_string()))?;
        let link = links.last().copied();
        if link.map(|link| (link.incarnation, link.last)) != Some((incarnation, 0)) {
            return Err(broken("the new incarnation is not the present one".to_owned()));
        }
        if link.and_then(|link| link.parent) != facts.ended {
            return Err(broken("the new incarnation's parent is not where the journal ended".to_owned()));
        }
        if !goes_on {
            return Ok(());
        }
        report.continued += 1;
        if shop.defect() == Some(Defect::ReuseIncarnation) {
            forget_the_new_incarnation(core.connection()).map_err(|error| broken(error.to_string()))?;
        }
        retry(&mut core, &mut ids, shop, marked)?;
        let sale = sale(shop, &mut ids);
        let answer = perform(&mut core, &mut ids, shop, sale)?;
        if !matches!(answer, Answer::Applied(_)) {
            return Err(broken(format!("a sale after the cut: {answer:?}")));
        }
        let new =
            outpost_journal::read(core.connection(), &Query::After { after: None }, 1 << 30, usize::MAX)
                .map_err(|error| broken(error.to_string()))?;
        for outgoing in new.iter().filter(|outgoing| !facts.outbox.contains_key(&outgoing.mark.position())) {
            let of_a_former_life = shop.diary.incarnations.contains(&outgoing.mark.incarnation);
            if of_a_former_life {
                let n = outgoing.mark.n;
                return Err(reused(format!("position {n} of an incarnation that wrote before the cut")));
            }
        }
        Ok(())
    }
}

/// Everything that was answered is in the state.
fn answered(facts: &Facts, diary: &Diary, marked: u64, report: &mut Report, wrong: &mut Vec<Wrong>) {
    let lost = |what: String| (Harm::Lost, what);
    for oath in diary.through(marked) {
        report.answers += 1;
        match oath {
            Oath::Answered(command, outcome) => match facts.outcomes.get(command) {
                Some(found) if found == outcome => {}
                Some(_) => wrong.push((Harm::Broken, format!("command {command} has another outcome"))),
                None => wrong.push(lost(format!("command {command} was answered"))),
            },
            Oath::Merged(position) => {
                let taken = facts.taken.get(&position.incarnation).copied().unwrap_or(0);
                if taken < position.n {
                    wrong.push(lost(format!("the hub's item {} was taken", position.n)));
                }
            }
            // Of keys: see there.
            Oath::Closed(_) => {}
            Oath::Published(mark) => {
                let gone = acknowledged(diary, mark.incarnation) >= mark.n;
                if facts.outbox.get(&mark.position()) != Some(&mark.running) && !gone {
                    wrong.push(lost(format!("position {} was published", mark.n)));
                }
            }
        }
    }
}

fn acknowledged(diary: &Diary, incarnation: Incarnation) -> u64 {
    diary.acknowledged.get(&incarnation).copied().unwrap_or(0)
}

/// No position holds anything but what the one run wrote there, in any of its lives.
fn never_written_otherwise(facts: &Facts, diary: &Diary, wrong: &mut Vec<Wrong>) {
    for (position, running) in &facts.outbox {
        if diary.written.get(position).is_some_and(|known| known != running) {
            wrong.push((Harm::Reused, format!("position {} holds something else", position.n)));
        }
    }
}

/// Asks some answered commands again.
fn retry(core: &mut Core, ids: &mut Ids, shop: &Shop, marked: u64) -> Result<(), Wrong> {
    let answered = shop.diary.through(marked).iter().rev().filter_map(|oath| match oath {
        Oath::Answered(id, outcome) => Some((id, outcome)),
        _ => None,
    });
    for (id, outcome) in answered.take(3) {
        let Some(command) = shop.given(*id) else { continue };
        let answer = perform(core, ids, shop, command.clone())?;
        if !matches!(&answer, Answer::Repeated(again) if again == outcome) {
            return Err((Harm::Lost, format!("a retry of {id} hears {answer:?}")));
        }
    }
    Ok(())
}

fn perform(core: &mut Core, ids: &mut Ids, shop: &Shop, command: Command) -> Result<Answer, Wrong> {
    let broken = |error: &dyn std::error::Error| (Harm::Broken, error.to_string());
    let jobs = [Job::Command(Box::new(command))];
    let mut committed = core.run(&shop.bench.now, ids, &jobs).map_err(|error| broken(&error))?;
    core.confirm(&shop.bench.now, &mut committed).map_err(|error| broken(&error))?;
    committed.answers.pop().ok_or_else(|| (Harm::Broken, "no answer".to_owned()))
}

fn sale(shop: &Shop, ids: &mut Ids) -> Command {
    let (Ok(staff), Ok(device), Ok(sku)) = (StaffId::new("099"), DeviceId::new("till"), Sku::new(CASE_SKU))
    else {
        unreachable!("these names are within limits")
    };
    let sell = SiteCommand::Sell { sku, qty: Quantity::ONE, location: None, receipt: None };
    let id = ids.command(shop.bench.now.wall);
    Command { id, staff, device, at: None, subject: Subject::Site(sell) }
}

/// The planted defect: the journal goes on under the incarnation that was written before the cut, where there was one.
fn forget_the_new_incarnation(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "DELETE FROM sync_incarnation WHERE ord = (SELECT max(ord) FROM sync_incarnation WHERE owner = '')
             AND (SELECT count(*) FROM sync_incarnation WHERE owner = '') > 1",
    )
}
