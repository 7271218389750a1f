//! The site itself on one day: whether it is open, what it has paused, who and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::header::Service;
use crate::id::ReasonCode;
use crate::page::SiteDayFact;
use crate::time::UtcMillis;

/// A service that takes no new work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Until when; absent means until it is resumed.
    pub until: Option<UtcMillis>,
    /// Why.
    pub reason: ReasonCode,
}

/// What the facts of a day add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDayState {
    /// Whether it has opened and not closed; absent while it said neither, then its calendar counts.
    pub open: Option<bool>,
    /// Whether it closed earlier than its calendar says.
    pub closed_early: bool,
    /// Services that take no new work.
    pub paused: BTreeMap<Service, Pause>,
    /// People at work, as last said.
    pub staffed: Option<u32>,
    /// Carriers that did not come.
    pub no_shows: BTreeSet<String>,
    /// Devices out of order and what is wrong with them.
    pub devices_down: BTreeMap<String, String>,
    /// Highest event folded.
    pub n: u64,
}

impl SiteDayState {
    /// The state that these facts give, in whatever order they are handed in.
    pub fn fold(events: &[Event<SiteDayFact>]) -> Self {
        let ordered: BTreeMap<u64, &Event<SiteDayFact>> =
            events.iter().map(|event| (event.n, event)).collect();
        let mut state = Self::default();
        for event in ordered.into_values() {
            state.apply(event);
        }
        state
    }

    /// Takes in the next fact; one that is not the next changes nothing.
    pub fn apply(&mut self, event: &Event<SiteDayFact>) -> bool {
        if event.n != self.n + 1 {
            return false;
        }
        self.n = event.n;
        if let Some(fact) = event.known() {
            self.take(fact);
        }
        true
    }

    fn take(&mut self, fact: &SiteDayFact) {
        match fact {
            SiteDayFact::Opened => (self.open, self.closed_early) = (Some(true), false),
            SiteDayFact::Closed { early } => (self.open, self.closed_early) = (Some(false), *early),
            SiteDayFact::Paused { services, until, reason } => {
                for service in named(services) {
                    self.paused.insert(service, Pause { until: *until, reason: reason.clone() });
                }
            }
            SiteDayFact::Resumed { services } => {
                for service in named(services) {
                    self.paused.remove(&service);
                }
            }
            SiteDayFact::Staffed { people } => self.staffed = Some(*people),
            SiteDayFact::CarrierNoShow { carrier } => {
                self.no_shows.insert(carrier.clone());
            }
            SiteDayFact::DeviceDown { device, state } => {
                self.devices_down.insert(device.clone(), state.clone());
            }
        }
    }

    /// The pause of a service at this instant, if there is one.
    pub fn pause(&self, service: Service, now: UtcMillis) -> Option<&Pause> {
        self.paused.get(&service).filter(|pause| pause.until.is_none_or(|until| now < until))
    }

    /// What the next day begins with: pauses go on, the rest is said anew.
    pub fn next_day(&self) -> Self {
        Self { paused: self.paused.clone(), ..Self::default() }
    }
}

/// The services a fact names; none named means all.
fn named(services: &[Service]) -> Vec<Service> {
    if services.is_empty() { Service::ALL.to_vec() } else { services.to_vec() }
}
