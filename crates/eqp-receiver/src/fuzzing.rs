//! Doors for the fuzzers: what a stranger's bytes meet first. No part of the crate's API, and without any promise.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::accept::basic::Basic;
use crate::accept::syntax;
use crate::project;
#[cfg(debug_assertions)]
pub use crate::project::fault::{Stage, panic_on};

/// What projection makes of a body.
#[derive(Debug)]
pub enum Decoded {
    /// It says the state of something.
    Notice,
    /// Its event code is not known.
    Unknown(String),
    /// With the reason.
    Undecodable(String),
}

/// What projection makes of a body.
pub fn decode(body: &[u8]) -> Decoded {
    match project::decode_unguarded(body) {
        project::Decoded::Notice(_) => Decoded::Notice,
        project::Decoded::Unknown(code) => Decoded::Unknown(code),
        project::Decoded::Undecodable(reason) | project::Decoded::Panicked(reason) => Decoded::Undecodable(reason),
    }
}

/// Whether a body is answered as JSON.
pub fn is_json(body: &[u8]) -> bool {
    syntax::check(body, &HeaderMap::new()).is_ok()
}

/// User name and password in the value of an `Authorization` header.
pub fn basic(value: &[u8]) -> Option<(String, Vec<u8>)> {
    let value = HeaderValue::from_bytes(value).ok()?;
    let basic = Basic::read(&HeaderMap::from_iter([(AUTHORIZATION, value)]))?;
    Some((basic.username().to_owned(), basic.password().to_vec()))
}
