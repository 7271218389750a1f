//! After the hub was restored: what must wait, and until when. A site shows what it has by sending again what the hub
//! has lost of its stream, and by giving back the documents that the hub has lost.

use std::collections::BTreeSet;

use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::{ReasonCode, SiteId};
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use outpost_sync::{Link, Position};
use sqlx::AnyConnection;

use super::authority::Terms;
use super::{need, stand, succeed};
use crate::error::{HubError, Verdict};
use crate::store::authority::Life;
use crate::store::recovery::{self, Waiting};
use crate::store::{authority, case, exception, inbox, order};
use crate::wake::News;
use crate::write::Unit;

/// How far the clocks of hub and channels may be apart.
const CLOCKS_APART_MS: i64 = 5 * 60_000;

/// What routing must know of a restored hub.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// When the epoch began; nothing in the first one.
    begun_at: Option<UtcMillis>,
    /// Sites that have not shown what they have, and those about which a person must decide.
    waiting: BTreeSet<SiteId>,
    /// Whether there is one of the first kind.
    unshown: bool,
}

impl Recovery {
    /// Reads it.
    pub async fn read(db: &mut AnyConnection) -> Result<Self, HubError> {
        let life = authority::past(db).await?.map(|past| past.life);
        let begun_at = life.filter(|life| life.epoch > 1).map(|life| life.begun_at);
        let (waiting, unshown) = (recovery::sites(db).await?, !recovery::all(db).await?.is_empty());
        Ok(Self { begun_at, waiting, unshown })
    }

    /// Whether nothing may be promised from a site.
    pub fn waits_for(&self, site: &SiteId) -> bool {
        self.waiting.contains(site)
    }

    /// Until when an order is routed to nobody, if it is: it may have been given to a site that has not spoken yet, and
    /// the hub may have lost that. Once nobody could act on it without asking any more, it is routed all the same.
    pub fn holds(&self, row: &order::Row, terms: &Terms, now: UtcMillis) -> Option<UtcMillis> {
        let begun_at = self.begun_at.filter(|_| self.unshown)?;
        let told_before = row.order.placed_at < begun_at + CLOCKS_APART_MS;
        let until = begun_at + terms.of(row.order.delivery.service());
        ((row.captured_at <= begun_at || told_before) && now < until).then_some(until)
    }
}

/// From when the hub may take work away again that a site may do without asking. In a new epoch authority may have been
/// given that the hub does not remember: it holds back for as long as that can last.
pub fn may_revoke_from(life: &Life, terms: &Terms, service: outpost_model::header::Service) -> UtcMillis {
    if life.epoch > 1 { life.begun_at + terms.of(service) } else { UtcMillis(i64::MIN) }
}

/// A site that is waited for introduces itself: everything up to here must come. What an earlier greeting named and this one
/// does not, was somebody else's, or is here. Says whether its documents must be compared with the hub's.
pub async fn greeted(unit: &mut Unit, site: &SiteId, links: &[Link]) -> Result<bool, HubError> {
    if !recovery::waits(unit.db(), site).await? {
        return Ok(false);
    }
    let waiting = recovery::all(unit.db()).await?.into_iter().find(|waiting| waiting.site == *site);
    let known = waiting.and_then(|waiting| waiting.tail).unwrap_or_default();
    // Greetings may overtake each other: a life never becomes shorter.
    let reaches = |link: &Link| {
        let of_life = known.iter().filter(|position| position.incarnation == link.incarnation);
        of_life.map(|position| position.n).chain([link.last]).max().unwrap_or(0)
    };
    let tail: Vec<Position> =
        links.iter().map(|link| Position { incarnation: link.incarnation, n: reaches(link) }).collect();
    recovery::note_tail(unit.db(), site, &tail).await?;
    Ok(true)
}

/// The site's documents were found to be the hub's.
pub async fn compared(unit: &mut Unit, site: &SiteId) -> Result<(), HubError> {
    let now = unit.now();
    recovery::note_compared(unit.db(), site, now).await
}

/// Looks at every site that is waited for; returns how many are still waited for.
pub async fn look(unit: &mut Unit) -> Result<usize, HubError> {
    let mut left = 0;
    for waiting in recovery::all(unit.db()).await? {
        if unit.holds(&waiting.site).await? && has_shown(unit, &waiting).await? {
            settle(unit, &waiting.site, "site").await?;
        } else {
            left += 1;
        }
    }
    Ok(left)
}

async fn has_shown(unit: &mut Unit, waiting: &Waiting) -> Result<bool, HubError> {
    let Some(tail) = waiting.tail.as_ref().filter(|_| waiting.compared_at.is_some()) else {
        return Ok(false);
    };
    let progress = inbox::progress(unit.db(), &waiting.site).await?;
    let through = |position: &Position| {
        let of = progress.iter().find(|progress| progress.incarnation() == position.incarnation);
        of.map_or(0, outpost_sync::Progress::through)
    };
    Ok(tail.iter().all(|position| through(position) >= position.n))
}

/// A person decides that a site has nothing that the hub must know: it was destroyed, or is known to have been idle.
pub async fn let_go(unit: &mut Unit, site: &SiteId) -> Result<Verdict<()>, HubError> {
    unit.seize(site).await?;
    if settle(unit, site, "operator").await? {
        let now = unit.now();
        exception::gone_at(unit.db(), site, "clone_alive", now).await?;
        return Ok(Ok(()));
    }
    Ok(Err(Rejection::new("not_waited_for", "Nobody waits for this site.")))
}

/// The hub may have taken a case from a silent site, given it to another, and lost both: now two sites have it, and only a
/// person can know which one has begun.
async fn tell_if_doubled(unit: &mut Unit, row: &order::Row) -> Result<(), HubError> {
    let cases = case::of_order(unit.db(), row.order.id).await?;
    let states: Vec<&Fulfillment> = cases.iter().map(|case| &case.state).collect();
    if !need::is_doubled(&row.order, &states) {
        return Ok(());
    }
    let at_work = states.iter().filter(|case| !case.is_closed()).map(|case| case.header.site.to_string());
    let sites: BTreeSet<String> = at_work.collect();
    unit.raise(exception::New {
        code: "order_doubled",
        sentence: format!(
            "Sites have more of {} than was ordered, since the hub was restored: {}.",
            row.order.number,
            Vec::from_iter(sites).join(", ")
        ),
        once: format!("order_doubled {}", row.order.id),
        order: Some(row.order.id),
        ..Default::default()
    })
    .await?;
    Ok(())
}

/// Waits for a site no longer: what could not be said to it meanwhile is said now.
async fn settle(unit: &mut Unit, site: &SiteId, how: &str) -> Result<bool, HubError> {
    let now = unit.now();
    let owed = recovery::owes_rights(unit.db(), site).await?;
    if !recovery::settle(unit.db(), site, now, how).await? {
        return Ok(false);
    }
    if owed {
        succeed::give_rights_back(unit, site).await?;
    }
    let reason = ReasonCode::new("other").map_err(|error| HubError::Invariant(error.to_string()))?;
    for mut row in case::live(unit.db(), site).await? {
        succeed::say_again(unit, site, &mut row).await?;
        if let Some(order) = order::lock(unit.db(), row.state.header.order).await? {
            stand::catch_up(unit, &order, &mut row, &reason).await?;
            tell_if_doubled(unit, &order).await?;
        }
    }
    unit.wakes.routing |= order::hurry(unit.db(), now).await? > 0;
    unit.wakes.authority.insert(site.clone());
    unit.wakes.news.insert(News::Site(site.clone()));
    if recovery::sites(unit.db()).await?.is_empty()
        && let Some(past) = authority::past(unit.db()).await?
    {
        exception::gone(unit.db(), &format!("hub_restored {}", past.life.epoch), now).await?;
    }
    tracing::info!(%site, how, "a site has shown what it has since the hub was restored");
    Ok(true)
}
