//! The projection of a stock book: balances by full key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::Sku;
use crate::stock::{Movement, StockKey, StockStatus};

/// Balances. A balance may be negative: then the book lacks something that has happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    balances: BTreeMap<StockKey, i64>,
}

impl Ledger {
    /// Books a movement.
    pub fn book(&mut self, movement: &Movement) {
        let balance = self.balances.entry(movement.key.clone()).or_default();
        *balance += movement.delta;
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
        self.of(sku).map(|(_, units)| units).sum()
    }

    /// Units of a SKU in sellable status.
    pub fn sellable(&self, sku: &Sku) -> i64 {
        self.of(sku).filter(|(key, _)| key.status == StockStatus::Sellable).map(|(_, units)| units).sum()
    }

    fn of<'a>(&'a self, sku: &'a Sku) -> impl Iterator<Item = (&'a StockKey, i64)> {
        self.balances.iter().filter(move |(key, _)| key.sku == *sku).map(|(key, units)| (key, *units))
    }
}
