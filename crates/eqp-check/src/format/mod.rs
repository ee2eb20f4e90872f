//! A report in the forms that other programs read.

mod github;
mod junit;
mod sarif;

use serde_json::{Value, json};

pub use github::github;
pub use junit::junit;
pub use sarif::sarif;

use crate::report::{Report, Verdict};

/// The report as one JSON object.
pub fn json(report: &Report) -> Value {
    // A report is made of texts and numbers: it always has a form in JSON.
    let mut object = serde_json::to_value(report).unwrap_or_else(|_| json!({}));
    object["passes"] = json!(report.verdict() == Verdict::Passes);
    object["verdict"] = json!(report.verdict());
    object
}
