//! Callbacks registered with the Marketplace: account, endpoint and credential in our database first, then the list.
//!
//! One change of an account's registrations at a time. Each goes by the user name that is in force, because the API shows
//! no password: a credential that may have come into force is never thrown away, and a change that was cut off
//! goes on with the credential that it had.

mod add;
mod adopt;
mod change;
mod entry_match;
mod intent;
mod ours;
mod passwords;
mod refusals;
mod remove;
mod retire;
mod rotate;
mod standing;
mod survey;

use eqp_client::callbacks::EntryName;
use eqp_receiver::{EndpointSummary, PublicUrl};
use eqp_types::ApiCallbackEntry;

pub(crate) use add::register;
pub(crate) use adopt::adopt;
pub(crate) use entry_match::{EntryMatch, Foreign};
pub(crate) use intent::Intent;
pub(crate) use ours::Ours;
pub(crate) use remove::{ToRemove, remove};
pub(crate) use retire::{Refused, replaced, retire};
pub(crate) use rotate::rotate;
pub(crate) use standing::Standing;
pub(crate) use survey::{Survey, survey};

/// What is to be registered.
#[derive(Clone, Debug)]
pub(crate) struct NewCallback {
    /// The endpoint's name, and the label of the entry.
    pub(crate) name: String,
    /// Where the Marketplace sends to; none where the endpoint is known.
    pub(crate) url: Option<PublicUrl>,
    /// Where the receiver answers, if a proxy in front turns the URL's path into another.
    pub(crate) path: Option<String>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Our side of it.
    pub(crate) endpoint: EndpointSummary,
    /// The user name that callbacks come with.
    pub(crate) username: String,
    /// It was registered already, and the list was left as it is.
    pub(crate) already: bool,
    /// The list as the API shows it now.
    pub(crate) entries: Vec<ApiCallbackEntry>,
    /// Entries that should have gone and stayed, because the server adds to its list.
    pub(crate) remaining: Vec<EntryName>,
}
