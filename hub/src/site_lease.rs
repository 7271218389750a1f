//! Which sites this process works for. In memory for a quick look; the truth stands in the database, and every
//! transaction on a site asserts it there.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use outpost_model::id::SiteId;
use tokio::sync::Notify;

/// The sites this worker holds, each with the epoch it holds it in. Clones share them.
#[derive(Clone)]
pub struct Leases {
    worker: Arc<str>,
    shared: bool,
    held: Arc<RwLock<BTreeMap<SiteId, u64>>>,
    /// Notified when a site was taken or lost.
    pub changed: Arc<Notify>,
}

impl Leases {
    /// A worker's leases: those it has at the start. `shared` says whether other workers may have the database open.
    pub fn new(worker: &str, shared: bool, held: impl IntoIterator<Item = (SiteId, u64)>) -> Self {
        Self {
            worker: worker.into(),
            shared,
            held: Arc::new(RwLock::new(held.into_iter().collect())),
            changed: Arc::default(),
        }
    }

    /// This worker's name.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Whether other workers may have the database open.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// The epoch in which this worker believes it holds a site.
    pub fn epoch(&self, site: &SiteId) -> Option<u64> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(site).copied()
    }

    /// Whether frames of a site are this worker's to answer. Alone, every site is.
    pub fn serves(&self, site: &SiteId) -> bool {
        !self.shared || self.epoch(site).is_some()
    }

    /// Notes that a site was taken.
    pub fn take(&self, site: SiteId, epoch: u64) {
        let before = self.held.write().unwrap_or_else(PoisonError::into_inner).insert(site, epoch);
        if before != Some(epoch) {
            self.changed.notify_one();
        }
    }

    /// Notes that a site was lost or given up.
    pub fn lose(&self, site: &SiteId) {
        if self.held.write().unwrap_or_else(PoisonError::into_inner).remove(site).is_some() {
            self.changed.notify_one();
        }
    }
}

/// Who of the living works for a site: each worker draws a number for each site, and the highest wins. A worker that
/// comes or goes moves only the sites that it wins or loses.
pub fn preferred<'w>(site: &SiteId, living: &'w [String]) -> Option<&'w String> {
    let draw = |worker: &String| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(site.as_str().as_bytes()).update(&[0]).update(worker.as_bytes());
        *hasher.finalize().as_bytes()
    };
    living.iter().max_by_key(|worker| draw(worker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_the_sites_and_one_that_goes_moves_only_its_own() {
        let workers: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let sites: Vec<SiteId> = (0..300).map(|n| SiteId::new(format!("s-{n}")).unwrap()).collect();
        for worker in &workers {
            let share = sites.iter().filter(|site| preferred(site, &workers) == Some(worker)).count();
            assert!((60..=140).contains(&share), "{worker} has {share} of 300");
        }
        for site in &sites {
            let (three, two) = (preferred(site, &workers), preferred(site, &workers[..2]));
            assert!(three == two || three == Some(&workers[2]));
        }
        assert_eq!(preferred(&sites[0], &[]), None);
    }

    #[test]
    fn alone_every_site_is_served_and_shared_only_what_is_held() {
        let site = SiteId::new("berlin-1").unwrap();
        assert!(Leases::new("a", false, []).serves(&site));
        let leases = Leases::new("a", true, []);
        assert!(!leases.serves(&site));
        leases.take(site.clone(), 3);
        assert_eq!((leases.serves(&site), leases.epoch(&site)), (true, Some(3)));
        leases.lose(&site);
        assert!(!leases.serves(&site));
    }
}
