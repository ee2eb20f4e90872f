//! What a change is about to do, for whoever has to agree to it.

use std::time::Duration;

use eqp_client::callbacks::{EntryName, Plan};

/// One step of a change. Before it is agreed to, nothing is sent and nothing is kept.
#[derive(Debug)]
pub(crate) enum Intent<'a> {
    /// The Marketplace's list is written.
    Write(&'a Plan),
    /// A credential that the list names is noted as the one in force: its registration was not heard of.
    Confirm { endpoint: &'a str, username: &'a str },
    /// An entry stays in the list as it is, and its credential is accepted from now on.
    Accept { endpoint: &'a str, entry: &'a EntryName },
    /// Credentials are refused after a grace.
    Retire { endpoint: &'a str, usernames: Vec<&'a str>, grace: Duration },
}
