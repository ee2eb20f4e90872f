//! The connection to the Marketplace: when it was last used, whether it is as it should be, and what is missing before the first callback.
//! No I/O.

use eqp_store::AlertCounts;
use eqp_store::internal::{ChannelAccount, ChannelEndpoint};
use time::{Duration, OffsetDateTime};

use super::model::{Channel, ChannelEndpointState, SetupState, SetupStep, SetupStepKind, Stale};
use super::words::{ago, time_of_day};

/// The age from which the last comparison with the API is too old. Servers compare every 10 minutes.
const RECONCILED: Duration = Duration::hours(1);
/// The time for which a callback may wait for its projection.
const PROJECTION: Duration = Duration::minutes(10);

/// The facts about the connection to the Marketplace.
#[derive(Clone, Debug)]
pub(super) struct ChannelFacts {
    pub(super) accounts: Vec<ChannelAccount>,
    pub(super) endpoints: Vec<ChannelEndpoint>,
    /// When the certificate of each running receiver expires. `None` for plain HTTP.
    pub(super) certificates: Vec<Option<OffsetDateTime>>,
    pub(super) alerts: AlertCounts,
    /// The number of missed callbacks that have not arrived and belong to no resolved alert.
    pub(super) missed_callbacks: u64,
    /// When a canary last passed.
    pub(super) canary_passed_at: Option<OffsetDateTime>,
    /// When the oldest callback that is not projected was received.
    pub(super) pending_since: Option<OffsetDateTime>,
}

/// Returns when Adobe last responded about an account.
fn last_response_at(account: &ChannelAccount) -> Option<OffsetDateTime> {
    account.last_callback_at.max(account.reconciled_at)
}

impl ChannelFacts {
    /// Returns when Adobe last responded.
    pub(super) fn last_response_at(&self) -> Option<OffsetDateTime> {
        self.accounts.iter().filter_map(last_response_at).max()
    }

    fn last_callback_at(&self) -> Option<OffsetDateTime> {
        self.accounts.iter().filter_map(|account| account.last_callback_at).max()
    }

    /// Returns the reason why the status may be out of date.
    pub(super) fn stale(&self, now: OffsetDateTime) -> Option<Stale> {
        let of_account =
            |account: &ChannelAccount, cause: String| Stale { last_response_at: last_response_at(account), cause };
        let is_old =
            |account: &&ChannelAccount| account.has_key && account.reconciled_at.is_none_or(|at| now - at > RECONCILED);
        let outdated = self.accounts.iter().filter(is_old).min_by_key(|account| last_response_at(account));
        if let Some(account) = outdated {
            let cause = match &account.reconcile_error {
                Some(error) => format!("the last comparison with the API failed: {error}"),
                None => "no `eqp serve` with the role reconcile has compared the account with the API".to_owned(),
            };
            return Some(of_account(account, cause));
        }
        // An account that is not compared with the API depends on its callbacks.
        let depends = |account: &&ChannelAccount| {
            let is_its = |endpoint: &&ChannelEndpoint| endpoint.account == account.account && endpoint.is_registered;
            !account.has_key && self.endpoints.iter().find(is_its).is_some()
        };
        if self.certificates.is_empty()
            && let Some(account) = self.accounts.iter().filter(depends).min_by_key(|account| last_response_at(account))
        {
            return Some(of_account(account, "no receiver is running, so that callbacks cannot arrive".to_owned()));
        }
        let pending_since = self.pending_since.filter(|since| now - *since > PROJECTION)?;
        let cause = format!("callbacks received since {} have not been projected", time_of_day(pending_since));
        Some(Stale { last_response_at: self.last_response_at(), cause })
    }

    /// Returns the connection as it is shown.
    pub(super) fn shown(&self) -> Channel {
        let with_key = || self.accounts.iter().filter(|account| account.has_key || account.reconciled_at.is_some());
        let oldest = with_key().min_by_key(|account| account.reconciled_at);
        Channel {
            last_callback_at: self.last_callback_at(),
            canary_passed_at: self.canary_passed_at,
            reconciled_at: oldest.and_then(|account| account.reconciled_at),
            differences: with_key().map(|account| account.reconciled).sum(),
            missed_callbacks: self.missed_callbacks,
            endpoints: self.endpoints.iter().map(endpoint).collect(),
            receivers: self.certificates.len() as u64,
            certificate_expires_at: self.certificates.iter().flatten().min().copied(),
            alerts: self.alerts,
        }
    }

    /// Returns the steps until the first callback arrives from Adobe, or nothing once one has arrived.
    pub(super) fn setup(&self, now: OffsetDateTime) -> Vec<SetupStep> {
        if self.last_callback_at().is_some() {
            return Vec::new();
        }
        let done_if = |is_done, otherwise: &'static str| {
            if is_done { (SetupState::Done, "done") } else { (SetupState::Missing, otherwise) }
        };
        let has_key = self.accounts.iter().any(|account| account.has_key);
        let is_registered = self.endpoints.iter().any(|endpoint| endpoint.is_registered && !is_drifted(endpoint));
        let canary = self.canary_passed_at.map(|at| format!("yes, canary passed {}", ago(at, now)));
        let reachable = match (self.endpoints.is_empty(), self.certificates.is_empty(), &canary) {
            (true, _, _) => (SetupState::Missing, "there is no endpoint"),
            (false, true, _) => (SetupState::Missing, "no receiver is running"),
            (false, false, Some(canary)) => (SetupState::Done, canary.as_str()),
            (false, false, None) => (SetupState::Unknown, "not checked (eqp doctor --canary)"),
        };
        let steps = [
            (SetupStepKind::KeyStored, done_if(has_key, "no (eqp accounts add)")),
            (SetupStepKind::EndpointReachable, reachable),
            (SetupStepKind::Registered, done_if(is_registered, "no (eqp callbacks add)")),
            (SetupStepKind::FirstCallback, (SetupState::Missing, "not yet")),
        ];
        let step = |(step, (state, detail)): (_, (_, &str))| SetupStep { step, state, detail: detail.to_owned() };
        steps.into_iter().map(step).collect()
    }
}

fn is_drifted(endpoint: &ChannelEndpoint) -> bool {
    endpoint.checked.as_ref().is_some_and(|(_, is_consistent)| !is_consistent)
}

fn endpoint(endpoint: &ChannelEndpoint) -> ChannelEndpointState {
    let state = match (&endpoint.checked, endpoint.is_registered) {
        (Some((state, _)), _) => state.clone(),
        (None, true) => "registered".to_owned(),
        (None, false) => "not_registered".to_owned(),
    };
    ChannelEndpointState { name: endpoint.name.clone(), state, is_drifted: is_drifted(endpoint) }
}

impl Channel {
    /// Describes when the last callback arrived, and what the last comparison with the API found.
    pub fn sentence(&self, now: OffsetDateTime) -> String {
        let callback = self.last_callback_at.map_or_else(
            || {
                let canary = self.canary_passed_at.map(|at| format!(" (canary passed {})", ago(at, now)));
                format!("last callback: none from Adobe yet{}", canary.unwrap_or_default())
            },
            |at| format!("last callback {} (from Adobe)", ago(at, now)),
        );
        let Some(at) = self.reconciled_at else { return format!("{callback}; never reconciled") };
        let counted = |count: u64, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let found = match (self.missed_callbacks, self.differences) {
            (0, 0) => "nothing missed".to_owned(),
            (0, differences) => format!("{} found, no callback missed", counted(differences, "difference")),
            (missed, _) => format!("{} missed, nothing lost", counted(missed, "callback")),
        };
        format!("{callback}; reconciled {}: {found}", ago(at, now))
    }

    /// Returns the state of each endpoint, of the certificate, and of alerts.
    pub fn facts(&self, now: OffsetDateTime) -> Vec<String> {
        let endpoint = |one: &ChannelEndpointState| format!("endpoint {}: {}", one.name, one.state.replace('_', " "));
        let mut facts: Vec<_> = self.endpoints.iter().map(endpoint).collect();
        if facts.is_empty() {
            facts.push("no endpoint".to_owned());
        }
        facts.push(match (self.certificate_expires_at, self.receivers) {
            (Some(at), _) if at <= now => "certificate: expired".to_owned(),
            (Some(at), _) => format!("certificate: {} d", (at - now).whole_days()),
            (None, 0) => "no receiver running".to_owned(),
            (None, _) => "certificate: none, behind a proxy".to_owned(),
        });
        facts.push(format!("open alerts: {}", self.alerts.open + self.alerts.acknowledged));
        facts
    }
}

#[cfg(test)]
mod tests {
    use eqp_store::AccountId;
    use eqp_types::{Environment, MageId};
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    fn account(callback: Option<i64>, reconciled: Option<i64>, error: Option<&str>) -> ChannelAccount {
        let ago = |minutes| NOW - Duration::minutes(minutes);
        ChannelAccount {
            account: AccountId(1),
            environment: Environment::Production,
            mage_id: MageId::new("MAG1").unwrap(),
            has_key: true,
            last_callback_at: callback.map(ago),
            reconciled_at: reconciled.map(ago),
            reconciled: 0,
            reconcile_error: error.map(str::to_owned),
        }
    }

    fn facts(account: ChannelAccount) -> ChannelFacts {
        let endpoint =
            ChannelEndpoint { account: AccountId(1), name: "main".to_owned(), is_registered: true, checked: None };
        ChannelFacts {
            accounts: vec![account],
            endpoints: vec![endpoint],
            canary_passed_at: None,
            certificates: vec![Some(NOW + Duration::days(61))],
            alerts: serde_json::from_str(r#"{"open": 1, "acknowledged": 1, "resolved": 0}"#).unwrap(),
            missed_callbacks: 0,
            pending_since: None,
        }
    }

    #[test]
    fn the_strip_has_the_words_of_the_screens() {
        let mut facts = facts(account(Some(180), Some(6), None));
        facts.missed_callbacks = 2;
        let shown = facts.shown();
        assert_eq!(
            shown.sentence(NOW),
            "last callback 3 h ago (from Adobe); reconciled 6 min ago: 2 callbacks missed, nothing lost"
        );
        assert_eq!(shown.facts(NOW), ["endpoint main: registered", "certificate: 61 d", "open alerts: 2"]);
        facts.endpoints[0].checked = Some(("rotation_incomplete".to_owned(), false));
        assert_eq!(facts.shown().facts(NOW)[0], "endpoint main: rotation incomplete");
        assert!(facts.shown().endpoints[0].is_drifted);
    }

    #[test]
    fn data_is_stale_if_the_api_was_not_read_for_an_hour() {
        assert_eq!(facts(account(None, Some(60), None)).stale(NOW), None);
        let error = facts(account(Some(300), Some(301), Some("no route to host"))).stale(NOW).unwrap();
        assert_eq!(error.last_response_at, Some(datetime!(2026-11-29 06:20 UTC)));
        assert_eq!(error.cause, "the last comparison with the API failed: no route to host");
        assert!(facts(account(Some(1), None, None)).stale(NOW).unwrap().cause.contains("role reconcile"));
    }

    #[test]
    fn without_a_key_data_is_stale_if_no_receiver_is_running() {
        let mut facts = facts(ChannelAccount { has_key: false, ..account(Some(9_000), None, None) });
        assert_eq!(facts.stale(NOW), None, "the Marketplace only calls if something has changed");
        facts.certificates.clear();
        assert!(facts.stale(NOW).unwrap().cause.contains("no receiver is running"));
        facts.endpoints[0].is_registered = false;
        assert_eq!(facts.stale(NOW), None);
    }

    #[test]
    fn callbacks_that_are_not_projected_make_data_stale() {
        let mut facts = facts(account(Some(1), Some(1), None));
        facts.pending_since = Some(NOW - Duration::minutes(10));
        assert_eq!(facts.stale(NOW), None);
        facts.pending_since = Some(NOW - Duration::minutes(11));
        assert_eq!(facts.stale(NOW).unwrap().cause, "callbacks received since 11:09 UTC have not been projected");
    }

    #[test]
    fn the_steps_before_go_live_end_with_the_first_callback() {
        assert_eq!(facts(account(Some(1), Some(1), None)).setup(NOW), []);
        let mut new = facts(ChannelAccount { has_key: false, ..account(None, None, None) });
        new.endpoints[0].is_registered = false;
        let shown = |facts: &ChannelFacts| facts.setup(NOW).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            shown(&new),
            [
                "key stored: no (eqp accounts add)",
                "endpoint reachable: not checked (eqp doctor --canary)",
                "registered: no (eqp callbacks add)",
                "first callback from Adobe: not yet",
            ]
        );
        new.canary_passed_at = Some(NOW - Duration::hours(2));
        assert_eq!(shown(&new)[1], "endpoint reachable: yes, canary passed 2 h ago");
        assert_eq!(shown(&new)[3], "first callback from Adobe: not yet", "a canary is not a callback from Adobe");
        let sentence = new.shown().sentence(NOW);
        assert_eq!(sentence, "last callback: none from Adobe yet (canary passed 2 h ago); never reconciled");
        new.canary_passed_at = None;
        new.endpoints.clear();
        new.accounts.clear();
        assert_eq!(shown(&new)[1], "endpoint reachable: there is no endpoint");
        let sentence = new.shown().sentence(NOW);
        assert_eq!(sentence, "last callback: none from Adobe yet; never reconciled");
    }
}
