//! Renews what a site may do without asking, and raises it to what the site has acknowledged.

use std::collections::BTreeMap;

use outpost_config::Rules;
use outpost_model::authority::Authority;
use outpost_model::defects::{Planted, is_planted};
use outpost_model::header::Service;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{Mark, Position};

use crate::error::HubError;
use crate::store::{authority, case, outbox, recovery, stream};
use crate::write::Unit;

const DAY: i64 = 86_400_000;

/// The terms of authority by service, as durations in milliseconds.
#[derive(Debug, Clone)]
pub struct Terms {
    epoch: u32,
    terms: BTreeMap<Service, i64>,
}

impl Terms {
    /// The terms of the rules in force, in the hub's present epoch.
    pub fn new(epoch: u32, rules: &Rules) -> Self {
        let of = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4);
        let authority = &rules.authority;
        let pickup = i64::from(rules.pickup.hold_days) * DAY + of(authority.pickup_grace);
        let terms = BTreeMap::from([
            (Service::Pickup, pickup),
            (Service::Ship, of(authority.ship)),
            (Service::ShipToStore, of(authority.ship_to_store)),
        ]);
        Self { epoch, terms }
    }

    /// The longest a site may act for a service without asking.
    pub fn of(&self, service: Service) -> i64 {
        self.terms.get(&service).copied().unwrap_or(0)
    }

    fn until(&self, now: UtcMillis) -> BTreeMap<Service, UtcMillis> {
        self.terms.iter().map(|(service, term)| (*service, now + *term)).collect()
    }
}

/// Notes what a site has acknowledged and raises its authority to that position. It is committed before it is sent:
/// the caller sends what this returns, after the commit.
pub async fn acknowledge(
    unit: &mut Unit,
    site: &SiteId,
    mark: Mark,
    terms: &Terms,
) -> Result<Option<Authority>, HubError> {
    unit.must_hold(site).await?;
    outbox::acknowledge(unit.db(), site, mark).await?;
    // Positions of an earlier life of the stream say nothing about the present one.
    let head = stream::peek(unit.db(), site).await?;
    if head.is_none_or(|head| head.mark.incarnation != mark.incarnation) {
        return Ok(None);
    }
    give(unit, site, mark.position(), terms).await
}

/// Renews a site's authority in time, without raising it. The caller has heard of the site lately.
pub async fn renew(unit: &mut Unit, site: &SiteId, terms: &Terms) -> Result<Option<Authority>, HubError> {
    unit.must_hold(site).await?;
    let Some(head) = stream::peek(unit.db(), site).await? else { return Ok(None) };
    let incarnation = head.mark.incarnation;
    let n = outbox::through(unit.db(), site, incarnation).await?;
    give(unit, site, Position { incarnation, n }, terms).await
}

async fn give(
    unit: &mut Unit,
    site: &SiteId,
    acknowledged: Position,
    terms: &Terms,
) -> Result<Option<Authority>, HubError> {
    // A site that has not shown what it has keeps what an earlier epoch gave it, and gets nothing new.
    if recovery::waits(unit.db(), site).await? {
        return Ok(None);
    }
    let now = unit.now();
    let known = authority::lock(unit.db(), site).await?.filter(|known| known.epoch == terms.epoch);
    // Not beyond an offer that was taken away before the site has heard of that.
    let through = acknowledged.n;
    let revoked = case::revoked_beyond(unit.db(), site, through).await?;
    let revoked = revoked.filter(|_| !is_planted(Planted::AuthorityOvertakesTheRevoke));
    if let (Some(revoked), Some(known)) = (revoked, &known)
        && revoked <= known.through
    {
        // It was taken away when the authority that covered it had ended: nothing is renewed before the site knows.
        return Ok(None);
    }
    let through = revoked.map_or(through, |at| through.min(at - 1));
    let through = known.map_or(through, |known| known.through.max(through));
    let stream = Some(acknowledged.incarnation.to_string());
    let authority = Authority { epoch: terms.epoch, stream, through, until: terms.until(now) };
    authority::put(unit.db(), site, &authority, now).await?;
    Ok(Some(authority))
}
