//! Why a registration is not changed, and the ways on.

use eqp_receiver::{CredentialState, CredentialSummary, EndpointSummary};
use eqp_types::{Environment, MageId};

use crate::failure::{Exit, Failure};
use crate::output::utc;

/// One change at a time.
pub(super) fn being_changed(mage_id: &MageId, environment: Environment) -> Failure {
    Failure::new(Exit::Failed, format!("the registrations of {mage_id} in {environment} are being changed"))
        .why("somebody else does so right now, and two changes at a time would lose entries")
        .next("run the same command again when that is done")
}

/// The lock was lost.
pub(super) fn not_ours() -> Failure {
    Failure::new(Exit::Failed, "nothing was sent")
        .why("the lock that lets one at a time change the registrations was lost; somebody else may hold it now")
        .next("run the same command again")
}

/// The endpoint with this name is not the one that is meant.
pub(super) fn of_another(found: &EndpointSummary) -> Failure {
    Failure::usage(format!("there is another endpoint with the name `{}`", found.name))
        .why(format!(
            "it is for {} in {}, at {} (path {})",
            found.mage_id, found.environment, found.public_url, found.path
        ))
        .next("choose another name with --name")
}

/// Another endpoint has the URL or the path.
pub(super) fn in_use(other: &EndpointSummary) -> Failure {
    let name = &other.name;
    Failure::usage(format!("the endpoint `{name}` has this URL or path already"))
        .why(format!(
            "it is for {} in {}, at {} (path {})",
            other.mage_id, other.environment, other.public_url, other.path
        ))
        .next(format!("to register it again: eqp callbacks add --name {name}"))
        .next("for another endpoint choose another URL and path")
}

/// A third credential would have to wait: says until when.
pub(super) fn not_over(endpoint: &EndpointSummary) -> Failure {
    let failure =
        Failure::new(Exit::Failed, format!("the rotation of `{}` before this one is not over", endpoint.name));
    let retiring = |one: &&CredentialSummary| one.state == CredentialState::Retiring;
    // The one that is taken longest; none while no callback has come with the new one.
    let ends: Vec<_> = endpoint.credentials.iter().filter(retiring).map(|one| one.retire_at).collect();
    let why = match ends.iter().min().copied().flatten() {
        Some(at) => format!("its old user name is taken until {} UTC", utc(at)),
        None => "its old user name is taken until a grace after the first callback with the new one".to_owned(),
    };
    failure
        .why(why)
        .next("wait until then: callbacks on their way would be refused; eqp callbacks plan shows it")
        .next(format!("or refuse it now, as after a leak: eqp callbacks retire --name {}", endpoint.name))
}

/// What was replaced is in the list again, or still: whoever refuses it loses every callback.
pub(super) fn in_force_still(endpoint: &EndpointSummary, found: &CredentialSummary) -> Failure {
    let (name, username) = (&endpoint.name, &found.username);
    let is_wanted = endpoint.credentials.iter().any(|one| one.state != CredentialState::Retiring);
    let failure = Failure::new(Exit::Failed, format!("{username} was not refused"))
        .why("the Marketplace's list names it, so that every callback would be lost");
    if is_wanted {
        failure.next(format!("put the one back that replaced it, then try again: eqp callbacks add --name {name}"))
    } else {
        failure.next(format!("take it out of the list, then try again: eqp callbacks remove --name {name}"))
    }
}

/// There is nothing to refuse; the one in force is no such thing.
pub(super) fn nothing_replaced(endpoint: &EndpointSummary, in_force: Option<&CredentialSummary>) -> Failure {
    let name = &endpoint.name;
    let failure = Failure::new(Exit::NotFound, format!("no user name of `{name}` that was replaced is still taken"));
    match in_force {
        None => failure.next("eqp callbacks plan shows what is taken"),
        Some(found) => failure
            .why(format!("{} is the one in force", found.username))
            .next(format!("to replace it and refuse it at once: eqp callbacks rotate --name {name} --grace 0s")),
    }
}

/// A refusal names the ways on as this tool spells them.
pub(super) fn of_plan(error: eqp_client::Error) -> Failure {
    let ways = match &error {
        eqp_client::Error::Refusal(refusal) => {
            let readable = refusal.entries.iter().find(|refused| refused.is_readable);
            let url = readable.map_or("URL", |refused| refused.entry.url()).to_owned();
            Some((url, refusal.entries.iter().any(|refused| refused.is_ours)))
        }
        _ => None,
    };
    let failure = Failure::from(error);
    let Some((url, some_are_ours)) = ways else { return failure };
    let failure = failure
        .next(format!("supply each password from a file: --password-of {url}=FILE"))
        .next(format!("or say that an entry may lose its password: --may-lose-password {url}"));
    if some_are_ours {
        failure.next("an entry of ours whose password is gone gets another by eqp callbacks add --name NAME")
    } else {
        failure
    }
}
