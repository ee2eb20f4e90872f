//! Checks passwords with HMAC-SHA256, in constant time.
//!
//! A slow password hash would let anyone overload the receiver with wrong passwords. The passwords are 32 random bytes, which cannot be
//! guessed, so a fast hash is sufficient.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

use super::MasterKey;
use crate::model::EndpointId;

/// The keyed hash of one credential.
#[derive(Clone, Copy, Debug)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// A hash that no known password matches. It is compared if there is no credential, so that both cases take the same time.
    pub const NONE: Self = Self([0; 32]);

    /// Hashes a credential. Each part is preceded by its length, so no two credentials are hashed as the same bytes.
    pub fn of(key: &MasterKey, endpoint: EndpointId, username: &str, password: &[u8]) -> Self {
        let mut context = hmac::Context::with_key(key.hashing());
        for part in [&endpoint.0.to_be_bytes(), username.as_bytes(), password] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        Self(hash)
    }

    /// Creates a hash from the bytes in the database, or returns `None` if the length is wrong.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        let hash = |endpoint, username, password: &str| {
            KeyedHash::of(&key, EndpointId(endpoint), username, password.as_bytes())
        };
        let right = hash(1, "key", "secret");
        assert!(right.matches(&hash(1, "key", "secret")));
        for other in [hash(2, "key", "secret"), hash(1, "keys", "ecret"), hash(1, "key", "Secret"), KeyedHash::NONE] {
            assert!(!right.matches(&other));
        }
        let other_key = MasterKey::from_bytes(&[8; 32]).unwrap();
        assert!(!right.matches(&KeyedHash::of(&other_key, EndpointId(1), "key", b"secret")));
    }
}
