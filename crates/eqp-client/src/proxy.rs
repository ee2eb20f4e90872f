//! Finds the proxy that the environment configures, so that errors can name it.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::redact;

/// Separates host and proxy in errors.
pub(crate) const THROUGH_PROXY: &str = " through the proxy ";

/// Returns the proxy for requests to `base` without its credentials, or `None` for a direct connection.
///
/// It follows the same rules as the HTTP client (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
pub(crate) fn of(base: &Url, matcher: &Matcher) -> Option<String> {
    let target: Uri = base.as_str().parse().ok()?;
    let proxy = matcher.intercept(&target)?;
    let plain = Url::parse(&proxy.uri().to_string()).ok().and_then(|url| redact::without_credentials(&url))?;
    Some(plain.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_credentials() {
        let base: Url = "https://api.example".parse().unwrap();
        let matcher = |proxy: &str, no: &str| Matcher::builder().https(proxy.to_owned()).no(no.to_owned()).build();
        let named = |proxy: &str| of(&base, &matcher(proxy, ""));
        assert_eq!(named("http://proxy.example:3128").as_deref(), Some("http://proxy.example:3128"));
        assert_eq!(named("http://ada:hush@proxy.example:3128").as_deref(), Some("http://proxy.example:3128"));
        assert_eq!(of(&base, &matcher("http://proxy.example:3128", "api.example")), None);
        assert_eq!(of(&base, &Matcher::builder().build()), None);
    }
}
