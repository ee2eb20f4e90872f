//! The release lines of Adobe Commerce that a command uses.

use std::path::PathBuf;

use clap::Args;
use eqp_release::listing_dates::ReleaseLines;
use serde::Serialize;
use time::{Date, OffsetDateTime};

use crate::failure::{Failure, Result};
use crate::output::{Output, escaped};

/// The option for other release lines than those that this version contains.
#[derive(Args, Debug)]
pub(crate) struct ReleaseLinesOption {
    /// Release lines of Commerce, in the form of Adobe's core-releases.json [default: those that this version contains]
    #[arg(long, value_name = "FILE", env = "EQP_RELEASE_LINES_FILE", hide_env_values = true)]
    release_lines: Option<PathBuf>,
}

/// The origin of release lines.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ReleaseLinesOrigin<'a> {
    /// The source of the data.
    source: &'a str,
    /// The date of the data.
    date: String,
    /// Whether the data are older than 120 days, so that newer releases may be missing.
    may_be_old: bool,
}

impl ReleaseLinesOption {
    /// Reads the lines.
    pub(crate) fn read(&self) -> Result<ReleaseLines> {
        let Some(path) = &self.release_lines else { return Ok(ReleaseLines::built_in()) };
        ReleaseLines::read(path).map_err(|error| {
            Failure::usage(format!("cannot use the release lines in {}", path.display()))
                .because(&error)
                .next("pass core-releases.json of AdobeDocs/commerce-operations.en (_jekyll/_data/release), or omit --release-lines")
        })
    }
}

/// Returns the current date in UTC.
pub(crate) fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

/// Returns the origin of the lines for JSON.
pub(crate) fn origin(lines: &ReleaseLines) -> ReleaseLinesOrigin<'_> {
    ReleaseLinesOrigin { source: &lines.source, date: lines.date.to_string(), may_be_old: lines.may_be_old(today()) }
}

/// Prints the origin of the lines.
pub(crate) fn print_origin(lines: &ReleaseLines, output: Output) -> Result {
    let old = if lines.may_be_old(today()) { "; they may be old: pass a newer file with --release-lines" } else { "" };
    output.line(format_args!("Release lines: {} as of {}{old}.", escaped(&lines.source), lines.date))
}
