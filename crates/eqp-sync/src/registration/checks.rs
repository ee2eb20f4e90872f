//! Stores the state of the registrations of an account, from which an alert reports differences.

use eqp_store::internal::registration_check::CheckedRegistration;
use eqp_store::{AccountId, EndpointSummary, Endpoints};
use eqp_types::{ApiCallbackEntry, Environment, MageId};

use super::RegistrationState;
use crate::error::Result;

/// Compares the endpoints of an account with its list at the Marketplace, and stores the result. The list must have been read after the
/// endpoints, or while the registrations are locked.
pub(crate) async fn store(
    endpoints: &Endpoints,
    (account, environment, mage_id): (AccountId, Environment, &MageId),
    ours: &[EndpointSummary],
    list: &[ApiCallbackEntry],
) -> Result {
    let is_of_account =
        |endpoint: &&EndpointSummary| endpoint.mage_id == *mage_id && endpoint.environment == environment;
    let checked = ours.iter().filter(is_of_account).map(|endpoint| {
        let state = RegistrationState::of(endpoint, list);
        CheckedRegistration { endpoint: endpoint.id, state: state.as_str(), is_consistent: state.is_consistent() }
    });
    let checked: Vec<_> = checked.collect();
    endpoints.store_registration_checks(account, &checked).await?;
    Ok(())
}
