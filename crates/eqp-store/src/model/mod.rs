//! The types of rows and filters. Nothing in this module contains SQL.

#[doc(hidden)]
mod alert;
#[doc(hidden)]
mod alert_facts;
#[doc(hidden)]
mod api_read;
mod callback;
#[doc(hidden)]
mod callback_list;
#[doc(hidden)]
mod delivery;
#[doc(hidden)]
mod delivery_queue;
#[doc(hidden)]
mod delivery_summary;
#[doc(hidden)]
mod digest;
mod endpoint;
#[doc(hidden)]
mod endpoint_list;
mod event;
mod filter;
#[doc(hidden)]
mod health;
#[doc(hidden)]
mod listing_check;
#[doc(hidden)]
mod operator;
#[doc(hidden)]
mod product_list;
mod public_url;
#[doc(hidden)]
mod reconcile;
#[doc(hidden)]
mod reconcile_run_list;
#[doc(hidden)]
mod replay;
#[doc(hidden)]
mod report;
#[doc(hidden)]
mod report_id;
#[doc(hidden)]
mod review_timeline;
#[doc(hidden)]
mod status_facts;
mod string_enum;
mod submission;
#[doc(hidden)]
mod submission_link;
#[doc(hidden)]
mod subscription;
#[doc(hidden)]
mod track;

pub use alert::{
    AlertChangeKind, AlertCounts, AlertSeverity, AlertSubject, FallbackDecision, NewAlertChange, ReportedAlert,
    ReportedChange, ReportedReminder, StoredAlert, StoredAlertChange, StoredNotification, UndeliverableChange,
};
pub use alert_facts::{
    DeadDeliveries, DoubtfulClock, DriftingRegistration, MissedCallbacks, PausedSubscription, ProductStatusEntry,
    ReceiverFacts, RejectedSeries, StatusEntry, TrackInReview, UnconfirmedStatus, UnknownEventCode, UnprovenEndpoint,
};
pub use api_read::{
    ApiReadDisposition, ArrivedCallback, MissingCallback, NewApiRead, ProjectedApiRead, StoredApiRead, decode_api_read,
};
pub use callback::{Account, CallbackDisposition, Counts, DuplicateCallback, ProjectedCallback, StoredCallback};
pub use callback_list::{CallbackFilter, CallbackPage, CallbackSummary};
pub use delivery::{
    AckedDelivery, AttemptSummary, CatchUpPosition, Cursors, DeliveryReport, DeliverySource, EventContext,
    EventDetailText, FanOutPosition, LaneKey, LaneReport, LeasedLane, Nack, NewAttempt, NewDelivery, NextAttempt,
    SubscriptionWork, WaitingDelivery,
};
pub use delivery_queue::{DeliveryQueue, SubscriptionQueue};
pub(crate) use delivery_summary::Obstacles;
pub use delivery_summary::{DeliveryFilter, DeliveryState, DeliverySummary, WaitReason};
pub use digest::{DigestPosition, DigestedChange, DigestedSubmission};
pub use endpoint::{
    AccountId, CredentialGeneration, CredentialId, CredentialLookup, CredentialState, CredentialSummary, CredentialUse,
    EndpointId, EndpointPathError, EndpointSummary, IssuedCredential, NewCredential, NewEndpoint, PublicUrl,
    PublicUrlError, SealedSecret,
};
pub use endpoint_list::{EndpointFilter, ListedEndpoint};
pub use event::{DeadLetter, Disposition, Event, EventDetail, EventKind, Origin};
pub(crate) use filter::HIGHEST_LIMIT;
pub use filter::{EventFilter, FileFilter, Order, SubmissionFilter};
pub use health::{ComparedRegistration, DatabaseFacts, Durability, EndpointState, ReceiverState};
pub use listing_check::StoredListingCheck;
pub use operator::{NewAuditEntry, StoredAuditEntry, StoredToken, UsedSession, UsedToken};
pub use product_list::{ProductFilter, ProductVersion};
pub use reconcile::{
    AccessKeySummary, AccountSummary, LastRuns, ResourceDetail, RunId, RunKind, RunProgress, RunSummary,
    StoredAccessKey,
};
pub use reconcile_run_list::{ListedRun, RunFilter};
pub use replay::{NewReplay, ReplayPosition, StoredReplay};
pub use report::{PendingReport, ReadContext};
pub use report_id::ReportId;
pub use review_timeline::{AlertEntry, EventDelivery, RepeatedReport, UnreportedChange};
pub use status_facts::{
    ArtifactFacts, ChannelAccount, ChannelEndpoint, FoundEvent, FoundResource, SubmissionFacts, TrackFacts,
};
pub use string_enum::UnknownValue;
pub use submission::{FileState, Submission, SubmissionHistory};
pub use submission_link::{StoredSubmissionLink, UsedSubmissionLink};
pub use subscription::{
    BreakerChange, DeliveryCounts, NewSubscription, SealedHandlerSecrets, StoredBreaker, StoredFallback,
    StoredSubscription, SubscriptionId, SubscriptionState,
};
pub use track::{
    ContentDigest, HistoryEntry, LastNumbers, Resource, ResourceKind, Track, TrackState, Tracks, canonical_status,
    canonical_status_of_any_flow,
};
