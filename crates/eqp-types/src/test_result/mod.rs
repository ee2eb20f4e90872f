//! Results of the Marketplace's tests: `/rest/v1/products/packages/{submission_id}/status`.
//!
//! Each documented tool has a type for its details. A part of a report that is not as documented is not an error: it stays in an `extra`
//! field or an `Unknown` variant and is written back unchanged.

mod details;
mod failed_report;
mod report;
mod run;

pub use details::{
    CodeSnifferDetails, CodeSnifferFile, CodeSnifferMessage, CodeSnifferTotals, CommandOutput, ReviewDetails,
    TestDetails,
};
pub use failed_report::FailedReport;
pub use report::{Reports, SingleReport, TestReport};
pub use run::TestRun;
