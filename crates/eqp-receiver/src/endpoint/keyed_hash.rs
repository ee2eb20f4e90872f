//! How a password is checked: HMAC-SHA256, in constant time.
//!
//! A slow hash would let anybody stop the receiver with wrong passwords. The passwords are random, so
//! there is nothing to guess that a slow hash would protect.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

use super::{EndpointId, MasterKey};

/// The keyed hash of one credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// Matches no password that anybody knows; compared with where there is no credential, so that both take the same time.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Each part goes in with its length before it: no two credentials are the same bytes.
    pub(crate) fn of(key: &MasterKey, endpoint: EndpointId, username: &str, password: &[u8]) -> Self {
        let mut context = hmac::Context::with_key(key.hashing());
        for part in [&endpoint.0.to_be_bytes(), username.as_bytes(), password] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        Self(hash)
    }

    /// Takes a hash from the database.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares without telling by its duration how much is the same.
    pub(crate) fn matches(&self, other: &Self) -> bool {
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
