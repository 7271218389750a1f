//! Quantities: whole numbers of a product's unit of measure; milli-units (grams of a kilogram) for weighed goods.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// A count of units, never negative. Differences are [`i64`] movements, not quantities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Quantity(u32);

/// A number too large to be a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is more than {max} units", max = Quantity::MAX.get())]
pub struct QuantityError(pub u64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One unit.
    pub const ONE: Self = Self(1);
    /// The largest quantity: a hundred million units, so that sums over a site stay far from overflow.
    pub const MAX: Self = Self(100_000_000);

    /// A quantity within the limit.
    pub fn new(units: u64) -> Result<Self, QuantityError> {
        match u32::try_from(units) {
            Ok(units) if units <= Self::MAX.0 => Ok(Self(units)),
            _ => Err(QuantityError(units)),
        }
    }

    /// The number of units.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number of units as a signed movement.
    pub fn delta(self) -> i64 {
        i64::from(self.0)
    }

    /// Whether there is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The difference, or nothing when `other` is more.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The difference, at least zero.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Sums hold at [`Quantity::MAX`]: what was folded can always be written and read again.
impl Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(Self::MAX.0))
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl TryFrom<u64> for Quantity {
    type Error = QuantityError;
    fn try_from(units: u64) -> Result<Self, QuantityError> {
        Self::new(units)
    }
}

impl From<Quantity> for u64 {
    fn from(quantity: Quantity) -> u64 {
        u64::from(quantity.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_at_its_edge() {
        assert!(Quantity::new(100_000_000).is_ok());
        assert!(Quantity::new(100_000_001).is_err());
        assert!(serde_json::from_str::<Quantity>("-1").is_err());
        assert!(serde_json::from_str::<Quantity>("1.5").is_err());
        assert_eq!(Quantity::MAX + Quantity::ONE, Quantity::MAX);
    }
}
