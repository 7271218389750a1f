//! `POST /v1/commands`: a batch of commands with ids, an outcome for each, in order.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use outpost_daemon::extract::Json;
use outpost_daemon::{DiskTrouble, Problem};
use outpost_model::command::{Command, Outcome};
use outpost_model::id::{CommandId, EventId};
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::state::AppState;
use crate::write::{Answer, Job};

/// The most commands in one request.
pub const COMMANDS_MAX: usize = 100;

/// What is asked.
#[derive(Debug, Deserialize)]
pub struct CommandBatch {
    /// 1 to [`COMMANDS_MAX`] commands.
    pub commands: Vec<Command>,
}

/// What is answered.
#[derive(Debug, Serialize)]
pub struct OutcomeBatch {
    /// One for each command, in their order.
    pub outcomes: Vec<CommandOutcome>,
}

/// What came of one command.
#[derive(Debug, Serialize)]
pub struct CommandOutcome {
    /// The command.
    pub id: CommandId,
    /// `applied`, `repeated`, `rejected` or `failed`.
    pub result: &'static str,
    /// Events it wrote, now or when it first came.
    pub events: Vec<EventId>,
    /// Why not, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why not, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
}

/// Commands are on their way, and still to be read: the writer is told before they are.
pub(super) struct Announced;

impl FromRequestParts<AppState> for Announced {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        state.writer.rouse();
        Ok(Self)
    }
}

/// Does commands, each durable before the answer.
pub(super) async fn commands(
    State(state): State<AppState>,
    _: Announced,
    Json(batch): Json<CommandBatch>,
) -> Result<Json<OutcomeBatch>, ApiError> {
    let count = batch.commands.len();
    if count == 0 || count > COMMANDS_MAX {
        let problem = Problem::bad_request("batch_size", "A batch has 1 to 100 commands.");
        return Err(problem.detail(format!("This one has {count}.")).with("max", COMMANDS_MAX).into());
    }
    let ids: Vec<CommandId> = batch.commands.iter().map(|command| command.id).collect();
    let jobs = batch.commands.into_iter().map(|command| Job::Command(Box::new(command))).collect();
    let answers = state.writer.submit_all(jobs).await?;
    if let Some(trouble) = all_failed_by_disk(&answers) {
        return Err(outpost_daemon::storage::problem(trouble).into());
    }
    let outcomes = ids.into_iter().zip(answers).map(|(id, answer)| CommandOutcome::new(id, answer)).collect();
    Ok(Json(OutcomeBatch { outcomes }))
}

/// The disk took nothing of a batch: that is said of all of it, as it is of the batches that come next.
fn all_failed_by_disk(answers: &[Answer]) -> Option<DiskTrouble> {
    let troubles = answers.iter().map(|answer| match answer {
        Answer::Failed(failed) => failed.disk(),
        _ => None,
    });
    troubles.reduce(|one, other| one.and(other)).flatten()
}

impl CommandOutcome {
    /// The answer to a command as the API tells it.
    pub fn new(id: CommandId, answer: Answer) -> Self {
        let told = |result, events| Self { id, result, events, code: None, sentence: None };
        match answer {
            Answer::Applied(events) => told("applied", events),
            Answer::Repeated(Outcome::Applied { events }) => told("repeated", events),
            // A refusal that is repeated is still a refusal: who asks again must not take it for done.
            Answer::Rejected(rejection) | Answer::Repeated(Outcome::Rejected { rejection }) => Self {
                code: Some(rejection.code.into_owned()),
                sentence: Some(rejection.sentence),
                ..told("rejected", Vec::new())
            },
            Answer::Failed(failed) => Self {
                code: Some(failed.code.to_owned()),
                sentence: Some(failed.sentence.to_owned()),
                ..told("failed", Vec::new())
            },
            _ => told("applied", Vec::new()),
        }
    }
}
