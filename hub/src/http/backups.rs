//! Copies of the database: what was made, one more now, and those that somebody else makes.

use axum::extract::State;
use axum::http::StatusCode;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path};
use serde::Serialize;
use uuid::Uuid;

use super::problem::{failed, verdict};
use crate::Hub;
use crate::app::backup;
use crate::store::backup::{Backup, newest};
use crate::work;

/// Copies shown at once.
const SHOWN_MAX: i64 = 100;

/// Copies of the database.
#[derive(Debug, Clone, Serialize)]
pub struct BackupList {
    /// The newest first.
    pub backups: Vec<Backup>,
}

/// The newest copies.
pub async fn list(State(hub): State<Hub>) -> Result<Json<BackupList>, Problem> {
    let backups = newest(hub.store.read(), SHOWN_MAX).await.map_err(failed)?;
    Ok(Json(BackupList { backups }))
}

/// Makes a copy now, or notes that somebody else begins to make one.
pub async fn begin(State(hub): State<Hub>) -> Result<(StatusCode, Json<Backup>), Problem> {
    let begun = match (&hub.settings.backup.directory, hub.settings.backup.external) {
        (Some(directory), _) => work::backup::make(&hub, directory).await,
        (None, true) => hub.writer.run("backup", |unit| Box::pin(backup::begin(unit))).await,
        (None, false) => {
            let sentence = "The settings name no folder for copies and say that nobody else makes any.";
            return Err(Problem::conflict("no_backups", sentence));
        }
    };
    Ok((StatusCode::CREATED, Json(begun.map_err(failed)?)))
}

/// A copy that was begun is whole and safe.
pub async fn confirm(State(hub): State<Hub>, Path(id): Path<Uuid>) -> Result<Json<Backup>, Problem> {
    let confirmed = hub.writer.run("backup", move |unit| Box::pin(backup::confirm(unit, id))).await;
    Ok(Json(verdict(confirmed)?))
}
