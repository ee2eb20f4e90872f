//! What the Marketplace, or the way to it, can say.

use eqp_client::Error;
use eqp_client::callbacks::Refusal;
use eqp_client::endpoint::Method;

use super::{Exit, Failure};
use crate::output::visible;

/// The ways on are named by who made the plan, in its own words.
fn left_as_it_is(refusal: &Refusal) -> Failure {
    let entries: Vec<_> = refusal
        .entries
        .iter()
        .map(|refused| match &refused.label {
            Some(label) => format!("\"{}\" {}", visible(label), visible(&refused.entry.to_string())),
            None => visible(&refused.entry.to_string()),
        })
        .collect();
    Failure::new(Exit::Failed, "the list of callbacks was left as it is").why_in_lines(&format!(
        "it can only be written as a whole, and the passwords of these entries are not known here:\n{}",
        entries.join("\n")
    ))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let is_change = error.call().is_some_and(|call| call.endpoint.method != Method::Get);
        let failure = of(&error);
        if is_change && error.outcome_is_unknown() {
            return failure.next("it may have been done all the same: look before you send it again");
        }
        failure
    }
}

/// What it means, and what to do.
fn of(error: &Error) -> Failure {
    let failure = |exit, what: &str| Failure::new(exit, what).because(error);
    if error.is_scan_in_progress() {
        return failure(Exit::Failed, "the malware scan of a file is still running")
            .next("wait until it has ended, with `eqp wait FILE-ID`, and run the same command again");
    }
    if error.is_blocked() {
        return failure(Exit::Unreachable, "something between here and the Marketplace refused the request")
            .why("the answer does not come from the API: a firewall or a proxy sent it, and the access key was not judged")
            .next("check the proxy of this machine (HTTPS_PROXY), or try from another network or address");
    }
    if error.is_redirect() {
        return failure(Exit::Failed, "the Marketplace's address redirects elsewhere").next(
            "check --api-url, and any proxy or login page in front of it: redirects are not followed, because the access key \
             would be sent along",
        );
    }
    if error.is_unauthorized() {
        return failure(Exit::NotAuthorised, "the Marketplace does not accept the access key")
            .next(
                "check EQP_APPLICATION_ID and the application secret, and that they are of this environment \
                 (--environment): keys of one mean nothing in the other",
            )
            .next("eqp doctor shows where the key came from");
    }
    if error.is_not_found() {
        return failure(Exit::NotFound, "the Marketplace does not know it")
            .next("ids of one environment mean nothing in the other: check --environment");
    }
    if error.is_unreachable() {
        return failure(Exit::Unreachable, "the Marketplace cannot be reached")
            .next("check --api-url and, for a simulator, --ca-file; else try again later");
    }
    match error {
        Error::ApiUrl { .. } | Error::TrustedCa { .. } => failure(Exit::Usage, "the Marketplace cannot be asked"),
        Error::UnusableId { .. } => failure(Exit::Usage, "this is no id"),
        Error::File { .. } => failure(Exit::Usage, "the file was not uploaded"),
        Error::Registration(_) => failure(Exit::Usage, "this callback cannot be registered"),
        Error::Refusal(refusal) => left_as_it_is(refusal),
        Error::NotReadBack(_) | Error::NotVerified { .. } => {
            failure(Exit::Failed, "the list of callbacks may not be what it should be")
                .next("look at it: eqp callbacks list; then run the same command again")
        }
        Error::OtherAccount { .. } => failure(Exit::Failed, "the answer is about another account")
            .next("nothing was sent; a proxy or cache in front of the Marketplace may mix up answers"),
        Error::ListChanged => failure(Exit::Failed, "nothing was sent").next("run the same command again"),
        _ if error.is_retryable() => {
            failure(Exit::Unreachable, "the Marketplace does not answer as it should").next("try again later")
        }
        _ if error.is_refusal() => failure(Exit::Rejected, "the Marketplace refused"),
        _ => failure(Exit::Failed, "the Marketplace was not understood"),
    }
}
