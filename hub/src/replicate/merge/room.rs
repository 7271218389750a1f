//! What of a site must wait, what is set aside with something else, and how much there is room for.

use outpost_model::id::SiteId;
use outpost_sync::{Incoming, Inspection, Item, Limits};

use super::Merge;
use crate::error::HubError;
use crate::replicate::admit::Refused;
use crate::replicate::parking;
use crate::store::{document, quarantine};
use crate::write::Unit;

impl<'b> Merge<'b> {
    /// Whether a document is not here because its founding was set aside: all that follows goes with it. If it waited for
    /// the founding, what may wait would be full one day, and the stream would stop.
    pub(super) async fn was_refused(
        &self,
        unit: &mut Unit,
        site: &SiteId,
        incoming: &Incoming,
        reason: Refused,
    ) -> Result<bool, HubError> {
        let Some(doc) = incoming.item.doc().filter(|_| reason == "no_such_document") else {
            return Ok(false);
        };
        let now = self.refused.iter().any(|(_, other, _)| other.item.doc() == Some(doc));
        Ok(now || quarantine::holds(unit.db(), site, doc).await?)
    }

    /// Whether a change that cannot be taken only builds on changes that are not here.
    pub(super) async fn waits(
        &self,
        unit: &mut Unit,
        incoming: &Incoming,
        reason: Refused,
    ) -> Result<bool, HubError> {
        let Item::Change(change) = &incoming.item else { return Ok(false) };
        if !parking::may_wait(reason) {
            return Ok(false);
        }
        let here = self.accepted.iter().filter_map(|(_, other)| match &other.item {
            Item::Change(other) if other.doc == change.doc => Some(other.hash),
            Item::Change(_) | Item::Record(_) => None,
        });
        parking::lacks_dependency(unit.db(), change, &here.collect::<Vec<_>>()).await
    }

    /// Counts one more document of a site, if it may have it.
    pub(super) async fn may_found(&mut self, unit: &mut Unit, site: &'b SiteId) -> Result<bool, HubError> {
        let count = match self.count_founded.get(site) {
            Some(count) => *count,
            None => document::founded_by(unit.db(), site).await?,
        };
        let may = count < unit.limits().documents_max;
        self.count_founded.insert(site, count + u64::from(may));
        Ok(may)
    }
}

/// Whether a change would make its document longer than a document may be.
pub(super) fn is_full(row: &document::Row, inspection: &Inspection) -> bool {
    let more = inspection.content.operations() as u64;
    row.site_n + row.hub_n + more > Limits::PROTOCOL.document_entries_max as u64
}
