//! The projection of a stock book: balances by full key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{LocationId, Sku};
use crate::stock::{Movement, MovementReason, Place, StockKey, StockStatus};

/// Balances. A balance may be negative: then the book lacks something that has happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(StockKey, i64)>", into = "Vec<(StockKey, i64)>")]
pub struct Ledger {
    balances: BTreeMap<StockKey, i64>,
}

/// Units of a SKU that a book shows are not those its movements sum to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sku}: the movements sum to {moved} units, the book shows {shown}")]
pub struct NotConserved {
    /// What.
    pub sku: Sku,
    /// The sum of the movements.
    pub moved: i64,
    /// What the book shows.
    pub shown: i64,
}

impl Ledger {
    /// The book these movements give.
    pub fn of<'a>(movements: impl IntoIterator<Item = &'a Movement>) -> Self {
        let mut ledger = Self::default();
        for movement in movements {
            ledger.book(movement);
        }
        ledger
    }

    /// Books a movement.
    pub fn book(&mut self, movement: &Movement) {
        let balance = self.balances.entry(movement.key.clone()).or_default();
        *balance = balance.saturating_add(movement.delta);
        if *balance == 0 {
            self.balances.remove(&movement.key);
        }
    }

    /// All balances that are not zero, in key order.
    pub fn balances(&self) -> &BTreeMap<StockKey, i64> {
        &self.balances
    }

    /// Units of a SKU that belong to the site, wherever and in whatever state.
    pub fn on_hand(&self, sku: &Sku) -> i64 {
        self.of_sku(sku).map(|(_, units)| units).sum()
    }

    /// Units of a SKU in sellable status.
    pub fn sellable(&self, sku: &Sku) -> i64 {
        self.of_sku(sku).filter(|(key, _)| key.status == StockStatus::Sellable).map(|(_, units)| units).sum()
    }

    /// Sellable units of a SKU by location, the fullest first, whatever their lots.
    pub fn shelves(&self, sku: &Sku) -> Vec<(LocationId, i64)> {
        let mut shelves: BTreeMap<&LocationId, i64> = BTreeMap::new();
        for (key, units) in self.of_sku(sku).filter(|(key, _)| key.status == StockStatus::Sellable) {
            if let Place::Location(location) = &key.place {
                *shelves.entry(location).or_default() += units;
            }
        }
        let mut shelves: Vec<_> =
            shelves.into_iter().map(|(location, units)| (location.clone(), units)).collect();
        shelves.sort_by_key(|(location, units)| (std::cmp::Reverse(*units), location.clone()));
        shelves
    }

    /// Sellable units of a SKU at one location.
    pub fn sellable_at(&self, sku: &Sku, location: &LocationId) -> i64 {
        self.shelves(sku).into_iter().find(|(at, _)| at == location).map_or(0, |(_, units)| units)
    }

    fn of_sku<'a>(&'a self, sku: &'a Sku) -> impl Iterator<Item = (&'a StockKey, i64)> {
        self.balances.iter().filter(move |(key, _)| key.sku == *sku).map(|(key, units)| (key, *units))
    }

    /// Checks that on hand equals opening plus movements, SKU by SKU.
    pub fn conserved<'a>(
        &self,
        movements: impl IntoIterator<Item = &'a Movement>,
    ) -> Result<(), NotConserved> {
        let mut sums: BTreeMap<&Sku, i64> = BTreeMap::new();
        for movement in movements {
            *sums.entry(&movement.key.sku).or_default() += movement.delta;
        }
        let skus: BTreeSet<&Sku> =
            sums.keys().copied().chain(self.balances.keys().map(|key| &key.sku)).collect();
        for sku in skus {
            let (moved, shown) = (sums.get(sku).copied().unwrap_or(0), self.on_hand(sku));
            if moved != shown {
                return Err(NotConserved { sku: sku.clone(), moved, shown });
            }
        }
        Ok(())
    }
}

impl From<Vec<(StockKey, i64)>> for Ledger {
    fn from(balances: Vec<(StockKey, i64)>) -> Self {
        Self { balances: balances.into_iter().filter(|(_, units)| *units != 0).collect() }
    }
}

impl From<Ledger> for Vec<(StockKey, i64)> {
    fn from(ledger: Ledger) -> Self {
        ledger.balances.into_iter().collect()
    }
}

impl MovementReason {
    /// Whether it moves units within the site, so that its movements sum to zero.
    pub fn is_internal(self) -> bool {
        matches!(self, Self::Pick | Self::Unpick | Self::Pack | Self::PutBack | Self::StatusChange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UtcMillis;

    fn movement(location: &str, status: StockStatus, delta: i64) -> Movement {
        Movement {
            key: StockKey {
                sku: Sku::new("MUG").unwrap(),
                place: Place::Location(LocationId::new(location).unwrap()),
                status,
                lot: None,
                serial: None,
                owner: None,
            },
            delta,
            reason: MovementReason::Opening,
            occurred_at: UtcMillis(0),
            booked_at: UtcMillis(0),
            case: None,
        }
    }

    #[test]
    fn a_book_is_the_sum_of_its_movements() {
        let all = [
            movement("A-1", StockStatus::Sellable, 3),
            movement("B-1", StockStatus::Sellable, 5),
            movement("A-1", StockStatus::Sellable, -3),
            movement("A-1", StockStatus::Suspect, 2),
        ];
        let mut book = Ledger::of(&all);
        let sku = Sku::new("MUG").unwrap();
        assert_eq!((book.on_hand(&sku), book.sellable(&sku)), (7, 5));
        assert_eq!(book.balances().len(), 2, "a balance of zero is gone");
        assert_eq!(book.shelves(&sku)[0].0.as_str(), "B-1");
        assert_eq!(book.conserved(&all), Ok(()));
        let text = serde_json::to_string(&book).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), book);
        book.book(&movement("B-1", StockStatus::Sellable, 1));
        assert_eq!(book.conserved(&all), Err(NotConserved { sku, moved: 7, shown: 8 }));
    }
}
