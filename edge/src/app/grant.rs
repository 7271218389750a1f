//! Rights given to the hub, and asked back, by rule after stock has moved: once for all that a group moved.

use std::collections::BTreeSet;

use outpost_model::id::{ReasonCode, Sku};
use outpost_model::page::{LedgerFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::rights::grantable;

use super::room;
use crate::store::standing::{self, Standing, subject};
use crate::store::{exception, past};
use crate::write::{SKUS_IN_ENTRY_MAX, Stop, Unit};

/// Settles the rights of these SKUs: what the policy allows beyond what the hub may promise already is granted; what
/// walk-ins took from it is asked back.
pub fn settle(unit: &mut Unit<'_>, skus: &BTreeSet<Sku>) -> Result<(), Stop> {
    // Until the hub has restored what this site lost, the sums are not the real ones.
    if past::open(unit.tx())?.is_some() {
        return Ok(());
    }
    let mut granted = Vec::new();
    let mut recalled = Vec::new();
    for sku in skus {
        let standing = standing::of(unit.tx(), sku, None)?;
        if standing.unused < 0 {
            let sentence = super::sentence("rights_broken");
            unit.raise("rights_broken", &subject(sku), "", sentence)?;
        }
        let missing = -standing.walk_in();
        if missing > 0 {
            recalled.extend(units(sku, missing.min(standing.unused) - standing.recalled));
        } else {
            if standing.oversold {
                exception::resolve(unit.tx(), unit.now(), standing::OVERSOLD, &subject(sku))?;
            }
            granted.extend(units(sku, grantable_now(unit, &standing)));
        }
    }
    if (!granted.is_empty() || !recalled.is_empty()) && !room::in_ledger(unit)? {
        let code = room::TOO_MANY_DOCUMENTS;
        unit.raise(code, room::PAGES, "", super::sentence(code))?;
        return Ok(());
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
    if standing::of(unit.tx(), sku, None)?.walk_in() < 0 {
        unit.raise(standing::OVERSOLD, &subject(sku), event, super::sentence(standing::OVERSOLD))?;
    }
    Ok(())
}

fn units(sku: &Sku, units: i64) -> Option<SkuQty> {
    let qty = Quantity::new(u64::try_from(units).ok()?).unwrap_or(Quantity::MAX);
    (!qty.is_zero()).then(|| SkuQty { sku: sku.clone(), qty })
}

/// Units to grant now: never more than walk-ins could have.
fn grantable_now(unit: &Unit<'_>, standing: &Standing) -> i64 {
    let book = unit.site().rules.current();
    let policy = book.rules.grants.get(&standing.class);
    let units = grantable(policy, standing.sellable, positive(standing.reserved), positive(standing.unused));
    i64::try_from(units).unwrap_or(i64::MAX).min(standing.walk_in())
}

fn positive(units: i64) -> u64 {
    u64::try_from(units).unwrap_or(0)
}
