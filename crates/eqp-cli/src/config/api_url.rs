//! The base URL of an API, as given by the user.
//!
//! The URL may contain a password by mistake, which must reach neither an error nor a log. Therefore parsing never
//! fails, because an error of the parser would repeat the text. An unusable URL is rejected later, with the reason
//! only.

use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::failure::{Failure, Result};

/// The base URL of an API, or the reason why the given text cannot be used as one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct ApiUrl(Result<Url, &'static str>);

impl ApiUrl {
    /// Returns the URL, if it can be used.
    pub(crate) fn url(&self) -> Option<&Url> {
        self.0.as_ref().ok()
    }

    /// Returns the URL. Fails if it cannot be used.
    pub(crate) fn usable(&self) -> Result<&Url> {
        self.0.as_ref().map_err(|why| {
            Failure::usage("the API URL cannot be used").why(*why).next("pass a URL such as https://localhost:7443")
        })
    }
}

fn read(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "it is not a URL")?;
    if url.scheme() != "https" {
        return Err("it does not begin with https://");
    }
    // If a password contains a `/`, the rest of it becomes the path.
    if url.password().is_some() || !url.username().is_empty() || url.path().contains('@') {
        return Err("it contains credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    Ok(url)
}

impl From<String> for ApiUrl {
    fn from(text: String) -> Self {
        Self(read(&text))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(url) => url.fmt(f),
            Err(why) => write!(f, "(unusable: {why})"),
        }
    }
}

impl fmt::Debug for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_may_hold_a_password_is_refused_without_repeating_it() {
        for (text, reason) in [
            ("https://me:hush@api.example.com", "credentials"),
            ("https://hush@api.example.com", "credentials"),
            ("https://me:1/hush@api.example.com", "credentials"),
            ("https://me:hu/sh@api.example.com", "not a URL"),
            ("https://api.example.com/?token=hush", "query"),
            ("https://api.example.com/#hush", "fragment"),
            ("http://hush.example.com", "https://"),
            ("me:hush@api.example.com", "https://"),
            ("hush", "not a URL"),
        ] {
            let url = ApiUrl::from(text.to_owned());
            let shown = format!("{url} {url:?} {}", url.usable().unwrap_err());
            assert!(shown.contains(reason) && !shown.contains("hush") && !shown.contains("sh@"), "{text}: {shown}");
        }
        let url = ApiUrl::from("https://localhost:7443".to_owned());
        assert_eq!(url.usable().unwrap().as_str(), "https://localhost:7443/");
    }
}
