//! Signatures of requests: Standard Webhooks, or a hexadecimal HMAC-SHA256 of the body in a header.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eqp_types::Secret;

use super::headers::checked_name;
use crate::{DefinitionError, SignatureScheme};

/// The beginning of secrets of Standard Webhooks. The rest is Base64.
const SECRET_PREFIX: &str = "whsec_";
/// The size of a key in bytes that Standard Webhooks requires at least.
const MIN_KEY_BYTES: usize = 24;
const NEW_KEY_BYTES: usize = 32;
/// The maximum length of the text before a hexadecimal signature.
const MAX_PREFIX: usize = 64;

/// The header names of Standard Webhooks.
pub(crate) const ID: &str = "webhook-id";
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Signs the requests of a webhook.
pub(crate) enum Signer {
    /// All keys are used, so that receivers can change their secret at any time during a rotation.
    Standard(Vec<hmac::Key>),
    Hexadecimal {
        header: String,
        prefix: String,
        key: Box<hmac::Key>,
    },
    None,
}

impl Signer {
    /// Creates the signer of a scheme with the secrets of a webhook, the newest first.
    pub(crate) fn new(scheme: &SignatureScheme, secrets: &[Secret]) -> Result<Self, DefinitionError> {
        Ok(match scheme {
            SignatureScheme::Standard if secrets.is_empty() => Self::None,
            SignatureScheme::Standard => Self::Standard(secrets.iter().map(standard_key).collect::<Result<_, _>>()?),
            SignatureScheme::HmacSha256 { header, prefix } => {
                // A header with several signatures would be valid for no receiver.
                let newest = secrets.first().ok_or(DefinitionError::NoSigningSecret)?;
                checked_name(header)?;
                if prefix.len() > MAX_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                    let reason =
                        format!("the text before the digits must have at most {MAX_PREFIX} printable ASCII characters");
                    return Err(DefinitionError::Header { name: header.clone(), reason });
                }
                let key = Box::new(hmac::Key::new(hmac::HMAC_SHA256, newest.expose().as_bytes()));
                Self::Hexadecimal { header: header.clone(), prefix: prefix.clone(), key }
            }
            SignatureScheme::None => Self::None,
        })
    }

    /// Returns the header with the signature of a request.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<(&str, String)> {
        match self {
            Self::Standard(keys) => {
                let content = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
                let sign = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &content)));
                Some((SIGNATURE, keys.iter().map(sign).collect::<Vec<_>>().join(" ")))
            }
            Self::Hexadecimal { header, prefix, key } => {
                let mut value = prefix.clone();
                for byte in hmac::sign(key, body).as_ref() {
                    write!(value, "{byte:02x}").expect("writing to a text does not fail");
                }
                Some((header, value))
            }
            Self::None => None,
        }
    }
}

fn standard_key(secret: &Secret) -> Result<hmac::Key, DefinitionError> {
    let text = secret.expose().trim();
    let key = STANDARD.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text));
    match key {
        Ok(key) if key.len() >= MIN_KEY_BYTES => Ok(hmac::Key::new(hmac::HMAC_SHA256, &key)),
        _ => Err(DefinitionError::SigningSecret),
    }
}

/// Checks a signing secret of a webhook with this scheme, as is done when it is added.
///
/// ```
/// use eqp_deliver::{SignatureScheme, check_signing_secret, new_signing_secret};
///
/// assert!(check_signing_secret(&SignatureScheme::Standard, &new_signing_secret()).is_ok());
/// assert!(check_signing_secret(&SignatureScheme::Standard, &eqp_types::Secret::new("short")).is_err());
/// ```
///
/// # Errors
/// Returns [`DefinitionError::SigningSecret`] if the secret cannot be used.
pub fn check_signing_secret(scheme: &SignatureScheme, secret: &Secret) -> Result<(), DefinitionError> {
    Signer::new(scheme, std::slice::from_ref(secret)).map(drop)
}

/// Returns a new random secret for Standard Webhooks.
///
/// ```
/// assert!(eqp_deliver::new_signing_secret().expose().starts_with("whsec_"));
/// ```
pub fn new_signing_secret() -> Secret {
    let mut key = [0; NEW_KEY_BYTES];
    SystemRandom::new().fill(&mut key).expect("the operating system has random numbers");
    Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    /// The example of the libraries of Standard Webhooks.
    const PUBLISHED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn standard(secrets: &[&str]) -> Signer {
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
        Signer::new(&SignatureScheme::Standard, &secrets).unwrap()
    }

    #[test]
    fn the_published_example_has_the_published_signature() {
        let published = standard(&[PUBLISHED]);
        let signed = published.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, BODY);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed, Some(("webhook-signature", signature.to_owned())));
    }

    #[test]
    fn the_library_of_standard_webhooks_accepts_the_signature_with_each_secret_of_a_rotation() {
        let (new, old) = (new_signing_secret(), new_signing_secret());
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let (name, value) =
            standard(&[new.expose(), old.expose()]).sign("evt_1", now, BODY).map(|(n, v)| (n.to_owned(), v)).unwrap();
        let mut headers = http::HeaderMap::new();
        for (name, value) in [(ID, "evt_1"), (TIMESTAMP, &now.to_string()), (name.as_str(), &value)] {
            headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        for secret in [new, old] {
            standardwebhooks::Webhook::new(secret.expose()).unwrap().verify(BODY, &headers).unwrap();
        }
        let other = standardwebhooks::Webhook::new(new_signing_secret().expose()).unwrap();
        assert!(other.verify(BODY, &headers).is_err());
    }

    #[test]
    fn openssl_computes_the_same_hexadecimal_signature() {
        let scheme = SignatureScheme::HmacSha256 { header: "X-Hub-Signature-256".into(), prefix: "sha256=".into() };
        let signer = Signer::new(&scheme, &[Secret::new("It's a Secret to Everybody")]).unwrap();
        let (header, value) = signer.sign("evt_1", 0, b"Hello, World!").unwrap();
        // The example of GitHub's documentation.
        let published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!((header, value.as_str()), ("X-Hub-Signature-256", published));

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), BODY).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-hmac", "It's a Secret to Everybody", "-r"]).arg(file.path());
        let Ok(output) = openssl.output() else { return };
        let digest = String::from_utf8(output.stdout).unwrap();
        let (_, value) = signer.sign("evt_1", 0, BODY).unwrap();
        assert_eq!(value.strip_prefix("sha256=").unwrap(), digest.split_whitespace().next().unwrap());
    }

    #[test]
    fn short_and_misspelled_secrets_are_rejected() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all, but long enough", "hush"] {
            let signer = Signer::new(&SignatureScheme::Standard, &[Secret::new(text)]);
            assert!(matches!(signer, Err(DefinitionError::SigningSecret)), "{text}");
        }
    }

    #[test]
    fn a_hexadecimal_signature_has_a_plain_header_of_its_own() {
        let long = "x".repeat(65);
        for (header, prefix) in [
            ("Host", ""),
            ("webhook-id", ""),
            ("X-Sig\r\nX-Injected: 1", ""),
            ("", ""),
            ("X-Sig", "sha\r\nX-Injected: 1"),
            ("X-Sig", long.as_str()),
        ] {
            let scheme = SignatureScheme::HmacSha256 { header: header.into(), prefix: prefix.into() };
            let signer = Signer::new(&scheme, &[Secret::new("hush")]);
            assert!(matches!(signer, Err(DefinitionError::Header { .. })), "{header:?} {prefix:?}");
        }
    }

    #[test]
    fn a_hexadecimal_signature_needs_a_secret() {
        let scheme = SignatureScheme::HmacSha256 { header: "X-Signature".into(), prefix: String::new() };
        assert!(matches!(Signer::new(&scheme, &[]), Err(DefinitionError::NoSigningSecret)));
    }
}
