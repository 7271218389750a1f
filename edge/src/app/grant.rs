//! Rights given to the hub, and asked back, by rule after stock has moved: once for all that a group moved.

use std::collections::BTreeSet;

use outpost_model::id::{ReasonCode, Sku};
use outpost_model::page::{LedgerFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::rights::{grantable, walk_in};

use crate::store::{case, exception, product, right, stock};
use crate::write::{SKUS_IN_ENTRY_MAX, Stop, Unit};

/// Settles the rights of these SKUs: what the policy allows beyond what the hub may promise already is granted; what
/// walk-ins took from it is asked back.
pub fn settle(unit: &mut Unit<'_>, skus: &BTreeSet<Sku>) -> Result<(), Stop> {
    let mut granted = Vec::new();
    let mut recalled = Vec::new();
    for sku in skus {
        let standing = Standing::of(unit, sku)?;
        if standing.unused < 0 {
            let sentence = super::sentence("rights_broken");
            unit.raise("rights_broken", &subject(sku), "", sentence)?;
        }
        let missing = -standing.walk_in();
        if missing > 0 {
            recalled.extend(units(sku, missing.min(standing.unused) - standing.recalled));
        } else {
            exception::resolve(unit.tx(), unit.now(), "negative_sellable", &subject(sku))?;
            granted.extend(units(sku, standing.grantable(unit, sku)?));
        }
    }
    for units in granted.chunks(SKUS_IN_ENTRY_MAX) {
        unit.ledger(LedgerFact::Granted { units: units.to_vec() })?;
    }
    for units in recalled.chunks(SKUS_IN_ENTRY_MAX) {
        let reason = ReasonCode::new("already_sold").map_err(|error| Stop::Broken(error.to_string()))?;
        unit.ledger(LedgerFact::Recalled { units: units.to_vec(), reason })?;
    }
    Ok(())
}

/// Raises that a sale took units that were spoken for, once for the sale that did it.
pub fn look_for_oversold(unit: &mut Unit<'_>, sku: &Sku, event: &str) -> Result<(), Stop> {
    if Standing::of(unit, sku)?.walk_in() < 0 {
        unit.raise("negative_sellable", &subject(sku), event, super::sentence("negative_sellable"))?;
    }
    Ok(())
}

/// What an exception about a SKU is about.
fn subject(sku: &Sku) -> String {
    format!("sku/{sku}")
}

fn units(sku: &Sku, units: i64) -> Option<SkuQty> {
    let qty = Quantity::new(u64::try_from(units).ok()?).unwrap_or(Quantity::MAX);
    (!qty.is_zero()).then(|| SkuQty { sku: sku.clone(), qty })
}

struct Standing {
    sellable: i64,
    reserved: i64,
    unused: i64,
    recalled: i64,
}

impl Standing {
    fn of(unit: &Unit<'_>, sku: &Sku) -> Result<Self, Stop> {
        let tx = unit.tx();
        Ok(Self {
            sellable: stock::sums(tx, sku)?.sellable,
            reserved: case::reserved(tx, sku)?,
            unused: right::load(tx, sku)?.unused(),
            recalled: right::recalled(tx, sku)?,
        })
    }

    /// Units that walk-ins may have.
    fn walk_in(&self) -> i64 {
        walk_in(self.sellable, positive(self.reserved), positive(self.unused))
    }

    /// Units to grant now: never more than walk-ins could have.
    fn grantable(&self, unit: &Unit<'_>, sku: &Sku) -> Result<i64, Stop> {
        let book = unit.site().rules.current();
        let class = product::class_of(unit.tx(), sku)?;
        let policy = book.rules.grants.get(&class);
        let units = grantable(policy, self.sellable, positive(self.reserved), positive(self.unused));
        Ok(i64::try_from(units).unwrap_or(i64::MAX).min(self.walk_in()))
    }
}

fn positive(units: i64) -> u64 {
    u64::try_from(units).unwrap_or(0)
}
