#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! `model` uses neither of the others, `sql` uses `model`, and `endpoint` uses both. Items that only the other crates of this project call
//! are in a hidden module and are not covered by semver.

#[doc(hidden)]
mod backoff;
mod database_url;
#[doc(hidden)]
mod deadline;
mod endpoint;
mod error;
mod model;
mod observer;
mod reader;
#[doc(hidden)]
mod reconcile_requests;
mod request_headers;
mod secret_file;
#[doc(hidden)]
mod sql;
mod store;
#[doc(hidden)]
mod supervise;
mod tail;

pub use endpoint::{Endpoints, MasterKey};
pub use error::{DatabaseError, Error, MigrationError};
pub use model::{
    AccountId, AlertChangeKind, AlertCounts, AlertSeverity, CallbackDisposition, Counts, CredentialGeneration,
    CredentialId, CredentialLookup, CredentialState, CredentialSummary, DeadLetter, Disposition, DuplicateCallback,
    EndpointId, EndpointPathError, EndpointSummary, Event, EventDetail, EventFilter, EventKind, FileFilter, FileState,
    IssuedCredential, NewCredential, NewEndpoint, Order, Origin, PublicUrl, PublicUrlError, ResourceKind,
    StoredApiRead, StoredCallback, Submission, SubmissionFilter, SubmissionHistory, UnknownValue,
};
pub use observer::Observer;
pub use reader::Reader;
pub use secret_file::{SecretFileError, SecretTextError};
pub use sqlx;
pub use store::Store;
pub use tail::Tail;

/// Items that only the other crates of this project use, which are released together with this one. Not covered by semver.
#[doc(hidden)]
pub mod internal {
    pub use crate::backoff::Backoff;
    pub use crate::database_url::{DatabaseUrl, DatabaseUrlError, PARAMETER_NAMES};
    pub use crate::deadline::{ANSWER, within};
    pub use crate::endpoint::access_key::AccessKeys;
    pub use crate::endpoint::canary::{IssuedCanary, issue_canaries};
    pub use crate::endpoint::keyed_hash::KeyedHash;
    pub use crate::endpoint::path::PREFIX;
    pub use crate::model::{
        AccessKeySummary, Account, AccountSummary, AckedDelivery, ApiReadDisposition, ArrivedCallback, AttemptSummary,
        BreakerChange, CatchUpPosition, ContentDigest, CredentialUse, Cursors, DeliveryCounts, DeliveryFilter,
        DeliveryReport, DeliverySource, DeliveryState, DeliverySummary, EventContext, EventDetailText, FanOutPosition,
        HistoryEntry, LaneKey, LaneReport, LastNumbers, LastRuns, LeasedLane, MissingCallback, Nack, NewApiRead,
        NewAttempt, NewAuditEntry, NewDelivery, NewReplay, NewSubscription, NextAttempt, PendingReport,
        ProjectedApiRead, ProjectedCallback, ReadContext, ReplayPosition, ReportId, Resource, ResourceDetail, RunId,
        RunKind, RunProgress, RunSummary, SealedHandlerSecrets, SealedSecret, StoredAccessKey, StoredAuditEntry,
        StoredBreaker, StoredReplay, StoredSubscription, StoredToken, SubscriptionId, SubscriptionState,
        SubscriptionWork, Track, TrackState, Tracks, UsedSession, UsedToken, WaitReason, WaitingDelivery,
        canonical_status, canonical_status_of_any_flow, decode_api_read,
    };
    pub use crate::model::{ComparedRegistration, DatabaseFacts, Durability, EndpointState, ReceiverState};
    pub use crate::model::{DeliveryQueue, SubscriptionQueue};
    // The items of the lists of the operator API.
    pub use crate::model::{
        CallbackFilter, CallbackPage, CallbackSummary, EndpointFilter, ListedEndpoint, ListedRun, ProductFilter,
        ProductVersion, RunFilter,
    };
    pub use crate::sql::{callback_list, endpoint_list, product_list, reconcile_run_list};
    // The items of digests.
    pub use crate::model::{DigestPosition, DigestedChange, DigestedSubmission};
    pub use crate::sql::digest;
    // The items of alerts.
    pub use crate::model::{
        AlertSubject, DeadDeliveries, DoubtfulClock, DriftingRegistration, FallbackDecision, MissedCallbacks,
        NewAlertChange, PausedSubscription, ReceiverFacts, RejectedSeries, ReportedAlert, ReportedChange,
        ReportedReminder, StatusEntry, StoredAlert, StoredAlertChange, StoredFallback, StoredNotification,
        TrackInReview, UnconfirmedStatus, UndeliverableChange, UnknownEventCode, UnprovenEndpoint,
    };
    // The items of `status` and `find`.
    pub use crate::model::StoredListingCheck;
    pub use crate::model::{
        ArtifactFacts, ChannelAccount, ChannelEndpoint, FoundEvent, FoundResource, SubmissionFacts, TrackFacts,
    };
    // The items of the pages of submissions.
    pub use crate::model::{
        AlertEntry, EventDelivery, ProductStatusEntry, RepeatedReport, StoredSubmissionLink, UnreportedChange,
        UsedSubmissionLink,
    };
    pub use crate::observer::{DeliveryMeasurement, DeliveryResult, HandlerFailure, OpenAlerts, ReconcileResult};
    pub use crate::reconcile_requests::{ReconcileRequests, RequestedAccounts};
    pub use crate::request_headers::{REQUEST_ID, TRIGGER_AGENT, is_request_id};
    pub use crate::secret_file::{check_secret_file, read_secret, read_secret_file, secret_text};
    pub use crate::sql::chat_message::StoredThread;
    pub use crate::sql::listen::{Channel, NotificationListener, SharedListener};
    pub use crate::sql::registration_lock::RegistrationLock;
    pub use crate::sql::retention::{Retention, first_id_at};
    pub use crate::sql::{
        account, api_read, audit, callback, callback_disposition, canary, chat_message, commit_failure,
        declared_subscription, delivery, delivery_context, delivery_lane, delivery_list, delivery_queue,
        delivery_report, delivery_sweep, endpoint, event, fan_out, handler_cursor, health, instance, listen,
        missing_callback, operator_session, operator_token, pending, projector, pull, receiver, reconcile_run,
        reprojection, resource_detail, retired_username, rotation, schema, signing_secret, subscription, track,
        upgrade, write,
    };
    pub use crate::sql::{
        alert, alert_facts, alert_fallback, alert_log, alert_notification, find, registration_check, rejected_callback,
        replay, reported_alert, review_facts, status_facts,
    };
    pub use crate::sql::{listing_check, review_timeline, submission_link};
    pub use crate::supervise::{Part, Restarts, Supervisor};
}
