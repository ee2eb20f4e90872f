//! The details of a report, by tool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Extra, lenient};

/// The details of a report. Each tool has its own format.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
#[non_exhaustive]
pub enum TestDetails {
    /// The messages of `phpcs`, by file.
    CodeSniffer(CodeSnifferDetails),
    /// The commands of `varnish`, in order. The last one is the one that failed.
    Commands(Vec<CommandOutput>),
    /// The result of a manual review (`marketing`, `manual_qa`).
    Review(ReviewDetails),
    /// Details of an undocumented tool or in an undocumented format, unchanged.
    Unknown(Value),
}

impl TestDetails {
    /// Reads the details of a report of `tool`.
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

/// The result of a marketing review or a manual test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct ReviewDetails {
    /// The reasons for the rejection, each in a predefined sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The message of the reviewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The URL of images and files of the reviewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<String>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for ReviewDetails {
    fn from(mut fields: Extra) -> Self {
        Self {
            reasons: lenient::take(&mut fields, "reasons").unwrap_or_default(),
            message: lenient::take_text(&mut fields, "message"),
            attachment: lenient::take_text(&mut fields, "attachment"),
            extra: fields,
        }
    }
}

/// A command of `varnish` and its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct CommandOutput {
    /// The command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for CommandOutput {
    fn from(mut fields: Extra) -> Self {
        Self {
            command: lenient::take_text(&mut fields, "command"),
            output: lenient::take_text(&mut fields, "output"),
            extra: fields,
        }
    }
}

/// The results of the code sniffer (`phpcs`) with one PHP version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct CodeSnifferDetails {
    /// The totals over all files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<CodeSnifferTotals>,
    /// The results by file. The paths are those on the machine of the Marketplace.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, CodeSnifferFile>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for CodeSnifferDetails {
    fn from(mut fields: Extra) -> Self {
        Self {
            totals: lenient::take(&mut fields, "totals"),
            files: lenient::take(&mut fields, "files").unwrap_or_default(),
            extra: fields,
        }
    }
}

/// The totals of the code sniffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct CodeSnifferTotals {
    /// The number of errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<i64>,
    /// The number of warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<i64>,
    /// The number of messages that can be fixed automatically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixable: Option<i64>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for CodeSnifferTotals {
    fn from(mut fields: Extra) -> Self {
        Self {
            errors: lenient::take_integer(&mut fields, "errors"),
            warnings: lenient::take_integer(&mut fields, "warnings"),
            fixable: lenient::take_integer(&mut fields, "fixable"),
            extra: fields,
        }
    }
}

/// The results of the code sniffer for one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct CodeSnifferFile {
    /// The number of errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<i64>,
    /// The number of warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<i64>,
    /// The errors and warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<CodeSnifferMessage>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for CodeSnifferFile {
    fn from(mut fields: Extra) -> Self {
        Self {
            errors: lenient::take_integer(&mut fields, "errors"),
            warnings: lenient::take_integer(&mut fields, "warnings"),
            messages: lenient::take(&mut fields, "messages").unwrap_or_default(),
            extra: fields,
        }
    }
}

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct CodeSnifferMessage {
    /// The text of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The rule that was violated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The severity. The Marketplace rejects packages with messages of severity 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<i64>,
    /// `ERROR` or `WARNING`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The line, starting at 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// The column, starting at 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<i64>,
    /// Whether it can be fixed automatically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixable: Option<bool>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CodeSnifferMessage {
    /// Returns whether the message is an error, not a warning.
    pub fn is_error(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("error"))
    }
}

impl From<Extra> for CodeSnifferMessage {
    fn from(mut fields: Extra) -> Self {
        Self {
            message: lenient::take_text(&mut fields, "message"),
            source: lenient::take_text(&mut fields, "source"),
            severity: lenient::take_integer(&mut fields, "severity"),
            kind: lenient::take_text(&mut fields, "type"),
            line: lenient::take_integer(&mut fields, "line"),
            column: lenient::take_integer(&mut fields, "column"),
            fixable: lenient::take(&mut fields, "fixable"),
            extra: fields,
        }
    }
}
