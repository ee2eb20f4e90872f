//! Takes over an entry that somebody else made: by hand, or for another receiver behind the same URL.

use eqp_client::Client;
use eqp_client::callbacks::EntryName;
use eqp_types::{ApiCallbackEntry, Secret};

use super::change::{Change, Key, Manner, Place};
use super::refusals::not_over;
use super::{EntryMatch, Foreign, Intent, NewCallback, Ours, Registered};
use crate::failure::{Exit, Failure, Outcome};

/// How it ended.
#[derive(Debug)]
pub(crate) struct Adopted {
    /// The registration; `already` if the list was left as it is.
    pub(crate) registered: Registered,
    /// The user name that was given up: callbacks that come with it are refused here, since nobody told its password.
    pub(crate) given_up: Option<String>,
}

/// Takes over the entry that `entry` names, for the endpoint `new`.
///
/// With its password it stays in the list as it is, and the receivers take it from now on. Without, it is replaced by a new
/// credential: what was sent before and is still on its way can only be taken by whoever took it until now.
pub(crate) async fn adopt(
    client: &Client,
    ours: Ours<'_>,
    entry: &EntryMatch,
    new: &NewCallback,
    password: Option<&Secret>,
    foreign: &Foreign,
    mut review: impl FnMut(&[Intent<'_>]) -> Outcome,
) -> Outcome<Adopted> {
    let mut change = Change::begin(client, ours, foreign).await?;
    let adopted = one(entry, &change.list)?;
    let place = change.place(new).await?;
    let Some(password) = password else {
        let manner = Manner { taken_over: Some(&adopted), ..Manner::default() };
        let registered = change.put(place, Key::new()?, manner, &mut review).await?;
        return Ok(Adopted { registered, given_up: Some(adopted.username().to_owned()) });
    };
    let existing = if let Place::Known(endpoint) = &place { Some(endpoint) } else { None };
    let credentials = || existing.into_iter().flat_map(|endpoint| &endpoint.credentials);
    let known = credentials().find(|one| one.username == adopted.username()).map(|one| one.id);
    if let (None, Some(endpoint)) = (known, existing) {
        if credentials().count() > 1 {
            return Err(not_over(endpoint));
        }
        if endpoint.former.iter().any(|former| former == adopted.username()) {
            return Err(eqp_receiver::Error::CredentialExists { username: adopted.username().to_owned() }.into());
        }
    }
    review(&[Intent::Accept { endpoint: &new.name, entry: &adopted }])?;
    let endpoints = change.endpoints().await?;
    let endpoint = change.ensure(place).await?;
    let credential = match known {
        Some(known) => known,
        None => endpoints.import_credential(endpoint.id, adopted.username(), password).await?,
    };
    let taken = async {
        change.is_loaded().await?;
        change.check_lock().await
    };
    if let Err(failure) = taken.await {
        return Err(if known.is_none() { change.withdraw(credential, failure).await } else { failure });
    }
    endpoints.activate(credential).await?;
    let registered = change.nothing_to_write(&new.name, adopted.username().to_owned()).await?;
    Ok(Adopted { registered, given_up: None })
}

/// The one entry that is named.
fn one(entry: &EntryMatch, list: &[ApiCallbackEntry]) -> Outcome<EntryName> {
    let readable = list.iter().filter(|entry| entry.known().is_some()).map(EntryName::of);
    let mut found: Vec<_> = readable.filter(|name| entry.fits(name.url(), name.username())).collect();
    found.dedup();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new(Exit::NotFound, "there is no such entry in the Marketplace's list")
            .next("eqp callbacks list shows every entry; the URL has to be exactly as it is registered")),
        _ => Err(Failure::usage("there are several entries with this URL").next("name one by its user: --user USER")),
    }
}
