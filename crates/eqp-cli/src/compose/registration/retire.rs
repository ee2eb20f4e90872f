//! Refuses credentials that were replaced before their grace is over, as after a leak.

use eqp_client::Client;
use eqp_receiver::{CredentialState, CredentialSummary, EndpointSummary, Error};

use super::change::Change;
use super::refusals::{in_force_still, nothing_replaced};
use super::standing::in_force;
use super::{Foreign, Ours};
use crate::failure::{Exit, Failure, Outcome};

/// User names that are refused from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The user names.
    pub(crate) usernames: Vec<String>,
    /// How many receivers there are; all of them have heard of it.
    pub(crate) receivers: usize,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Retired {
    /// The endpoint, as it is now.
    pub(crate) endpoint: EndpointSummary,
    /// What it refuses.
    pub(crate) refused: Refused,
}

/// Refuses what was replaced at an endpoint, from now on. What the Marketplace's list names is never refused: every callback
/// would be. `review` sees the endpoint first, and can refuse.
pub(crate) async fn retire(
    client: &Client,
    ours: Ours<'_>,
    name: &str,
    review: impl FnOnce(&EndpointSummary) -> Outcome,
) -> Outcome<Retired> {
    let foreign = Foreign::default();
    let mut change = Change::begin(client, ours, &foreign).await?;
    let endpoint = change.endpoint(name).await?;
    let found = in_force(&endpoint, &change.list);
    if let Some(found) = found.filter(|one| one.state == CredentialState::Retiring) {
        return Err(in_force_still(&endpoint, found));
    }
    if replaced(&endpoint).next().is_none() {
        return Err(nothing_replaced(&endpoint, found));
    }
    review(&endpoint)?;
    // The question may have taken its time.
    change.check_lock().await?;
    let refused = refuse_replaced(&mut change, &endpoint).await?;
    Ok(Retired { endpoint: change.endpoint(name).await?, refused })
}

/// The credentials of an endpoint that were replaced and are still taken.
pub(crate) fn replaced(endpoint: &EndpointSummary) -> impl Iterator<Item = &CredentialSummary> {
    endpoint.credentials.iter().filter(|one| one.state == CredentialState::Retiring)
}

/// Refuses them, and waits until every receiver does.
pub(super) async fn refuse_replaced(change: &mut Change<'_>, endpoint: &EndpointSummary) -> Outcome<Refused> {
    let endpoints = change.endpoints().await?;
    let mut usernames = Vec::new();
    for credential in replaced(endpoint) {
        match endpoints.retire_credential(credential.id).await {
            // A receiver was faster: its grace was over.
            Ok(()) | Err(Error::UnknownCredential { .. }) => usernames.push(credential.username.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    let receivers = change.is_loaded().await.map_err(|error| {
        Failure::new(Exit::TimedOut, format!("not every receiver refuses {} yet", usernames.join(", ")))
            .why("it is retired, and each of them refuses it as soon as it has heard of that")
            .why(error.in_one_line())
    })?;
    Ok(Refused { usernames, receivers })
}
