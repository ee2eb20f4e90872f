//! Checks whether the Marketplace's list of callbacks still contains the endpoints, as the last comparison has found it.

use eqp_store::internal::EndpointState;
use eqp_sync::Check;
use time::OffsetDateTime;

use crate::failure::Failure;
use crate::output::counted;

const NAME: &str = "registrations";

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, "not checked: the endpoints are in the database")
}

/// Checks the results of the last comparisons.
pub(super) fn registrations(endpoints: &[EndpointState], now: OffsetDateTime) -> Check<Failure> {
    if endpoints.is_empty() {
        return Check::absent(NAME, "no endpoint; create one: eqp callbacks add");
    }
    let drifted: Vec<String> = endpoints.iter().filter_map(drift).collect();
    if !drifted.is_empty() {
        return Check::warning(
            NAME,
            drifted.join("; "),
            "run `eqp callbacks plan`, which shows the difference and the command that repairs it",
        );
    }
    let compared: Vec<_> = endpoints.iter().filter_map(|endpoint| endpoint.registration.as_ref()).collect();
    let Some(oldest) = compared.iter().map(|registration| registration.checked_at).min() else {
        let what = "never compared with the Marketplace's list; run `eqp callbacks plan`, or store an access key: eqp accounts add";
        return Check::absent(NAME, what);
    };
    let ago = std::time::Duration::try_from(now - oldest).unwrap_or_default();
    let ago = humantime::format_duration(std::time::Duration::from_secs(ago.as_secs()));
    let counted = counted(compared.len(), "endpoint");
    Check::new(NAME, Ok(format!("the Marketplace's list is as it should be for {counted}, {ago} ago")))
}

/// Describes the difference between an endpoint and the list.
fn drift(endpoint: &EndpointState) -> Option<String> {
    let registration = endpoint.registration.as_ref().filter(|registration| !registration.is_consistent)?;
    let state = registration.state.replace('_', " ");
    Some(format!("{} ({}) is {state} in the Marketplace's list", endpoint.name, endpoint.environment))
}
