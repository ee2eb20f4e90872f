//! The texts of tokens, sessions, sign-in codes and links to submissions, and the hashes that are stored of them.
//!
//! Each consists of a prefix, by which secret scanners recognise it, its number in the database and 32 random bytes.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_types::Secret;
use subtle::ConstantTimeEq;

/// The number of random bytes.
const RANDOM: usize = 32;
/// The number of bytes of a tag.
const TAG: usize = 12;
/// The purpose for which the CSRF token is derived from the secret of a session, so that it cannot be used as another secret.
const CSRF: &[u8] = b"eqp csrf token 1";

/// A kind of secret, which its prefix shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A token of the API.
    Token,
    /// A session of a browser.
    Session,
    /// A code with which a browser signs in once.
    Code,
    /// A link to the page of one submission.
    Link,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "eqp_tok_",
            Self::Session => "eqp_ses_",
            Self::Code => "eqp_code_",
            Self::Link => "eqp_link_",
        }
    }
}

/// The random bytes of a new secret.
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

    /// Returns the text of the secret with this number.
    pub(crate) fn text(&self, kind: SecretKind, id: i64) -> Secret {
        Secret::new(format!("{}{id}_{}", kind.prefix(), URL_SAFE_NO_PAD.encode(self.0)))
    }
}

/// Returns a tag that only a server can compute that knows a secret: it shows that a text was made within a session.
pub(crate) fn tag(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(&hmac::sign(&key, text.as_bytes()).as_ref()[..TAG])
}

/// A secret that a request contains.
pub(crate) struct PresentedSecret {
    /// Its number in the database.
    pub(crate) id: i64,
    bytes: Vec<u8>,
}

impl PresentedSecret {
    /// Parses the text of a secret of this kind.
    pub(crate) fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(kind.prefix())?.split_once('_')?;
        // Only the spelling that was issued: `parse` would accept a sign and leading zeros.
        let number: i64 = id.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).ok().filter(|bytes| bytes.len() == RANDOM)?;
        Some(Self { id: number, bytes })
    }

    /// Returns whether the hash is that of this secret. Takes the same time for every hash.
    pub(crate) fn matches(&self, hash: &[u8]) -> bool {
        digest(&SHA256, &self.bytes).as_ref().ct_eq(hash).into()
    }

    /// Returns the token that forms of this session contain.
    pub(crate) fn csrf_token(&self) -> String {
        let key = hmac::Key::new(HMAC_SHA256, &self.bytes);
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, CSRF))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_only_its_own_hash() {
        let (secret, other) = (NewSecret::generate().unwrap(), NewSecret::generate().unwrap());
        let text = secret.text(SecretKind::Token, 17);
        let presented = PresentedSecret::parse(SecretKind::Token, text.expose()).unwrap();
        assert_eq!(presented.id, 17);
        assert!(presented.matches(&secret.hash()));
        assert!(!presented.matches(&other.hash()) && !presented.matches(b""));
    }

    #[test]
    fn a_secret_is_valid_for_its_kind_only() {
        let text = NewSecret::generate().unwrap().text(SecretKind::Code, 3);
        assert!(PresentedSecret::parse(SecretKind::Code, text.expose()).is_some());
        for kind in [SecretKind::Token, SecretKind::Session] {
            assert!(PresentedSecret::parse(kind, text.expose()).is_none(), "{kind:?}");
        }
    }

    #[test]
    fn the_csrf_token_belongs_to_one_session_and_is_not_its_secret() {
        let text = NewSecret::generate().unwrap().text(SecretKind::Session, 3);
        let presented = || PresentedSecret::parse(SecretKind::Session, text.expose()).unwrap();
        assert_eq!(presented().csrf_token(), presented().csrf_token());
        assert!(!text.expose().contains(&presented().csrf_token()));
        let other = NewSecret::generate().unwrap().text(SecretKind::Session, 3);
        let other = PresentedSecret::parse(SecretKind::Session, other.expose()).unwrap();
        assert_ne!(presented().csrf_token(), other.csrf_token());
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let text = NewSecret::generate().unwrap().text(SecretKind::Token, 17);
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
            assert!(PresentedSecret::parse(SecretKind::Token, &altered).is_none(), "{altered}");
        }
    }
}
