//! Checks the certificate files of the receiver.

use eqp_sync::Check;
use eqp_tls::ValidityProblem;
use time::{Duration, OffsetDateTime};

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
    let left = validity.not_after - now;
    let text = format!("expires in {}, on {}", remaining(left), validity.not_after.date());
    if left.whole_days() < RENEWAL_DAYS {
        return Check::warning(NAME, text, "renew it now; a running receiver reloads its files automatically");
    }
    Check::new(NAME, Ok(text))
}

/// Describes the time for which a certificate is still valid: the days, or the hours on its last day.
pub(super) fn remaining(left: Duration) -> String {
    match (left.whole_days(), left.whole_hours()) {
        (days, _) if days >= 1 => format!("{days} day{}", if days == 1 { "" } else { "s" }),
        (_, hours) if hours >= 1 => format!("{hours} hour{}", if hours == 1 { "" } else { "s" }),
        _ => "less than an hour".to_owned(),
    }
}

/// Returns the remedy for a certificate that is not valid.
pub(super) fn remedy(problem: ValidityProblem) -> &'static str {
    match problem {
        ValidityProblem::NotYetValid { .. } => "wait until then, or check the clock of this machine",
        ValidityProblem::Expired { .. } => "renew it; a running receiver reloads its files automatically",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_a_certificate_is_counted_in_hours() {
        for (left, expected) in [
            (Duration::days(61), "61 days"),
            (Duration::hours(47), "1 day"),
            (Duration::hours(23), "23 hours"),
            (Duration::minutes(90), "1 hour"),
            (Duration::minutes(59), "less than an hour"),
        ] {
            assert_eq!(remaining(left), expected);
        }
    }
}
