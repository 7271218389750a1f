//! From events to state.
//!
//! The state is a function of the *set* of events: the site's facts fold in their own order, the hub's events in
//! theirs, and the two touch different fields. Where a statement needs both (a carrier saw a parcel that nobody
//! handed over), it is worked out anew from the state after every event, so that it does not matter which came first.
//!
//! What a fold cannot reconcile it books all the same, and raises an exception:
//!
//! | code | it means |
//! |---|---|
//! | `outside_authority` | an irrevocable act was booked after the fact, without permission |
//! | `authority_override` | a supervisor acted without authority |
//! | `over_pick` | more was picked than was open; the surplus is to be put back |
//! | `handed_over_unpicked` | something left that was never picked |
//! | `handed_over_unwanted` | something left that was to be put back |
//! | `handed_over_on_hold` | something left while the case was to wait |
//! | `handed_over_after_end` | something left after the case had ended |
//! | `handed_over_though_revoked` | something left though the hub had taken the case away |
//! | `observed_not_handed_over` | a carrier has what nobody handed over |
//! | `returned_to_sender` | a parcel comes back |
//! | `payment_failed` | the payment no longer covers the order |
//! | `contradiction` | a fact names units that were not where it says |

mod hub;
mod site;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use crate::defects::{Planted, is_planted};
use crate::event::{Body, Event};
use crate::fact::SiteFact;
use crate::fulfillment::{Exception, Fulfillment, LineQuantities};
use crate::header::Header;
use crate::id::EventId;
use crate::intent::HubEvent;
use crate::quantity::Quantity;

/// The state that these events give, in whatever order they are handed in. Events behind a gap wait and count only
/// when it is filled.
pub fn fold(header: &Header, site: &[Event<SiteFact>], hub: &[Event<HubEvent>]) -> Fulfillment {
    let mut case = Fulfillment::offered(header.clone());
    for event in in_order(site) {
        if is_planted(Planted::FoldByClock) {
            case.take_site(event);
        } else {
            case.apply_site(event);
        }
    }
    for event in in_order(hub) {
        case.apply_hub(event);
    }
    case
}

fn in_order<K>(events: &[Event<K>]) -> Vec<&Event<K>> {
    let mut ordered: Vec<_> = events.iter().collect();
    ordered.sort_by_key(|event| (event.n, event.id));
    if is_planted(Planted::FoldByClock) {
        ordered.sort_by_key(|event| event.at);
    }
    ordered
}

impl Fulfillment {
    /// A case nobody has touched.
    pub fn offered(header: Header) -> Self {
        let lines = header
            .lines
            .iter()
            .map(|line| (line.line, LineQuantities { open: line.qty, ..LineQuantities::default() }))
            .collect();
        Self {
            hold_until: header.hold_until,
            header,
            lines,
            added: BTreeMap::new(),
            containers: BTreeMap::new(),
            to_put_back: Vec::new(),
            intents: BTreeMap::new(),
            last_picked_by: BTreeMap::new(),
            bought: Vec::new(),
            accepted: false,
            held: false,
            ready: false,
            arrived: false,
            expected_at: None,
            named: None,
            substitutes: BTreeMap::new(),
            end: None,
            revoked: None,
            handovers: Vec::new(),
            exceptions: BTreeSet::new(),
            observed: Vec::new(),
            update_needed: false,
            site_n: 0,
            hub_n: 0,
            waiting_site: BTreeMap::new(),
            waiting_hub: BTreeMap::new(),
        }
    }

    /// Takes in a site event, and those that waited for it. One that was taken in before changes nothing; one whose
    /// predecessors are missing waits.
    pub fn apply_site(&mut self, event: &Event<SiteFact>) {
        if event.n > self.site_n + 1 {
            wait(&mut self.waiting_site, event);
            return;
        }
        if event.n <= self.site_n {
            return;
        }
        self.take_site(event);
        while let Some(next) = self.waiting_site.remove(&(self.site_n + 1)) {
            self.take_site(&next);
        }
        self.cross_check();
    }

    /// Takes in a hub event, and those that waited for it.
    pub fn apply_hub(&mut self, event: &Event<HubEvent>) {
        if event.n > self.hub_n + 1 {
            wait(&mut self.waiting_hub, event);
            return;
        }
        if event.n <= self.hub_n {
            return;
        }
        self.take_hub(event);
        while let Some(next) = self.waiting_hub.remove(&(self.hub_n + 1)) {
            self.take_hub(&next);
        }
        self.cross_check();
    }

    fn take_site(&mut self, event: &Event<SiteFact>) {
        self.site_n = event.n;
        match &event.body {
            Body::Known(fact) => {
                if let SiteFact::Picked { line, .. } | SiteFact::Substituted { line, .. } = fact {
                    self.last_picked_by.insert(*line, event.by.clone());
                }
                self.take_fact(event.id, fact);
            }
            Body::Unknown { .. } => self.update_needed |= event.critical,
        }
    }

    fn take_hub(&mut self, event: &Event<HubEvent>) {
        self.hub_n = event.n;
        match &event.body {
            Body::Known(said) => self.take_word(event.id, said),
            Body::Unknown { .. } => self.update_needed |= event.critical,
        }
    }

    fn raise(&mut self, code: &str, event: EventId) {
        self.exceptions.insert(Exception { code: code.to_owned(), event });
    }

    /// What contradicts only when both sides are looked at together.
    fn cross_check(&mut self) {
        const SEEN_NOT_GIVEN: &str = "observed_not_handed_over";
        const GIVEN_AFTER_REVOKED: &str = "handed_over_though_revoked";
        self.exceptions
            .retain(|exception| exception.code != SEEN_NOT_GIVEN && exception.code != GIVEN_AFTER_REVOKED);
        if self.handovers.is_empty() {
            let seen: Vec<_> =
                self.observed.iter().filter(|seen| seen.means_gone()).map(|seen| seen.event).collect();
            for event in seen {
                self.raise(SEEN_NOT_GIVEN, event);
            }
        }
        if self.revoked.is_some() {
            for event in self.handovers.clone() {
                self.raise(GIVEN_AFTER_REVOKED, event);
            }
        }
    }

    /// Units of a line that were ordered: the header's and those that accepted amendments added.
    pub fn ordered(&self, line: crate::id::LineNo) -> Quantity {
        let first = self.header.line(line).map_or(Quantity::ZERO, |line| line.qty);
        first + self.added.get(&line).copied().unwrap_or_default()
    }
}

/// Two events with one number cannot both stand in a sound document; the lower id is kept so that at least the
/// order of arrival does not decide.
fn wait<K: Clone>(waiting: &mut BTreeMap<u64, Event<K>>, event: &Event<K>) {
    match waiting.get(&event.n) {
        Some(other) if other.id <= event.id => {}
        _ => {
            waiting.insert(event.n, event.clone());
        }
    }
}
