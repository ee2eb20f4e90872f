//! Takes a registration out of the list; its credential is taken for a grace more.

use std::time::Duration;

use eqp_client::Client;
use eqp_client::callbacks::{EntryName, Wish};
use eqp_receiver::EndpointSummary;
use eqp_types::ApiCallbackEntry;

use super::change::Change;
use super::standing::our_usernames;
use super::{EntryMatch, Foreign, Intent, Ours};
use crate::failure::{Exit, Failure, Outcome};

/// What is to go.
#[derive(Debug)]
pub(crate) enum ToRemove {
    /// The registration of an endpoint.
    Endpoint(String),
    /// An entry that is none of ours.
    Entry(EntryMatch),
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Removed {
    /// The entries that are gone now.
    pub(crate) gone: Vec<EntryName>,
    /// The endpoint, whose credentials are taken for the grace.
    pub(crate) endpoint: Option<EndpointSummary>,
    /// The list as the API shows it now.
    pub(crate) entries: Vec<ApiCallbackEntry>,
}

/// Removes. The credentials of an endpoint retire only after its entry is gone, for callbacks may be on their way.
pub(crate) async fn remove(
    client: &Client,
    ours: Ours<'_>,
    to_remove: &ToRemove,
    grace: Duration,
    foreign: &Foreign,
    review: impl FnOnce(&[Intent<'_>]) -> Outcome,
) -> Outcome<Removed> {
    let mut change = Change::begin(client, ours, foreign).await?;
    let names = change.list.iter().filter(|entry| entry.known().is_some()).map(EntryName::of);
    let (endpoint, gone) = match to_remove {
        ToRemove::Endpoint(name) => {
            let endpoint = change.endpoint(name).await?;
            let ours = names.filter(|name| {
                name.url() == endpoint.public_url && our_usernames(&endpoint).any(|ours| ours == name.username())
            });
            let ours: Vec<_> = ours.collect();
            (Some(endpoint), ours)
        }
        ToRemove::Entry(entry) => {
            let found: Vec<_> = names.filter(|name| entry.fits(name.url(), name.username())).collect();
            refuse_ours(&change.known().await?, &found)?;
            (None, found)
        }
    };
    if gone.is_empty() && endpoint.is_none() {
        return Err(Failure::new(Exit::NotFound, "there is no such entry in the Marketplace's list")
            .next("eqp callbacks list shows every entry"));
    }
    let mut plans = Vec::new();
    for name in &gone {
        plans.push(change.plan(&Wish::Remove(name.clone()), None).await?);
    }
    let accepted = endpoint.iter().flat_map(|endpoint| &endpoint.credentials).filter(|one| one.retire_at.is_none());
    let accepted: Vec<_> = accepted.collect();
    let mut intents: Vec<_> = plans.iter().map(Intent::Write).collect();
    if let (Some(endpoint), false) = (&endpoint, accepted.is_empty()) {
        let usernames = accepted.iter().map(|one| one.username.as_str()).collect();
        intents.push(Intent::Retire { endpoint: &endpoint.name, usernames, grace });
    }
    if !intents.is_empty() {
        review(&intents)?;
    }
    for name in &gone {
        // Each removal changes the list that the next one starts from.
        let plan = change.plan(&Wish::Remove(name.clone()), None).await?;
        change.list = change.enact(&plan).await?.entries;
    }
    let Some(endpoint) = &endpoint else { return Ok(Removed { gone, endpoint: None, entries: change.list }) };
    for credential in accepted {
        change.endpoints().await?.retire_after(credential.id, grace).await?;
    }
    let endpoint = change.endpoint(&endpoint.name).await?;
    Ok(Removed { gone, endpoint: Some(endpoint), entries: change.list })
}

/// What an endpoint stands behind is removed by its name, so that its credential goes too.
fn refuse_ours(known: &[EndpointSummary], found: &[EntryName]) -> Outcome {
    let ours = known.iter().find(|endpoint| {
        found.iter().any(|name| {
            name.url() == endpoint.public_url && our_usernames(endpoint).any(|ours| ours == name.username())
        })
    });
    match ours {
        None => Ok(()),
        Some(endpoint) => Err(Failure::usage(format!("this entry is the registration of `{}`", endpoint.name))
            .next(format!("eqp callbacks remove --name {}", endpoint.name))),
    }
}
