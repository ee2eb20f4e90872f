//! Shortens responses and removes secrets from them, so that they can be stored in errors.

use std::fmt;

use eqp_types::Secret;
use http::HeaderMap;
use http::header::LOCATION;
use serde_json::Value;
use url::Url;

/// The maximum size of a stored body, in bytes.
const MAX_STORED: usize = 64 * 1024;
/// The largest JSON body that is parsed to find secrets, in bytes. Parsed JSON needs about ten times the memory.
const MAX_PARSED: usize = 8 * 1024 * 1024;
/// The maximum length of a body in an error message, in characters.
const MAX_LINE: usize = 160;
/// Fields whose values are never stored.
const SECRET_FIELDS: &[&str] = &[
    "password",
    "password_key",
    "user_key",
    "product_key",
    "ust",
    "token",
    "secret",
    "application_secret",
    "authorization",
];
const HIDDEN: &str = "[secret]";

/// The body of a response for debug output: shortened, and with secrets removed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeptBody(Box<str>);

impl KeptBody {
    /// Stores `body`. None of `secrets` appears in the result.
    pub(crate) fn of(body: &[u8], answers_secrets: bool, secrets: &[Secret]) -> Self {
        let looks_like_json = body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[");
        if body.len() > MAX_PARSED && looks_like_json {
            return Self(format!("[{} bytes of JSON, too large to search for secrets]", body.len()).into());
        }
        let text = match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                hide(&mut value, answers_secrets, secrets);
                value.to_string()
            }
            Err(_) if answers_secrets && !looks_like_markup(body) => {
                format!("[{} bytes that may contain a secret]", body.len())
            }
            Err(_) => hide_in_text(&String::from_utf8_lossy(&body[..body.len().min(MAX_STORED)])),
        };
        Self(bounded(&without(text, secrets), MAX_STORED).into())
    }

    /// Returns the stored text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns one short line for an error message.
    pub(crate) fn line(&self) -> String {
        let text = title(&self.0).unwrap_or(&self.0);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= MAX_LINE { line } else { line.chars().take(MAX_LINE).chain(['…']).collect() }
    }
}

impl fmt::Debug for KeptBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.line())
    }
}

impl fmt::Display for KeptBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns the URL without user name and password, or `None` if its scheme could contain them elsewhere.
pub(crate) fn without_credentials(url: &Url) -> Option<Url> {
    let mut plain = url.clone();
    plain.set_username("").and_then(|()| plain.set_password(None)).ok().map(|()| plain)
}

/// Returns the target of a redirect without credentials and without its query, which may contain some.
pub(crate) fn location(headers: &HeaderMap, hidden: &[Secret]) -> Option<String> {
    let given = headers.get(LOCATION)?.to_str().ok()?.trim();
    let (plain, rest) = given.split_once(['?', '#']).map_or((given, ""), |(plain, _)| (plain, "?…"));
    let displayed = match Url::parse(plain) {
        Ok(url) => without_credentials(&url).map_or_else(|| format!("{}:…", url.scheme()), String::from),
        // Only a URL with a host can contain credentials, such as `//user:password@host/`.
        Err(_) if plain.starts_with("//") => Url::parse(&format!("https:{plain}"))
            .ok()
            .and_then(|url| without_credentials(&url))
            .map_or_else(|| "//…".to_owned(), |url| url.as_str().trim_start_matches("https:").to_owned()),
        Err(_) => plain.to_owned(),
    };
    (!displayed.is_empty()).then(|| without(displayed + rest, hidden))
}

/// Replaces the values of secret fields, or of every field if the whole response is secret.
fn hide(value: &mut Value, everything: bool, secrets: &[Secret]) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_secret = SECRET_FIELDS.contains(&name.to_ascii_lowercase().as_str());
                if is_secret && !value.is_null() {
                    *value = HIDDEN.into();
                } else {
                    hide(value, everything && !matches!(name.as_str(), "message" | "code"), secrets);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, everything, secrets)),
        Value::String(text) if everything => HIDDEN.clone_into(text),
        // Replaced before serialization, because a quote in a secret is escaped in JSON.
        Value::String(text) => *text = without(std::mem::take(text), secrets),
        _ => {}
    }
}

/// Hides the values of secret fields in text that looks like JSON but cannot be parsed, for example because it is truncated.
fn hide_in_text(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("\":") {
        let is_secret =
            name.rsplit('"').next().is_some_and(|name| SECRET_FIELDS.contains(&name.to_ascii_lowercase().as_str()));
        redacted.push_str(name);
        redacted.push_str("\":");
        rest = after;
        if is_secret && let Some(value) = after.trim_start().strip_prefix('"') {
            redacted.push_str(HIDDEN);
            let end = end_of_text(value);
            rest = &value[end..];
        }
    }
    redacted + rest
}

/// Returns the end of a JSON string, including its closing quote.
fn end_of_text(value: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in value.char_indices() {
        match character {
            '"' if !is_escaped => return at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    value.len()
}

/// Replaces every occurrence of `secrets`.
pub(crate) fn without(text: String, secrets: &[Secret]) -> String {
    let secrets = secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
    secrets.fold(text, |text, secret| text.replace(secret, HIDDEN))
}

/// Returns whether the body is HTML or XML, which the API never returns.
pub(crate) fn looks_like_markup(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// Returns the title of an HTML page, which summarises the error page of a proxy.
fn title(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(&text[start..end])
}

fn bounded(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_shows_where_to_and_no_credentials() {
        for (given, shown) in [
            ("https://login.example/sso", Some("https://login.example/sso")),
            ("https://u:hush@login.example/sso?ticket=hush#hush", Some("https://login.example/sso?…")),
            ("/portal/login?token=hush", Some("/portal/login?…")),
            ("//u:hush@other.example/x", Some("//other.example/x")),
            ("https://login.example/hush", Some("https://login.example/[secret]")),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, given.parse().unwrap());
            assert_eq!(location(&headers, &[Secret::new("hush")]).as_deref(), shown, "{given}");
        }
        assert_eq!(location(&HeaderMap::new(), &[]), None);
    }

    #[test]
    fn secret_fields_are_hidden_at_any_depth() {
        let body = br#"{"api_callbacks": [{"url": "https://a.example", "password": "hush"}], "Token": "hush"}"#;
        let kept = KeptBody::of(body, false, &[]);
        assert!(!kept.as_str().contains("hush"), "{kept}");
        assert!(kept.as_str().contains("https://a.example"));
    }

    #[test]
    fn an_answer_that_is_secret_keeps_its_shape_only() {
        let kept = KeptBody::of(br#"{"session": {"value": "hush"}, "message": "no", "n": 1}"#, true, &[]);
        assert_eq!(kept.as_str(), r#"{"message":"no","n":1,"session":{"value":"[secret]"}}"#);
        assert!(!KeptBody::of(b"hush", true, &[]).as_str().contains("hush"));
        assert!(!KeptBody::of(b"\"hush\"", true, &[]).as_str().contains("hush"));
    }

    #[test]
    fn secret_fields_are_hidden_in_json_that_cannot_be_read() {
        for (broken, shown) in [
            (r#"{"password": "hush", "a": "b"} trailing"#, r#"{"password":[secret], "a": "b"} trailing"#),
            (r#"{"a": "b", "Token":"hu\"sh\\", "c": [1"#, r#"{"a": "b", "Token":[secret], "c": [1"#),
            (r#"{"ust": "hu"#, r#"{"ust":[secret]"#),
            (r#"{"ust": 7, "passwords": "seen""#, r#"{"ust": 7, "passwords": "seen""#),
            ("no json", "no json"),
        ] {
            assert_eq!(KeptBody::of(broken.as_bytes(), false, &[]).as_str(), shown);
        }
    }

    #[test]
    fn json_too_large_to_look_through_is_not_kept() {
        let large = format!(r#"{{"password": "hush", "padding": "{}"}}"#, "x".repeat(MAX_PARSED));
        assert_eq!(
            KeptBody::of(large.as_bytes(), false, &[]).as_str(),
            "[8388643 bytes of JSON, too large to search for secrets]"
        );
    }

    #[test]
    fn our_own_secrets_are_taken_out_of_any_text() {
        let kept = KeptBody::of(b"<p>token hush is bad</p>", false, &[Secret::new("hush"), Secret::new("")]);
        assert_eq!(kept.as_str(), "<p>token [secret] is bad</p>");
        let kept = KeptBody::of(br#"{"message": "no \"hush\\"}"#, false, &[Secret::new("\"hush\\")]);
        assert_eq!(kept.as_str(), r#"{"message":"no [secret]"}"#);
    }

    #[test]
    fn a_page_is_shown_by_its_title() {
        let page = b"<html><head><TITLE lang=en>502  Bad\n Gateway</TITLE></head><body>long</body></html>";
        assert_eq!(KeptBody::of(page, true, &[]).line(), "502 Bad Gateway");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = "é".repeat(MAX_STORED);
        let kept = KeptBody::of(long.as_bytes(), false, &[]);
        assert!(kept.as_str().len() <= MAX_STORED);
        assert_eq!(kept.line().chars().count(), MAX_LINE + 1);
    }
}
