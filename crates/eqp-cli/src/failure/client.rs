//! Converts errors of the Marketplace client to failures with remedies.

use eqp_client::Error;
use eqp_client::callbacks::UnknownPasswords;
use eqp_client::types::calls::Method;

use super::{Exit, Failure};
use crate::sanitize::escaped;

/// Returns the failure for a list that would lose passwords. The caller adds remedies, because it knows the command's
/// flags.
fn list_not_written(unknown: &UnknownPasswords) -> Failure {
    let entries: Vec<_> = unknown
        .entries
        .iter()
        .map(|unknown| match &unknown.label {
            Some(label) => format!("\"{}\" {}", escaped(label), escaped(&unknown.entry.to_string())),
            None => escaped(&unknown.entry.to_string()),
        })
        .collect();
    Failure::new(Exit::Failed, "the list of callbacks was not changed").why_in_lines(&format!(
        "the list can only be replaced as a whole, and the passwords of these entries are unknown:\n{}",
        entries.join("\n")
    ))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = of(&error);
        if is_change(&error) && error.outcome_is_unknown() {
            return failure.next("it may have been applied; check before you run the command again");
        }
        failure
    }
}

/// Returns whether the failed call could have changed something at the Marketplace. Requesting a session token does
/// not.
fn is_change(error: &Error) -> bool {
    !matches!(error, Error::Session(_)) && error.call().is_some_and(|call| call.api_call.method != Method::Get)
}

/// Returns the failure for an error, with its remedy.
fn of(error: &Error) -> Failure {
    let failure = |exit, what: &str| Failure::new(exit, what).because(error);
    if error.is_scan_in_progress() {
        return failure(Exit::Failed, "the malware scan of a file is still running")
            .next("wait for its end with `eqp wait FILE-ID`, then run the same command again");
    }
    if error.is_blocked() {
        return failure(Exit::Unreachable, "a firewall or proxy rejected the request")
            .why("the response does not come from the API, so the access key was not checked")
            .next("check the proxy of this machine (HTTPS_PROXY), or try from another network or address");
    }
    if error.is_redirect() {
        return failure(Exit::Failed, "the API redirects to another address").next(
            "check --api-url, and any proxy or login page in front of it: redirects are not followed, because the access key \
             would be sent along",
        );
    }
    if error.is_unauthorized() {
        return failure(Exit::NotAuthorised, "the Marketplace rejected the access key")
            .next(
                "check EQP_APPLICATION_ID and the application secret, and that they belong to this environment \
                 (--environment): a key is valid in one environment only",
            )
            .next("eqp doctor shows where the key came from");
    }
    if error.is_not_found() {
        return failure(Exit::NotFound, "not found at the Marketplace")
            .next("check the ID; eqp packages list shows the submissions")
            .next("check --environment: IDs of one environment do not exist in the other");
    }
    if error.is_proxy_unreachable() {
        return failure(Exit::Unreachable, "the Marketplace cannot be reached through the proxy").next(
            "check HTTPS_PROXY (or ALL_PROXY); NO_PROXY names hosts to connect to directly, such as a simulator's",
        );
    }
    if error.is_unreachable() {
        return failure(Exit::Unreachable, "the Marketplace cannot be reached")
            .next("check --api-url and, for a simulator, --ca-file; otherwise try again later");
    }
    match error {
        Error::ApplicationId { .. } => failure(Exit::Usage, "the access key cannot be used")
            .next("check --application-id, EQP_APPLICATION_ID or application_id in eqp.toml"),
        Error::ApiUrl { .. } | Error::TrustedCa { .. } => failure(Exit::Usage, "the API client cannot be set up")
            .next("check --api-url and --ca-file, or the keys api_url and ca_file in eqp.toml"),
        Error::UnusableId { .. } => failure(Exit::Usage, "the ID is not valid")
            .next("pass an ID such as s5w9k703ru; eqp packages list and eqp files list show them"),
        Error::File { .. } => failure(Exit::Usage, "the file was not uploaded"),
        Error::Registration(_) => failure(Exit::Usage, "this callback cannot be registered"),
        Error::UnknownPasswords(unknown) => list_not_written(unknown),
        Error::NotReadBack(_) | Error::NotVerified { .. } => {
            failure(Exit::Failed, "the list of callbacks may be wrong")
                .next("check it with `eqp callbacks list`, then run the same command again")
        }
        Error::OtherAccount { .. } => failure(Exit::Failed, "the response is for another account")
            .next("nothing was sent; a proxy or cache in front of the Marketplace may mix up responses"),
        Error::ListChanged => failure(Exit::Failed, "nothing was sent").next("run the same command again"),
        _ if error.is_retryable() => {
            failure(Exit::Unreachable, "the Marketplace returned an error").next("try again later")
        }
        // A read cannot be rejected by a review. Scripts that act on the exit code of a rejection must not see it here.
        _ if error.is_rejection() && is_change(error) => {
            failure(Exit::Rejected, "the Marketplace rejected the request")
        }
        _ if error.is_rejection() => failure(Exit::Failed, "the Marketplace returned an error"),
        _ => failure(Exit::Failed, "the response of the Marketplace cannot be read")
            .next("run the same command again; if it fails again, update eqp, because the API may have changed"),
    }
}
