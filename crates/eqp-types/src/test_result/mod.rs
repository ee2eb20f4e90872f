//! Results of the Marketplace's tests: `/rest/v1/products/packages/{submission_id}/status`.
//!
//! Each documented tool has a type for its details; a tool that is not documented is kept whole. Nothing here refuses a
//! report because a part of it has another shape than documented: such a part stays among the `extra` fields, or in an
//! `Unknown` arm, and is written back as it came.

mod code_sniffer;
mod commands;
mod details;
mod failed_report;
mod report;
mod review;
mod run;

pub use code_sniffer::{CodeSnifferDetails, CodeSnifferFile, CodeSnifferMessage, CodeSnifferTotals};
pub use commands::CommandOutput;
pub use details::TestDetails;
pub use failed_report::FailedReport;
pub use report::{Reports, SingleReport, TestReport};
pub use review::ReviewDetails;
pub use run::TestRun;
