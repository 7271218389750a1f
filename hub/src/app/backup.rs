//! Copies of the database: what one contains may be forgotten by the sites, and nothing beyond.

use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use uuid::Uuid;

use crate::error::{HubError, Verdict};
use crate::store::backup::{self, Backup, SiteMark};
use crate::store::copy::Copied;
use crate::store::exception;
use crate::wake::News;
use crate::write::Unit;

const FAILED: &str = "backup_failed";

/// The hub has made a copy: whole, read, and on the disk.
pub async fn made(unit: &mut Unit, copied: &Copied, begun_at: UtcMillis) -> Result<Backup, HubError> {
    let (id, now) = (unit.ids().uuid(), unit.now());
    let (file, bytes) = (Some(copied.file.clone()), Some(copied.bytes));
    let made = Backup { id, begun_at, done_at: Some(now), file, bytes };
    backup::put(unit.db(), &made).await?;
    contain(unit, &copied.marks).await?;
    exception::gone(unit.db(), FAILED, now).await?;
    Ok(made)
}

/// Somebody is about to copy the database by other means. Everything committed before this is in that copy.
pub async fn begin(unit: &mut Unit) -> Result<Backup, HubError> {
    let (id, now) = (unit.ids().uuid(), unit.now());
    let begun = Backup { id, begun_at: now, done_at: None, file: None, bytes: None };
    backup::put(unit.db(), &begun).await?;
    let marks = backup::stored(unit.db()).await?;
    backup::keep_marks(unit.db(), id, &marks).await?;
    Ok(begun)
}

/// That copy is whole and safe. Saying so twice changes nothing.
pub async fn confirm(unit: &mut Unit, id: Uuid) -> Result<Verdict<Backup>, HubError> {
    let now = unit.now();
    if let Some(done) = backup::done(unit.db(), id, now).await? {
        let marks = backup::take_marks(unit.db(), id).await?;
        contain(unit, &marks).await?;
        return Ok(Ok(done));
    }
    let known = backup::get(unit.db(), id).await?;
    Ok(known.ok_or_else(|| Rejection::new("no_such_backup", "No copy was begun under this id.")))
}

/// A copy could not be made: sites forget nothing more, and their disks fill. A person must know.
pub async fn failed(unit: &mut Unit, why: &str) -> Result<(), HubError> {
    unit.raise(exception::New {
        code: FAILED,
        sentence: format!("The database could not be copied: {why}"),
        once: FAILED.to_owned(),
        ..Default::default()
    })
    .await?;
    Ok(())
}

async fn contain(unit: &mut Unit, marks: &[SiteMark]) -> Result<(), HubError> {
    for site in backup::contain(unit.db(), marks).await? {
        unit.wakes.news.insert(News::Site(site.clone()));
        // Its peer reads again what it may tell the site.
        unit.wakes.authority.insert(site);
    }
    Ok(())
}
