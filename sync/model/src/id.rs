//! Identifiers. Every kind of id is its own type, so that no function can be handed the wrong one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {kind}: allowed is {allowed}")]
pub struct IdError {
    /// The kind of id that was expected.
    pub kind: &'static str,
    /// What stood there.
    pub found: String,
    /// What may stand there.
    pub allowed: &'static str,
}

fn plain(text: &str, extra: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The longest text of this id, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// Takes a text as this id when it has its form.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if text.is_empty() || text.len() > $max || !plain(&text, $extra) {
                    return Err(IdError {
                        kind: stringify!($name),
                        found: text.chars().take(80).collect(),
                        allowed: concat!(
                            "1 to ", stringify!($max), " ASCII letters, digits or any of ", stringify!($extra)
                        ),
                    });
                }
                Ok(Self(text))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError {
                    kind: stringify!($name),
                    found: text.chars().take(80).collect(),
                    allowed: "a UUID",
                })
            }
        }
    };
}

text_id!(
    /// A store or warehouse, such as `berlin-1`. Part of MQTT topics, hence its narrow alphabet.
    SiteId, 32, b"-_"
);
text_id!(
    /// A stock keeping unit, as the merchant writes it.
    Sku, 64, b"-_./+# "
);
text_id!(
    /// A place inside a site where stock can lie: a bin, a shelf, a staging rack.
    LocationId, 40, b"-_./"
);
text_id!(
    /// A tote, bag or parcel: a code that is unique at its site while goods are in it.
    ContainerId, 40, b"-_./"
);
text_id!(
    /// A member of staff; a number or handle, never a name.
    StaffId, 32, b"-_."
);
text_id!(
    /// A handheld, counter screen or other device.
    DeviceId, 40, b"-_."
);
text_id!(
    /// Lines of an order that are never parted: a kit, a set, a gift with its purchase.
    GroupId, 40, b"-_./:"
);
text_id!(
    /// A carrier's collection of parcels.
    ManifestId, 40, b"-_./"
);
text_id!(
    /// A reason code, such as `not_found`; the list and its labels are data of the configuration.
    ReasonCode, 40, b"_"
);
text_id!(
    /// A sales channel, such as `shopify:shop-1.example`.
    ChannelId, 80, b"-_.:"
);

uuid_id!(
    /// An order, as captured by the hub.
    OrderId
);
uuid_id!(
    /// A case: the part of an order that one site fulfills, and the unit of replication.
    CaseId
);
uuid_id!(
    /// A command, minted by the device that gives it; a retry carries the same one.
    CommandId
);
uuid_id!(
    /// A record of personal data, kept outside the documents.
    RecordId
);

/// A line's number within its order, from 1. The same line keeps its number in every case it is split to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LineNo(pub u16);

impl fmt::Display for LineNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's id: the command that caused it and the event's index among that command's events, so that
/// deduplication of commands can always be rebuilt from the events. Text form: 32 hex digits, `.`, index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    /// The command.
    pub command: CommandId,
    /// The event's place among those of its command, from 0.
    pub index: u16,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.command.0.simple(), self.index)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError {
            kind: "EventId",
            found: text.chars().take(80).collect(),
            allowed: "32 lower-case hex digits, a dot and a number without leading zeros",
        };
        let (command, index) = text.split_once('.').ok_or_else(error)?;
        let id = EventId {
            command: CommandId(Uuid::parse_str(command).map_err(|_| error())?),
            index: index.parse().map_err(|_| error())?,
        };
        // One event has one spelling: otherwise the same event could stand twice in a document.
        if id.to_string() == text { Ok(id) } else { Err(error()) }
    }
}

impl TryFrom<String> for EventId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> String {
        id.to_string()
    }
}

/// What a replicated document is about; its text form is the document's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKey {
    /// `case/<uuid>`: a fulfillment. Header and intents by the hub, facts by the site.
    Case(CaseId),
    /// `ledger/<site>/<page>`: stock booked and rights granted, by the site.
    Ledger(SiteId, u32),
    /// `hub/<site>/<page>`: rights returned, serials leased, requests to the site as a whole, by the hub.
    HubPage(SiteId, u32),
    /// `day/<site>/<date>`: what happened to the site itself on one local date, by the site.
    SiteDay(SiteId, jiff::civil::Date),
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(case) => write!(f, "case/{case}"),
            Self::Ledger(site, page) => write!(f, "ledger/{site}/{page}"),
            Self::HubPage(site, page) => write!(f, "hub/{site}/{page}"),
            Self::SiteDay(site, date) => write!(f, "day/{site}/{date}"),
        }
    }
}

impl FromStr for DocumentKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError {
            kind: "DocumentKey",
            found: text.chars().take(80).collect(),
            allowed: "case/<uuid>, ledger/<site>/<page>, hub/<site>/<page> or day/<site>/<date>",
        };
        let parts: Vec<&str> = text.split('/').collect();
        let key = match parts.as_slice() {
            ["case", case] => Self::Case(case.parse()?),
            ["ledger", site, page] => Self::Ledger(site.parse()?, page.parse().map_err(|_| error())?),
            ["hub", site, page] => Self::HubPage(site.parse()?, page.parse().map_err(|_| error())?),
            ["day", site, date] => Self::SiteDay(site.parse()?, date.parse().map_err(|_| error())?),
            _ => return Err(error()),
        };
        if key.to_string() == text { Ok(key) } else { Err(error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_has_one_spelling() {
        let id: EventId = "0190b3a4c5d67e8f9a0b1c2d3e4f5061.12".parse().unwrap();
        assert_eq!(id.to_string(), "0190b3a4c5d67e8f9a0b1c2d3e4f5061.12");
        for other in [
            "0190B3A4C5D67E8F9A0B1C2D3E4F5061.12",
            "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061.12",
            "0190b3a4c5d67e8f9a0b1c2d3e4f5061.012",
            "0190b3a4c5d67e8f9a0b1c2d3e4f5061.65536",
        ] {
            assert!(other.parse::<EventId>().is_err(), "{other}");
        }
    }

    #[test]
    fn text_ids_are_tested_at_their_edges() {
        assert!(SiteId::new("s".repeat(32)).is_ok());
        assert!(SiteId::new("s".repeat(33)).is_err());
        assert!(SiteId::new("").is_err());
        assert!(SiteId::new("a/b").is_err(), "a slash would open another topic");
        assert!(SiteId::new("a+").is_err());
    }

    #[test]
    fn document_keys_round_trip() {
        for text in [
            "case/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061",
            "ledger/berlin-1/7",
            "hub/berlin-1/0",
            "day/berlin-1/2026-11-23",
        ] {
            assert_eq!(text.parse::<DocumentKey>().unwrap().to_string(), text);
        }
        assert!("ledger/berlin-1/07".parse::<DocumentKey>().is_err());
        assert!("case/x/y".parse::<DocumentKey>().is_err());
    }
}
