//! What a site's daemon does: the host that moves things between session and writer, as the daemon's driver does.

use std::collections::VecDeque;

use anyhow::Result;
use outpost_edge::replicate::apply::HUB;
use outpost_edge::replicate::conversation;
use outpost_edge::store::past;
use outpost_edge::write::{Answer, Job};
use outpost_model::command::{CaseCommand, Subject};
use outpost_model::fact::LabelKind;
use outpost_sync::{Effect, Input, Notice};

use super::defects::Defect;
use super::disk;
use super::edge::{EdgeNode, Said, settings};

/// How long acknowledgements are gathered, as the driver does.
const ACKNOWLEDGE_EVERY: u64 = 500;
/// How long one waits that could not be written down.
const ACKNOWLEDGE_AGAIN: u64 = 5_000;

/// Of a defect: commits that a crash takes, at most.
const COMMITS_LOST: u32 = 6;

impl EdgeNode {
    /// Hands something to the session and carries out what follows.
    pub fn give(&mut self, now: u64, input: Input, said: &mut Said) -> Result<()> {
        let mut inputs = VecDeque::from([input]);
        match &inputs[0] {
            Input::LineUp => self.line_up = true,
            Input::LineDown => self.line_up = false,
            _ => {}
        }
        while let Some(input) = inputs.pop_front() {
            let clocks = self.clocks.now(now);
            let Some(running) = &mut self.running else { return Ok(()) };
            for effect in running.session.handle(clocks, &mut self.rng, input) {
                self.carry_out(now, effect, &mut inputs, said)?;
                if said.died.is_some() {
                    return Ok(());
                }
                if std::mem::take(&mut said.anew) {
                    inputs = self.begin_anew()?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Another session, from what is written down; what it is told first.
    fn begin_anew(&mut self) -> Result<VecDeque<Input>> {
        let Some(running) = &mut self.running else { return Ok(VecDeque::new()) };
        let (site, key) = (self.id.clone(), self.identity.clone());
        running.session = conversation::open(running.core.connection(), settings(), site, key, self.hub)?;
        let loss = past::open(running.core.connection())?;
        running.lost = loss.and_then(|loss| loss.lost.last().copied());
        Ok(self.line_up.then_some(Input::LineUp).into_iter().collect())
    }

    fn carry_out(
        &mut self,
        now: u64,
        effect: Effect,
        inputs: &mut VecDeque<Input>,
        said: &mut Said,
    ) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        match effect {
            Effect::Publish { bytes, .. } => said.frames.push(bytes),
            Effect::Read { query, limit, bytes_max } => {
                let mut items = outpost_journal::read(running.core.connection(), &query, limit, bytes_max)?;
                if self.defect == Some(Defect::CursorOverUncommitted) && items.len() > 2 {
                    // A row that is not visible yet when the cursor passes it.
                    items.remove(items.len() / 2);
                }
                inputs.push_back(Input::Read { query, items });
            }
            Effect::Store(batch) if self.defect == Some(Defect::AcknowledgeBeforeCommit) => {
                running.owed.push(Job::Merge(batch));
                running.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_EVERY);
                inputs.push_back(Input::Stored { refused: Vec::new() });
            }
            Effect::Store(batch) => {
                let answers = self.run(now, &[Job::Merge(batch)], said, inputs)?;
                inputs.push_back(match answers.into_iter().next() {
                    Some(Answer::Merged(refused)) => {
                        said.set_aside.extend(refused.iter().cloned());
                        Input::Stored { refused }
                    }
                    Some(Answer::Deferred { refused, later }) => {
                        said.set_aside.extend(refused.iter().cloned());
                        Input::StoredBut { refused, later }
                    }
                    _ if self.defect == Some(Defect::IgnoreAFailedStore) && said.died.is_none() => {
                        Input::Stored { refused: Vec::new() }
                    }
                    _ => Input::StoreFailed,
                });
                self.count_parked(inputs)?;
            }
            Effect::Look(look) => {
                let seen = outpost_journal::look(running.core.connection(), HUB, &look)?;
                inputs.push_back(Input::Seen(seen));
            }
            Effect::Mend(mend) => {
                let answers = self.run(now, &[Job::Mend(mend)], said, inputs)?;
                let mended = matches!(answers.first(), Some(Answer::Done));
                inputs.push_back(if mended { Input::Mended } else { Input::MendFailed });
                self.count_parked(inputs)?;
            }
            Effect::Acknowledged(mark) => {
                said.acknowledged.push(mark);
                running.acknowledged.hear(mark);
                running.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_EVERY);
            }
            Effect::Quarantine { bytes, reason } => {
                said.frames_refused += 1;
                let reason = reason.to_string();
                self.run(now, &[Job::KeepFrame { bytes, reason }], said, inputs)?;
            }
            Effect::Notice(notice) => {
                said.gap |= matches!(notice, Notice::Forgotten { .. });
                if let Notice::Refused(refusal) = &notice {
                    said.refused.push(refusal.clone());
                }
                let moment = self.moment(now);
                if let Some(job) = conversation::job_of(&notice, &moment, self.site.clock_error_max_ms) {
                    let kept = conversation::must_be_kept(&job);
                    let answers = self.run(now, &[job], said, inputs)?;
                    said.anew = kept && matches!(answers.first(), Some(Answer::Failed(_)));
                }
            }
        }
        Ok(())
    }

    fn count_parked(&self, inputs: &mut VecDeque<Input>) -> Result<()> {
        if let Some(running) = &self.running {
            inputs.push_back(Input::Parked(outpost_journal::parked(running.core.connection())?.0));
        }
        Ok(())
    }

    /// Writes down what was acknowledged.
    pub fn write_acknowledgements(&mut self, now: u64, said: &mut Said) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.acknowledge_at = None;
        let marks = running.acknowledged.take();
        let mut jobs: Vec<Job> = marks.iter().copied().map(Job::Acknowledge).collect();
        jobs.append(&mut running.owed);
        let answers = self.submit(now, &jobs, said)?;
        let Some(running) = &mut self.running else { return Ok(()) };
        for (number, mark) in marks.into_iter().enumerate() {
            if !running.acknowledged.answered(mark, answers.get(number)) {
                running.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_AGAIN);
            }
        }
        Ok(())
    }

    /// Runs jobs as one group and tells the session what follows.
    pub fn submit(&mut self, now: u64, jobs: &[Job], said: &mut Said) -> Result<Vec<Answer>> {
        let mut inputs = VecDeque::new();
        let answers = self.run(now, jobs, said, &mut inputs)?;
        for input in inputs {
            self.give(now, input, said)?;
        }
        Ok(answers)
    }

    /// Runs jobs as one group. No answers: the daemon died, and nobody knows what is on the disk.
    fn run(
        &mut self,
        now: u64,
        jobs: &[Job],
        said: &mut Said,
        inputs: &mut VecDeque<Input>,
    ) -> Result<Vec<Answer>> {
        let stalls_ms = match jobs.iter().any(is_irrevocable) {
            true => std::mem::take(&mut self.stalls_ms),
            false => 0,
        };
        let took_ms = self.slow_disk_ms + stalls_ms;
        let (before, after) = (self.moment(now), self.moment(now + took_ms));
        let Some(running) = &mut self.running else { return Ok(Vec::new()) };
        if jobs.is_empty() || said.died.is_some() {
            return Ok(Vec::new());
        }
        self.commits += 1;
        if self.defect == Some(Defect::LoseTheTail) && self.commits.is_multiple_of(COMMITS_LOST) {
            self.before = Some(disk::image(running.core.connection())?);
        }
        let fails = self.commit_fails.take();
        if fails == Some(false) {
            disk::fail_commits(running.core.connection())?;
        }
        let committed = running.core.run(&before, &mut self.ids, jobs).and_then(|mut committed| {
            if self.defect != Some(Defect::SkipTheConfirmation) {
                running.core.confirm(&after, &mut committed)?;
            }
            Ok(committed)
        });
        let committed = match (committed, fails) {
            (Ok(committed), None) => committed,
            (Ok(committed), Some(_)) => {
                // It is on the disk, and COMMIT answers that it may not be.
                (said.committed, said.news) = (true, committed.news);
                said.died = Some("COMMIT failed, and was durable".to_owned());
                return Ok(Vec::new());
            }
            (Err(_), _) => {
                said.died = Some("COMMIT failed, and was not durable".to_owned());
                return Ok(Vec::new());
            }
        };
        said.committed = true;
        said.news.extend(committed.news);
        said.took_ms = took_ms;
        self.witness = outpost_journal::current(running.core.connection())?.map(|mark| mark.position());
        if stalls_ms > 0 {
            said.asleep_until = Some(now + took_ms);
        }
        if running.incarnation != running.core.incarnation() {
            running.incarnation = running.core.incarnation();
            if self.defect != Some(Defect::ForgetToIntroduce) {
                inputs.push_back(Input::Links(outpost_journal::chain(running.core.connection())?));
            }
        }
        if jobs.iter().any(|job| matches!(job, Job::Lost(_) | Job::Behind(_) | Job::Same(_) | Job::Merge(_)))
        {
            let loss = past::open(running.core.connection())?;
            let lost = loss.and_then(|loss| loss.lost.last().copied());
            if std::mem::replace(&mut running.lost, lost) != lost {
                inputs.push_back(Input::Lost(lost));
            }
        }
        if committed.wrote {
            inputs.push_back(Input::Woken);
        }
        Ok(committed.answers)
    }
}

/// Whether somebody wants to do what cannot be undone.
fn is_irrevocable(job: &Job) -> bool {
    let Job::Command(command) = job else { return false };
    let Subject::Case { command, .. } = &command.subject else { return false };
    match command {
        CaseCommand::HandOver { .. } => true,
        CaseCommand::Label { label, .. } => *label == LabelKind::Carrier,
        _ => false,
    }
}
