//! Folding the hub's words: intents wait for their answers, observations overwrite nothing.

use crate::fulfillment::{Answer, BoughtLabel, Fulfillment, Intent, Observation};
use crate::id::{EventId, LineNo};
use crate::intent::HubEvent;

impl Intent {
    /// One of which only the answer has come so far.
    pub(super) fn unseen() -> Self {
        Self { kind: String::new(), lines: Vec::new(), asked: None, answer: Answer::Pending }
    }
}

impl Observation {
    /// Whether it says that the goods are not at the site any more.
    pub fn means_gone(&self) -> bool {
        matches!(self.fact.as_str(), "carrier_scanned" | "in_transit" | "out_for_delivery" | "delivered")
    }
}

impl Fulfillment {
    pub(super) fn take_word(&mut self, id: EventId, said: &HubEvent) {
        if said.is_intent() {
            // The answer may have been folded already, where the hub's event comes later.
            let intent = self.intents.entry(id).or_insert_with(Intent::unseen);
            said.name().clone_into(&mut intent.kind);
            intent.lines = lines_of(said);
            intent.asked = Some(said.clone());
            return;
        }
        match said {
            HubEvent::SubstitutionApproved { line, with } => {
                self.substitutes.insert(*line, Some(with.clone()));
            }
            HubEvent::SubstitutionDeclined { line } => {
                self.substitutes.insert(*line, None);
            }
            HubEvent::Revoked { reason } => {
                self.revoked.get_or_insert_with(|| reason.clone());
            }
            HubEvent::LabelBought { container, carrier, number, label_hash, record } => {
                self.bought.push(BoughtLabel {
                    container: container.clone(),
                    carrier: carrier.clone(),
                    number: number.clone(),
                    label_hash: label_hash.clone(),
                    record: *record,
                    voided: false,
                });
            }
            HubEvent::LabelVoidConfirmed { number } => {
                for label in self.bought.iter_mut().filter(|label| label.number == *number) {
                    label.voided = true;
                }
            }
            HubEvent::CustomerEnRoute { expected_at } => self.expected_at = Some(*expected_at),
            HubEvent::PickupPersonNamed { record } => self.named = Some(*record),
            HubEvent::Observed { source, fact } => {
                let observation = Observation { event: id, source: source.clone(), fact: fact.clone() };
                if fact == "returned_to_sender" {
                    self.raise("returned_to_sender", id);
                }
                if observation.stops_payment() {
                    self.raise("payment_failed", id);
                }
                self.observed.push(observation);
            }
            HubEvent::CancelRequested { .. }
            | HubEvent::AmendRequested { .. }
            | HubEvent::HoldRequested { .. }
            | HubEvent::UnholdRequested
            | HubEvent::ReleaseRequested { .. }
            | HubEvent::ExtendRequested { .. } => {}
        }
    }
}

fn lines_of(said: &HubEvent) -> Vec<LineNo> {
    match said {
        HubEvent::CancelRequested { lines, .. } => lines.clone(),
        HubEvent::AmendRequested { line, .. } => vec![*line],
        _ => Vec::new(),
    }
}

impl Observation {
    fn of_payment(&self) -> bool {
        self.source == "payment" || self.source.starts_with("payment:")
    }

    /// Whether it says that the customer's payment does not cover the goods any more.
    pub fn stops_payment(&self) -> bool {
        self.of_payment() && matches!(self.fact.as_str(), "declined" | "voided" | "expired")
    }

    /// Whether it says that the customer's payment has arrived.
    pub fn is_payment(&self) -> bool {
        self.of_payment() && self.fact == "captured"
    }
}
