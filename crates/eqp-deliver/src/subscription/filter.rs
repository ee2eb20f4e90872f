//! The filter of a subscription. Matching is a pure function of the event and of what is known about its product.

use eqp_store::internal::ReportedAlert;
use eqp_store::{AlertSeverity, Event, Origin};
use eqp_types::{Environment, Flow, MageId, canonical_status};
use serde::{Deserialize, Serialize};

use super::wildcard::matches_wildcard;

/// Which events and alerts a subscription receives. An event must match every list that is not empty; an empty filter matches every event
/// except those of the baseline, and no alert.
///
/// ```
/// use eqp_deliver::SubscriptionFilter;
///
/// let approved = SubscriptionFilter { statuses: vec!["approved".into()], ..SubscriptionFilter::default() };
/// assert!(approved.check().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionFilter {
    /// The kinds of events: `submission`, `file`, `unknown` or `undecodable`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// The flows: `overall`, `technical`, `marketing` or `malware`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<String>,
    /// The statuses. Documented alternative spellings are accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
    /// The SKUs of the products, in which `*` matches any characters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<String>,
    /// The accounts: a `mage_id`, or `sandbox/` or `production/` and a `mage_id`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The origins: `callback`, `reconcile` or `baseline`. If empty, all except `baseline`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Only events whose report was about this flow. Others were about another flow and mentioned the status of this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub explicit_only: bool,
    /// Only events whose status became the current status of the flow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub applied_only: bool,
    /// The severities of alerts that are received, too: `page`, `ticket` or `info`. Of the lists above, only `accounts` restricts
    /// alerts, and only those that are about an account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// No events. If `alerts` is empty, alerts of every severity.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub alerts_only: bool,
    /// No events, but a digest of them. Of the lists above, only `skus` and `accounts` restrict it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestInterval>,
}

/// The interval of digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DigestInterval {
    /// One per week.
    Weekly,
}

/// The knowledge about the product of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownSku<'a> {
    /// The API has not been read yet.
    NotYet,
    Known(Option<&'a str>),
}

/// Whether an event matches a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    Yes,
    No,
    /// Everything but the SKU matches, and the SKU is not known yet.
    DependsOnSku,
}

/// A filter with a value that can never match, or with values that exclude each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FilterError {
    reason: String,
}

impl SubscriptionFilter {
    /// Checks that every value can match an event of this version.
    ///
    /// # Errors
    ///
    /// Returns the first kind, flow, origin or severity that does not exist, or that events are restricted although there is a digest
    /// instead of them.
    pub fn check(&self) -> Result<(), FilterError> {
        let lists: [(&'static str, &Vec<String>, &[&str], &'static str); 4] = [
            ("kinds", &self.kinds, eqp_store::EventKind::VALUES, "submission, file, unknown, undecodable"),
            (
                "flows",
                &self.flows,
                &["overall", "technical", "marketing", "malware"],
                "overall, technical, marketing, malware",
            ),
            ("origins", &self.origins, Origin::VALUES, "callback, reconcile, baseline"),
            ("alerts", &self.alerts, AlertSeverity::VALUES, "page, ticket, info"),
        ];
        for (field, values, possible, known) in lists {
            if let Some(value) = values.iter().find(|value| !possible.contains(&value.as_str())) {
                let value: String = value.chars().take(40).collect();
                return Err(FilterError { reason: format!("`{value}` is not one of the {field} {known}") });
            }
        }
        if self.digest.is_some() && (self.restricts_steps() || self.alerts_only) {
            let reason =
                "a digest can be restricted to products and accounts only, and contains the alerts that are open";
            return Err(FilterError { reason: reason.to_owned() });
        }
        Ok(())
    }

    /// Returns whether the filter depends on the SKU.
    pub(crate) fn needs_sku(&self) -> bool {
        !self.skus.is_empty()
    }

    /// Decides whether an event matches.
    pub(crate) fn matches(&self, event: &Event, sku: KnownSku<'_>) -> Matched {
        let is_listed = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|listed| listed == value))
        };
        let matches = !self.alerts_only
            && self.digest.is_none()
            && is_listed(&self.kinds, Some(event.kind.as_str()))
            && is_listed(&self.flows, event.flow.as_ref().map(Flow::as_str))
            && self.matches_origin(event.origin)
            && (!self.explicit_only || event.explicit)
            && (!self.applied_only || event.applied)
            && self.matches_status(event)
            && self.matches_account(event.environment, &event.mage_id);
        match (matches, self.needs_sku(), sku) {
            (true, false, _) => Matched::Yes,
            // An event without a resource never has a SKU.
            (true, true, KnownSku::NotYet) if event.resource_id.is_some() => Matched::DependsOnSku,
            (true, true, KnownSku::Known(sku)) if self.matches_sku(sku) => Matched::Yes,
            _ => Matched::No,
        }
    }

    fn matches_origin(&self, origin: Origin) -> bool {
        if self.origins.is_empty() {
            return origin != Origin::Baseline;
        }
        self.origins.iter().any(|listed| listed == origin.as_str())
    }

    fn matches_status(&self, event: &Event) -> bool {
        if self.statuses.is_empty() {
            return true;
        }
        let Some(status) = event.status.as_deref() else { return false };
        self.statuses.iter().any(|listed| {
            listed == status || event.flow.as_ref().is_some_and(|flow| canonical_status(flow, listed) == status)
        })
    }

    /// Returns whether a product with this SKU matches.
    pub(crate) fn matches_sku(&self, sku: Option<&str>) -> bool {
        let matches = |sku: &str| self.skus.iter().any(|pattern| matches_wildcard(pattern, sku));
        self.skus.is_empty() || sku.is_some_and(matches)
    }

    /// Returns whether it chooses among events, and not only among alerts and accounts.
    pub(crate) fn restricts_events(&self) -> bool {
        self.restricts_steps() || !self.skus.is_empty()
    }

    /// Returns whether it chooses among the events of one product.
    fn restricts_steps(&self) -> bool {
        let lists = [&self.kinds, &self.flows, &self.statuses, &self.origins];
        lists.iter().any(|list| !list.is_empty()) || self.explicit_only || self.applied_only
    }

    /// Returns whether any alert matches.
    pub(crate) fn wants_alerts(&self) -> bool {
        self.alerts_only || !self.alerts.is_empty()
    }

    /// Decides whether a change of an alert matches.
    pub(crate) fn matches_alert(&self, change: &ReportedAlert) -> bool {
        self.matches_alert_of(change.severity, change.environment, change.mage_id.as_ref())
    }

    /// Decides whether an alert with this severity and account matches.
    pub(crate) fn matches_alert_of(
        &self,
        severity: AlertSeverity,
        environment: Option<Environment>,
        mage_id: Option<&MageId>,
    ) -> bool {
        let account = environment.zip(mage_id);
        self.matches_severity(severity)
            && account.is_none_or(|(environment, mage_id)| self.matches_account(environment, mage_id))
    }

    /// Decides whether a reminder can contain an alert that matches. A reminder is about pages, or about all other severities.
    pub(crate) fn matches_reminder(&self, severity: AlertSeverity) -> bool {
        match severity {
            AlertSeverity::Page => self.matches_severity(AlertSeverity::Page),
            AlertSeverity::Ticket | AlertSeverity::Info => {
                self.matches_severity(AlertSeverity::Ticket) || self.matches_severity(AlertSeverity::Info)
            }
        }
    }

    fn matches_severity(&self, severity: AlertSeverity) -> bool {
        if self.alerts.is_empty() {
            return self.alerts_only;
        }
        self.alerts.iter().any(|listed| listed == severity.as_str())
    }

    /// Returns whether an account matches.
    pub(crate) fn matches_account(&self, of: Environment, mage_id: &MageId) -> bool {
        self.accounts.is_empty()
            || self.accounts.iter().any(|listed| match listed.split_once('/') {
                Some((environment, listed)) => environment == of.as_str() && listed == mage_id.as_str(),
                None => listed == mage_id.as_str(),
            })
    }
}

#[cfg(test)]
mod tests {
    use eqp_store::EventKind;
    use eqp_store::internal::{Account, ReportId};
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn event() -> Event {
        let account =
            Account { id: 1, environment: Environment::Production, mage_id: "MAG1".parse::<MageId>().unwrap() };
        let report = (ReportId::Callback(Uuid::nil()), Origin::Callback);
        let mut event = Event::new(1, &account, EventKind::Submission, OffsetDateTime::UNIX_EPOCH, report);
        event.resource_id = Some("s1".into());
        event.flow = Some(Flow::Technical);
        event.status = Some("approved".into());
        (event.explicit, event.applied) = (true, true);
        event
    }

    fn with(change: impl FnOnce(&mut SubscriptionFilter)) -> SubscriptionFilter {
        let mut filter = SubscriptionFilter::default();
        change(&mut filter);
        filter
    }

    fn matched(filter: &SubscriptionFilter, event: &Event) -> bool {
        filter.matches(event, KnownSku::NotYet) == Matched::Yes
    }

    #[test]
    fn an_empty_filter_matches_everything_except_the_baseline() {
        let mut event = event();
        assert!(matched(&SubscriptionFilter::default(), &event));
        event.origin = Origin::Baseline;
        assert!(!matched(&SubscriptionFilter::default(), &event));
        assert!(matched(&with(|filter| filter.origins = vec!["baseline".into()]), &event));
    }

    #[test]
    fn each_list_restricts_the_events() {
        let event = event();
        let one = |value: &str| vec![value.to_owned()];
        for (expected, value) in [(true, "submission"), (false, "file"), (false, "a_kind_of_a_later_version")] {
            assert_eq!(matched(&with(|filter| filter.kinds = one(value)), &event), expected, "{value}");
        }
        for (expected, value) in [(true, "technical"), (false, "overall")] {
            assert_eq!(matched(&with(|filter| filter.flows = one(value)), &event), expected, "{value}");
        }
        for (expected, value) in [(true, "approved"), (true, " Approved"), (false, "rejected")] {
            assert_eq!(matched(&with(|filter| filter.statuses = one(value)), &event), expected, "{value}");
        }
        for (expected, value) in [
            (true, "MAG1"),
            (true, "production/MAG1"),
            (false, "sandbox/MAG1"),
            (false, "MAG2"),
            (false, "production/"),
        ] {
            assert_eq!(matched(&with(|filter| filter.accounts = one(value)), &event), expected, "{value}");
        }
        for (expected, value) in [(true, "callback"), (false, "reconcile")] {
            assert_eq!(matched(&with(|filter| filter.origins = one(value)), &event), expected, "{value}");
        }
    }

    #[test]
    fn mentioned_and_late_statuses_can_be_excluded() {
        let (explicit, applied) =
            (with(|filter| filter.explicit_only = true), with(|filter| filter.applied_only = true));
        let mut event = event();
        assert!(matched(&explicit, &event) && matched(&applied, &event));
        (event.explicit, event.applied) = (false, false);
        assert!(!matched(&explicit, &event) && !matched(&applied, &event));
    }

    #[test]
    fn a_filter_for_skus_waits_for_the_sku() {
        let filter = with(|filter| filter.skus = vec!["acme/*".into()]);
        let event = event();
        assert_eq!(filter.matches(&event, KnownSku::NotYet), Matched::DependsOnSku);
        assert_eq!(filter.matches(&event, KnownSku::Known(Some("acme/shop"))), Matched::Yes);
        assert_eq!(filter.matches(&event, KnownSku::Known(Some("other/shop"))), Matched::No);
        assert_eq!(filter.matches(&event, KnownSku::Known(None)), Matched::No);
        let mut unknown = event;
        unknown.resource_id = None;
        assert_eq!(filter.matches(&unknown, KnownSku::NotYet), Matched::No);
    }

    #[test]
    fn alerts_are_received_only_on_request() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let page = ReportedAlert {
            number: 1,
            alert: 1,
            change: eqp_store::AlertChangeKind::Opened,
            at: now,
            severity: AlertSeverity::Page,
            notify_after: now,
            kind: "callbacks_missed".to_owned(),
            data: "{}".to_owned(),
            opened_at: now,
            environment: Some(Environment::Production),
            mage_id: Some("MAG1".parse().unwrap()),
        };
        let about_receivers = ReportedAlert { environment: None, mage_id: None, ..page.clone() };
        let one = |value: &str| vec![value.to_owned()];
        let (pages, others) = (with(|filter| filter.alerts = one("page")), with(|filter| filter.alerts = one("info")));
        let only = with(|filter| filter.alerts_only = true);
        let other_account = with(|filter| (filter.alerts, filter.accounts) = (one("page"), one("MAG2")));
        assert!(!SubscriptionFilter::default().matches_alert(&page));
        assert!(pages.matches_alert(&page) && only.matches_alert(&page) && !others.matches_alert(&page));
        assert!(!other_account.matches_alert(&page) && other_account.matches_alert(&about_receivers));
        assert!(matched(&pages, &event()) && !matched(&only, &event()));
    }

    #[test]
    fn values_that_never_match_are_rejected() {
        let error = with(|filter| filter.flows = vec!["technicl".into()]).check().unwrap_err();
        assert_eq!(error.to_string(), "`technicl` is not one of the flows overall, technical, marketing, malware");
        assert!(SubscriptionFilter::default().check().is_ok());
    }

    #[test]
    fn with_a_digest_no_event_matches_and_only_products_and_accounts_can_be_chosen() {
        let digest = with(|filter| filter.digest = Some(DigestInterval::Weekly));
        assert!(!matched(&digest, &event()) && digest.check().is_ok());
        assert!(SubscriptionFilter { skus: vec!["acme/*".into()], ..digest.clone() }.check().is_ok());
        assert!(SubscriptionFilter { flows: vec!["overall".into()], ..digest }.check().is_err());
    }

    proptest! {
        #[test]
        fn more_values_match_more_and_more_lists_match_less(
            kinds in proptest::collection::vec("submission|file|new_kind", 0..3),
            flows in proptest::collection::vec("technical|overall", 0..3),
            statuses in proptest::collection::vec("approved|rejected", 0..3),
            origins in proptest::collection::vec("callback|baseline", 0..3),
            explicit in any::<bool>(), applied in any::<bool>(), is_baseline in any::<bool>(),
        ) {
            let mut event = event();
            (event.explicit, event.applied) = (explicit, applied);
            event.origin = if is_baseline { Origin::Baseline } else { Origin::Callback };
            let filter = SubscriptionFilter { kinds, flows, statuses, origins, ..SubscriptionFilter::default() };
            // The model: every list that is not empty contains the value.
            let expected = (filter.kinds.is_empty() || filter.kinds.contains(&"submission".to_owned()))
                && (filter.flows.is_empty() || filter.flows.contains(&"technical".to_owned()))
                && (filter.statuses.is_empty() || filter.statuses.contains(&"approved".to_owned()))
                && if filter.origins.is_empty() { !is_baseline } else { filter.origins.contains(&event.origin.to_string()) };
            prop_assert_eq!(matched(&filter, &event), expected);
            // A baseline event never matches unless the filter asks for it.
            prop_assert!(!(is_baseline && matched(&filter, &event)) || filter.origins.contains(&"baseline".to_owned()));
            let stricter = SubscriptionFilter { explicit_only: true, applied_only: true, ..filter.clone() };
            prop_assert_eq!(matched(&stricter, &event), expected && explicit && applied);
            let stored = serde_json::to_string(&filter).unwrap();
            prop_assert_eq!(serde_json::from_str::<SubscriptionFilter>(&stored).unwrap(), filter);
        }
    }
}
