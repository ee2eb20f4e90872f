//! Reads the client address that a proxy reports in `X-Forwarded-For` or `Forwarded` (RFC 7239).
//!
//! Exactly one proxy is trusted: the nearest one, which appends the address of its own peer. Only the last address counts,
//! because the earlier ones can be forged by the client. If the last element is not an address (`unknown`, an obfuscated
//! name), the proxy itself is the source. `X-Forwarded-For` takes precedence over `Forwarded`; a proxy that sets one of them
//! must remove the other (see `docs/proxy.md`).

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address of the nearest proxy's peer, if the proxy reports one.
pub(super) fn client(headers: &HeaderMap) -> Option<IpAddr> {
    if headers.contains_key(X_FORWARDED_FOR) {
        node(last_element(headers, &X_FORWARDED_FOR)?)
    } else {
        let element = last_element(headers, &FORWARDED)?;
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| value.trim().to_owned())
        };
        node(&split(element, ';').into_iter().find_map(pair)?)
    }
}

/// Returns the last element of a list header, which may be repeated. Empty elements are ignored (RFC 9110, section 5.6.1).
fn last_element<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    for value in headers.get_all(name).iter().rev() {
        // A value that is not text still is the last one: an earlier header must not be used instead.
        let elements = split(value.to_str().ok()?, ',');
        let last = elements.into_iter().rev().map(str::trim).find(|element| !element.is_empty());
        if last.is_some() {
            return last;
        }
    }
    None
}

/// Splits at separators outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            character if character == separator && !quoted => {
                parts.push(&text[begin..at]);
                begin = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// Parses a node: an address with or without a port, brackets, quotes and (for IPv6) a zone, such as `192.0.2.1:80` or
/// `"[2001:db8::1]:80"`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = match text.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?.replace('\\', ""),
        None => text.to_owned(),
    };
    let text = text.trim();
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        return if rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port) { v6(address) } else { None };
    }
    match text.split_once(':') {
        None => text.parse().ok(),
        Some((address, port)) if !port.contains(':') && is_port(port) => address.parse().ok().map(IpAddr::V4),
        Some(_) => v6(text),
    }
}

fn v6(text: &str) -> Option<IpAddr> {
    // A zone names a network interface of the proxy, so it means nothing here.
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Returns whether a text is a port: a number, or an obfuscated name.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() || text.strip_prefix('_').is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(name: &HeaderName, values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client(&headers).map(|address| address.to_string())
    }

    #[test]
    fn x_forwarded_for_is_read_in_every_spelling_of_an_address() {
        for (values, expected) in [
            (&["192.0.2.1"] as &[&str], Some("192.0.2.1")),
            (&["192.0.2.1:4711"], Some("192.0.2.1")),
            (&["\"192.0.2.1:4711\""], Some("192.0.2.1")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["\"[2001:db8::1]:4711\""], Some("2001:db8::1")),
            (&["fe80::1%eth0"], Some("fe80::1")),
            (&["[fe80::1%25eth0]:80"], Some("fe80::1")),
            (&["::ffff:192.0.2.1"], Some("::ffff:192.0.2.1")),
            (&["192.0.2.1,"], Some("192.0.2.1")),
            (&["192.0.2.1 , ,\t"], Some("192.0.2.1")),
            (&["192.0.2.1", ""], Some("192.0.2.1")),
            (&["6.6.6.6, 192.0.2.1"], Some("192.0.2.1")),
            (&["6.6.6.6,192.0.2.1"], Some("192.0.2.1")),
            (&["6.6.6.6", "7.7.7.7, 192.0.2.1"], Some("192.0.2.1")),
            // Only the last element counts, because earlier ones can be forged.
            (&["192.0.2.1, unknown"], None),
            (&["192.0.2.1", "unknown"], None),
            (&["192.0.2.1", "\u{e9}"], None),
            (&["\"192.0.2.1"], None),
            (&["192.0.2.1:http"], None),
            (&["192.0.2.1:99999"], None),
            (&["[2001:db8::1"], None),
            (&["[2001:db8::1]x"], None),
            (&["[192.0.2.1]"], None),
            (&["192.0.2"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(of(&X_FORWARDED_FOR, values).as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_has_it() {
        for (values, expected) in [
            (&["for=192.0.2.60;proto=http;by=203.0.113.43"] as &[&str], Some("192.0.2.60")),
            (&["by=203.0.113.43 ; FOR = 192.0.2.60"], Some("192.0.2.60")),
            (&["For=\"[2001:db8:cafe::17]:4711\""], Some("2001:db8:cafe::17")),
            (&["for=\"192.0.2.43:47011\""], Some("192.0.2.43")),
            (&["for=192.0.2.43, for=198.51.100.17"], Some("198.51.100.17")),
            (&["for=192.0.2.43", "for=198.51.100.17;by=_proxy"], Some("198.51.100.17")),
            (&["for=192.0.2.43,"], Some("192.0.2.43")),
            (&["for=\"192.0.2.43:_port\""], Some("192.0.2.43")),
            (&["for=6.6.6.6;host=\"a,for=7.7.7.7;\\\"for=8.8.8.8\";proto=https"], Some("6.6.6.6")),
            (&["for=192.0.2.43, for=unknown"], None),
            (&["for=192.0.2.43, for=_hidden"], None),
            (&["for=192.0.2.43, proto=https"], None),
            (&["192.0.2.43"], None),
            (&["for="], None),
            (&[""], None),
        ] {
            assert_eq!(of(&FORWARDED, values).as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn x_forwarded_for_comes_before_forwarded() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED, HeaderValue::from_static("for=6.6.6.6"));
        assert_eq!(client(&headers), Some(IpAddr::from([6, 6, 6, 6])));
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        assert_eq!(client(&headers), Some(IpAddr::from([192, 0, 2, 1])));
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("unknown"));
        assert_eq!(client(&headers), None);
    }
}
