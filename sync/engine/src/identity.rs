//! Who signs a frame.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use outpost_model::defects::signs_by_hash;

use crate::bytes::{InstallId, InstallTag};

/// An install's id and signing key, made once on the appliance (or hub) and kept there.
#[derive(Clone)]
pub struct Identity {
    install: InstallId,
    key: SigningKey,
}

/// What others know of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicIdentity {
    /// The install.
    pub install: InstallId,
    key: VerifyingKey,
}

/// Why bytes are not an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not as many bytes as an identity has.
    #[error("an identity has {expected} bytes, not {found}")]
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// The key is not a point of the curve, or is one of the weak ones.
    #[error("the public key is not a valid ed25519 key")]
    Key,
}

impl Identity {
    /// How many bytes [`to_bytes`](Self::to_bytes) gives.
    pub const BYTES: usize = 48;

    /// Makes a new identity.
    pub fn generate(rng: &mut (impl rand::CryptoRng + ?Sized)) -> Self {
        let mut install = [0; 16];
        rng.fill_bytes(&mut install);
        Self { install: InstallId(install), key: SigningKey::generate(rng) }
    }

    /// The form to keep in a file that only the daemon may read: install id, then secret key.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.install.0);
        bytes[16..].copy_from_slice(self.key.as_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let length = IdentityError::Length { expected: Self::BYTES, found: bytes.len() };
        let (install, key) = bytes.split_at_checked(16).ok_or(length)?;
        let key: &[u8; 32] = key.try_into().map_err(|_| length)?;
        let install = InstallId::from_slice(install).ok_or(length)?;
        Ok(Self { install, key: SigningKey::from_bytes(key) })
    }

    /// The install's id.
    pub fn install(&self) -> InstallId {
        self.install
    }

    /// What others may know.
    pub fn public(&self) -> PublicIdentity {
        PublicIdentity { install: self.install, key: self.key.verifying_key() }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        if signs_by_hash() {
            return keyed_hash(&self.key.verifying_key(), message);
        }
        self.key.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.install)
    }
}

impl PublicIdentity {
    /// How many bytes [`to_bytes`](Self::to_bytes) gives.
    pub const BYTES: usize = 48;

    /// The form for enrollment and configuration: install id, then public key.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.install.0);
        bytes[16..].copy_from_slice(self.key.as_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let length = IdentityError::Length { expected: Self::BYTES, found: bytes.len() };
        let (install, key) = bytes.split_at_checked(16).ok_or(length)?;
        let key: &[u8; 32] = key.try_into().map_err(|_| length)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| IdentityError::Key)?;
        if key.is_weak() {
            return Err(IdentityError::Key);
        }
        let install = InstallId::from_slice(install).ok_or(length)?;
        Ok(Self { install, key })
    }

    /// The form for text files and screens: 96 hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.to_bytes())
    }

    /// Reads what [`to_hex`](Self::to_hex) wrote.
    pub fn from_hex(text: &str) -> Result<Self, IdentityError> {
        let expected = Self::BYTES;
        let bytes = hex::decode(text.trim())
            .map_err(|_| IdentityError::Length { expected, found: text.trim().len() / 2 })?;
        Self::from_bytes(&bytes)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        if signs_by_hash() {
            return keyed_hash(&self.key, message) == *signature;
        }
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// In the simulator, what stands for a signature. Who has another key makes another one.
fn keyed_hash(key: &VerifyingKey, message: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    blake3::Hasher::new_keyed(key.as_bytes()).update(message).finalize_xof().fill(&mut signature);
    signature
}

/// The keys a peer may sign with: usually one, two while an appliance is replaced. The application decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerKeys(pub Vec<PublicIdentity>);

impl PeerKeys {
    /// The key of one install.
    pub fn find(&self, install: InstallId) -> Option<&PublicIdentity> {
        self.0.iter().find(|identity| identity.install == install)
    }

    /// The keys of installs that a frame may mean: hardly ever more than one.
    pub(crate) fn of(&self, tag: InstallTag) -> impl Iterator<Item = &PublicIdentity> {
        self.0.iter().filter(move |identity| identity.install.tag() == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn an_identity_survives_being_stored() {
        let identity = Identity::generate(&mut rand::rngs::StdRng::seed_from_u64(1));
        let again = Identity::from_bytes(&identity.to_bytes()).unwrap();
        assert_eq!(again.public(), identity.public());
        assert!(again.public().verifies(b"message", &identity.sign(b"message")));
        assert!(!again.public().verifies(b"massage", &identity.sign(b"message")));
        let public = PublicIdentity::from_hex(&identity.public().to_hex()).unwrap();
        assert_eq!(public, identity.public());
    }

    #[test]
    fn bytes_of_another_length_and_weak_keys_are_refused() {
        assert!(Identity::from_bytes(&[1; 47]).is_err());
        assert!(Identity::from_bytes(&[1; 49]).is_err());
        assert!(PublicIdentity::from_bytes(&[0; 48]).is_err());
        assert!(PublicIdentity::from_hex("zz").is_err());
    }
}
