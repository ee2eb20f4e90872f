//! The text of a token, and the hash that is stored of it.
//!
//! A token consists of a prefix, by which secret scanners recognise it, its number in the database and 32 random bytes.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_types::Secret;
use subtle::ConstantTimeEq;

const PREFIX: &str = "eqp_tok_";
/// The number of random bytes.
const RANDOM: usize = 32;

/// The random bytes of a new token.
pub(crate) struct NewSecret([u8; RANDOM]);

impl NewSecret {
    /// Generates a secret. Fails if the system returns no random bytes.
    pub(crate) fn generate() -> Result<Self, eqp_store::Error> {
        let mut bytes = [0; RANDOM];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| eqp_store::Error::Crypto)?;
        Ok(Self(bytes))
    }

    /// Returns the hash to store.
    pub(crate) fn hash(&self) -> Vec<u8> {
        digest(&SHA256, &self.0).as_ref().to_vec()
    }

    /// Returns the text of the token with this number.
    pub(crate) fn text(&self, id: i64) -> Secret {
        Secret::new(format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(self.0)))
    }
}

/// A token that a request contains.
pub(crate) struct PresentedToken {
    /// Its number in the database.
    pub(crate) id: i64,
    hash: Vec<u8>,
}

impl PresentedToken {
    /// Parses the text of a token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        // Only the spelling that was issued: `parse` would accept a sign and leading zeros.
        let number: i64 = id.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).ok().filter(|bytes| bytes.len() == RANDOM)?;
        Some(Self { id: number, hash: digest(&SHA256, &bytes).as_ref().to_vec() })
    }

    /// Returns whether the hash is that of this token. Takes the same time for every hash.
    pub(crate) fn matches(&self, hash: &[u8]) -> bool {
        self.hash.ct_eq(hash).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_only_its_own_hash() {
        let (secret, other) = (NewSecret::generate().unwrap(), NewSecret::generate().unwrap());
        let text = secret.text(17);
        let presented = PresentedToken::parse(text.expose()).unwrap();
        assert_eq!(presented.id, 17);
        assert!(presented.matches(&secret.hash()));
        assert!(!presented.matches(&other.hash()) && !presented.matches(b""));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let text = NewSecret::generate().unwrap().text(17);
        let text = text.expose();
        for altered in [
            text.replace("eqp_tok_", "eqp_tik_"),
            text.replace("17_", "017_"),
            text.replace("17_", "+17_"),
            text.replace("17_", "-17_"),
            text.replace("17_", "99999999999999999999_"),
            text[..text.len() - 1].to_owned(),
            format!("{text}="),
            format!(" {text}"),
            String::new(),
        ] {
            assert!(PresentedToken::parse(&altered).is_none(), "{altered}");
        }
    }
}
