//! Commands as handhelds tell them, and what their answers must be.

use anyhow::Result;
use outpost_edge::store::{authority, case};
use outpost_edge::write::{Answer, Job, held, trusted_time};
use outpost_model::authority::TrustedTime;
use outpost_model::command::{CaseCommand, Command, Held, Outcome, SiteCommand, Subject};
use outpost_model::fact::LabelKind;

use super::defects::Defect;
use super::edge::Said;
use super::truth::violated;
use super::world::{Happening, World};

/// How long a person waits before a command that was not answered is told again.
const TOLD_AGAIN_AFTER: u64 = 7_000;

impl World {
    /// A handheld tells a command to its site's daemon.
    pub fn tell(&mut self, site: usize, command: Command) -> Result<()> {
        if let Some(later) = self.awake_at(site) {
            self.queue.plan(later, Happening::Told(site, Box::new(command)));
            return Ok(());
        }
        let again = self.now + TOLD_AGAIN_AFTER;
        if self.edges[site].running.is_none() {
            self.queue.plan(again, Happening::Told(site, Box::new(command)));
            return Ok(());
        }
        if let Subject::Site(SiteCommand::Sell { sku, qty, .. }) = &command.subject {
            let sale = (sku.to_string(), qty.delta(), false);
            self.truth.sites[site].sales.entry(command.id).or_insert(sale);
        }
        if self.plan.defect == Some(Defect::DropCommandDedupe)
            && let Some(database) = self.edges[site].database()
        {
            database.execute("DELETE FROM outcome WHERE command_id = ?1", [command.id.to_string()])?;
        }
        let mut said = Said::default();
        let job = Job::Command(Box::new(command.clone()));
        let answers = self.edges[site].submit(self.now, &[job], &mut said)?;
        let answer = answers.into_iter().next();
        let who = &self.edges[site].id;
        self.story.tell(self.now, who, || match &answer {
            Some(Answer::Rejected(rejection)) => {
                format!("{} is refused ({})", told(&command), rejection.code)
            }
            Some(Answer::Failed(failed)) => format!("{} cannot be done ({})", told(&command), failed.code),
            Some(Answer::Repeated(_)) => format!("{} was done before", told(&command)),
            Some(_) => format!("{} is done", told(&command)),
            None => format!("{} is not answered: the daemon dies", told(&command)),
        });
        if matches!(answer, Some(Answer::Applied(_))) {
            self.look_at_permission(site, &command, said.took_ms)?;
        }
        if let (Some(Answer::Rejected(rejection)), Subject::Case { case, .. }) = (&answer, &command.subject)
            && rejection.code == "authority_ended"
        {
            // It is done, and whoever did it was told to keep the goods.
            self.truth.sites[site].without_permission.insert(*case);
        }
        let outcome = match answer {
            Some(Answer::Applied(events)) => Some((Outcome::Applied { events }, false)),
            Some(Answer::Rejected(rejection)) => Some((Outcome::Rejected { rejection }, false)),
            Some(Answer::Repeated(outcome)) => Some((outcome, true)),
            _ => None,
        };
        match outcome {
            Some((outcome, repeated)) => self.truth.answered(site, command.id, outcome, repeated)?,
            None => self.queue.plan(again, Happening::Told(site, Box::new(command))),
        }
        self.after_site(site, said)
    }

    /// I6: nobody hears that an irrevocable act is permitted when authority has ended by then.
    fn look_at_permission(&self, site: usize, command: &Command, took_ms: u64) -> Result<()> {
        let Subject::Case { case, command } = &command.subject else { return Ok(()) };
        let permitted = match command {
            CaseCommand::HandOver { override_reason, already_done, .. } => {
                override_reason.is_none() && !already_done
            }
            CaseCommand::Label { label, override_reason, .. } => {
                *label == LabelKind::Carrier && override_reason.is_none()
            }
            _ => false,
        };
        let edge = &self.edges[site];
        let Some(running) = edge.running.as_ref().filter(|_| permitted) else { return Ok(()) };
        let database = running.core.connection();
        let Some(row) = case::load(database, *case)? else { return Ok(()) };
        let heard = edge.moment(self.now + took_ms);
        let held = held(database, running.core.site(), &heard, (*case, row.place), row.state.header.service)?;
        if held != Held::Yes {
            violated!("I6", "{} permits an act on case {case} without authority: {held:?}", edge.id);
        }
        Ok(())
    }

    /// A site may doubt what time it is at the hub, and must never believe that it is earlier than it is.
    pub fn look_at_time(&self, site: usize) -> Result<()> {
        let edge = &self.edges[site];
        let Some(running) = &edge.running else { return Ok(()) };
        let reference = authority::hub_time(running.core.connection())?;
        let believed = trusted_time(reference, running.core.site(), &edge.moment(self.now));
        let truth = self.hub.clocks.moment(self.now).wall;
        match believed {
            TrustedTime::AtMost(most) if most < truth => {
                violated!(
                    "time",
                    "{} believes that it is {most} at most at the hub, where it is {truth}",
                    edge.id
                )
            }
            _ => Ok(()),
        }
    }
}

fn told(command: &Command) -> String {
    let text = serde_json::to_string(&command.subject).unwrap_or_default();
    format!("command {} {text}", &command.id.to_string()[..8])
}
