use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Extra, lenient};

/// What the code sniffer (`phpcs`) found with one version of PHP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Extra")]
pub struct CodeSnifferDetails {
    /// Sums over all files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<CodeSnifferTotals>,
    /// What it found, by the path of the file on the machine that ran it.
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

/// How much the code sniffer found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Extra")]
pub struct CodeSnifferTotals {
    /// Faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<i64>,
    /// Doubts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<i64>,
    /// How many of them a program could mend.
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

/// What the code sniffer found in one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Extra")]
pub struct CodeSnifferFile {
    /// Faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<i64>,
    /// Doubts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<i64>,
    /// Each of them.
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

/// One fault or doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Extra")]
pub struct CodeSnifferMessage {
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The rule that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How grave it is; the Marketplace minds what has 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<i64>,
    /// `ERROR` or `WARNING`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<i64>,
    /// A program could mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixable: Option<bool>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CodeSnifferMessage {
    /// It is a fault and not just a doubt.
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
