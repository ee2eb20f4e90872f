//! What must hold for whatever a stranger sends.
//!
//! Each target takes any bytes and panics where a promise is broken. The fuzzers in `fuzz/` look for such bytes for as long as one
//! lets them; the tests here try the same targets with the fuzzers' corpora and a fixed number of mutations of them, on the
//! stable compiler and within seconds.

mod archive;
mod basic;
mod callback;
mod config;
mod lenient;
mod multipart;
mod mutation;

pub use archive::archive;
pub use basic::basic;
pub use callback::callback;
pub use config::config;
pub use lenient::lenient;
pub use multipart::multipart;
pub use mutation::Mutations;

/// One kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As its fuzzer and the folder of its corpus are named.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "archive", run: archive },
    Target { name: "basic", run: basic },
    Target { name: "callback", run: callback },
    Target { name: "config", run: config },
    Target { name: "lenient", run: lenient },
    Target { name: "multipart", run: multipart },
];
