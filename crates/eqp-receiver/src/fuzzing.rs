//! Entry points for the fuzzers: the code that handles untrusted bytes first. Not part of the public API.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::accept::basic::Basic;
use crate::accept::syntax;
use crate::project;
#[cfg(debug_assertions)]
pub use crate::project::fault::{Stage, panic_on};

/// The result of decoding a body.
#[derive(Debug)]
pub enum Decoded {
    /// A status report.
    Report,
    /// An undocumented event code.
    Unknown(String),
    /// The reason why it is undecodable.
    Undecodable(String),
}

/// Decodes a body as the projector does, but without catching panics.
pub fn decode(body: &[u8]) -> Decoded {
    match project::decode_unguarded(body) {
        project::Decoded::Report(_) => Decoded::Report,
        project::Decoded::Unknown(code) => Decoded::Unknown(code),
        project::Decoded::Undecodable(reason) | project::Decoded::Panicked(reason) => Decoded::Undecodable(reason),
    }
}

/// Returns whether a body is answered 200.
pub fn is_json(body: &[u8]) -> bool {
    syntax::check(body, &HeaderMap::new()).is_ok()
}

/// Parses the user name and password in the value of an `Authorization` header.
pub fn basic(value: &[u8]) -> Option<(String, Vec<u8>)> {
    let value = HeaderValue::from_bytes(value).ok()?;
    let basic = Basic::read(&HeaderMap::from_iter([(AUTHORIZATION, value)]))?;
    Some((basic.username().to_owned(), basic.password().to_vec()))
}
