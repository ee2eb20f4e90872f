//! Messages to handlers outside of this process, in version 1 of the event format.
//!
//! Changes of the format are additive: fields and types are added, but neither removed nor changed.

mod alert;
mod digest;
mod event;
mod raw;
mod reminder;

use eqp_store::{Event, EventKind};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

pub use alert::{AlertChange, AlertData, AlertDescription, DescribeAlert};
pub(crate) use alert::{AlertFacts, plain_description};
pub use digest::{DigestChange, DigestData, DigestProduct, DigestSubmission};
pub use event::{DescribeProduct, EventData, MessageContext, MessageUrls, ProductSource};
pub use raw::RawMessage;
pub use reminder::{OpenAlert, ReminderData};

/// A message to a handler outside of this process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The ID of the message, which is the same in every attempt and replay. Receivers use it to ignore messages that they already have.
    pub id: String,
    /// The content.
    pub body: MessageBody,
    /// The number of the replay that this message is part of.
    pub replay: Option<i64>,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum MessageBody {
    /// A flow of a submission has another status.
    #[serde(rename = "submission.status_changed")]
    SubmissionStatusChanged(Content<EventData>),
    /// The malware scan of a file has finished.
    #[serde(rename = "file.scan_finished")]
    FileScanFinished(Content<EventData>),
    /// A callback has an event code that is not documented, or cannot be decoded (`data.kind` and `data.reason`).
    #[serde(rename = "callback.unrecognized")]
    CallbackUnrecognized(Content<EventData>),
    /// An alert was opened.
    #[serde(rename = "alert.opened")]
    AlertOpened(Content<AlertData>),
    /// An alert was acknowledged.
    #[serde(rename = "alert.acknowledged")]
    AlertAcknowledged(Content<AlertData>),
    /// The condition of an alert has ended.
    #[serde(rename = "alert.resolved")]
    AlertResolved(Content<AlertData>),
    /// Alerts are still open: a reminder.
    #[serde(rename = "alert.reminded")]
    AlertReminded(Content<ReminderData>),
    /// The digest of a week.
    #[serde(rename = "digest.weekly")]
    Digest(Content<DigestData>),
    /// A test of a subscription. It is about nothing that happened.
    #[serde(rename = "subscription.test")]
    SubscriptionTest(Content<TestData>),
}

/// The time and the data of a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ContentOf{T}"))]
#[non_exhaustive]
pub struct Content<T> {
    /// The time at which it happened: of an event, the time at which the callback arrived or the API was read.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub timestamp: OffsetDateTime,
    /// The data.
    pub data: T,
}

/// The data of a test message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TestData {
    /// The name of the tested subscription.
    pub subscription: String,
    /// A sentence that says that this is a test.
    pub text: String,
}

impl Message {
    /// Creates the message about an event of the database `instance`.
    pub fn of_event(instance: Uuid, event: &Event, context: &MessageContext) -> Self {
        let reported = Content { timestamp: event.received_at, data: EventData::new(event, context) };
        let body = match event.kind {
            EventKind::Submission => MessageBody::SubmissionStatusChanged(reported),
            EventKind::File => MessageBody::FileScanFinished(reported),
            EventKind::Unknown | EventKind::Undecodable => MessageBody::CallbackUnrecognized(reported),
        };
        Self { id: id(instance, &event_source(event.seq)), body, replay: None }
    }

    /// Creates the message about a change of an alert: number `number` in the log of such changes.
    pub fn of_alert(instance: Uuid, number: i64, change: AlertChange, at: OffsetDateTime, data: AlertData) -> Self {
        let content = Content { timestamp: at, data };
        let body = match change {
            AlertChange::Opened => MessageBody::AlertOpened(content),
            AlertChange::Acknowledged => MessageBody::AlertAcknowledged(content),
            AlertChange::Resolved => MessageBody::AlertResolved(content),
        };
        Self { id: id(instance, &format!("alert:{number}")), body, replay: None }
    }

    /// Creates a reminder: number `number` in the log of changes of alerts.
    pub fn of_reminder(instance: Uuid, number: i64, at: OffsetDateTime, data: ReminderData) -> Self {
        let body = MessageBody::AlertReminded(Content { timestamp: at, data });
        Self { id: id(instance, &format!("alert:{number}")), body, replay: None }
    }

    /// Creates the digest of a week for the subscription with this number. Each subscription has its own, because its filter decides what
    /// the digest contains.
    pub fn of_digest(instance: Uuid, subscription: i32, data: DigestData) -> Self {
        let id = id(instance, &format!("digest:{}:{subscription}", data.week));
        Self { id, body: MessageBody::Digest(Content { timestamp: data.to, data }), replay: None }
    }

    /// Creates a test message.
    ///
    /// ```
    /// use eqp_deliver::Message;
    ///
    /// let (instance, test) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    /// let message = Message::of_test(instance, test, time::OffsetDateTime::now_utc(), "ci");
    /// assert_eq!(message.body.type_name(), "subscription.test");
    /// ```
    ///
    /// Attempts of the same test have the same `test`.
    pub fn of_test(instance: Uuid, test: Uuid, at: OffsetDateTime, subscription: &str) -> Self {
        let data = TestData {
            subscription: subscription.to_owned(),
            text: "This is a test. Nothing has happened.".to_owned(),
        };
        let body = MessageBody::SubscriptionTest(Content { timestamp: at, data });
        Self { id: id(instance, &format!("test:{test}")), body, replay: None }
    }

    /// Marks the message as a part of the replay with this number.
    #[must_use]
    pub fn replayed(mut self, replay: i64) -> Self {
        self.replay = Some(replay);
        self
    }

    /// Returns the body as JSON, as handlers receive it.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.body).expect("a body has only text keys, and no value that JSON cannot represent")
    }
}

impl MessageBody {
    /// Returns the ID of the callback that reported the event, if the message is about an event that a callback reported.
    pub fn callback_id(&self) -> Option<Uuid> {
        match self {
            Self::SubmissionStatusChanged(content)
            | Self::FileScanFinished(content)
            | Self::CallbackUnrecognized(content) => content.data.event.callback_id,
            _ => None,
        }
    }

    /// Returns the type as it is spelled in the body, for example `submission.status_changed`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::SubmissionStatusChanged(_) => "submission.status_changed",
            Self::FileScanFinished(_) => "file.scan_finished",
            Self::CallbackUnrecognized(_) => "callback.unrecognized",
            Self::AlertOpened(_) => "alert.opened",
            Self::AlertAcknowledged(_) => "alert.acknowledged",
            Self::AlertResolved(_) => "alert.resolved",
            Self::AlertReminded(_) => "alert.reminded",
            Self::Digest(_) => "digest.weekly",
            Self::SubscriptionTest(_) => "subscription.test",
        }
    }
}

/// The fields of `data` of all messages, which templates can use.
pub(crate) const DATA_FIELDS: &[&str] = &[
    "alert",
    "alerts",
    "api_read_id",
    "applied",
    "callback_id",
    "clock_doubtful",
    "commit",
    "disposition",
    "environment",
    "explicit",
    "findings",
    "flow",
    "from",
    "item_id",
    "kind",
    "mage_id",
    "modified_at",
    "name",
    "omitted",
    "opened_at",
    "origin",
    "out_of_order_after",
    "previous_status",
    "products",
    "reason",
    "received_at",
    "repository",
    "resource_id",
    "resource_sequence",
    "seq",
    "severity",
    "sku",
    "status",
    "statuses",
    "store_version",
    "submitted_at",
    "subscription",
    "tag",
    "text",
    "title",
    "to",
    "urls",
    "version",
    "week",
];

/// The number of the newest events among which the one of a message is searched.
const SEARCHED: i64 = 50_000;

/// Returns the number of the event whose message has this ID, if it is one of the 50,000 events up to `newest`. An ID is a hash, so those
/// of all these events are computed.
pub fn event_of_message(instance: Uuid, message: &str, newest: i64) -> Option<i64> {
    let oldest = newest.saturating_sub(SEARCHED).max(0);
    (oldest + 1..=newest).rev().find(|seq| id(instance, &event_source(*seq)) == message)
}

fn event_source(seq: i64) -> String {
    format!("event:{seq}")
}

/// Returns the ID of the message about `source` in the database `instance`.
fn id(instance: Uuid, source: &str) -> String {
    format!("evt_{}", Uuid::new_v5(&instance, source.as_bytes()).simple())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use eqp_store::Origin;
    use eqp_store::internal::{Account, ReportId};

    use super::*;

    #[test]
    fn the_event_of_a_message_is_found_among_the_newest() {
        let instance = Uuid::from_u128(7);
        let message = id(instance, "event:40");
        assert_eq!(event_of_message(instance, &message, 60), Some(40));
        assert_eq!(event_of_message(instance, &message, 39), None);
        assert_eq!(event_of_message(instance, "evt_x", 0), None);
    }

    #[test]
    fn templates_can_use_the_fields_of_all_messages() {
        let (instance, now) = (Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
        let account = Account { id: 1, environment: eqp_types::Environment::Sandbox, mage_id: "MAG1".parse().unwrap() };
        let report = (ReportId::Callback(Uuid::nil()), Origin::Callback);
        let event = Event::new(1, &account, EventKind::Submission, now, report);
        let alert = AlertData::new((1, "missed", "page"), ("title", "text"), now);
        let messages = [
            Message::of_event(instance, &event, &MessageContext::default()),
            Message::of_alert(instance, 1, AlertChange::Opened, now, alert),
            Message::of_reminder(instance, 2, now, ReminderData::new("page", Vec::new())),
            Message::of_digest(instance, 1, DigestData::new((now, now), Vec::new(), Vec::new())),
            Message::of_test(instance, Uuid::nil(), now, "ci"),
        ];
        let mut fields = BTreeSet::new();
        for message in messages {
            let body: serde_json::Value = serde_json::from_str(&message.json()).unwrap();
            fields.extend(body["data"].as_object().unwrap().keys().cloned());
        }
        assert!(fields.iter().eq(DATA_FIELDS), "{fields:?}");
    }
}
