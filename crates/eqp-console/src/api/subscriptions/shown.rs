//! Handlers as callers without the scope `admin` see them. URLs and headers can contain credentials of other services.

use eqp_deliver::HandlerDefinition;
use url::Url;

use super::Subscription;
use crate::principal::{Principal, Scope};

/// Replaces parts that are not shown.
const HIDDEN: &str = "…";

/// Returns a subscription as a caller may see it.
pub(super) fn shown_to(principal: &Principal, mut subscription: Subscription) -> Subscription {
    if principal.has(Scope::Admin) {
        return subscription;
    }
    if let Some(HandlerDefinition::Webhook(webhook)) = &mut subscription.handler {
        webhook.url = shown_url(&webhook.url);
        for value in webhook.headers.values_mut().chain(&mut webhook.body) {
            HIDDEN.clone_into(value);
        }
        for lookup in &mut webhook.lookups {
            lookup.url = shown_url(&lookup.url);
            if let Some(body) = &mut lookup.body {
                HIDDEN.clone_into(body);
            }
        }
    }
    subscription
}

/// Returns the scheme, the host and the port of a URL.
fn shown_url(url: &str) -> String {
    // The path can contain template expressions, which are not valid in a URL.
    let end = url
        .find("://")
        .map_or(url.len(), |at| url[at + 3..].find(['/', '?', '#']).map_or(url.len(), |end| at + 3 + end));
    match Url::parse(&url[..end]) {
        Ok(parsed) => format!("{}/{HIDDEN}", parsed.origin().ascii_serialization()),
        Err(_) => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_of_a_url_are_shown() {
        for (url, shown) in [
            ("https://hooks.example.com/services/T0/B0/token?key=secret#x", "https://hooks.example.com/…"),
            ("https://ci.example.com:8443?token={{ data.sku }}", "https://ci.example.com:8443/…"),
            ("http://127.0.0.1:8000/{{ data.sku }}", "http://127.0.0.1:8000/…"),
            ("https://user:secret@hooks.example.com/", "https://hooks.example.com/…"),
            ("not a url secret", "…"),
        ] {
            assert_eq!(shown_url(url), shown, "{url}");
        }
    }
}
