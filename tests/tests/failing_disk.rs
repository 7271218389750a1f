//! Every call to the disk fails once, or from some moment on: what was answered stays, new work is refused with a
//! reason, and the core goes on when the disk does. After a COMMIT that failed it is started anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::BTreeMap;

use outpost_daemon::DiskTrouble;
use outpost_disk::{Call, Disk, Fault, Honesty, Kind, Loss, Trouble};
use outpost_edge::testing::{Bench, site};
use outpost_edge::write::{Answer, Job, Limits};
use outpost_lab::crash::edge::{Facts, commands};
use outpost_model::command::{Command, Outcome};
use outpost_model::header::Service;
use outpost_model::id::{CaseId, CommandId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

const DATABASE: &str = "outpost.db";
const GROUPS: usize = 14;

/// A shop on a disk that fails, and what it answered.
struct Shop {
    disk: Disk,
    bench: Bench,
    cases: Vec<CaseId>,
    answered: BTreeMap<CommandId, Outcome>,
    rng: StdRng,
}

/// How a group ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Answered,
    Refused(DiskTrouble),
    FateUnknown,
}

impl Shop {
    fn open() -> Self {
        let disk = Disk::recorded();
        let mut bench = Bench::with(site(&disk.path(DATABASE)), Limits { open_documents_max: 2 });
        bench.core.connection().pragma_update(None, "wal_autocheckpoint", 25).unwrap();
        bench.stock(200);
        let cases = bench.offer(Service::Pickup, 4);
        Self { disk, bench, cases, answered: BTreeMap::new(), rng: StdRng::seed_from_u64(9) }
    }

    fn commands(&mut self) -> Vec<Command> {
        (0..2)
            .map(|_| {
                let case = self.cases[self.rng.random_range(0..self.cases.len())];
                let does = commands::of_case(&mut self.rng, case, self.bench.now.wall);
                self.bench.command(case, does)
            })
            .collect()
    }

    fn group(&mut self, given: &[Command]) -> End {
        let jobs: Vec<Job> = given.iter().map(|command| Job::Command(Box::new(command.clone()))).collect();
        let Ok(committed) = self.bench.group(&jobs) else { return End::FateUnknown };
        let mut end = End::Answered;
        for (command, answer) in given.iter().zip(&committed.answers) {
            let outcome = match answer {
                Answer::Applied(events) => Outcome::Applied { events: events.clone() },
                Answer::Rejected(rejection) => Outcome::Rejected { rejection: rejection.clone() },
                Answer::Repeated(outcome) => outcome.clone(),
                Answer::Failed(failed) => {
                    end = End::Refused(failed.disk().expect("a failing disk is told as one"));
                    assert_eq!(committed.trouble, failed.disk());
                    continue;
                }
                other => panic!("not an answer to a command: {other:?}"),
            };
            if let Some(before) = self.answered.insert(command.id, outcome.clone()) {
                assert_eq!(before, outcome, "a command has two outcomes");
            }
        }
        end
    }

    /// The process ends at once, as the daemon does, and another takes over the files as they are, with the disk in
    /// order again.
    fn restart(self, log_is_written_again: bool) -> Self {
        self.disk.heal();
        self.disk.kill_users();
        if log_is_written_again {
            self.disk.write_again(DATABASE);
        }
        let bench = self.bench.killed(Limits { open_documents_max: 2 }).unwrap();
        Self { bench, ..self }
    }

    /// Everything that was answered is there, on this disk and on images of it after a power cut.
    fn check(&mut self, what: &str) {
        let found = facts(&self.disk, what);
        self.all_there(&found, what);
        let tape = self.disk.tape();
        let mut player = tape.player(Honesty::Honest);
        player.play_to(tape.len(), &mut self.rng);
        for _ in 0..3 {
            let image = Disk::of(player.crash(Loss::any(&mut self.rng), &mut self.rng));
            let found = facts(&image, what);
            self.all_there(&found, &format!("after a power cut, {what}"));
        }
    }

    fn all_there(&self, found: &Facts, what: &str) {
        assert!(found.broken.is_empty(), "{what}: {:?}", found.broken);
        for (command, outcome) in &self.answered {
            assert_eq!(found.outcomes.get(command), Some(outcome), "{what}: {command} was answered");
        }
    }
}

fn facts(disk: &Disk, what: &str) -> Facts {
    let conn = Connection::open(disk.path(DATABASE)).unwrap();
    let said: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(said, "ok", "{what}");
    Facts::read(&conn).unwrap()
}

/// Works on a disk that fails as planned. Says how often groups were refused and how often the process had to end.
fn endure(fault: Fault) -> Option<(u32, u32)> {
    let what = format!("{fault:?}");
    let mut shop = Shop::open();
    shop.disk.fail(fault);
    let (mut refused, mut ended) = (0, 0);
    let mut waiting: Vec<Vec<Command>> = Vec::new();
    for _ in 0..GROUPS {
        let given = shop.commands();
        match shop.group(&given) {
            End::Answered => {}
            End::Refused(_) => {
                refused += 1;
                waiting.push(given);
                if fault.call != Some(Call::Read) {
                    // Nothing was saved, and what was saved before can be read.
                    let case = shop.cases[0];
                    assert_eq!(shop.bench.case(case).header.case, case, "{what}");
                }
            }
            End::FateUnknown => {
                ended += 1;
                waiting.push(given);
                shop = shop.restart(true);
            }
        }
    }
    if shop.disk.failed_calls() == 0 && ended == 0 {
        return None;
    }
    shop.disk.heal();
    assert_eq!(shop.bench.job(Job::Probe), Answer::Done, "{what}: the disk is in order again");
    for given in waiting {
        assert_eq!(shop.group(&given), End::Answered, "{what}: given once more");
    }
    shop.check(&what);
    Some((refused, ended))
}

/// Fails each call of a kind in turn, until there is none left to fail; every `stride`-th of them.
fn sweep(trouble: Trouble, call: Call, kind: Kind, times: u64, stride: u64) -> (u32, u32) {
    let scale: f64 =
        std::env::var("OUTPOST_SIM_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let stride = ((stride as f64 / scale) as u64).max(1);
    let (mut refused, mut ended) = (0, 0);
    let mut nth = 1;
    while let Some((more_refused, more_ended)) =
        endure(Fault { times, ..Fault::once(trouble, call, Some(kind), nth) })
    {
        refused += more_refused;
        ended += more_ended;
        nth += stride;
    }
    assert!(nth > 1, "{call:?} of {kind:?} was never called");
    (refused, ended)
}

#[test]
fn a_full_log_refuses_work_and_goes_on_when_there_is_room() {
    for trouble in [Trouble::Full, Trouble::Short] {
        let (refused, ended) = sweep(trouble, Call::Write, Kind::Log, 1, 9);
        assert!(refused > 0, "{trouble:?}");
        assert_eq!(ended, 0, "a full disk does not end the process");
        let (refused, ended) = sweep(trouble, Call::Write, Kind::Log, u64::MAX, 31);
        assert!(refused > 20 && ended == 0, "{trouble:?}: {refused} refused, {ended} ended");
    }
}

#[test]
fn a_log_that_cannot_be_written_ends_the_process() {
    let (_, ended) = sweep(Trouble::Io, Call::Write, Kind::Log, 1, 9);
    assert!(ended > 0);
}

#[test]
fn a_sync_that_fails_ends_the_process_and_no_later_one_hides_it() {
    let (_, ended) = sweep(Trouble::Io, Call::Sync, Kind::Log, 1, 2);
    assert!(ended > 0);
}

#[test]
fn a_log_that_cannot_be_read_loses_nothing() {
    let mut nth = 1;
    while endure(Fault::once(Trouble::Io, Call::Read, Some(Kind::Log), nth)).is_some() {
        nth += 5;
    }
}

#[test]
fn a_database_that_cannot_be_written_or_read_loses_nothing() {
    for (call, stride) in [(Call::Write, 11), (Call::Sync, 1), (Call::Read, 9), (Call::Truncate, 1)] {
        for trouble in [Trouble::Io, Trouble::Full] {
            let mut nth = 1;
            while endure(Fault::once(trouble, call, Some(Kind::Database), nth)).is_some() {
                nth += stride;
            }
        }
    }
}

/// What is done about a sync that failed: its bytes are in memory only, and no later sync writes them. A process that
/// goes on from there, even a new one, builds on a log with a hole. So the log is written once more before it is opened.
#[test]
fn a_log_that_was_not_written_again_after_a_failed_sync_loses_answers() {
    let mut lost = 0;
    for nth in 1..12 {
        let mut shop = Shop::open();
        shop.disk.fail(Fault::once(Trouble::Io, Call::Sync, Some(Kind::Log), nth));
        let ended = (0..GROUPS).any(|_| {
            let given = shop.commands();
            shop.group(&given) == End::FateUnknown
        });
        if !ended {
            // It was a sync of a checkpoint that failed: that is made again, with all it has to write.
            continue;
        }
        shop = shop.restart(false);
        let given = shop.commands();
        shop.group(&given);
        let tape = shop.disk.tape();
        let mut player = tape.player(Honesty::Honest);
        player.play_to(tape.len(), &mut shop.rng);
        let image = Disk::of(player.crash(Loss::Everything, &mut shop.rng));
        let there = Connection::open(image.path(DATABASE)).ok().and_then(|conn| Facts::read(&conn).ok());
        let all = there.is_some_and(|there| {
            shop.answered.iter().all(|(command, outcome)| there.outcomes.get(command) == Some(outcome))
        });
        lost += u32::from(!all);
    }
    assert!(lost > 0, "the planted omission was not found");
}
