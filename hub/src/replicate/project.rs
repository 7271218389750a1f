//! Folds what a batch says into the hub's view of the site. In memory: each row is written once a batch.

use std::collections::BTreeMap;

use jiff::civil::Date;
use outpost_model::event::Event;
use outpost_model::fact::{LabelKind, SiteFact};
use outpost_model::fulfillment::{Exception, Milestone};
use outpost_model::id::{CaseId, DocumentKey, EventId, Sku};
use outpost_model::movements::movements;
use outpost_model::page::{LedgerFact, SiteDayFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::site_day::SiteDayState;
use outpost_model::stock::{Movement, StockKey};

use super::admit::Admitted;
use crate::store::case;

/// What a case was before the batch: only what reactions compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// How far it was.
    pub milestone: Milestone,
    /// Whether it had ended otherwise.
    pub ended: bool,
    /// Units that were short.
    pub short: Quantity,
    /// Units that had left.
    pub handed_over: Quantity,
    /// Exceptions it had.
    pub exceptions: std::collections::BTreeSet<Exception>,
}

/// The answer to an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The case.
    pub case: CaseId,
    /// The intent.
    pub intent: EventId,
    /// Why not, when it was refused.
    pub refused: Option<outpost_model::id::ReasonCode>,
}

/// What a batch adds up to.
#[derive(Debug, Default)]
pub struct Projection {
    /// Cases by id, with what they were before.
    pub cases: BTreeMap<CaseId, (case::Row, Before)>,
    /// Changes of stock by key.
    pub stock: BTreeMap<StockKey, i64>,
    /// Rights granted.
    pub grants: BTreeMap<Sku, u64>,
    /// Rights asked back, by the event that asks.
    pub recalls: Vec<(EventId, Vec<SkuQty>)>,
    /// Days that have changed.
    pub days: BTreeMap<Date, SiteDayState>,
    /// Answers to intents.
    pub answers: Vec<Answered>,
    /// Handling labels issued.
    pub handling_labels: u64,
    /// Events taken in.
    pub events: i64,
}

impl Before {
    /// What reactions compare, of a case as it is now.
    pub fn of(row: &case::Row) -> Self {
        let state = &row.state;
        Self {
            milestone: state.milestone(),
            ended: state.ended().is_some(),
            short: state.lines.values().map(|units| units.short).sum(),
            handed_over: state.lines.values().map(|units| units.handed_over).sum(),
            exceptions: state.exceptions.clone(),
        }
    }
}

impl Projection {
    /// Takes in what was admitted of a document.
    pub fn take(&mut self, key: &DocumentKey, admitted: Admitted) {
        match (admitted, key) {
            (Admitted::Case(events), DocumentKey::Case(case)) => self.case(*case, &events),
            (Admitted::Ledger(events), _) => events.iter().for_each(|event| self.ledger(event)),
            (Admitted::Day(events), DocumentKey::SiteDay(_, date)) => self.day(*date, &events),
            (Admitted::Founded | Admitted::Case(_) | Admitted::Day(_), _) => {}
        }
    }

    fn case(&mut self, id: CaseId, events: &[Event<SiteFact>]) {
        let Some((row, _)) = self.cases.get_mut(&id) else { return };
        self.events += events.len() as i64;
        for event in events {
            row.state.apply_site(event);
            for movement in movements(&row.state.header, event, event.at) {
                book(&mut self.stock, movement);
            }
            match event.known() {
                Some(SiteFact::IntentAccepted { intent, .. }) => {
                    self.answers.push(Answered { case: id, intent: *intent, refused: None });
                }
                Some(SiteFact::IntentRefused { intent, reason }) => {
                    self.answers.push(Answered { case: id, intent: *intent, refused: Some(reason.clone()) });
                }
                Some(SiteFact::Labeled { label: LabelKind::Handling, .. }) => self.handling_labels += 1,
                _ => {}
            }
        }
    }

    fn ledger(&mut self, event: &Event<LedgerFact>) {
        self.events += 1;
        match event.known() {
            Some(LedgerFact::Booked { movements, .. }) => {
                movements.iter().cloned().for_each(|movement| book(&mut self.stock, movement));
            }
            Some(LedgerFact::Granted { units }) => {
                for SkuQty { sku, qty } in units {
                    *self.grants.entry(sku.clone()).or_insert(0) += u64::from(qty.get());
                }
            }
            Some(LedgerFact::Recalled { units, .. }) => self.recalls.push((event.id, units.clone())),
            None => {}
        }
    }

    fn day(&mut self, date: Date, events: &[Event<SiteDayFact>]) {
        self.events += events.len() as i64;
        let day = self.days.entry(date).or_default();
        for event in events {
            day.apply(event);
        }
    }
}

fn book(stock: &mut BTreeMap<StockKey, i64>, movement: Movement) {
    *stock.entry(movement.key).or_insert(0) += movement.delta;
}
