//! Checks the certificate files of the receiver.

use eqp_sync::Check;
use eqp_tls::ValidityProblem;
use time::OffsetDateTime;

use crate::compose::receiver::check_certificate;
use crate::config::Wire;
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Number of days before its expiry from which on a certificate should be renewed.
pub(super) const RENEWAL_DAYS: i64 = 30;

/// Checks the certificate that the receiver serves, if it is in files.
pub(super) fn certificate(context: &Context) -> Check<Failure> {
    const NAME: &str = "certificate";
    let wire = match context.settings.receiver.wire() {
        Ok(wire) => wire,
        Err(failure) => return Check::new(NAME, Err(failure)),
    };
    let validity = match (check_certificate(&wire), &wire) {
        (Ok(Some(validity)), _) => validity,
        (Ok(None), Wire::BehindProxy) => return Check::absent(NAME, "not used: the proxy terminates TLS"),
        (Ok(None), _) => {
            return Check::absent(NAME, "not set; eqp serve uses a certificate of the local CA, for development");
        }
        (Err(failure), _) => return Check::new(NAME, Err(failure)),
    };
    let now = OffsetDateTime::now_utc();
    if let Some(problem) = validity.problem_at(now) {
        let failure = Failure::new(Exit::Failed, format!("the certificate {problem}")).next(remedy(problem));
        return Check::new(NAME, Err(failure));
    }
    let days = (validity.not_after - now).whole_days();
    let text = format!("expires in {days} days, on {}", validity.not_after.date());
    if days < RENEWAL_DAYS {
        return Check::warning(NAME, text, "renew it now; a running receiver reloads its files automatically");
    }
    Check::new(NAME, Ok(text))
}

/// Returns the remedy for a certificate that is not valid.
pub(super) fn remedy(problem: ValidityProblem) -> &'static str {
    match problem {
        ValidityProblem::NotYetValid { .. } => "wait until then, or check the clock of this machine",
        ValidityProblem::Expired { .. } => "renew it; a running receiver reloads its files automatically",
    }
}
