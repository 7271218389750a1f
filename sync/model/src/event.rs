//! The envelope that every event of a document has, and how it is read and written.
//!
//! An event stands in its document under its id, as JSON text:
//! `{"n":3,"seen":1,"at":1763874000000,"by":"s-12@scan-3","kind":"picked","data":{…}}`, plus `"critical":true`
//! where it is. `n` counts the events of one side within the document, without gaps, from 1.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{DeviceId, EventId, StaffId};
use crate::time::UtcMillis;

/// Who wrote an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The site: physical facts.
    Site,
    /// The hub: intents and observations.
    Hub,
}

/// Who did it: `staff@device` at a site, or a name of the system such as `hub` or `edge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct By(String);

impl By {
    /// A person at a device.
    pub fn person(staff: &StaffId, device: &DeviceId) -> Self {
        Self(format!("{staff}@{device}"))
    }

    /// The daemon of a site acting by rule.
    pub fn edge() -> Self {
        Self("edge".to_owned())
    }

    /// The hub acting by rule or for an operator.
    pub fn hub() -> Self {
        Self("hub".to_owned())
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event says, or that this version does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<K> {
    /// A kind this version knows.
    Known(K),
    /// A kind of a later version: kept, not folded. A critical one blocks irrevocable acts.
    Unknown {
        /// Its name.
        kind: String,
        /// Its content as it came.
        data: Value,
    },
}

/// One event of one side of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<K> {
    /// Its id, the key it stands under.
    pub id: EventId,
    /// Its number within its side and document, from 1.
    pub n: u64,
    /// The highest `n` of the other side that its writer had folded.
    pub seen: u64,
    /// When its writer's clock said it happened; for people only.
    pub at: UtcMillis,
    /// Who did it.
    pub by: By,
    /// Whether a reader that does not know the kind must stop irrevocable acts.
    pub critical: bool,
    /// What it says.
    pub body: Body<K>,
}

impl<K> Event<K> {
    /// What it says, when this version knows the kind.
    pub fn known(&self) -> Option<&K> {
        match &self.body {
            Body::Known(kind) => Some(kind),
            Body::Unknown { .. } => None,
        }
    }
}

/// Events inside a state, such as those that wait for an earlier one: the envelope's text beside the id.
impl<K: Kind> Serialize for Event<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.id, self.to_text()).serialize(serializer)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Event<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (id, text) = <(EventId, String)>::deserialize(deserializer)?;
        Self::parse(id, &text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is not an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not the envelope.
    #[error("event {id} is not an envelope: {source}")]
    Envelope {
        /// Its id.
        id: EventId,
        /// What the reader said.
        source: serde_json::Error,
    },
    /// A known kind with content that is not of its form.
    #[error("event {id} of kind {kind} is malformed: {source}")]
    Data {
        /// Its id.
        id: EventId,
        /// Its kind.
        kind: String,
        /// What the reader said.
        source: serde_json::Error,
    },
}

/// A family of event kinds: one side's vocabulary in one kind of document.
///
/// Implemented with [`event_kinds!`](crate::event_kinds) so that the list of names cannot leave the enum behind.
pub trait Kind: Serialize + DeserializeOwned {
    /// The names of all kinds in the family.
    const NAMES: &'static [&'static str];
    /// The side that may write them.
    const SIDE: Side;
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    n: u64,
    seen: u64,
    at: UtcMillis,
    by: By,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    critical: bool,
    kind: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    data: Value,
}

impl<K: Kind> Event<K> {
    /// Reads the text that stands under `id`.
    pub fn parse(id: EventId, text: &str) -> Result<Self, EventError> {
        let envelope: Envelope =
            serde_json::from_str(text).map_err(|source| EventError::Envelope { id, source })?;
        let Envelope { n, seen, at, by, critical, kind, data } = envelope;
        let body =
            if K::NAMES.contains(&kind.as_str()) {
                let mut tagged = serde_json::Map::new();
                tagged.insert("kind".to_owned(), Value::String(kind.clone()));
                if !data.is_null() {
                    tagged.insert("data".to_owned(), data);
                }
                let known = serde_json::from_value(Value::Object(tagged))
                    .map_err(|source| EventError::Data { id, kind, source })?;
                Body::Known(known)
            } else {
                Body::Unknown { kind, data }
            };
        Ok(Self { id, n, seen, at, by, critical, body })
    }

    /// The text to store under the event's id.
    pub fn to_text(&self) -> String {
        let (kind, data) = match &self.body {
            Body::Known(known) => tag_and_data(known),
            Body::Unknown { kind, data } => (kind.clone(), data.clone()),
        };
        let envelope = Envelope {
            n: self.n,
            seen: self.seen,
            at: self.at,
            by: self.by.clone(),
            critical: self.critical,
            kind,
            data,
        };
        serde_json::to_string(&envelope).expect("an envelope of plain data has a JSON form")
    }
}

/// The name and content of a known kind: kinds are enums tagged `kind` with their content in `data`.
pub fn tag_and_data<K: Serialize>(known: &K) -> (String, Value) {
    match serde_json::to_value(known) {
        Ok(Value::Object(mut tagged)) => {
            let data = tagged.remove("data").unwrap_or(Value::Null);
            match tagged.remove("kind") {
                Some(Value::String(kind)) => (kind, data),
                _ => unreachable!("kinds are enums tagged `kind`"),
            }
        }
        _ => unreachable!("kinds are enums tagged `kind`"),
    }
}

/// Declares a family of event kinds: an enum with its content in each variant, its names and its side.
#[macro_export]
macro_rules! event_kinds {
    (
        $(#[$doc:meta])* pub enum $name:ident by $side:ident {
            $( $(#[$vdoc:meta])* $variant:ident as $text:literal $({ $( $(#[$fdoc:meta])* $field:ident : $type:ty ),* $(,)? })? ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind", content = "data")]
        pub enum $name {
            $( $(#[$vdoc])* #[serde(rename = $text)] $variant $({ $( $(#[$fdoc])* $field: $type ),* })? ),*
        }

        impl $crate::event::Kind for $name {
            const NAMES: &'static [&'static str] = &[$($text),*];
            const SIDE: $crate::event::Side = $crate::event::Side::$side;
        }

        impl $name {
            /// The kind's name on the wire.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant $({ $( $field: _ ),* })? => $text ),* }
            }
        }
    };
}

/// Whether `side` may write events of this kind into any document: every kind belongs to exactly one side.
///
/// A kind that this version does not know is let through: it is kept and not folded, and a later version of the
/// same check judges it.
pub fn may_write(side: Side, kind: &str) -> bool {
    owner(kind).is_none_or(|owner| owner == side)
}

/// The side a kind belongs to, or nothing when this version does not know it.
pub fn owner(kind: &str) -> Option<Side> {
    use crate::fact::SiteFact;
    use crate::intent::HubEvent;
    use crate::page::{HubPageEvent, LedgerFact, SiteDayFact};
    fn of<K: Kind>(kind: &str) -> Option<Side> {
        K::NAMES.contains(&kind).then_some(K::SIDE)
    }
    of::<SiteFact>(kind)
        .or_else(|| of::<HubEvent>(kind))
        .or_else(|| of::<LedgerFact>(kind))
        .or_else(|| of::<HubPageEvent>(kind))
        .or_else(|| of::<SiteDayFact>(kind))
}

/// Whether `side` may write events of this kind into this document: a case has two writers, a page has one.
pub fn may_write_in(document: &crate::id::DocumentKey, side: Side, kind: &str) -> bool {
    use crate::fact::SiteFact;
    use crate::id::DocumentKey;
    use crate::intent::HubEvent;
    use crate::page::{HubPageEvent, LedgerFact, SiteDayFact};
    let known: &[&str] = match (document, side) {
        (DocumentKey::Case(_), Side::Site) => SiteFact::NAMES,
        (DocumentKey::Case(_), Side::Hub) => HubEvent::NAMES,
        (DocumentKey::Ledger(..), Side::Site) => LedgerFact::NAMES,
        (DocumentKey::HubPage(..), Side::Hub) => HubPageEvent::NAMES,
        (DocumentKey::SiteDay(..), Side::Site) => SiteDayFact::NAMES,
        (DocumentKey::Ledger(..) | DocumentKey::SiteDay(..), Side::Hub)
        | (DocumentKey::HubPage(..), Side::Site) => return false,
    };
    known.contains(&kind) || owner(kind).is_none()
}
