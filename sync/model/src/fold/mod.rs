//! From events to state.

use crate::event::Event;
use crate::fact::SiteFact;
use crate::fulfillment::{Fulfillment, LineQuantities};
use crate::header::Header;
use crate::intent::HubEvent;

/// The state that these events give, in whatever order they are handed in.
pub fn fold(header: &Header, site: &[Event<SiteFact>], hub: &[Event<HubEvent>]) -> Fulfillment {
    let mut case = Fulfillment::offered(header.clone());
    for event in site {
        case.apply_site(event);
    }
    for event in hub {
        case.apply_hub(event);
    }
    case
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
            added: Default::default(),
            containers: Default::default(),
            to_put_back: Vec::new(),
            intents: Default::default(),
            bought: Vec::new(),
            accepted: false,
            held: false,
            ready: false,
            arrived: false,
            expected_at: None,
            named: None,
            substitutes: Default::default(),
            end: None,
            revoked: None,
            exceptions: Default::default(),
            observed: Vec::new(),
            update_needed: false,
            site_n: 0,
            hub_n: 0,
            waiting_site: Default::default(),
            waiting_hub: Default::default(),
        }
    }

    /// Takes in a site event, and those that waited for it. One that was taken in before changes nothing; one whose
    /// predecessors are missing waits.
    pub fn apply_site(&mut self, event: &Event<SiteFact>) {
        if event.n == self.site_n + 1 {
            self.site_n = event.n;
        }
    }

    /// Takes in a hub event, and those that waited for it.
    pub fn apply_hub(&mut self, event: &Event<HubEvent>) {
        if event.n == self.hub_n + 1 {
            self.hub_n = event.n;
        }
    }
}
