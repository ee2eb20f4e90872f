//! Gives an endpoint another credential. The old one is taken until a grace after the new one was seen; without a grace it
//! is refused as soon as the new one is in force.

use std::time::Duration;

use eqp_client::Client;
use eqp_receiver::CredentialState;

use super::change::{Change, Key, Manner, Place};
use super::refusals::not_over;
use super::retire::refuse_replaced;
use super::{Foreign, Intent, Ours, Refused, Registered};
use crate::failure::{Exit, Failure, Outcome};

/// How a rotation ended.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// The registration; `already` if it was the end of a rotation begun before.
    pub(crate) registered: Registered,
    /// The user name that was replaced.
    pub(crate) old: Option<String>,
    /// What is refused from now on, where no grace was given.
    pub(crate) refused: Option<Refused>,
}

/// Rotates. A rotation that was cut off goes on with the credential that it had; one whose old credential is still taken is
/// waited for by the next, which is refused.
pub(crate) async fn rotate(
    client: &Client,
    ours: Ours<'_>,
    name: &str,
    grace: Duration,
    foreign: &Foreign,
    mut review: impl FnMut(&[Intent<'_>]) -> Outcome,
) -> Outcome<Rotated> {
    let mut change = Change::begin(client, ours, foreign).await?;
    let endpoint = change.endpoint(name).await?;
    let found = change.settle(&endpoint, grace, &mut review).await?;
    let mut registered = match found {
        Some(found) if found.state == CredentialState::Pending => change.nothing_to_write(name, found.username).await?,
        found => {
            let key = match change.kept(&endpoint, CredentialState::Pending).await? {
                Some(begun) => begun,
                None if endpoint.credentials.iter().any(|one| one.state == CredentialState::Retiring) => {
                    return Err(not_over(&endpoint));
                }
                None if found.is_none() => {
                    return Err(Failure::new(Exit::NotFound, format!("`{name}` is not in the Marketplace's list"))
                        .next(format!("register it again: eqp callbacks add --name {name}")));
                }
                None => Key::new()?,
            };
            let manner = Manner { grace: Some(grace), ..Manner::default() };
            change.put(Place::Known(endpoint), key, manner, &mut review).await?
        }
    };
    let retiring = registered.endpoint.credentials.iter().find(|one| one.state == CredentialState::Retiring);
    let old = retiring.map(|one| one.username.clone());
    let mut refused = None;
    if grace.is_zero() {
        // What the list names by now is the new one: it was read back.
        refused = Some(refuse_replaced(&mut change, &registered.endpoint).await?);
        registered.endpoint = change.endpoint(name).await?;
    }
    Ok(Rotated { registered, old, refused })
}
