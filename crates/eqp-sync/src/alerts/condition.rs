//! The closed list of conditions that open an alert, each with its facts.

use eqp_store::AccountId;
use eqp_store::AlertSeverity;
use eqp_store::internal::AlertSubject;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumDiscriminants, EnumString, IntoStaticStr, VariantArray, VariantNames};
use time::OffsetDateTime;

use super::stuck::{Stage, Typical};
use crate::listings::ListingRule;

/// A condition with its facts, as they are stored with its alert. Contains times instead of durations, so that facts that stay the same are
/// equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, EnumDiscriminants)]
#[serde(tag = "condition", rename_all = "snake_case")]
#[strum_discriminants(
    name(AlertKind),
    doc = "A kind of condition that opens an alert.",
    derive(
        PartialOrd,
        Ord,
        Hash,
        Serialize,
        Deserialize,
        Display,
        EnumString,
        IntoStaticStr,
        VariantArray,
        VariantNames
    ),
    serde(rename_all = "snake_case"),
    strum(serialize_all = "snake_case"),
    cfg_attr(feature = "schema", derive(schemars::JsonSchema))
)]
pub enum Condition {
    /// Callbacks of an account did not arrive within 15 minutes after the API had shown their changes.
    CallbacksMissed {
        /// The number of changes without a callback.
        callbacks: u64,
        /// The registered endpoints of the account.
        endpoints: u64,
        /// Those of them at which no callback has arrived since.
        silent_endpoints: u64,
        /// When the first of the changes was found.
        #[serde(with = "time::serde::rfc3339")]
        first_found_at: OffsetDateTime,
        /// When the last of the changes was found.
        #[serde(with = "time::serde::rfc3339")]
        last_found_at: OffsetDateTime,
    },
    /// Requests with the user name of an endpoint were rejected because of their password.
    CallbacksRejected {
        /// The name of the endpoint.
        endpoint: String,
        /// The number of requests.
        requests: u64,
        /// When the first was rejected.
        #[serde(with = "time::serde::rfc3339")]
        first_at: OffsetDateTime,
        /// When the last was rejected.
        #[serde(with = "time::serde::rfc3339")]
        last_at: OffsetDateTime,
    },
    /// The account's list of callbacks at the Marketplace does not contain the registration of an endpoint as it should.
    RegistrationDrift {
        /// The name of the endpoint.
        endpoint: String,
        /// The state of the registration, such as `missing`.
        state: String,
        /// When it was first found in this state.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// The certificate of a receiver expires within 7 days, or has expired.
    CertificateExpiresWithinWeek {
        /// When it expires.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
        /// The number of receivers that serve it.
        receivers: u64,
    },
    /// The certificate of a receiver expires within 30 days.
    CertificateExpiresWithinMonth {
        /// When it expires.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
        /// The number of receivers that serve it.
        receivers: u64,
    },
    /// A spool has contained callbacks for more than 10 minutes, although the database answers.
    SpoolNotEmpty {
        /// The number of callbacks in all spools.
        callbacks: u64,
        /// When the oldest of them was received.
        #[serde(with = "time::serde::rfc3339")]
        oldest_at: OffsetDateTime,
        /// The number of receivers with such a spool.
        receivers: u64,
    },
    /// A stored callback has not been projected for more than 10 minutes.
    ProjectionBehind {
        /// When the oldest callback that is not projected was received.
        #[serde(with = "time::serde::rfc3339")]
        oldest_at: OffsetDateTime,
    },
    /// The Marketplace reported a time that is more than 48 hours ahead of our clock.
    ClockDoubtful {
        /// The reported time, as the Marketplace writes it.
        modified_at: Option<String>,
        /// When the report was received.
        #[serde(with = "time::serde::rfc3339")]
        received_at: OffsetDateTime,
    },
    /// A submission or file has waited longer for the Marketplace than is usual.
    ReviewStuck {
        /// The submission or file.
        resource_id: String,
        /// Its SKU, if known.
        sku: Option<String>,
        /// Its version, if known.
        version: Option<String>,
        /// The stage at which it waits.
        stage: Stage,
        /// When the report was received that it is at this stage.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
        /// The limit in seconds.
        limit_seconds: u64,
        /// The earlier durations of this stage for this account, if they are known.
        typical: Option<Typical>,
    },
    /// The API has contradicted the last callback about a status, and no later report has confirmed it.
    StatusUnconfirmed {
        /// The submission or file.
        resource_id: String,
        /// Its SKU, if known.
        sku: Option<String>,
        /// Its version, if known.
        version: Option<String>,
        /// The flow.
        flow: String,
        /// The status in doubt.
        status: String,
        /// Since when.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// Packagist has a higher version of a product than the store, so that Composer refuses the installation in customers' shops.
    PackagistConflict {
        /// The SKU.
        sku: String,
        /// The version at Packagist.
        packagist: String,
        /// The version in the store.
        store: Option<String>,
        /// The consequence for customers.
        consequence: String,
        /// When it was first found.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// A date of listings in the store has passed or is near.
    ListingDue {
        /// The rule that the date follows from.
        rule: ListingRule,
        /// The release line of Adobe Commerce, unless the date is about updates.
        line: Option<String>,
        /// The listings.
        skus: Vec<String>,
        /// The date, at midnight UTC.
        #[serde(with = "time::serde::rfc3339")]
        due_at: OffsetDateTime,
    },
    /// A callback had an event code that this version does not know.
    UnknownEventCode {
        /// The code.
        code: String,
        /// The number of callbacks with it.
        callbacks: u64,
        /// When the first was received.
        #[serde(with = "time::serde::rfc3339")]
        first_at: OffsetDateTime,
        /// When the last was received.
        #[serde(with = "time::serde::rfc3339")]
        last_at: OffsetDateTime,
    },
    /// Events could not be delivered to a subscription, and are not sent again.
    DeliveryDead {
        /// The name of the subscription.
        subscription: String,
        /// Its number: the alert is not delivered to this subscription.
        subscription_id: i32,
        /// The number of deliveries.
        deliveries: u64,
        /// When the first failed for good.
        #[serde(with = "time::serde::rfc3339")]
        first_at: OffsetDateTime,
        /// When the last failed for good.
        #[serde(with = "time::serde::rfc3339")]
        last_at: OffsetDateTime,
    },
    /// The program, and not a person, has paused a subscription.
    SubscriptionPaused {
        /// The name of the subscription.
        subscription: String,
        /// Its number: the alert is not delivered to this subscription.
        subscription_id: i32,
        /// The reason.
        reason: String,
        /// Since when it has been paused.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
}

impl AlertKind {
    /// All kinds.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
    /// The names of all kinds, as in JSON and in the configuration.
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Returns the name, as in JSON and in the configuration.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the severity, unless another one is configured.
    pub fn default_severity(self) -> AlertSeverity {
        match self {
            Self::CallbacksMissed
            | Self::CallbacksRejected
            | Self::RegistrationDrift
            | Self::CertificateExpiresWithinWeek
            | Self::SpoolNotEmpty
            | Self::ProjectionBehind
            | Self::ClockDoubtful
            | Self::DeliveryDead
            | Self::SubscriptionPaused => AlertSeverity::Page,
            Self::CertificateExpiresWithinMonth
            | Self::ReviewStuck
            | Self::StatusUnconfirmed
            | Self::PackagistConflict
            | Self::ListingDue => AlertSeverity::Ticket,
            Self::UnknownEventCode => AlertSeverity::Info,
        }
    }

    /// Returns whether an alert that a person has resolved is opened again after a day if nothing has changed. Not if it is about
    /// something that happened, or that only the Marketplace can end.
    pub(super) fn comes_back(self) -> bool {
        !matches!(
            self,
            Self::CallbacksMissed
                | Self::ClockDoubtful
                | Self::ReviewStuck
                | Self::UnknownEventCode
                | Self::DeliveryDead
        )
    }
}

/// The part of a key that is stored, in bytes. The sender of callbacks chooses IDs and codes.
const MAX_KEY: usize = 500;

/// A condition that holds now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    /// The account, unless it is about the receivers.
    pub(super) account: Option<AccountId>,
    /// The subject, within its kind and account.
    pub(super) key: String,
    /// When its newest cause occurred. An alert that a person resolved later is not opened again for it.
    pub(super) caused_at: OffsetDateTime,
    pub(super) condition: Condition,
}

impl Finding {
    pub(super) fn kind(&self) -> AlertKind {
        AlertKind::from(&self.condition)
    }

    pub(super) fn subject(&self) -> AlertSubject {
        let end = self.key.floor_char_boundary(MAX_KEY);
        let key = self.key[..end].to_owned();
        AlertSubject { kind: self.kind().as_str().to_owned(), account: self.account, key }
    }

    /// Returns the facts as JSON.
    pub(super) fn data(&self) -> String {
        serde_json::to_string(&self.condition).expect("facts have text keys only")
    }
}

/// The conditions of one family that hold now.
#[derive(Debug, Default)]
pub(super) struct Observation {
    pub(super) findings: Vec<Finding>,
    /// The kinds about which nothing is known now. Their alerts stay as they are.
    pub(super) unknown: Vec<AlertKind>,
}

impl From<Vec<Finding>> for Observation {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, unknown: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_as_they_were_written() {
        let at = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let condition = Condition::SpoolNotEmpty { callbacks: 3, oldest_at: at, receivers: 1 };
        let finding = Finding { account: None, key: String::new(), caused_at: at, condition };
        let data = finding.data();
        assert!(data.contains(r#""condition":"spool_not_empty""#), "{data}");
        assert_eq!(serde_json::from_str::<Condition>(&data).unwrap(), finding.condition);
        assert_eq!(finding.subject().kind, "spool_not_empty");
    }

    #[test]
    fn kinds_are_spelled_alike_everywhere() {
        for (kind, name) in AlertKind::ALL.iter().zip(AlertKind::NAMES) {
            assert_eq!(kind.as_str(), *name);
            assert_eq!(name.parse::<AlertKind>().unwrap(), *kind);
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{name}\""));
        }
        // The query of missed callbacks names it.
        assert_eq!(AlertKind::CallbacksMissed.as_str(), "callbacks_missed");
    }
}
