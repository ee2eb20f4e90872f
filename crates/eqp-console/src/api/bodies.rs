//! The types of requests and responses that the OpenAPI document describes.

use super::accounts::AccountList;
use super::alerts::model::{AlertAction, AlertDetail, AlertList};
use super::audit::AuditLog;
use super::events::EventList;
use super::events::detail::ReportedEvent;
use super::letter::Letter;
use super::retention::{DeletedCallbacks, OldCallbacks, ReceivedBefore};
use super::submissions::{FileList, SubmissionHistories, SubmissionList};
use super::tokens::{CreatedToken, NewToken, TokenList};

use crate::described::bodies;

bodies!(register_requests: AlertAction, NewToken, ReceivedBefore);

bodies!(
    register_responses:
    AccountList,
    AlertDetail,
    AlertList,
    AuditLog,
    CreatedToken,
    DeletedCallbacks,
    EventList,
    FileList,
    Letter,
    OldCallbacks,
    ReportedEvent,
    SubmissionHistories,
    SubmissionList,
    TokenList,
);

/// Adds the schemas of all queries.
#[cfg(feature = "schema")]
pub(crate) fn register_queries(generator: &mut schemars::SchemaGenerator) {
    generator.subschema_for::<eqp_store::EventFilter>();
    generator.subschema_for::<eqp_store::SubmissionFilter>();
    generator.subschema_for::<eqp_store::FileFilter>();
    generator.subschema_for::<super::alerts::model::AlertFilter>();
    generator.subschema_for::<super::audit::AuditFilter>();
    generator.subschema_for::<super::submissions::EnvironmentFilter>();
}
