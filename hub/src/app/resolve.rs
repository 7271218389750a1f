//! Marks an exception as dealt with.

use outpost_model::rejection::Rejection;
use uuid::Uuid;

use crate::error::{HubError, Verdict};
use crate::store::exception;
use crate::wake::News;
use crate::write::Unit;

/// Resolves an open exception.
pub async fn resolve(
    unit: &mut Unit,
    id: Uuid,
    by: &str,
    note: Option<&str>,
) -> Result<Verdict<()>, HubError> {
    let now = unit.now();
    if !exception::resolve(unit.db(), id, now, by, note).await? {
        return Ok(Err(Rejection::new("no_such_exception", "There is no such open exception.")));
    }
    unit.wakes.news.insert(News::Exceptions);
    Ok(Ok(()))
}
