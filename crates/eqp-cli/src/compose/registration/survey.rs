//! What the Marketplace has against what there should be. Reads only.

use eqp_client::Client;
use eqp_client::callbacks::EntryName;
use eqp_receiver::EndpointSummary;
use eqp_types::{Environment, MageId};

use super::standing::our_usernames;
use super::{Ours, Standing};
use crate::failure::Outcome;

/// The endpoints of an account and its list, compared.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) environment: Environment,
    pub(crate) mage_id: MageId,
    /// Our endpoints that are not removed, and where each stands.
    pub(crate) endpoints: Vec<(EndpointSummary, Standing)>,
    /// Endpoints that were removed and still accept callbacks for a while.
    pub(crate) removed: Vec<EndpointSummary>,
    /// Everybody else's entries.
    pub(crate) others: Vec<EntryName>,
}

impl Survey {
    /// There is nothing to do.
    pub(crate) fn is_right(&self) -> bool {
        self.endpoints.iter().all(|(_, standing)| standing.is_right())
    }
}

/// Reads both sides and compares them.
pub(crate) async fn survey(client: &Client, ours: &Ours<'_>) -> Outcome<Survey> {
    let (mage_id, environment) = (client.session().await?.mage_id, client.environment());
    let list = client.callbacks().list().await?;
    let mut known = ours.list().await?;
    known.retain(|endpoint| endpoint.environment == environment && endpoint.mage_id == mage_id);
    let is_ours = |name: &EntryName| {
        known.iter().any(|endpoint| {
            name.url() == endpoint.public_url && our_usernames(endpoint).any(|username| username == name.username())
        })
    };
    let others = list.iter().map(EntryName::of).filter(|name| !is_ours(name)).collect();
    let stood = |endpoint: EndpointSummary| {
        let standing = Standing::of(&endpoint, &list);
        (endpoint, standing)
    };
    let (removed, endpoints): (Vec<_>, Vec<_>) =
        known.into_iter().map(stood).partition(|(_, standing)| *standing == Standing::NotWanted);
    let removed = removed.into_iter().map(|(endpoint, _)| endpoint).filter(|one| !one.credentials.is_empty()).collect();
    Ok(Survey { environment, mage_id, endpoints, removed, others })
}
