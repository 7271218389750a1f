//! How far a case and an order are: derived, never stored as a station that was passed.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::SitePolicy;
use crate::fact::LabelKind;
use crate::fulfillment::{Answer, Container, End, Fulfillment, LineQuantities, Milestone};
use crate::header::Service;
use crate::id::{ContainerId, EventId, LineNo, Sku};
use crate::order::Order;
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// What has to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A person answers an intent.
    Answer,
    /// Pick what is open.
    Pick,
    /// Pack what is picked.
    Pack,
    /// Label what is packed.
    Label,
    /// Stage what waits.
    Stage,
    /// Tell the customer to come.
    Ready,
    /// Hand over.
    HandOver,
    /// Put back what is not wanted any more.
    PutBack,
}

/// What the hub has decided about an order before any site works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Captured, not looked at yet.
    Captured,
    /// Held by a rule or a person.
    Held,
    /// Approved, to be routed.
    Approved,
    /// Cancelled as a whole.
    Cancelled,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Captured, not looked at yet.
    Captured,
    /// Held.
    Held,
    /// Approved, not with a site yet, or not with one any more.
    Approved,
    /// Offered to sites, nobody has begun.
    Routed,
    /// Some site works on it.
    InProgress,
    /// Something was handed over, something is still to come.
    PartiallyFulfilled,
    /// What remains of it was handed over.
    Fulfilled,
    /// Nothing was handed over and nothing will be.
    Cancelled,
    /// Handed over and come back.
    Returned,
}

/// How far an order is, from what the hub decided and all its cases, those that ended included.
pub fn order_state<F: Borrow<Fulfillment>>(order: &Order, standing: Standing, cases: &[F]) -> OrderState {
    let cases: Vec<&Fulfillment> = cases.iter().map(Borrow::borrow).collect();
    let sum = |part: fn(&LineQuantities) -> Quantity| -> Quantity {
        cases.iter().flat_map(|case| case.lines.values()).map(part).sum()
    };
    let ordered: Quantity = order.lines.iter().filter(|line| line.physical).map(|line| line.qty).sum();
    let handed_over = sum(|line| line.handed_over);
    let given_up = sum(|line| line.cancelled + line.declined);
    if !handed_over.is_zero() {
        let back = cases.iter().all(|case| case.came_back() || case.handed_over().is_zero());
        return match handed_over + given_up >= ordered {
            _ if back => OrderState::Returned,
            true => OrderState::Fulfilled,
            false => OrderState::PartiallyFulfilled,
        };
    }
    if standing == Standing::Cancelled || (!cases.is_empty() && given_up >= ordered) {
        return OrderState::Cancelled;
    }
    let live = || cases.iter().filter(|case| !case.is_closed());
    if live().any(|case| case.milestone() > Milestone::Offered) {
        return OrderState::InProgress;
    }
    if live().next().is_some() {
        return OrderState::Routed;
    }
    match standing {
        Standing::Captured => OrderState::Captured,
        Standing::Held => OrderState::Held,
        Standing::Approved | Standing::Cancelled => OrderState::Approved,
    }
}

impl Fulfillment {
    fn total(&self, part: fn(&LineQuantities) -> Quantity) -> Quantity {
        self.lines.values().map(part).sum()
    }

    /// Units still to be picked.
    pub fn open(&self) -> Quantity {
        self.total(|line| line.open)
    }

    /// Units in containers here that are wanted.
    pub fn here(&self) -> Quantity {
        self.total(|line| line.picked + line.staged)
    }

    /// Units that have left.
    pub fn handed_over(&self) -> Quantity {
        self.total(|line| line.handed_over)
    }

    /// Units by line that this site does not deliver and that are still wanted: what the hub looks for elsewhere.
    pub fn missing(&self) -> BTreeMap<LineNo, Quantity> {
        let gone = self.revoked.is_some();
        self.lines
            .iter()
            .map(|(line, units)| {
                let here = units.open + units.picked + units.staged;
                (*line, if gone { units.short + here } else { units.short })
            })
            .filter(|(_, units)| !units.is_zero())
            .collect()
    }

    /// Units by SKU that the hub promised from this site's rights with this case.
    pub fn promised(&self) -> BTreeMap<Sku, Quantity> {
        let mut promised = BTreeMap::new();
        for line in &self.header.lines {
            let units: &mut Quantity = promised.entry(line.sku.clone()).or_default();
            *units = *units + self.ordered(line.line);
        }
        promised
    }

    /// Units by SKU that still lie on the shelf for this case: reserved, and not to be sold over the counter.
    pub fn reserved(&self) -> BTreeMap<Sku, Quantity> {
        let mut reserved = BTreeMap::new();
        if self.ended().is_none() {
            for line in &self.header.lines {
                let open = self.lines.get(&line.line).map_or(Quantity::ZERO, |units| units.open);
                let units: &mut Quantity = reserved.entry(line.sku.clone()).or_default();
                *units = *units + open;
            }
        }
        reserved.retain(|_, units| !units.is_zero());
        reserved
    }

    /// Intents without an answer, oldest id first.
    pub fn pending(&self) -> impl Iterator<Item = EventId> {
        self.intents.iter().filter(|(_, intent)| intent.answer == Answer::Pending).map(|(id, _)| *id)
    }

    /// Whether the customer's payment covers a handover now.
    pub fn payment_ok(&self, now: UtcMillis) -> bool {
        let last = self.observed.iter().rfind(|seen| seen.stops_payment() || seen.is_payment());
        match last {
            Some(seen) => seen.is_payment(),
            None => self.header.payment_ok_until.is_none_or(|until| now <= until),
        }
    }

    fn came_back(&self) -> bool {
        self.observed.iter().any(|seen| seen.fact == "returned_to_sender")
    }

    /// How it ended other than by handover: the site's own word, else the hub's.
    pub fn ended(&self) -> Option<End> {
        self.end.clone().or_else(|| self.revoked.clone().map(End::Revoked))
    }

    /// Whether nothing is left to do: nothing lies in a container, and nothing is to be picked.
    pub fn is_closed(&self) -> bool {
        let empty = self.containers.values().all(|container| container.contents.is_empty());
        empty && (self.ended().is_some() || self.open().is_zero())
    }

    /// How far the case is. A case of which nothing is left to leave, while goods are to be put back, counts as
    /// handed over when something has left, and as picked when nothing has.
    pub fn milestone(&self) -> Milestone {
        let (open, here, gone) = (self.open(), self.here(), self.handed_over());
        if self.is_closed() {
            return Milestone::Closed;
        }
        if !open.is_zero() {
            let begun =
                !(here + gone + self.total(|line| line.short)).is_zero() || !self.to_put_back.is_empty();
            return match (begun, self.accepted) {
                (true, _) => Milestone::Picking,
                (false, true) => Milestone::Accepted,
                (false, false) => Milestone::Offered,
            };
        }
        if here.is_zero() {
            return if gone.is_zero() { Milestone::Picked } else { Milestone::HandedOver };
        }
        let all =
            |test: fn(&Container) -> bool| self.waiting_containers().all(|(_, container)| test(container));
        if self.ready {
            Milestone::Ready
        } else if all(|container| container.staged_at.is_some()) {
            Milestone::Staged
        } else if !all(|container| container.packed) {
            Milestone::Picked
        } else if all(Container::carrier_labeled) {
            Milestone::Labeled
        } else {
            Milestone::Packed
        }
    }

    /// Containers that hold something wanted.
    pub fn waiting_containers(&self) -> impl Iterator<Item = (&ContainerId, &Container)> {
        self.containers.iter().filter(|(id, _)| !self.wanted_in(id).is_empty())
    }

    /// What has to be done next, the most urgent first. Empty when nothing is.
    pub fn needs(&self, policy: &SitePolicy) -> Vec<Need> {
        let mut needs = Vec::new();
        let mut need = |when: bool, what: Need| when.then(|| needs.push(what));
        need(self.pending().next().is_some(), Need::Answer);
        if self.ended().is_some() {
            let anything = self.containers.values().any(|container| !container.contents.is_empty());
            need(anything, Need::PutBack);
            return needs;
        }
        need(!self.to_put_back.is_empty(), Need::PutBack);
        if self.held || self.is_closed() {
            return needs;
        }
        let pickup = self.header.service == Service::Pickup;
        let any = |test: &dyn Fn(&Container) -> bool| self.waiting_containers().any(|(_, at)| test(at));
        let (picked, here) = (self.open().is_zero(), !self.here().is_zero());
        let pack = (!pickup || policy.pack_pickup) && any(&|at| !at.packed);
        let label = !pickup && any(&|at| at.packed && !at.carrier_labeled());
        let stage = (pickup || policy.stage_ship) && any(&|at| at.staged_at.is_none());
        need(!picked, Need::Pick);
        need(picked && pack, Need::Pack);
        need(label, Need::Label);
        need(picked && !pack && !label && stage, Need::Stage);
        need(picked && pickup && here && !pack && !stage && !self.ready, Need::Ready);
        need(picked && here && !pack && !label && !stage && (self.ready || !pickup), Need::HandOver);
        needs
    }
}

impl Container {
    /// Whether it bears a carrier's label.
    pub fn carrier_labeled(&self) -> bool {
        self.labels.iter().any(|label| label.kind == LabelKind::Carrier)
    }
}
