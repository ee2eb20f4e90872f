//! The cookies of sessions, and of links to submissions.

use eqp_types::Secret;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::token::{PresentedSecret, SecretKind};

/// The lifetime of the cookie in seconds, which is that of a session.
const MAX_AGE: u32 = 12 * 3_600;

/// The names of a cookie of one installation.
#[derive(Clone, Debug)]
pub(super) struct CookieNames {
    kind: SecretKind,
    path: &'static str,
    plain: String,
    /// Over HTTPS. Because of the prefix, browsers accept it only with the attribute `Secure` and, for the path `/`, only from this host.
    secure: String,
}

/// A cookie that a request contains.
pub(super) struct PresentedCookie {
    pub(super) secret: PresentedSecret,
    /// Whether it was set over HTTPS.
    pub(super) is_secure: bool,
}

impl CookieNames {
    /// Returns the names of the cookie of a session, which is sent to all pages.
    pub(super) fn of_sessions(instance: &str) -> Self {
        let plain = format!("eqp_session_{instance}");
        Self { kind: SecretKind::Session, path: "/", secure: format!("__Host-{plain}"), plain }
    }

    /// Returns the names of the cookie of a link to a submission, which is sent only to this path and those below it.
    pub(super) fn of_links(instance: &str, path: &'static str) -> Self {
        let plain = format!("eqp_shared_{instance}");
        Self { kind: SecretKind::Link, path, secure: format!("__Secure-{plain}"), plain }
    }

    fn name(&self, is_secure: bool) -> &str {
        if is_secure { &self.secure } else { &self.plain }
    }

    /// Returns the secret of a request.
    pub(super) fn presented(&self, headers: &HeaderMap) -> Option<PresentedCookie> {
        [true, false].into_iter().find_map(|is_secure| {
            let name = self.name(is_secure);
            let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
            let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
            let secret = pairs.find_map(
                |(found, value)| {
                    if found == name { PresentedSecret::parse(self.kind, value) } else { None }
                },
            )?;
            Some(PresentedCookie { secret, is_secure })
        })
    }

    /// Returns the header that sets the cookie of a session. Links in messages open pages with the cookie, and forms of other sites do not
    /// send it.
    pub(super) fn set(&self, session: &Secret, is_secure: bool) -> HeaderValue {
        self.header(session.expose(), MAX_AGE, is_secure)
    }

    /// Returns the header that sets the cookie for this number of seconds.
    pub(super) fn set_for(&self, secret: &str, seconds: u32, is_secure: bool) -> HeaderValue {
        self.header(secret, seconds, is_secure)
    }

    /// Returns the header that deletes the cookie.
    pub(super) fn delete(&self, is_secure: bool) -> HeaderValue {
        self.header("", 0, is_secure)
    }

    fn header(&self, value: &str, max_age: u32, is_secure: bool) -> HeaderValue {
        let secure = if is_secure { "; Secure" } else { "" };
        let (name, path) = (self.name(is_secure), self.path);
        let text = format!("{name}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        let mut header = HeaderValue::try_from(text).expect("names and secrets are printable ASCII");
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::NewSecret;

    #[test]
    fn only_the_cookie_of_this_installation_is_read() {
        let names = CookieNames::of_sessions("abc");
        let session = NewSecret::generate().unwrap().text(SecretKind::Session, 7);
        let value = session.expose();
        for (cookies, expected) in [
            (format!("eqp_session_abc={value}"), Some(false)),
            (format!("a=b; __Host-eqp_session_abc={value}; c"), Some(true)),
            (format!("eqp_session_abc=forged; eqp_session_abc={value}"), Some(false)),
            (format!("eqp_session_other={value}"), None),
            (format!("eqp_session_abc{value}"), None),
            (String::new(), None),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]);
            assert_eq!(names.presented(&headers).map(|cookie| cookie.is_secure), expected, "{cookies}");
        }
    }

    #[test]
    fn a_cookie_is_hidden_from_scripts_and_from_forms_of_other_sites() {
        let names = CookieNames::of_sessions("abc");
        let set = |is_secure| names.set(&Secret::new("x"), is_secure).to_str().unwrap().to_owned();
        assert_eq!(set(false), "eqp_session_abc=x; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax");
        assert_eq!(set(true), "__Host-eqp_session_abc=x; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure");
        assert!(names.delete(true).to_str().unwrap().contains("Max-Age=0"));
        let link = CookieNames::of_links("abc", "/shared").set_for("x", 60, true);
        let expected = "__Secure-eqp_shared_abc=x; Path=/shared; Max-Age=60; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(link.to_str().unwrap(), expected);
    }
}
