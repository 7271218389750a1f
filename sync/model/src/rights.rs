//! Rights: units of a site's stock that the hub may promise without asking (escrow, after O'Neil 1986 and Balegas
//! et al. 2015). The hub promises out of what is unused; whatever the line does, it never promises more than the
//! site has granted.

use serde::{Deserialize, Serialize};

/// Rights for one SKU of one site. Totals only grow; what is unused is `granted − promised − returned`, never
/// negative: no value of this type says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Totals", into = "Totals")]
pub struct Rights(Totals);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Totals {
    granted: u64,
    promised: u64,
    returned: u64,
}

/// Why a change of rights is not possible, or totals are not rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RightsError {
    /// More was asked for than is unused.
    #[error("{asked} units asked for, {unused} unused")]
    TooFew {
        /// Units asked for.
        asked: u64,
        /// Units left.
        unused: u64,
    },
    /// Totals that cannot have come about.
    #[error("{promised} promised and {returned} returned are more than {granted} granted")]
    Broken {
        /// Units granted.
        granted: u64,
        /// Units promised.
        promised: u64,
        /// Units returned.
        returned: u64,
    },
}

impl TryFrom<Totals> for Rights {
    type Error = RightsError;
    fn try_from(totals: Totals) -> Result<Self, RightsError> {
        let Totals { granted, promised, returned } = totals;
        match promised.checked_add(returned) {
            Some(used) if used <= granted => Ok(Self(totals)),
            _ => Err(RightsError::Broken { granted, promised, returned }),
        }
    }
}

impl From<Rights> for Totals {
    fn from(rights: Rights) -> Totals {
        rights.0
    }
}

impl Rights {
    /// Rights with these totals, as read from a row or summed from events.
    pub fn new(granted: u64, promised: u64, returned: u64) -> Result<Self, RightsError> {
        Totals { granted, promised, returned }.try_into()
    }

    /// Units ever granted by the site.
    pub fn granted(&self) -> u64 {
        self.0.granted
    }

    /// Units ever promised by the hub, whatever became of them.
    pub fn promised(&self) -> u64 {
        self.0.promised
    }

    /// Units ever given back by the hub.
    pub fn returned(&self) -> u64 {
        self.0.returned
    }

    /// Units the hub may still promise.
    pub fn unused(&self) -> u64 {
        self.0.granted - self.0.promised - self.0.returned
    }

    /// The site grants more.
    pub fn grant(&mut self, qty: u64) {
        self.0.granted = self.0.granted.saturating_add(qty);
    }

    /// The hub promises units; all of them or none.
    pub fn promise(&mut self, qty: u64) -> Result<(), RightsError> {
        let unused = self.unused();
        if qty > unused {
            return Err(RightsError::TooFew { asked: qty, unused });
        }
        self.0.promised += qty;
        Ok(())
    }

    /// The hub gives back up to `qty` units, as many as are unused; how many that were.
    pub fn give_back(&mut self, qty: u64) -> u64 {
        let back = qty.min(self.unused());
        self.0.returned += back;
        back
    }
}

/// How much of a SKU a site puts at the hub's disposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantPolicy {
    /// Share of what is free, percent, 0 to 100.
    pub share_percent: u8,
    /// Units that always stay for walk-ins.
    pub safety_units: u64,
    /// Below this many free units nothing is granted.
    #[serde(default)]
    pub floor_units: u64,
    /// Units unused at most at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_units: Option<u64>,
}

/// Units a site may grant now. `sellable`: on hand in sellable status; `reserved`: promised to cases and not picked
/// yet; `unused`: granted before and not promised yet. Never more than what is sellable and spoken for by nobody.
pub fn grantable(policy: &GrantPolicy, sellable: i64, reserved: u64, unused: u64) -> u64 {
    let sellable = u64::try_from(sellable).unwrap_or(0);
    let free = sellable.saturating_sub(reserved);
    if free < policy.floor_units {
        return 0;
    }
    let share = u128::from(free) * u128::from(policy.share_percent.min(100)) / 100;
    let target = u64::try_from(share)
        .unwrap_or(free)
        .min(free.saturating_sub(policy.safety_units))
        .min(policy.cap_units.unwrap_or(u64::MAX));
    target.saturating_sub(unused)
}

/// Units that may be sold over the counter: what is sellable less what is reserved and what the hub may promise.
/// Negative when a sale took units that were spoken for: an exception and a recall follow.
pub fn walk_in(sellable: i64, reserved: u64, unused: u64) -> i64 {
    let spoken_for = i64::try_from(reserved.saturating_add(unused)).unwrap_or(i64::MAX);
    sellable.saturating_sub(spoken_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> GrantPolicy {
        GrantPolicy { share_percent: 80, safety_units: 2, floor_units: 4, cap_units: Some(20) }
    }

    #[test]
    fn promises_end_at_what_is_unused() {
        let mut rights = Rights::new(10, 3, 2).unwrap();
        assert_eq!(rights.unused(), 5);
        assert_eq!(rights.promise(6), Err(RightsError::TooFew { asked: 6, unused: 5 }));
        assert_eq!(rights.unused(), 5, "a refused promise changes nothing");
        assert_eq!(rights.promise(5), Ok(()));
        assert_eq!(rights.give_back(1), 0);
        rights.grant(4);
        assert_eq!(rights.give_back(9), 4);
        assert_eq!(rights.unused(), 0);
    }

    #[test]
    fn broken_totals_are_no_rights() {
        assert!(Rights::new(5, 3, 2).is_ok());
        assert!(Rights::new(5, 3, 3).is_err());
        assert!(Rights::new(5, u64::MAX, 1).is_err());
        assert!(serde_json::from_str::<Rights>(r#"{"granted":1,"promised":2,"returned":0}"#).is_err());
    }

    #[test]
    fn a_grant_keeps_to_share_safety_floor_and_cap() {
        assert_eq!(grantable(&policy(), 10, 0, 0), 8, "share");
        assert_eq!(grantable(&policy(), 10, 0, 3), 5, "less what is unused");
        assert_eq!(grantable(&policy(), 5, 0, 0), 3, "safety");
        assert_eq!(grantable(&policy(), 4, 0, 0), 2, "at the floor");
        assert_eq!(grantable(&policy(), 3, 0, 0), 0, "below the floor");
        assert_eq!(grantable(&policy(), 100, 0, 0), 20, "cap");
        assert_eq!(grantable(&policy(), 10, 10, 0), 0, "all reserved");
        assert_eq!(grantable(&policy(), -3, 0, 0), 0, "oversold");
    }

    #[test]
    fn walk_ins_get_what_nobody_spoke_for() {
        assert_eq!(walk_in(10, 3, 4), 3);
        assert_eq!(walk_in(5, 3, 4), -2);
    }
}
