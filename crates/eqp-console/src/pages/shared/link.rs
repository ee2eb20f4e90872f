//! Checks the secret of a link.

use eqp_store::internal::{UsedSubmissionLink, submission_link, within};
use eqp_tls::Source;

use super::super::state::PagesState;
use crate::authenticate::DEADLINE;
use crate::problem::Problem;
use crate::token::PresentedSecret;

/// The result of checking a secret.
pub(super) enum Checked {
    /// The link can be used.
    Valid(UsedSubmissionLink),
    /// The link has expired or was revoked.
    Ended,
    /// The link does not exist. The failure is counted.
    Unknown(Problem),
}

/// Checks a secret, and records the use of its link.
pub(super) async fn check(state: &PagesState, secret: &PresentedSecret, source: Source) -> Result<Checked, Problem> {
    let pool = state.store.pool();
    let found = within(DEADLINE, submission_link::get(pool, secret.id)).await?;
    state.answered();
    let Some(link) = found.filter(|link| secret.matches(&link.hash)) else {
        return Ok(Checked::Unknown(state.authenticator.failed(source)));
    };
    if !link.is_valid {
        return Ok(Checked::Ended);
    }
    // This is not essential, and a standby cannot do it.
    if let Err(error) = within(DEADLINE, submission_link::record_use(pool, secret.id)).await {
        tracing::debug!(%error, link = secret.id, "cannot record the use of a link");
    }
    Ok(Checked::Valid(link))
}
