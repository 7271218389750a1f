//! A person's command: the same id is done once, and its retry hears the same again.

use outpost_model::command::{Command, Outcome, Subject};
use outpost_model::event::By;

use super::{case, site};
use crate::store::outcome;
use crate::write::{Answer, Stop, Unit};

/// Does a command, or says what came of it before.
pub fn command(unit: &mut Unit<'_>, command: &Command) -> Result<Answer, Stop> {
    if let Some(known) = outcome::load(unit.tx(), command.id)? {
        return Ok(Answer::Repeated(known));
    }
    unit.act_for(command.id, By::person(&command.staff, &command.device), command.at);
    let done = match &command.subject {
        Subject::Case { case: id, command } => case::case(unit, *id, command),
        Subject::Site(command) => site::site(unit, command),
    };
    match done {
        Ok(()) => {
            // What a rule wrote in its wake is not the command's own.
            let own = unit.events().iter().filter(|event| event.command == command.id);
            let events: Vec<_> = own.copied().collect();
            let outcome = Outcome::Applied { events: events.clone() };
            outcome::insert(unit.tx(), command.id, &outcome, unit.now())?;
            Ok(Answer::Applied(events))
        }
        Err(Stop::Rejected(rejection)) => {
            // There are no savepoints: a refusal after a write would leave half a command behind.
            if !unit.events().is_empty() {
                return Err(Stop::Broken(format!("refused after it was written: {rejection}")));
            }
            let outcome = Outcome::Rejected { rejection: rejection.clone() };
            outcome::insert(unit.tx(), command.id, &outcome, unit.now())?;
            Ok(Answer::Rejected(rejection))
        }
        Err(stop) => Err(stop),
    }
}
