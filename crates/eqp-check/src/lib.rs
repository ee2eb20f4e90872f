#![doc = include_str!("../README.md")]

mod archive;
mod cancellation;
mod check;
mod composer;
mod error;
pub mod format;
mod html;
mod limits;
mod listing;
mod reasons;
mod registry;
mod report;
mod report_builder;
mod rules;
mod todo_comments;
mod tools;
mod tracks;
mod xml;

pub use archive::{Metadata, read_metadata};
pub use cancellation::Cancellation;
pub use check::Check;
pub use error::Error;
pub use listing::{FileSource, Listing};
pub use reasons::docs::render_reasons;
pub use reasons::{Reason, reason, reasons};
pub use registry::docs::render_markdown;
pub use registry::{Category, Rule, Severity, Source, categories, rule, rules};
pub use report::{CheckResult, Counts, Finding, Location, NotRun, Package, Report, Suppressed, Suppression};
pub use tools::{CodeSniffer, Progress, Tools};
pub use tracks::Tracks;

/// Items for the other crates of this project, which are released together with this one.
#[doc(hidden)]
pub mod internal {
    pub use crate::archive::{read_lines, unpack_all};
    pub use crate::composer::{Constraint, Version, is_version, php_versions};
    pub use crate::limits::{
        MAX_ARCHIVE_BYTES, MAX_ENTRIES, MAX_METADATA_BYTES, MAX_RELEASE_NOTES_CHARS, MAX_UNPACKED_BYTES,
    };
    pub use crate::tools::{Ended, ProcessGroup, installed_program, run_program};
}
