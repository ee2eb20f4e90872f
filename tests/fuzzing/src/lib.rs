//! Properties that must hold for any input from outside.
//!
//! Each target accepts any bytes and panics if a property is violated. The fuzzers in `fuzz/` search for such bytes
//! without a time limit; the tests here run the same targets on the fuzzers' corpora and a fixed number of mutations,
//! with the stable compiler and within seconds.

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

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its fuzzer and of the folder with its corpus.
    pub name: &'static str,
    /// Panics if a property is violated.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "archive", run: archive },
    Target { name: "basic", run: basic },
    Target { name: "callback", run: callback },
    Target { name: "config", run: config },
    Target { name: "lenient", run: lenient },
    Target { name: "multipart", run: multipart },
];
