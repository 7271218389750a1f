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
    /// The life of the hub's stream whose positions it covers, hex. Numbers of another life say nothing. Absent from a hub
    /// that does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
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
    /// What the site has lost of its own past has not come back: the case may have been given away in it.
    PastLost,
}

impl Authority {
    /// Whether a case that came at `position` of the life `stream` of the hub's stream is covered for `service`.
    pub fn covers(
        &self,
        (stream, position): (Option<&str>, u64),
        service: Service,
        time: TrustedTime,
    ) -> Result<(), NoAuthority> {
        let elsewhere = self.stream.as_deref().zip(stream).is_some_and(|(own, other)| own != other);
        if elsewhere || position > self.through {
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
        let until = BTreeMap::from([(Service::Pickup, UtcMillis(1_000))]);
        let mut authority = Authority { epoch: 1, stream: None, through: 7, until };
        let at = |now| TrustedTime::AtMost(UtcMillis(now));
        assert_eq!(authority.covers((None, 7), Service::Pickup, at(1_000)), Ok(()));
        assert_eq!(authority.covers((None, 8), Service::Pickup, at(1_000)), Err(NoAuthority::Beyond));
        assert_eq!(authority.covers((None, 7), Service::Pickup, at(1_001)), Err(NoAuthority::Expired));
        assert_eq!(
            authority.covers((None, 7), Service::Pickup, TrustedTime::Unknown),
            Err(NoAuthority::TimeUnknown)
        );
        assert_eq!(authority.covers((None, 7), Service::Ship, at(0)), Err(NoAuthority::None));
        authority.stream = Some("b1".to_owned());
        assert_eq!(authority.covers((Some("b1"), 7), Service::Pickup, at(0)), Ok(()));
        assert_eq!(authority.covers((Some("a0"), 7), Service::Pickup, at(0)), Err(NoAuthority::Beyond));
    }
}
