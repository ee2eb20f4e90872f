//! Parses the credentials of HTTP Basic authentication (RFC 7617).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Accepts Base64 without padding, because some clients omit it.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A user name and a password, as they were sent.
#[derive(PartialEq, Eq)]
pub(crate) struct Basic {
    text: String,
    colon: usize,
}

impl Basic {
    /// Parses the `Authorization` header. Returns `None` unless there is exactly one and it is well-formed Basic.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(ENGINE.decode(credentials.trim_matches(' ')).ok()?).ok()?;
        // The first colon ends the user name; all others belong to the password.
        let colon = text.find(':')?;
        Some(Self { text, colon })
    }

    pub(crate) fn username(&self) -> &str {
        &self.text[..self.colon]
    }

    pub(crate) fn password(&self) -> &[u8] {
        &self.text.as_bytes()[self.colon + 1..]
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        let basic = Basic::read(&headers)?;
        Some((basic.username().to_owned(), String::from_utf8(basic.password().to_vec()).unwrap()))
    }

    fn encoded(text: impl AsRef<[u8]>) -> String {
        base64::engine::general_purpose::STANDARD.encode(text)
    }

    #[test]
    fn parses_what_the_rfc_allows() {
        let found = |username: &str, password: &str| Some((username.to_owned(), password.to_owned()));
        assert_eq!(read(&[b"Basic a2V5OnNlY3JldA=="]), found("key", "secret"), "as documented");
        assert_eq!(read(&[b"basic a2V5OnNlY3JldA=="]), found("key", "secret"));
        assert_eq!(read(&[b"BASIC   a2V5OnNlY3JldA=="]), found("key", "secret"));
        assert_eq!(read(&[b"Basic a2V5OnNlY3JldA"]), found("key", "secret"), "without padding");
        for (username, password) in [("key", "a:b::c"), ("key", ""), ("", "x"), ("schlüssel", "geheim§")] {
            let value = format!("Basic {}", encoded(format!("{username}:{password}")));
            assert_eq!(read(&[value.as_bytes()]), found(username, password));
        }
    }

    #[test]
    fn rejects_everything_else() {
        let no_colon = format!("Basic {}", encoded("keysecret"));
        let no_utf8 = format!("Basic {}", encoded(b"key:\xff\xfe"));
        let good: &[u8] = b"Basic a2V5OnNlY3JldA==";
        for values in [
            &[] as &[&[u8]],
            &[b""],
            &[b"Basic"],
            &[b"Basic "],
            &[b"Basic !!!"],
            &[b"Basic a2V5OnNlY3JldA== x"],
            &[b"Bearer a2V5OnNlY3JldA=="],
            &[b"a2V5OnNlY3JldA=="],
            &[b"Basic\ta2V5OnNlY3JldA=="],
            &[b"Basic \xff"],
            &[no_colon.as_bytes()],
            &[no_utf8.as_bytes()],
            &[good, good],
        ] {
            assert_eq!(read(values), None, "{values:?}");
        }
    }
}
