//! Converts errors of registrations to failures with remedies.

use eqp_store::{CredentialState, CredentialSummary, EndpointSummary};
use eqp_sync::Error;
use eqp_types::{Environment, MageId};

use super::{Exit, Failure};
use crate::text::utc;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Marketplace(error) => marketplace_failure(error),
            Error::Locked { mage_id, environment } => being_changed(&mage_id, environment),
            Error::LockLost(error) => lock_lost().because(&*error),
            Error::OutcomeUnknown(error) => Self::from(error).next(
                "run the same command again to check and continue; until then, every credential that may be active is \
                 accepted",
            ),
            Error::OtherEndpoint { endpoint } => other_endpoint(&endpoint),
            Error::EndpointInUse { endpoint } => endpoint_in_use(&endpoint),
            Error::RotationNotOver { endpoint } => rotation_not_over(&endpoint),
            Error::StillListed { endpoint, username } => still_listed(&endpoint, &username),
            Error::NothingReplaced { name, active } => nothing_replaced(&name, active.as_deref()),
            Error::UnknownEndpoint { name, mage_id, environment } => {
                Self::new(Exit::NotFound, format!("there is no endpoint `{name}` of {mage_id} in {environment}"))
                    .next("list the endpoints: eqp callbacks plan")
            }
            Error::UrlMissing { name } => {
                Self::usage(format!("there is no endpoint `{name}` yet")).next("set the public URL with --url")
            }
            Error::NotListed { name } => {
                Self::new(Exit::NotFound, format!("`{name}` is not in the Marketplace's list"))
                    .next(format!("register it again: eqp callbacks add --name {name}"))
            }
            Error::UnknownEntry => Self::new(Exit::NotFound, "the entry is not in the Marketplace's list")
                .next("list the entries with eqp callbacks list; the URL must be exactly as registered"),
            Error::AmbiguousEntry => {
                Self::usage("several entries have this URL").next("select one by its user name: --user USER")
            }
            Error::EntryOfEndpoint { name } => Self::usage(format!("this entry is the registration of `{name}`"))
                .next(format!("remove it with: eqp callbacks remove --name {name}")),
            Error::OtherPassword { name, username } => {
                Self::usage("already adopted with another password; nothing was changed")
                    .why(format!(
                        "the given password is not the one that is stored for `{name}` and user name {username}"
                    ))
                    .next(format!("to register a new password: eqp callbacks rotate --name {name}"))
            }
            Error::NotRefusedYet { usernames, source } => {
                Self::new(Exit::TimedOut, format!("not all receivers reject {} yet", usernames.join(", ")))
                    .why("the credential is retired; each receiver rejects it once it has loaded the change")
                    .why(Self::from(source).in_one_line())
            }
            Error::CleanupFailed { error, cleanup } => Self::from(*error)
                .why(format!("and the credential that was created for it could not be retired: {cleanup}")),
            Error::Changed => {
                Self::new(Exit::Failed, "nothing was sent").because(&error).next("run the same command again")
            }
            error => Self::new(Exit::Failed, "the registrations were not changed").because(&error),
        }
    }
}

/// Returns the failure for registrations that another process is changing.
fn being_changed(mage_id: &MageId, environment: Environment) -> Failure {
    Failure::new(Exit::Failed, format!("the registrations of {mage_id} in {environment} are being changed"))
        .why("another process is changing them now, and two concurrent changes would lose entries")
        .next("run the same command again when it has finished")
}

/// Returns the failure for a lost lock.
fn lock_lost() -> Failure {
    Failure::new(Exit::Failed, "nothing was sent")
        .why("the lock on the registrations was lost; another process may hold it now")
        .next("run the same command again")
}

/// Returns the failure for a name that belongs to another endpoint.
fn other_endpoint(found: &EndpointSummary) -> Failure {
    Failure::usage(format!("another endpoint has the name `{}`", found.name))
        .why(format!(
            "it is for {} in {}, at {} (path {})",
            found.mage_id, found.environment, found.public_url, found.path
        ))
        .next("choose another name with --name")
}

/// Returns the failure for a URL or path that belongs to another endpoint.
fn endpoint_in_use(other: &EndpointSummary) -> Failure {
    let name = &other.name;
    Failure::usage(format!("the endpoint `{name}` already has this URL or path"))
        .why(format!(
            "it is for {} in {}, at {} (path {})",
            other.mage_id, other.environment, other.public_url, other.path
        ))
        .next(format!("to register it again: eqp callbacks add --name {name}"))
        .next("to create another endpoint, use another URL and path")
}

/// Returns the failure for a rotation during a grace period, with the end of that period.
fn rotation_not_over(endpoint: &EndpointSummary) -> Failure {
    let failure = format!("the previous rotation of `{}` is still in its grace period", endpoint.name);
    let failure = Failure::new(Exit::Failed, failure);
    let retiring = |one: &&CredentialSummary| one.state == CredentialState::Retiring;
    // The credential that is accepted longest. Its end is unknown until a callback has used the new credential.
    let ends: Vec<_> = endpoint.credentials.iter().filter(retiring).map(|one| one.retire_at).collect();
    let why = match ends.iter().min().copied().flatten() {
        Some(at) => format!("its old user name is accepted until {} UTC", utc(at)),
        None => {
            "its old user name is accepted until the grace period ends, which starts with the first callback that uses \
             the new one"
                .to_owned()
        }
    };
    failure
        .why(why)
        .next("wait until then, so that no callback in flight is rejected (see: eqp callbacks plan)")
        .next(format!("or reject it now, for example after a leak: eqp callbacks retire --name {}", endpoint.name))
}

/// Returns the failure for a replaced credential that is still, or again, in the list. Rejecting it would lose every
/// callback.
fn still_listed(endpoint: &EndpointSummary, username: &str) -> Failure {
    let name = &endpoint.name;
    let is_wanted = endpoint.credentials.iter().any(|one| one.state != CredentialState::Retiring);
    let failure = Failure::new(Exit::Failed, format!("{username} was not retired"))
        .why("it is still registered at the Marketplace, so every callback would be rejected");
    if is_wanted {
        failure.next(format!("restore its replacement, then try again: eqp callbacks add --name {name}"))
    } else {
        failure.next(format!("remove it from the list, then try again: eqp callbacks remove --name {name}"))
    }
}

/// Returns the failure for an endpoint without a replaced credential. The active one cannot be retired.
fn nothing_replaced(name: &str, in_force: Option<&str>) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("`{name}` has no replaced credential that is still accepted"));
    match in_force {
        None => failure.next("show accepted credentials: eqp callbacks plan"),
        Some(found) => failure
            .why(format!("{found} is the active credential"))
            .next(format!("to replace it and reject it at once: eqp callbacks rotate --name {name} --grace 0s")),
    }
}

/// Adds remedies with the tool's flag names to an error of the Marketplace client.
fn marketplace_failure(error: eqp_client::Error) -> Failure {
    let remedies = match &error {
        eqp_client::Error::UnknownPasswords(unknown) => {
            let readable = unknown.entries.iter().find(|entry| entry.is_readable);
            let url = readable.map_or("URL", |readable| readable.entry.url()).to_owned();
            Some((url, unknown.entries.iter().any(|entry| entry.is_managed)))
        }
        _ => None,
    };
    let failure = Failure::from(error);
    let Some((url, some_are_ours)) = remedies else { return failure };
    let failure = failure
        .next(format!("supply each password from a file: --password-of {url}=FILE"))
        .next(format!("or allow an entry to lose its password: --may-lose-password {url}"));
    if some_are_ours {
        failure.next("to set a new password for one of our own entries: eqp callbacks add --name NAME")
    } else {
        failure
    }
}
