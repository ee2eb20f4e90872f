//! Passwords encrypted with the master key. They must be readable again, because a registration list can only be written as a whole.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use eqp_types::Secret;

use super::MasterKey;
use crate::Error;
use crate::model::{CredentialId, SealedSecret};

impl SealedSecret {
    pub fn seal(key: &MasterKey, credential: CredentialId, password: &Secret) -> Result<Self, Error> {
        let mut ciphertext = password.expose().as_bytes().to_vec();
        let nonce =
            cipher(key)?.seal_in_place_append_tag(bound_to(credential), &mut ciphertext).map_err(|_| Error::Crypto)?;
        Ok(Self { key_id: key_id(key), nonce: nonce.as_ref().to_vec(), ciphertext })
    }

    pub fn open(mut self, key: &MasterKey, credential: CredentialId) -> Result<Secret, Error> {
        let cannot = || Error::CannotUnseal { credential };
        if self.key_id != key_id(key) {
            return Err(cannot());
        }
        let nonce = Nonce::try_assume_unique_for_key(&self.nonce).map_err(|_| cannot())?;
        let plain = cipher(key)?.open_in_place(nonce, bound_to(credential), &mut self.ciphertext);
        let text = std::str::from_utf8(plain.map_err(|_| cannot())?).map_err(|_| cannot())?;
        Ok(Secret::new(text))
    }
}

fn cipher(key: &MasterKey) -> Result<RandomizedNonceKey, Error> {
    RandomizedNonceKey::new(&AES_256_GCM, key.sealing()).map_err(|_| Error::Crypto)
}

fn bound_to(credential: CredentialId) -> Aad<[u8; 8]> {
    Aad::from(credential.0.to_be_bytes())
}

fn key_id(key: &MasterKey) -> Vec<u8> {
    key.fingerprint()[..8].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &MasterKey) -> SealedSecret {
        SealedSecret::seal(key, CredentialId(1), &Secret::new("hush")).unwrap()
    }

    #[test]
    fn opens_with_its_key_and_credential_only() {
        let key = MasterKey::ephemeral().unwrap();
        assert_eq!(sealed(&key).open(&key, CredentialId(1)).unwrap().expose(), "hush");
        assert!(sealed(&key).open(&key, CredentialId(2)).is_err());
        assert!(sealed(&key).open(&MasterKey::ephemeral().unwrap(), CredentialId(1)).is_err());
    }

    #[test]
    fn says_which_key_opens_it() {
        let (key, other) = (MasterKey::ephemeral().unwrap(), MasterKey::ephemeral().unwrap());
        assert_eq!(sealed(&key).key_id, sealed(&key).key_id);
        assert_ne!(sealed(&key).key_id, sealed(&other).key_id);
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let key = MasterKey::ephemeral().unwrap();
        let mut changed = sealed(&key);
        changed.ciphertext[0] ^= 1;
        assert!(changed.open(&key, CredentialId(1)).is_err());
    }
}
