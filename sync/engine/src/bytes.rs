//! Fixed-size names made of bytes, each its own type so that no function can be handed the wrong one.

use std::fmt;

macro_rules! byte_name {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Its length in bytes.
            pub const BYTES: usize = $len;

            /// Takes bytes, as a database returns them, when there are exactly enough.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads the hex form that `Display` writes.
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = serde_bytes::ByteArray::<$len>::deserialize(deserializer)?;
                Ok(Self(bytes.into_array()))
            }
        }
    };
}

byte_name!(
    /// One life of a replica, and its Automerge actor: minted at random per process start and after any rollback
    /// that dropped document changes, and stored with its parent before first use.
    Incarnation, 16
);
byte_name!(
    /// An installed appliance (or hub): the owner of a signing key.
    InstallId, 16
);
byte_name!(
    /// How a frame names the install that signed it: the first bytes of its id. The signature covers the whole id.
    InstallTag, 4
);
byte_name!(
    /// A change's hash as Automerge defines it: SHA-256 over the chunk's type, length and content.
    ChangeHash, 32
);
byte_name!(
    /// What an item of a stream is, in 32 bytes: see [`Item::digest`](crate::Item::digest).
    Digest, 32
);
byte_name!(
    /// A hash over a whole stream up to a position: see [`Running::next`].
    Running, 32
);
byte_name!(
    /// One conversation between two sides: minted by the site whenever its line comes up.
    Conversation, 8
);

impl Incarnation {
    /// Mints an incarnation; store it with its parent before it is used.
    pub fn mint(rng: &mut (impl rand::Rng + ?Sized)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl InstallId {
    /// How frames name it.
    pub fn tag(&self) -> InstallTag {
        let [a, b, c, d, ..] = self.0;
        InstallTag([a, b, c, d])
    }
}

impl Running {
    /// The running hash of a stream of which nothing has been counted yet.
    pub fn start(incarnation: Incarnation) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"outpost stream 1");
        hasher.update(&incarnation.0);
        Self(*hasher.finalize().as_bytes())
    }

    /// The running hash after one more item.
    #[must_use]
    pub fn next(self, digest: &Digest) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(&digest.0);
        Self(*hasher.finalize().as_bytes())
    }
}

/// A document's name: text that means nothing to the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(String);

/// Why a text cannot name a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot name a document: allowed are 1 to 96 printable ASCII characters")]
pub struct DocumentIdError(String);

impl DocumentId {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 96;

    /// Takes a text as a document's name.
    pub fn new(text: impl Into<String>) -> Result<Self, DocumentIdError> {
        let text = text.into();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_BYTES || !printable {
            return Err(DocumentIdError(text.chars().take(120).collect()));
        }
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for DocumentId {
    type Err = DocumentIdError;
    fn from_str(text: &str) -> Result<Self, DocumentIdError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_is_tested_at_its_edges() {
        assert!(DocumentId::new("d".repeat(96)).is_ok());
        assert!(DocumentId::new("d".repeat(97)).is_err());
        assert!(DocumentId::new("").is_err());
        assert!(DocumentId::new("two words").is_err());
        assert!(DocumentId::new("käse").is_err());
    }

    #[test]
    fn byte_names_read_what_they_write() {
        let incarnation = Incarnation([7; 16]);
        assert_eq!(Incarnation::from_hex(&incarnation.to_string()), Some(incarnation));
        assert_eq!(Incarnation::from_slice(&[7; 16]), Some(incarnation));
        assert_eq!(Incarnation::from_slice(&[7; 15]), None);
    }
}
