//! Changes that came before others they build on: they wait, as far as there is room.

use outpost_model::id::SiteId;
use outpost_sync::{Change, ChangeHash, Incoming, Item};
use sqlx::AnyConnection;

use super::admit::Refused;
use crate::error::HubError;
use crate::store::item;
use crate::store::parked::{self, Waiting};
use crate::write::Unit;

/// The changes of a batch that wait, and those that find no room.
#[derive(Default)]
pub(super) struct Parking<'b> {
    waiting: Option<Waiting>,
    changes: Vec<&'b Change>,
}

/// Whether a reason not to take a change may be that something before it is missing.
pub(super) fn may_wait(reason: Refused) -> bool {
    matches!(reason, "no_such_document" | "number_out_of_sequence" | "out_of_sequence" | "does_not_follow")
}

/// Whether something that a change builds on is neither kept nor among those of its document that just came.
pub(super) async fn lacks_dependency(
    db: &mut AnyConnection,
    change: &Change,
    here: &[ChangeHash],
) -> Result<bool, HubError> {
    let Ok(deps) = change.deps() else { return Ok(false) };
    let missing: Vec<ChangeHash> = deps.into_iter().filter(|dep| !here.contains(dep)).collect();
    let known = item::known(db, &[change.doc.to_string()]).await?;
    Ok(missing.iter().any(|dep| !known.contains(&(change.doc.clone(), *dep))))
}

impl<'b> Parking<'b> {
    /// Lets a change wait; `false` when there is no room and it must come again.
    pub(super) async fn park(
        &mut self,
        unit: &mut Unit,
        site: &SiteId,
        incoming: &'b Incoming,
    ) -> Result<bool, HubError> {
        let Item::Change(change) = &incoming.item else { return Ok(false) };
        let mut waiting = match self.waiting {
            Some(waiting) => waiting,
            None => parked::waiting(unit.db(), site).await?,
        };
        let takes = unit.room().takes(waiting, change);
        if takes {
            waiting.items += 1;
            waiting.bytes += change.bytes.len();
            self.changes.push(change);
        }
        self.waiting = Some(waiting);
        Ok(takes)
    }

    /// Writes down what waits.
    pub(super) async fn write(&self, unit: &mut Unit, site: &SiteId) -> Result<Vec<&'b Change>, HubError> {
        let now = unit.now();
        for change in &self.changes {
            parked::park(unit.db(), site, change, now).await?;
        }
        Ok(self.changes.clone())
    }
}
