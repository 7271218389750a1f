//! Names of parcels and bags that both sides can work out for themselves.

use crate::id::{CaseId, ContainerId};

/// The `k`-th parcel of a case, from 1. The hub buys a label for it before anybody has touched the case.
pub fn parcel(case: CaseId, k: u16) -> ContainerId {
    numbered(case, 'p', k)
}

/// The `k`-th bag of a case, from 1.
pub fn bag(case: CaseId, k: u16) -> ContainerId {
    numbered(case, 'b', k)
}

fn numbered(case: CaseId, what: char, k: u16) -> ContainerId {
    ContainerId::new(format!("{}-{what}{k}", case.0.simple()))
        .expect("32 hex digits, a dash, a letter and at most five digits are a container id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_fits() {
        let case: CaseId = "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061".parse().unwrap();
        assert_eq!(parcel(case, 1).as_str(), "0190b3a4c5d67e8f9a0b1c2d3e4f5061-p1");
        assert_eq!(bag(case, u16::MAX).as_str().len(), 39);
        assert_ne!(bag(case, 1), parcel(case, 1));
    }
}
