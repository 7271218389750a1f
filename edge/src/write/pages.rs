//! The pages this site writes: its stock ledger and its days. What is written is folded here, and nowhere else.

use jiff::civil::Date;
use outpost_model::event::Event;
use outpost_model::id::{DocumentKey, EventId};
use outpost_model::page::{LedgerFact, PAGE_ENTRIES_MAX, PageHeader, SiteDayFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::site_day::SiteDayState;
use outpost_model::stock::MovementReason;
use serde::Serialize;

use super::job::News;
use super::unit::{Stop, Unit, describe, entry_of};
use crate::app::room::{PAGES, TOO_MANY_DOCUMENTS};
use crate::store::page::PageKind;
use crate::store::right::RightsDelta;
use crate::store::{StoreError, exception, page, past, right, site_day, source};

/// Units of SKUs in one entry at most, so that an entry stays within its limit of bytes.
pub const SKUS_IN_ENTRY_MAX: usize = 250;
/// Movements in one entry at most.
pub const MOVEMENTS_IN_ENTRY_MAX: usize = 80;

/// A page's header with the document's name in it. A founding change does not say which document it founds: without
/// the name, the first page of the ledger and the first day would be founded by one and the same change.
#[derive(Serialize)]
struct OwnHeader<'a> {
    #[serde(flatten)]
    page: PageHeader,
    document: &'a str,
}

impl Unit<'_> {
    /// Writes a fact into the stock ledger and folds it.
    pub fn ledger(&mut self, fact: LedgerFact) -> Result<EventId, Stop> {
        let (number, entries) = self.ledger_page()?;
        let key = DocumentKey::Ledger(self.site().id.clone(), number);
        let event = self.event(entries + 1, 0, fact);
        self.write(&key, PageKind::Ledger, &number.to_string(), &event)?;
        if let Some(fact) = event.known() {
            self.fold_ledger(event.id, fact)?;
        }
        Ok(event.id)
    }

    /// The page that is written now; a full one is sealed by beginning the next.
    fn ledger_page(&mut self) -> Result<(u32, u64), Stop> {
        let last = page::last_ledger(self.tx())?;
        let from = past::pages_from(self.tx())?;
        if let Some((number, entries)) = last
            && entries < PAGE_ENTRIES_MAX
            && number >= from
        {
            return Ok((number, entries));
        }
        let number = last.map_or(0, |(number, _)| number + 1).max(from);
        let key = DocumentKey::Ledger(self.site().id.clone(), number);
        self.found(&key, number, PageKind::Ledger, &number.to_string())?;
        Ok((number, 0))
    }

    /// Folds a ledger entry of an earlier life of this site.
    pub fn ledger_taken_back(&mut self, event: &Event<LedgerFact>) -> Result<(), Stop> {
        let Some(fact) = event.known() else { return Ok(()) };
        if let LedgerFact::Booked { movements, source: Some(name) } = fact {
            // What it came from must not be booked once more.
            let opening = movements.iter().any(|movement| movement.reason == MovementReason::Opening);
            let kind = if opening { "opening" } else { "receipt" };
            source::book(self.tx(), &format!("{kind}/{name}"), self.now())?;
        }
        self.fold_ledger(event.id, fact)
    }

    /// Folds what was said of a day in an earlier life of this site.
    pub fn day_taken_back(&mut self, date: Date, events: &[Event<SiteDayFact>]) -> Result<(), Stop> {
        let mut state = match site_day::load(self.tx(), date)? {
            Some(state) => state,
            None => site_day::before(self.tx(), date)?.map(|state| state.next_day()).unwrap_or_default(),
        };
        for event in events {
            state.apply(event);
        }
        site_day::save(self.tx(), date, &state)?;
        self.tell(News::Day);
        Ok(())
    }

    fn fold_ledger(&mut self, event: EventId, fact: &LedgerFact) -> Result<(), Stop> {
        match fact {
            LedgerFact::Booked { movements, .. } => self.book(movements)?,
            LedgerFact::Granted { units } => {
                for SkuQty { sku, qty } in units {
                    let delta = RightsDelta { granted: qty.delta(), ..RightsDelta::default() };
                    right::add(self.tx(), sku, delta)?;
                    self.tell(News::Stock(sku.clone()));
                }
            }
            LedgerFact::Recalled { units, .. } => {
                for SkuQty { sku, qty } in units.iter().filter(|unit| unit.qty > Quantity::ZERO) {
                    right::recall(self.tx(), event, sku, qty.delta())?;
                }
            }
        }
        Ok(())
    }

    /// Writes a fact about the site's day, on the date people in the site write now, and folds it.
    pub fn day(&mut self, fact: SiteDayFact) -> Result<EventId, Stop> {
        let date = self.site().date(self.now());
        let key = DocumentKey::SiteDay(self.site().id.clone(), date);
        let name = date.to_string();
        let entries = match page::entries(self.tx(), PageKind::Day, &name)? {
            Some(entries) => entries,
            None => {
                self.found(&key, 0, PageKind::Day, &name)?;
                0
            }
        };
        let mut state = self.today()?;
        let event = self.event(entries + 1, 0, fact);
        self.write(&key, PageKind::Day, &name, &event)?;
        state.apply(&event);
        site_day::save(self.tx(), date, &state)?;
        self.tell(News::Day);
        Ok(event.id)
    }

    /// The site's day so far; what was paused before and not resumed is still paused.
    pub fn today(&self) -> Result<SiteDayState, Stop> {
        let date = self.site().date(self.now());
        if let Some(state) = site_day::load(self.tx(), date)? {
            return Ok(state);
        }
        Ok(site_day::before(self.tx(), date)?.map(|state| state.next_day()).unwrap_or_default())
    }

    fn found(&mut self, key: &DocumentKey, number: u32, kind: PageKind, name: &str) -> Result<(), Stop> {
        let document = key.to_string();
        let header = OwnHeader {
            page: PageHeader { site: self.site().id.clone(), page: number },
            document: &document,
        };
        let header =
            serde_json::to_string(&header).map_err(|error| StoreError::corrupt("page", name, error))?;
        self.create(key, &header)?;
        page::save(self.tx(), kind, name, 0)?;
        // There was room: whoever was told that there is none was told before a setting was raised.
        exception::resolve(self.tx(), self.now(), TOO_MANY_DOCUMENTS, PAGES)?;
        Ok(())
    }

    fn write<K: outpost_model::event::Kind>(
        &mut self,
        key: &DocumentKey,
        kind: PageKind,
        name: &str,
        event: &Event<K>,
    ) -> Result<(), Stop> {
        self.append(key, &[entry_of(event)])?;
        page::save(self.tx(), kind, name, event.n)?;
        self.audit(&key.to_string(), &[describe(event)])
    }
}
