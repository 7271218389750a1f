//! Shares the sites among the hub processes of one PostgreSQL: tells that this one lives, takes sites whose worker does
//! not, gives up those that another one should have, and does the errands that were left for its own.

use std::time::Duration;

use outpost_model::id::SiteId;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::errand;
use crate::error::HubError;
use crate::site_lease::preferred;
use crate::store::{enrollment, errand as errands, site_lease};

/// How often errands are looked for.
const ERRANDS_EVERY: Duration = Duration::from_millis(500);
/// Signs of life within the time a lease lasts.
const BEATS: u32 = 5;

/// Runs until it is cancelled; then the sites are free for the others.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    if !hub.leases.is_shared() {
        token.cancelled().await;
        return Ok(());
    }
    let mut beaten: Option<Duration> = None;
    loop {
        let now = hub.clock.since_boot();
        let due = beaten.is_none_or(|at| now.saturating_sub(at) >= hub.settings.database.lease / BEATS);
        if due {
            beaten = Some(now);
            survived("site leases", share(&hub).await)?;
        }
        survived("errands", run_errands(&hub).await)?;
        tokio::select! {
            () = token.cancelled() => break,
            () = tokio::time::sleep(ERRANDS_EVERY) => {}
        }
    }
    survived("site leases", leave(&hub).await)
}

/// What is to be done about a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nobody has had it yet.
    Found,
    /// Its worker is gone, or has given it up: take it from this epoch.
    Take(u64),
    /// Another one should have it: give up this epoch.
    GiveUp(u64),
}

/// What this worker does about a site, by what it sees.
fn step(me: &str, site: &SiteId, lease: Option<&site_lease::Lease>, living: &[String]) -> Option<Step> {
    let mine = preferred(site, living).is_some_and(|worker| worker == me);
    match lease {
        None => mine.then_some(Step::Found),
        Some(lease) if lease.worker == me => (!mine).then_some(Step::GiveUp(lease.epoch)),
        Some(lease) => (mine && !living.contains(&lease.worker)).then_some(Step::Take(lease.epoch)),
    }
}

/// Says that this worker lives, and takes and gives up what is its own to take and give up.
pub async fn share(hub: &Hub) -> Result<(), HubError> {
    let mut db = hub.store.read().acquire().await?;
    let me = hub.leases.worker();
    let lasts = i64::try_from(hub.settings.database.lease.as_millis()).unwrap_or(i64::MAX / 2);
    site_lease::beat(&mut db, me, lasts).await?;
    let living = site_lease::living(&mut db).await?;
    let leases = site_lease::all(&mut db).await?;
    for site in enrollment::sites(&mut db).await? {
        let lease = leases.get(&site);
        if lease.is_some_and(|lease| lease.worker != me) {
            hub.leases.lose(&site);
        }
        let taken = match step(me, &site, lease, &living) {
            Some(Step::Found) => site_lease::found(&mut db, &site, me).await?.then_some(1),
            Some(Step::Take(seen)) => {
                site_lease::pass_on(&mut db, &site, seen, me).await?.then_some(seen + 1)
            }
            Some(Step::GiveUp(seen)) => {
                // First here, so that nothing new begins; what is under way is waited for by the lock on the row.
                hub.leases.lose(&site);
                site_lease::pass_on(&mut db, &site, seen, "").await?;
                None
            }
            None => None,
        };
        if let Some(epoch) = taken {
            tracing::info!(%site, epoch, "this worker works for a site now");
            hub.leases.take(site, epoch);
        }
    }
    Ok(())
}

async fn leave(hub: &Hub) -> Result<(), HubError> {
    let mut db = hub.store.read().acquire().await?;
    site_lease::beat(&mut db, hub.leases.worker(), 0).await
}

/// Does what was left for sites of this worker.
pub async fn run_errands(hub: &Hub) -> Result<(), HubError> {
    let mut db = hub.store.read().acquire().await?;
    let sites = errands::sites(&mut db).await?;
    drop(db);
    for site in sites.into_iter().filter(|site| hub.leases.serves(site)) {
        let named = site.clone();
        hub.writer
            .run(site, move |unit| {
                let site = named.clone();
                Box::pin(async move { errand::run(unit, &site).await })
            })
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::site_lease::Lease;

    #[test]
    fn a_site_is_taken_only_from_the_dead_and_given_up_only_to_the_living() {
        let living: Vec<String> = ["a", "b"].map(str::to_owned).into();
        let sites = (0..50).map(|n| SiteId::new(format!("s-{n}")).unwrap());
        let (of_a, of_b): (Vec<SiteId>, Vec<SiteId>) =
            sites.partition(|site| preferred(site, &living).unwrap() == "a");
        let (a, b) = (&of_a[0], &of_b[0]);
        let by = |worker: &str| Lease { worker: worker.to_owned(), epoch: 7 };
        assert_eq!(step("a", a, None, &living), Some(Step::Found));
        assert_eq!(step("a", b, None, &living), None);
        assert_eq!(step("a", a, Some(&by("a")), &living), None);
        assert_eq!(step("a", b, Some(&by("a")), &living), Some(Step::GiveUp(7)));
        assert_eq!(step("a", a, Some(&by("b")), &living), None, "b lives and will give it up");
        assert_eq!(step("a", a, Some(&by("")), &living), Some(Step::Take(7)));
        assert_eq!(step("a", a, Some(&by("dead")), &living), Some(Step::Take(7)));
        assert_eq!(step("b", a, Some(&by("dead")), &living), None);
        assert_eq!(step("a", b, Some(&by("a")), &living[..1]), None, "alone it keeps all");
    }
}
