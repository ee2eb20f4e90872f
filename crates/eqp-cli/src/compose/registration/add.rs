//! Registers a callback, or puts right what became of its registration.

use eqp_client::Client;
use eqp_receiver::{CredentialState, Endpoints};

use super::change::{Change, Key, Manner, Place};
use super::{Foreign, Intent, NewCallback, Ours, Registered};
use crate::failure::Outcome;

/// Registers a callback. `review` sees the plan before anything is kept or sent, and can refuse it.
///
/// A new endpoint gets a new credential. One whose entry is gone or was overwritten is registered again with the
/// credential that it has: first the one that was to come into force, for a change that was cut off may have sent it.
pub(crate) async fn register(
    client: &Client,
    ours: Ours<'_>,
    new: &NewCallback,
    foreign: &Foreign,
    mut review: impl FnMut(&[Intent<'_>]) -> Outcome,
) -> Outcome<Registered> {
    let mut change = Change::begin(client, ours, foreign).await?;
    let place = change.place(new).await?;
    let mut key = None;
    if let Place::Known(endpoint) = &place {
        match change.settle(endpoint, Endpoints::GRACE, &mut review).await? {
            Some(found) if matches!(found.state, CredentialState::Pending | CredentialState::Live) => {
                return change.nothing_to_write(&new.name, found.username).await;
            }
            _ => {}
        }
        for state in [CredentialState::Pending, CredentialState::Live] {
            if key.is_none() {
                key = change.kept(endpoint, state).await?;
            }
        }
    }
    let key = match key {
        Some(key) => key,
        None => Key::new()?,
    };
    change.put(place, key, Manner::default(), &mut review).await
}
