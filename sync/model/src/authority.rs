//! What a site may do irrevocably without asking.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::header::Service;
use crate::time::UtcMillis;

/// One record per site, committed by the hub before it is sent. JSON in welcome and acknowledgement frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The hub epoch it was given in.
    pub epoch: u32,
    /// The highest position of the hub's stream it covers; raised only to positions the site acknowledged.
    pub through: u64,
    /// Until when it holds, by service.
    pub until: BTreeMap<Service, UtcMillis>,
}

/// What the site knows of the hub's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedTime {
    /// The hub's clock shows at most this.
    AtMost(UtcMillis),
    /// Not known, such as after a reboot without contact.
    Unknown,
}

/// Why authority does not cover an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAuthority {
    /// None was ever received.
    None,
    /// The case came after the last position covered.
    Beyond,
    /// Its time has run out.
    Expired,
    /// The time is not known.
    TimeUnknown,
}

impl Authority {
    /// Whether a case that came at `position` of the hub's stream is covered for `service`.
    pub fn covers(&self, position: u64, service: Service, time: TrustedTime) -> Result<(), NoAuthority> {
        if position > self.through {
            return Err(NoAuthority::Beyond);
        }
        let until = self.until.get(&service).ok_or(NoAuthority::None)?;
        match time {
            TrustedTime::Unknown => Err(NoAuthority::TimeUnknown),
            TrustedTime::AtMost(now) if now > *until => Err(NoAuthority::Expired),
            TrustedTime::AtMost(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_ends_at_its_position_and_instant() {
        let authority =
            Authority { epoch: 1, through: 7, until: BTreeMap::from([(Service::Pickup, UtcMillis(1_000))]) };
        let at = |now| TrustedTime::AtMost(UtcMillis(now));
        assert_eq!(authority.covers(7, Service::Pickup, at(1_000)), Ok(()));
        assert_eq!(authority.covers(8, Service::Pickup, at(1_000)), Err(NoAuthority::Beyond));
        assert_eq!(authority.covers(7, Service::Pickup, at(1_001)), Err(NoAuthority::Expired));
        assert_eq!(authority.covers(7, Service::Pickup, TrustedTime::Unknown), Err(NoAuthority::TimeUnknown));
        assert_eq!(authority.covers(7, Service::Ship, at(0)), Err(NoAuthority::None));
    }
}
