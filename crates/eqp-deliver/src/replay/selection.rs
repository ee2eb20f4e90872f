//! Which events a replay delivers again.

use std::fmt::Display;
use std::str::FromStr;

use eqp_store::{Disposition, EventFilter, EventKind, Order};
use eqp_types::{Environment, Flow, MageId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

/// Selects events to deliver again. An event must match every field that is set. A subscription receives only those that its own filter
/// matches, too.
///
/// ```
/// use eqp_deliver::ReplaySelection;
///
/// let rejected = ReplaySelection { status: Some("rejected".into()), ..ReplaySelection::default() };
/// assert!(!rejected.is_everything());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplaySelection {
    /// The numbers of the events, at most 1,000. If empty, any number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<i64>,
    /// Only events of this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Only events of this account.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "in_text")]
    pub mage_id: Option<MageId>,
    /// Only events of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventKind>,
    /// Only events about the submission or file with this ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Only events of this flow.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "in_text")]
    pub flow: Option<Flow>,
    /// Only events with this status. Documented alternative spellings are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Only events with this disposition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    /// Only events that were received at this time or later.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub since: Option<OffsetDateTime>,
    /// Only events that were received before this time.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub until: Option<OffsetDateTime>,
}

/// Reads a value from a text. In responses of the Marketplace, such values may also be numbers, but not in a selection that a person wrote.
fn in_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

impl ReplaySelection {
    /// Selects the events with these numbers.
    pub fn of_events(events: impl Into<Vec<i64>>) -> Self {
        Self { events: events.into(), ..Self::default() }
    }

    /// Returns whether it selects every event.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Returns a filter for the selected events after one and up to another one, except for their numbers.
    pub(super) fn filter(&self, after: i64, up_to: i64, limit: u32) -> EventFilter {
        EventFilter {
            environment: self.environment,
            mage_id: self.mage_id.clone(),
            kind: self.kind,
            resource_id: self.resource_id.clone(),
            flow: self.flow.clone(),
            status: self.status.clone(),
            disposition: self.disposition,
            since: self.since,
            until: self.until,
            after_seq: Some(after),
            before_seq: Some(up_to.saturating_add(1)),
            order: Order::OldestFirst,
            limit,
            ..EventFilter::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_written_in_texts() {
        let read = |json: &str| serde_json::from_str::<ReplaySelection>(json);
        let selection = read(r#"{"mage_id": "MAG1", "flow": "technical", "status": null}"#).unwrap();
        assert_eq!(selection.flow, Some(Flow::Technical));
        assert_eq!(read("{}").unwrap(), read(r#"{"mage_id": null, "flow": null}"#).unwrap());
        for wrong in [r#"{"mage_id": false}"#, r#"{"mage_id": 7}"#, r#"{"mage_id": ""}"#, r#"{"flow": false}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let selection = ReplaySelection {
            events: vec![1, 2],
            environment: Some(Environment::Sandbox),
            flow: Some(Flow::Technical),
            since: Some(time::macros::datetime!(2026-01-31 12:00 UTC)),
            ..ReplaySelection::default()
        };
        let json = serde_json::to_string(&selection).unwrap();
        assert_eq!(serde_json::from_str::<ReplaySelection>(&json).unwrap(), selection, "{json}");
        assert_eq!(serde_json::to_string(&ReplaySelection::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<ReplaySelection>(r#"{"stauts": "approved"}"#).is_err());
    }
}
