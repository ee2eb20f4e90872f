//! The types of requests and responses that the OpenAPI document describes.

use super::OpenApiDocument;
use super::accounts::AccountList;
use super::alerts::model::{AlertAction, AlertDetail, AlertList};
use super::audit::AuditLog;
use super::callbacks::CallbackList;
use super::callbacks::detail::CallbackDetail;
use super::deliveries::{ChangedDeliveries, DeliveryDetail, DeliveryList, DeliverySelection};
use super::endpoints::EndpointList;
use super::events::EventList;
use super::events::detail::ReportedEvent;
use super::files::FileHistories;
use super::find::FoundList;
use super::health::Health;
use super::letter::Letter;
use super::links::SignInLink;
use super::messages::{AckRequest, FetchRequest, FetchedMessages, ListenRequest, Listener, NackRequest, Settled};
use super::products::ProductList;
use super::reconcile_runs::{ReconcileRunDetail, ReconcileRunList};
use super::replays::{PlannedReplay, Replay, ReplayList, ReplayRequest};
use super::retention::{DeletedCallbacks, OldCallbacks, ReceivedBefore};
use super::reviews::{ReviewTimes, SubmissionReviews};
use super::spool::Spools;
use super::submission_links::{CreatedSubmissionLink, NewSubmissionLink, SubmissionLinkList};
use super::submissions::{FileList, SubmissionHistories, SubmissionList};
use super::subscriptions::check::SubscriptionCheck;
use super::subscriptions::request::{PauseRequest, SubscriptionRequest};
use super::subscriptions::rotation::{NewSigningSecret, RetiredSecrets};
use super::subscriptions::{RequestedTest, Subscription, SubscriptionList};
use super::tokens::{CreatedToken, NewToken, TokenList};

use crate::described::bodies;
use crate::status::Status;

bodies!(
    register_requests:
    AckRequest,
    AlertAction,
    DeliverySelection,
    FetchRequest,
    ListenRequest,
    NackRequest,
    NewSigningSecret,
    NewSubmissionLink,
    NewToken,
    PauseRequest,
    ReceivedBefore,
    ReplayRequest,
    SubscriptionRequest,
);

bodies!(
    register_responses:
    AccountList,
    AlertDetail,
    AlertList,
    AuditLog,
    CallbackDetail,
    CallbackList,
    ChangedDeliveries,
    CreatedSubmissionLink,
    CreatedToken,
    DeletedCallbacks,
    DeliveryDetail,
    DeliveryList,
    EndpointList,
    EventList,
    FetchedMessages,
    FileHistories,
    FileList,
    FoundList,
    Health,
    Letter,
    Listener,
    OldCallbacks,
    OpenApiDocument,
    PlannedReplay,
    ProductList,
    ReconcileRunDetail,
    ReconcileRunList,
    Replay,
    ReplayList,
    ReportedEvent,
    RequestedTest,
    RetiredSecrets,
    ReviewTimes,
    Settled,
    SignInLink,
    Spools,
    Status,
    SubmissionHistories,
    SubmissionLinkList,
    SubmissionList,
    SubmissionReviews,
    Subscription,
    SubscriptionCheck,
    SubscriptionList,
    TokenList,
);

/// Adds the schemas of all queries.
#[cfg(feature = "schema")]
pub(crate) fn register_queries(generator: &mut schemars::SchemaGenerator) {
    generator.subschema_for::<eqp_store::EventFilter>();
    generator.subschema_for::<eqp_store::internal::CallbackFilter>();
    generator.subschema_for::<eqp_store::SubmissionFilter>();
    generator.subschema_for::<eqp_store::FileFilter>();
    generator.subschema_for::<super::alerts::model::AlertFilter>();
    generator.subschema_for::<super::audit::AuditFilter>();
    generator.subschema_for::<super::deliveries::DeliveryQuery>();
    generator.subschema_for::<super::endpoints::EndpointQuery>();
    generator.subschema_for::<super::find::FindQuery>();
    generator.subschema_for::<super::products::ProductQuery>();
    generator.subschema_for::<super::reconcile_runs::ReconcileRunQuery>();
    generator.subschema_for::<super::replays::ReplayQuery>();
    generator.subschema_for::<super::reviews::ReviewQuery>();
    generator.subschema_for::<super::status::StatusQuery>();
    generator.subschema_for::<super::submissions::EnvironmentFilter>();
    generator.subschema_for::<super::subscriptions::request::TestQuery>();
}
