//! Failures of registrations, with their remedies.

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
                "run the same command again to find out and continue; until then, every credential that may be active is \
                 accepted",
            ),
            Error::OtherEndpoint { endpoint } => other_endpoint(&endpoint),
            Error::EndpointInUse { endpoint } => endpoint_in_use(&endpoint),
            Error::RotationNotOver { endpoint } => rotation_not_over(&endpoint),
            Error::StillListed { endpoint, username } => still_listed(&endpoint, &username),
            Error::NothingReplaced { name, active } => nothing_replaced(&name, active.as_deref()),
            Error::UnknownEndpoint { name, mage_id, environment } => {
                Self::new(Exit::NotFound, format!("there is no endpoint `{name}` of {mage_id} in {environment}"))
                    .next("see the existing ones: eqp callbacks plan")
            }
            Error::UrlMissing { name } => Self::usage(format!("there is no endpoint `{name}` yet"))
                .next("set the public URL with --url"),
            Error::NotListed { name } => {
                Self::new(Exit::NotFound, format!("`{name}` is not in the Marketplace's list"))
                    .next(format!("register it again: eqp callbacks add --name {name}"))
            }
            Error::UnknownEntry => Self::new(Exit::NotFound, "there is no such entry in the Marketplace's list")
                .next("eqp callbacks list shows every entry; the URL has to be exactly as it is registered"),
            Error::AmbiguousEntry => {
                Self::usage("there are several entries with this URL").next("name one by its user: --user USER")
            }
            Error::EntryOfEndpoint { name } => Self::usage(format!("this entry is the registration of `{name}`"))
                .next(format!("eqp callbacks remove --name {name}")),
            Error::OtherPassword { name, username } => {
                Self::usage("already adopted with another password; nothing was changed")
                    .why(format!("the given password is not the one that is stored for `{name}` and user name {username}"))
                    .next(format!("to register a new password: eqp callbacks rotate --name {name}"))
            }
            Error::NotRefusedYet { usernames, source } => {
                Self::new(Exit::TimedOut, format!("not all receivers reject {} yet", usernames.join(", ")))
                    .why("the credential is retired; each receiver rejects it once it has loaded the change")
                    .why(Self::from(source).in_one_line())
            }
            Error::CleanupFailed { error, cleanup } => {
                Self::from(*error).why(format!("and the credential made for it could not be retired: {cleanup}"))
            }
            Error::Changed => {
                Self::new(Exit::Failed, "nothing was sent").because(&error).next("run the same command again")
            }
            error => Self::new(Exit::Failed, "the registrations were not changed").because(&error),
        }
    }
}

/// One change at a time.
fn being_changed(mage_id: &MageId, environment: Environment) -> Failure {
    Failure::new(Exit::Failed, format!("the registrations of {mage_id} in {environment} are being changed"))
        .why("another process is changing them now, and two concurrent changes would lose entries")
        .next("run the same command again when it has finished")
}

/// The lock was lost.
fn lock_lost() -> Failure {
    Failure::new(Exit::Failed, "nothing was sent")
        .why("the lock on the registrations was lost; another process may hold it now")
        .next("run the same command again")
}

/// The endpoint with this name is another one.
fn other_endpoint(found: &EndpointSummary) -> Failure {
    Failure::usage(format!("there is another endpoint with the name `{}`", found.name))
        .why(format!(
            "it is for {} in {}, at {} (path {})",
            found.mage_id, found.environment, found.public_url, found.path
        ))
        .next("choose another name with --name")
}

/// Another endpoint has the URL or the path.
fn endpoint_in_use(other: &EndpointSummary) -> Failure {
    let name = &other.name;
    Failure::usage(format!("the endpoint `{name}` has this URL or path already"))
        .why(format!(
            "it is for {} in {}, at {} (path {})",
            other.mage_id, other.environment, other.public_url, other.path
        ))
        .next(format!("to register it again: eqp callbacks add --name {name}"))
        .next("to create another endpoint, choose another URL and path")
}

/// A third credential would have to wait: says until when.
fn rotation_not_over(endpoint: &EndpointSummary) -> Failure {
    let failure = format!("the previous rotation of `{}` is still in its grace period", endpoint.name);
    let failure = Failure::new(Exit::Failed, failure);
    let retiring = |one: &&CredentialSummary| one.state == CredentialState::Retiring;
    // The one that is taken longest; none while no callback has come with the new one.
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
        .next("wait until then, so that no callback on its way is rejected (see: eqp callbacks plan)")
        .next(format!("or reject it now, as after a leak: eqp callbacks retire --name {}", endpoint.name))
}

/// A replaced credential is still in the list, or again. A receiver that rejects it loses every callback.
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

/// There is no replaced credential to reject; the active one does not count.
fn nothing_replaced(name: &str, in_force: Option<&str>) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("`{name}` has no replaced credential that is still accepted"));
    match in_force {
        None => failure.next("see what is accepted: eqp callbacks plan"),
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
        failure.next("to give one of our own entries a new password: eqp callbacks add --name NAME")
    } else {
        failure
    }
}
