//! Sealed records: what one key opens and nothing else does.
//!
//! A record's content is encrypted with a key of its own, and that key never stands where the content does: whoever
//! deletes the key has deleted the content, in every copy. On its way to a site the key travels wrapped, attached to
//! the record but outside of the stream's hashes, so that it can be left out once its time has come.
//!
//! Sealed bytes: `1`, the instant until which the key may be kept (milliseconds since 1970, 8 bytes, big-endian), a
//! nonce of 24 bytes, then XChaCha20-Poly1305 over the content. Bound in as associated data: a label, kind and key of
//! the record (each with its length), and the first nine bytes.
//!
//! A wrapped key: XChaCha20-Poly1305 over the 32 bytes of the key, under a key that HKDF-SHA256 makes of the site's
//! secret with the record's nonce as salt. That nonce is random for every sealing, so the derived key is used for one
//! message only and its own nonce is all zeros.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

const VERSION: u8 = 1;
const UNTIL_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + UNTIL_BYTES;
const TAG_BYTES: usize = 16;
const SEAL_LABEL: &[u8] = b"outpost sealed record 1";
const WRAP_LABEL: &[u8] = b"outpost record key 1";

/// How many bytes sealing adds to a content.
pub const SEAL_OVERHEAD_BYTES: usize = HEAD_BYTES + NONCE_BYTES + TAG_BYTES;
/// How many bytes a wrapped key has.
pub const WRAPPED_BYTES: usize = RecordKey::BYTES + TAG_BYTES;

/// The key of one record.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordKey([u8; 32]);

/// A key does not get into logs by accident.
impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordKey")
    }
}

/// Why something sealed stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes are not of this form.
    #[error("these bytes are not a sealed record")]
    Form,
    /// The key is not the one it was sealed with, or the bytes were changed.
    #[error("the record does not open: the key is not its own, or it was changed")]
    Closed,
}

/// Which record it is: what is sealed for one does not open as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The record's kind.
    pub kind: &'a str,
    /// The record's key among its kind.
    pub key: &'a str,
}

/// A key to be kept, for a key store.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The record's kind.
    pub kind: String,
    /// The record's key among its kind.
    pub key: String,
    /// What opens it.
    pub secret: RecordKey,
    /// When it must be gone, milliseconds since 1970.
    pub retain_until_ms: i64,
}

impl NewKey {
    /// The key of a record until an instant.
    pub fn of(name: Name<'_>, secret: RecordKey, retain_until_ms: i64) -> Self {
        Self { kind: name.kind.to_owned(), key: name.key.to_owned(), secret, retain_until_ms }
    }

    /// Seals a content with a key of its own: the key, and the sealed bytes.
    pub fn seal(
        name: Name<'_>,
        retain_until_ms: i64,
        content: &[u8],
        rng: &mut (impl rand::CryptoRng + ?Sized),
    ) -> (Self, Vec<u8>) {
        let secret = RecordKey::mint(rng);
        let sealed = secret.seal(name, retain_until_ms, content, rng);
        (Self::of(name, secret, retain_until_ms), sealed)
    }
}

impl RecordKey {
    /// How many bytes a key has.
    pub const BYTES: usize = 32;

    /// Mints a key.
    pub fn mint(rng: &mut (impl rand::CryptoRng + ?Sized)) -> Self {
        let mut bytes = [0; Self::BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes bytes, as a key store returns them.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, for a key store only.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Seals a content until an instant. The nonce is new with every call.
    pub fn seal(
        &self,
        name: Name<'_>,
        retain_until_ms: i64,
        content: &[u8],
        rng: &mut (impl rand::CryptoRng + ?Sized),
    ) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(content.len() + SEAL_OVERHEAD_BYTES);
        sealed.push(VERSION);
        sealed.extend_from_slice(&retain_until_ms.to_be_bytes());
        let aad = associated(SEAL_LABEL, &[name.kind.as_bytes(), name.key.as_bytes(), &sealed]);
        sealed.extend_from_slice(&nonce);
        let closed = cipher(&self.0).encrypt(&XNonce::from(nonce), Payload { msg: content, aad: &aad });
        let Ok(closed) = closed else { unreachable!("a content in memory is shorter than 256 GiB") };
        sealed.extend_from_slice(&closed);
        sealed
    }

    /// Opens what this key has sealed under this name.
    pub fn open(&self, name: Name<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (head, nonce, closed) = parts(sealed)?;
        let aad = associated(SEAL_LABEL, &[name.kind.as_bytes(), name.key.as_bytes(), head]);
        cipher(&self.0)
            .decrypt(&XNonce::from(nonce), Payload { msg: closed, aad: &aad })
            .map_err(|_| SealError::Closed)
    }

    /// Wraps the key for a site. The same again for the same sealing.
    pub fn wrap(
        &self,
        secret: &[u8],
        site: &str,
        name: Name<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (wrapping, aad) = wrapping(secret, site, name, sealed)?;
        wrapping.encrypt(&XNonce::default(), Payload { msg: &self.0, aad: &aad }).map_err(|_| SealError::Form)
    }

    /// Unwraps a key that was wrapped for this site and this sealing.
    pub fn unwrap(
        secret: &[u8],
        site: &str,
        name: Name<'_>,
        sealed: &[u8],
        wrapped: &[u8],
    ) -> Result<Self, SealError> {
        if wrapped.len() != WRAPPED_BYTES {
            return Err(SealError::Form);
        }
        let (wrapping, aad) = wrapping(secret, site, name, sealed)?;
        let bytes = wrapping
            .decrypt(&XNonce::default(), Payload { msg: wrapped, aad: &aad })
            .map_err(|_| SealError::Closed)?;
        Self::from_slice(&bytes).ok_or(SealError::Form)
    }
}

/// Until when the key of something sealed may be kept, milliseconds since 1970. Anybody can read it, and nobody can
/// change it unseen.
pub fn retain_until_ms(sealed: &[u8]) -> Result<i64, SealError> {
    let (head, _, _) = parts(sealed)?;
    let until: [u8; UNTIL_BYTES] = head[1..].try_into().map_err(|_| SealError::Form)?;
    Ok(i64::from_be_bytes(until))
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

/// What stands before the nonce, the nonce, and what is closed.
type Parts<'a> = (&'a [u8], [u8; NONCE_BYTES], &'a [u8]);

fn parts(sealed: &[u8]) -> Result<Parts<'_>, SealError> {
    if sealed.len() < SEAL_OVERHEAD_BYTES || sealed[0] != VERSION {
        return Err(SealError::Form);
    }
    let (head, rest) = sealed.split_at(HEAD_BYTES);
    let (nonce, closed) = rest.split_at(NONCE_BYTES);
    Ok((head, nonce.try_into().map_err(|_| SealError::Form)?, closed))
}

fn wrapping(
    secret: &[u8],
    site: &str,
    name: Name<'_>,
    sealed: &[u8],
) -> Result<(XChaCha20Poly1305, Vec<u8>), SealError> {
    let (_, nonce, _) = parts(sealed)?;
    let info = associated(WRAP_LABEL, &[site.as_bytes(), name.kind.as_bytes(), name.key.as_bytes()]);
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(&nonce), secret).expand(&info, &mut key).map_err(|_| SealError::Form)?;
    Ok((cipher(&key), info))
}

/// A label, a zero byte, and parts, each with its length before it (8 bytes, little-endian).
fn associated(label: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes =
        Vec::with_capacity(label.len() + 1 + parts.iter().map(|part| part.len() + 8).sum::<usize>());
    bytes.extend_from_slice(label);
    bytes.push(0);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const NAME: Name<'static> = Name { kind: "contact", key: "7" };

    fn sealed() -> (RecordKey, Vec<u8>, StdRng) {
        let mut rng = StdRng::seed_from_u64(1);
        let key = RecordKey::mint(&mut rng);
        let sealed = key.seal(NAME, 1_000, b"Ada Example", &mut rng);
        (key, sealed, rng)
    }

    #[test]
    fn a_record_opens_with_its_key_under_its_name_and_not_otherwise() {
        let (key, sealed, mut rng) = sealed();
        assert_eq!(sealed.len(), 11 + SEAL_OVERHEAD_BYTES);
        assert_eq!(key.open(NAME, &sealed).unwrap(), b"Ada Example");
        assert_eq!(retain_until_ms(&sealed).unwrap(), 1_000);
        assert!(!sealed.windows(3).any(|window| window == b"Ada"));
        let other = RecordKey::mint(&mut rng);
        assert_eq!(other.open(NAME, &sealed), Err(SealError::Closed));
        assert_eq!(key.open(Name { kind: "label", ..NAME }, &sealed), Err(SealError::Closed));
        assert_eq!(key.open(Name { key: "8", ..NAME }, &sealed), Err(SealError::Closed));
        assert_ne!(key.seal(NAME, 1_000, b"Ada Example", &mut rng), sealed, "nonces are new every time");
    }

    /// A nonce that is known beforehand.
    struct Bytes(u8);

    impl rand::TryRng for Bytes {
        type Error = std::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(u32::from_ne_bytes([self.0; 4]))
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(u64::from_ne_bytes([self.0; 8]))
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    impl rand::TryCryptoRng for Bytes {}

    #[test]
    fn the_example_in_the_document_is_what_the_document_says() {
        let document: String = include_str!("../../../docs/protocol.md").split_whitespace().collect();
        let name = Name { kind: "contact", key: "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061" };
        let key = RecordKey([0xc7; 32]);
        let sealed = key.seal(name, 1_763_874_000_000, br#"{"name":"Ada Example"}"#, &mut Bytes(0x24));
        assert!(document.contains(&hex::encode(&sealed)), "{}", hex::encode(&sealed));
        let wrapped = key.wrap(&[0x5e; 32], "berlin-1", name, &sealed).unwrap();
        assert!(document.contains(&hex::encode(&wrapped)), "{}", hex::encode(&wrapped));
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let (key, sealed, _) = sealed();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(NAME, &changed).is_err(), "byte {at}");
            assert!(key.open(NAME, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_wrapped_key_is_for_one_site_one_record_and_one_sealing() {
        let (key, sealed, mut rng) = sealed();
        let secret = [7; 32];
        let wrapped = key.wrap(&secret, "berlin-1", NAME, &sealed).unwrap();
        assert_eq!(wrapped.len(), WRAPPED_BYTES);
        assert_eq!(key.wrap(&secret, "berlin-1", NAME, &sealed).unwrap(), wrapped);
        let unwrap = |secret: &[u8], site, name, sealed: &[u8], wrapped: &[u8]| {
            RecordKey::unwrap(secret, site, name, sealed, wrapped)
        };
        assert_eq!(unwrap(&secret, "berlin-1", NAME, &sealed, &wrapped).unwrap(), key);
        assert_eq!(unwrap(&[8; 32], "berlin-1", NAME, &sealed, &wrapped), Err(SealError::Closed));
        assert_eq!(unwrap(&secret, "berlin-2", NAME, &sealed, &wrapped), Err(SealError::Closed));
        let label = Name { kind: "label", ..NAME };
        assert_eq!(unwrap(&secret, "berlin-1", label, &sealed, &wrapped), Err(SealError::Closed));
        let again = key.seal(NAME, 1_000, b"Ada Example", &mut rng);
        assert_eq!(unwrap(&secret, "berlin-1", NAME, &again, &wrapped), Err(SealError::Closed));
        assert_eq!(unwrap(&secret, "berlin-1", NAME, &sealed, &wrapped[1..]), Err(SealError::Form));
        let mut changed = wrapped.clone();
        changed[0] ^= 1;
        assert_eq!(unwrap(&secret, "berlin-1", NAME, &sealed, &changed), Err(SealError::Closed));
    }

    /// The construction as a reader in another language would write it, from HMAC alone.
    #[test]
    fn the_wrapping_key_is_hkdf_as_rfc_5869_describes_it() {
        let (key, sealed, _) = sealed();
        let secret = [7; 32];
        let block = |salt: &[u8], text: &[u8]| {
            let mut pads = [[0x36_u8; 64], [0x5c_u8; 64]];
            for pad in &mut pads {
                pad.iter_mut().zip(salt).for_each(|(pad, byte)| *pad ^= byte);
            }
            use sha2::Digest as _;
            let inner = Sha256::new().chain_update(pads[0]).chain_update(text).finalize();
            Sha256::new().chain_update(pads[1]).chain_update(inner).finalize().to_vec()
        };
        let extracted = block(&sealed[9..33], &secret);
        let info = associated(WRAP_LABEL, &[b"berlin-1", b"contact", b"7"]);
        let expanded = block(&extracted, &[&info[..], &[1]].concat());
        let by_hand = cipher(&expanded.try_into().unwrap())
            .encrypt(&XNonce::default(), Payload { msg: key.as_bytes(), aad: &info })
            .unwrap();
        assert_eq!(key.wrap(&secret, "berlin-1", NAME, &sealed).unwrap(), by_hand);
    }
}
