//! Passwords and access keys encrypted under keys that are derived from the master key. They must be readable again: a registration
//! list can only be written as a whole, with every password, and an access key is sent to the Marketplace.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use eqp_types::Secret;

use super::MasterKey;
use crate::Error;
use crate::model::{AccountId, CredentialId, SealedSecret};

impl SealedSecret {
    /// Seals the password of a credential.
    pub fn seal(key: &MasterKey, credential: CredentialId, password: &Secret) -> Result<Self, Error> {
        Self::seal_under(key, key.sealing(), &of_credential(credential), password)
    }

    /// Opens the password of a credential.
    pub fn open(self, key: &MasterKey, credential: CredentialId) -> Result<Secret, Error> {
        let opened = self.open_under(key, key.sealing(), &of_credential(credential))?;
        opened.ok_or(Error::CannotUnseal { credential })
    }

    /// Seals the application secret of an access key, for this account and application ID only.
    pub fn seal_access_key(
        key: &MasterKey,
        account: AccountId,
        (application_id, api_url): (&str, &str),
        secret: &Secret,
    ) -> Result<Self, Error> {
        let bound_to = of_access_key(account, application_id, api_url);
        Self::seal_under(key, key.sealing_access_keys(), &bound_to, secret)
    }

    /// Opens the application secret of an access key.
    pub fn open_access_key(
        self,
        key: &MasterKey,
        account: AccountId,
        (application_id, api_url): (&str, &str),
    ) -> Result<Secret, Error> {
        let bound_to = of_access_key(account, application_id, api_url);
        let opened = self.open_under(key, key.sealing_access_keys(), &bound_to)?;
        opened.ok_or(Error::CannotUnsealAccessKey { account })
    }

    /// Seals the secrets of a subscription's handler, for this name and target only: a changed URL must not receive them.
    pub fn seal_handler(key: &MasterKey, (name, target): (&str, &str), secrets: &Secret) -> Result<Self, Error> {
        Self::seal_under(key, key.sealing_handlers(), &of_handler(name, target), secrets)
    }

    /// Opens the secrets of a subscription's handler. Returns `None` if they were sealed with another key or for another handler.
    pub fn open_handler(self, key: &MasterKey, (name, target): (&str, &str)) -> Result<Option<Secret>, Error> {
        self.open_under(key, key.sealing_handlers(), &of_handler(name, target))
    }

    fn seal_under(key: &MasterKey, derived: &[u8; 32], bound_to: &[u8], secret: &Secret) -> Result<Self, Error> {
        let mut ciphertext = secret.expose().as_bytes().to_vec();
        let nonce = cipher(derived)?.seal_in_place_append_tag(Aad::from(bound_to), &mut ciphertext);
        let nonce = nonce.map_err(|_| Error::Crypto)?;
        Ok(Self { key_id: key_id(key), nonce: nonce.as_ref().to_vec(), ciphertext })
    }

    /// Returns `None` if it was sealed with another key or bound to something else, or if it was changed.
    fn open_under(mut self, key: &MasterKey, derived: &[u8; 32], bound_to: &[u8]) -> Result<Option<Secret>, Error> {
        if self.key_id != key_id(key) {
            return Ok(None);
        }
        let Ok(nonce) = Nonce::try_assume_unique_for_key(&self.nonce) else { return Ok(None) };
        let plain = cipher(derived)?.open_in_place(nonce, Aad::from(bound_to), &mut self.ciphertext);
        Ok(plain.ok().and_then(|plain| std::str::from_utf8(plain).ok()).map(Secret::new))
    }
}

fn cipher(derived: &[u8; 32]) -> Result<RandomizedNonceKey, Error> {
    RandomizedNonceKey::new(&AES_256_GCM, derived).map_err(|_| Error::Crypto)
}

fn of_credential(credential: CredentialId) -> Vec<u8> {
    credential.0.to_be_bytes().to_vec()
}

fn of_access_key(account: AccountId, application_id: &str, api_url: &str) -> Vec<u8> {
    // The number has a fixed length, and Postgres stores no NUL in a text, so no two triples are equal.
    [&account.0.to_be_bytes(), application_id.as_bytes(), b"\0", api_url.as_bytes()].concat()
}

fn of_handler(name: &str, target: &str) -> Vec<u8> {
    // Postgres stores no NUL in a text, so no two pairs are equal.
    [name.as_bytes(), b"\0", target.as_bytes()].concat()
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
    fn an_access_key_opens_for_its_account_application_and_api_only() {
        let key = MasterKey::ephemeral().unwrap();
        let own = ("app-1", "https://a/");
        let sealed = || SealedSecret::seal_access_key(&key, AccountId(1), own, &Secret::new("hush")).unwrap();
        assert_eq!(sealed().open_access_key(&key, AccountId(1), own).unwrap().expose(), "hush");
        for (account, other) in [(2, own), (1, ("app-2", own.1)), (1, (own.0, "https://b/"))] {
            let error = sealed().open_access_key(&key, AccountId(account), other).unwrap_err();
            assert!(matches!(error, Error::CannotUnsealAccessKey { .. }), "{error}");
        }
        assert!(sealed().open_access_key(&MasterKey::ephemeral().unwrap(), AccountId(1), own).is_err());
        assert!(sealed().open(&key, CredentialId(1)).is_err(), "the keys of the two purposes differ");
    }

    #[test]
    fn secrets_of_a_handler_open_for_its_name_and_target_only() {
        let key = MasterKey::ephemeral().unwrap();
        let own = ("shop", "https://a/");
        let sealed = || SealedSecret::seal_handler(&key, own, &Secret::new("hush")).unwrap();
        assert_eq!(sealed().open_handler(&key, own).unwrap().unwrap().expose(), "hush");
        for other in [("other", own.1), (own.0, "https://b/")] {
            assert!(sealed().open_handler(&key, other).unwrap().is_none());
        }
        assert!(sealed().open_handler(&MasterKey::ephemeral().unwrap(), own).unwrap().is_none());
        assert!(sealed().open(&key, CredentialId(1)).is_err(), "the keys of the two purposes differ");
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
