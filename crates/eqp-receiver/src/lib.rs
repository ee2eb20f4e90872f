//! Embeddable receiver of EQP callbacks.
//!
//! [`Receiver`] listens by itself; [`Embedded`] is a router inside another service. Either way a callback is durable
//! in Postgres before its sender is answered.
//!
//! A panic while one callback is decoded or decided is caught, so that it costs that callback only. This requires unwinding: do
//! not build with `panic = "abort"`.
//!
//! The way of the data, one way only: route → accept → lane → store → pending → project → track and event →
//! readers. Nothing in `project` imports `accept`; only `store` holds SQL.

mod accept;
mod backoff;
mod deadline;
mod deliver;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod metrics;
mod operator;
mod project;
mod read;
mod receiver;
mod retention;
mod secret_file;
mod serve;
mod source;
mod spool;
mod store;
mod supervise;

pub use deliver::{Handler, HandlerError, HandlerLoop};
pub use endpoint::{
    AccountId, CredentialGeneration, CredentialId, CredentialState, CredentialSummary, EndpointId, EndpointPathError,
    EndpointSummary, Endpoints, Issued, IssuedCredential, MasterKey, NewCredential, NewEndpoint, PublicUrl,
    PublicUrlError, RegistrationLock,
};
pub use eqp_tls::{Identity, LocalCa, Validity};
pub use error::Error;
pub use limits::Limits;
pub use metrics::Metrics;
pub use project::{Projector, ReprojectScope, Reprojected, Reprojector};
pub use read::{
    CallbackCopy, Counts, DeadLetter, Event, EventDetail, EventFilter, EventKind, FileFilter, FileState, Mark, Order,
    Reader, StoredCallback, Submission, SubmissionFilter, SubmissionHistory, Tail, UnknownWord, Verdict,
};
pub use receiver::{Builder, Database, Embedded, Receiver, Tls};
pub use retention::Retention;
pub use secret_file::{
    SecretFileError, SecretTextError, check_secret_file, read_secret, read_secret_file, secret_text,
};
pub use spool::{
    Drained, Holder, QuarantinedCallback, SnapshotState, SpoolFile, SpoolSettings, SpoolState, SpooledCallback,
    drain_spool, set_aside,
};
pub use sqlx::postgres::PgConnectOptions;
pub use store::schema::{Migration, all_migrations, migrate, migrations};
#[doc(hidden)]
pub use supervise::Supervisor;
pub use tokio_util::sync::CancellationToken;
