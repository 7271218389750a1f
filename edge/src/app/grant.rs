//! Rights given to the hub and asked back, by rule, after stock has moved.

use std::collections::BTreeSet;

use outpost_model::id::Sku;

use crate::write::{Stop, Unit};

/// Settles the grants of these SKUs.
pub fn settle(_unit: &mut Unit<'_>, _skus: &BTreeSet<Sku>) -> Result<(), Stop> {
    Ok(())
}
