#![doc = include_str!("../README.md")]

mod api;
mod authenticate;
mod authorized;
mod client;
mod described;
mod extract;
mod listener;
mod network;
mod open_requests;
#[cfg(feature = "schema")]
mod openapi;
mod pages;
mod principal;
mod problem;
mod process_facts;
mod request_id;
mod search;
mod service;
mod setting;
mod status;
mod token;

pub use api::accounts::{Account, AccountList, KeyPlace, ReconcileRun};
pub use api::alerts::model::{
    Alert, AlertAction, AlertChange, AlertDetail, AlertFilter, AlertList, AlertNotification, NotProven,
    NotificationState,
};
pub use api::audit::{AuditEntry, AuditFilter, AuditLog};
pub use api::callbacks::CallbackList;
pub use api::callbacks::detail::{ByteEncoding, CallbackDetail, EncodedBytes};
pub use api::canaries::{Canary, CanaryList, CanaryResult};
pub use api::deliveries::{
    Attempt, ChangedDeliveries, Delivery, DeliveryDetail, DeliveryList, DeliveryQuery, DeliverySelection,
};
pub use api::endpoints::{Credential, Endpoint, EndpointList, EndpointQuery};
pub use api::events::detail::{ApiReadReport, CallbackReport, ReportBody, ReportedEvent};
pub use api::events::{EventList, PendingReports};
pub use api::files::{FileHistories, FileHistory};
pub use api::find::{FindQuery, FoundList};
pub use api::health::{
    DatabaseHealth, DeliveryHealth, EndpointHealth, Health, ProjectionHealth, ReceiverHealth, RegistrationHealth,
};
pub use api::letter::Letter;
pub use api::links::SignInLink;
pub use api::messages::{
    AckRequest, FetchRequest, FetchedMessages, ListenRequest, Listener, NackRequest, PulledMessage, Settled,
};
pub use api::products::{Product, ProductList, ProductQuery, SubmittedProduct, VersionInReview};
pub use api::reconcile_runs::{ReconcileRunDetail, ReconcileRunList, ReconcileRunQuery};
pub use api::replays::{PlannedReplay, Replay, ReplayList, ReplayQuery, ReplayReceiver, ReplayRequest};
pub use api::reviews::{ReviewQuery, ReviewTimes, SubmissionReviews};
pub use api::spool::{ReceiverSpool, Spools};
pub use api::status::StatusQuery;
pub use api::submission_links::{CreatedSubmissionLink, NewSubmissionLink, SubmissionLink, SubmissionLinkList};
pub use api::submissions::{FileList, SubmissionHistories, SubmissionList};
pub use api::subscriptions::check::SubscriptionCheck;
pub use api::subscriptions::request::{PauseRequest, SubscriptionRequest};
pub use api::subscriptions::rotation::RetiredSecrets;
pub use api::subscriptions::{RequestedTest, Subscription, SubscriptionList, SubscriptionState};
pub use api::tokens::{CreatedToken, NewToken, Token, TokenList};
pub use authenticate::check_hosts_of_metrics;
pub use client::{EventStream, OperatorClient, OperatorError, TransportError};
pub use eqp_store::internal::{CallbackFilter, CallbackSummary, DeliverySource, DeliveryState, WaitReason};
pub use listener::OperatorListener;
#[cfg(feature = "schema")]
#[doc(hidden)]
pub use openapi::openapi;
pub use principal::{Principal, Scope, UnknownScope};
pub use problem::{Problem, ProblemCode};
pub use process_facts::{ProductSettings, SpoolLevel};
pub use search::{Found, FoundKind};
pub use service::OperatorService;
pub use setting::Setting;
pub use status::{
    Channel, ChannelEndpointState, DueDate, FlowLine, MarketplaceStatusError, NextStep, ProductStatus, RejectionReason,
    ReviewFinding, ReviewNext, ReviewStep, ReviewStepState, ReviewTrack, SetupState, SetupStep, SetupStepKind, Stale,
    Status, StatusAccount, StatusSource, SubmissionReview, TimelineEntry, TimelineKind, VersionLine, VersionSource,
    VersionState, status_of_marketplace,
};
