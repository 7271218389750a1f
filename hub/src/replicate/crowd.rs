//! A fleet that comes back at once: only so many sites may drain a long backlog at the same time, the others are told
//! when to come back. Who has little to say is never kept waiting.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use outpost_model::id::SiteId;

/// Sites that may drain a long backlog at one worker at the same time. A few keep its one writer busy; more would only
/// share the time, and each would hold its frames in memory meanwhile.
pub const DRAINING_MAX: usize = 32;

/// The sites that drain a long backlog at this worker.
#[derive(Debug, Clone, Default)]
pub struct Crowd(Arc<Mutex<BTreeSet<SiteId>>>);

impl Crowd {
    /// Whether a site may drain: it does already, or there is room. Sites that are asked about at the same moment may all
    /// be let in; the next ones are not.
    pub fn admits(&self, site: &SiteId) -> bool {
        let draining = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        draining.len() < DRAINING_MAX || draining.contains(site)
    }

    /// A site drains, or not any more.
    pub fn note(&self, site: &SiteId, drains: bool) {
        let mut draining = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if drains && !draining.contains(site) {
            draining.insert(site.clone());
        } else if !drains {
            draining.remove(site);
        }
        metrics::gauge!("hub_sites_draining").set(draining.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(n: usize) -> SiteId {
        format!("store-{n}").parse().unwrap()
    }

    #[test]
    fn so_many_drain_and_the_next_one_waits_for_one_to_end() {
        let crowd = Crowd::default();
        for n in 0..DRAINING_MAX {
            assert!(crowd.admits(&site(n)));
            crowd.note(&site(n), true);
        }
        assert!(!crowd.admits(&site(DRAINING_MAX)));
        assert!(crowd.admits(&site(0)), "who drains goes on");
        crowd.note(&site(3), false);
        assert!(crowd.admits(&site(DRAINING_MAX)));
    }
}
