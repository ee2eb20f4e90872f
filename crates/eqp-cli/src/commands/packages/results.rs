//! Results of the Marketplace's tests.

use eqp_client::Client;
use eqp_types::{SubmissionId, TestRun};

use crate::failure::Outcome;
use crate::output::{Table, or_dash};

/// The runs of all tools over a submission; none where no test has run.
pub(in crate::commands) async fn results_of(client: &Client, id: &SubmissionId) -> Outcome<Vec<TestRun>> {
    Ok(client.test_results().summary(id).await?)
}

/// The runs as a table.
pub(super) fn table(runs: &[TestRun]) -> Table {
    let mut table = Table::new(&["test", "result", "date (UTC)", "run"]);
    for run in runs {
        table.row([
            or_dash(run.name.as_ref()),
            or_dash(run.status.as_ref()),
            or_dash(run.date),
            or_dash(run.tool_run_id.as_ref()),
        ]);
    }
    table
}
