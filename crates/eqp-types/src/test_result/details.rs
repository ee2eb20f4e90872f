use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::code_sniffer::CodeSnifferDetails;
use super::commands::CommandOutput;
use super::review::ReviewDetails;

/// What a tool found; each tool has a form of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum TestDetails {
    /// `phpcs`: faults by file.
    CodeSniffer(CodeSnifferDetails),
    /// `varnish`: the commands that ran, in order; the last one is the one that failed.
    Commands(Vec<CommandOutput>),
    /// `marketing`, `manual_qa`: what a person says.
    Review(ReviewDetails),
    /// Of a tool that is not documented, or in another form than its tool's: kept as it is.
    Unknown(Value),
}

impl TestDetails {
    /// Reads the details of `tool`.
    pub(super) fn read(tool: Option<&str>, value: Value) -> Self {
        let has_any = |names: &[&str]| names.iter().any(|name| value.get(name).is_some());
        let known = match tool {
            Some("phpcs") if has_any(&["totals", "files"]) => form(&value).map(Self::CodeSniffer),
            Some("varnish") => form(&value).map(Self::Commands),
            Some("marketing" | "manual_qa") if has_any(&["reasons", "message", "attachment"]) => {
                form(&value).map(Self::Review)
            }
            _ => None,
        };
        known.unwrap_or(Self::Unknown(value))
    }
}

fn form<'de, T: Deserialize<'de>>(value: &'de Value) -> Option<T> {
    T::deserialize(value).ok()
}
