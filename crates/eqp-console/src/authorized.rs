//! The proof that the caller of a request may call an operation, and the access to the database that this allows.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use eqp_deliver::{HandlerEnvironment, Pull};
use eqp_store::internal::{ANSWER, NewAuditEntry, SharedListener, audit, operator_session, operator_token, within};
use eqp_store::sqlx::{PgConnection, PgPool, Postgres, Transaction};
use eqp_store::{EventFilter, MasterKey, Reader, Store, Tail};
use eqp_sync::{ReviewClock, StuckLimits};
use http::request::Parts;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::open_requests::{OpenPermit, OpenRequests};
use crate::principal::{Principal, Scope};
use crate::problem::{Problem, ProblemCode};
use crate::process_facts::ProcessFacts;
use crate::setting::Setting;

/// The maximum number of streams, each of which polls the database several times per second.
const MAX_STREAMS: usize = 128;
/// The maximum number of consumers that wait for messages.
const MAX_CONSUMERS: usize = 64;

/// The state of the router. Only [`Authorized`] gives access to the database, so a handler cannot answer an unauthorised request
/// by mistake.
#[derive(Clone, Debug)]
pub(crate) struct ApiState {
    store: Store,
    /// Seals the secrets of handlers; or the reason why they cannot be sealed.
    key: Result<MasterKey, String>,
    pull: Pull,
    /// The configuration of this process for handlers.
    handlers: Option<HandlerEnvironment>,
    process: Arc<ProcessFacts>,
    reviews: ReviewClock,
    shutdown: CancellationToken,
    streams: OpenRequests,
    consumers: OpenRequests,
    /// The connection for notifications of all streams.
    notifications: SharedListener,
}

impl ApiState {
    pub(crate) fn new(
        store: Store,
        key: Result<MasterKey, String>,
        handlers: Option<HandlerEnvironment>,
        limits: StuckLimits,
        pull: Pull,
        process: ProcessFacts,
        shutdown: CancellationToken,
    ) -> Self {
        let streams = OpenRequests::new("open streams", MAX_STREAMS);
        let consumers = OpenRequests::new("waiting consumers", MAX_CONSUMERS);
        let process = Arc::new(process);
        Self {
            store,
            key,
            pull,
            handlers,
            process,
            reviews: ReviewClock::new(limits),
            shutdown,
            streams,
            consumers,
            notifications: SharedListener::default(),
        }
    }
}

/// A scope as a type, for the signature of a handler.
pub(crate) trait RequiredScope: Send + Sync {
    const SCOPE: Scope;
}

/// Declares a type for each scope.
macro_rules! required_scopes {
    ($($name:ident),*) => { $(
        #[doc = concat!("The scope [`Scope::", stringify!($name), "`].")]
        pub(crate) struct $name;

        impl RequiredScope for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )* };
}

required_scopes!(Read, Consume, Operate, Admin);

/// The proof that the caller of a request is known and has a scope, with the access to the database that this allows.
pub(crate) struct Authorized<S> {
    principal: Principal,
    state: ApiState,
    scope: PhantomData<S>,
}

impl<S> Authorized<S> {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.state.store.pool()
    }

    /// Returns the master key. `purpose` says what cannot be done without it.
    pub(crate) fn master_key(&self, purpose: &str) -> Result<&MasterKey, Problem> {
        let problem = |reason| Problem::new(ProblemCode::Conflict).detail(format!("{purpose}, because {reason}"));
        self.state.key.as_ref().map_err(problem)
    }

    pub(crate) fn handlers(&self) -> Option<&HandlerEnvironment> {
        self.state.handlers.as_ref()
    }

    pub(crate) fn configuration(&self) -> &[Setting] {
        &self.state.process.configuration
    }

    pub(crate) fn process(&self) -> &ProcessFacts {
        &self.state.process
    }

    pub(crate) fn reviews(&self) -> &ReviewClock {
        &self.state.reviews
    }

    pub(crate) fn reader(&self) -> Reader {
        self.state.store.reader()
    }

    /// Follows events, with the connection for notifications of all streams.
    pub(crate) async fn tail(&self, filter: EventFilter) -> Result<Tail, eqp_store::Error> {
        self.reader().tail_sharing(filter, &self.state.notifications).await
    }

    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.state.shutdown
    }

    /// Opens a stream of this caller, unless too many are open.
    pub(crate) fn open_stream(&self) -> Result<OpenPermit, Problem> {
        self.state.streams.open(&self.principal)
    }

    pub(crate) fn pull(&self) -> &Pull {
        &self.state.pull
    }

    /// Allows this caller to wait for messages, unless too many do.
    pub(crate) fn wait_for_messages(&self) -> Result<OpenPermit, Problem> {
        self.state.consumers.open(&self.principal)
    }

    /// Fails if the token of the caller was revoked or has expired since the request began.
    pub(crate) async fn check_again(&self) -> Result<(), Problem> {
        if is_valid(self.pool(), &self.principal).await? {
            return Ok(());
        }
        Err(Problem::new(ProblemCode::Unauthenticated))
    }

    /// Begins a change, which is recorded in the audit log when it is committed.
    pub(crate) async fn begin(&self) -> Result<Change, Problem> {
        let transaction = within(ANSWER, self.pool().begin()).await?;
        Ok(Change { transaction, principal: self.principal.to_string() })
    }

    /// Records a change that is made in several transactions, before the first of them. The caller has checked that there is something to
    /// change.
    pub(crate) async fn record(
        &self,
        action: &str,
        resource: Option<&str>,
        detail: &impl Serialize,
    ) -> Result<(), Problem> {
        self.begin().await?.commit(action, resource, detail).await
    }
}

/// Returns whether a caller is still valid: its token may have been revoked or have expired, or its session may have ended.
pub(crate) async fn is_valid(pool: &PgPool, principal: &Principal) -> Result<bool, eqp_store::Error> {
    Ok(match principal {
        Principal::Local => true,
        Principal::Token { id, .. } => within(ANSWER, operator_token::valid(pool, *id)).await?.is_some(),
        Principal::Session { id, .. } => within(ANSWER, operator_session::valid(pool, *id)).await?.is_some(),
    })
}

impl<S: RequiredScope> FromRequestParts<ApiState> for Authorized<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let principal =
            parts.extensions.get::<Principal>().ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))?;
        if !principal.has(S::SCOPE) {
            let scope = S::SCOPE;
            return Err(
                Problem::new(ProblemCode::Forbidden).detail(format!("the operation requires the scope {scope}"))
            );
        }
        Ok(Self { principal: principal.clone(), state: state.clone(), scope: PhantomData })
    }
}

/// A transaction that can only be committed together with its entry in the audit log.
pub(crate) struct Change {
    transaction: Transaction<'static, Postgres>,
    principal: String,
}

impl Change {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Commits the change. `detail` is a JSON object without secrets.
    pub(crate) async fn commit(
        mut self,
        action: &str,
        resource: Option<&str>,
        detail: &impl Serialize,
    ) -> Result<(), Problem> {
        let detail = serde_json::to_string(detail).expect("the detail of a change is serializable");
        let entry = NewAuditEntry { principal: &self.principal, action, resource, detail: &detail };
        within(ANSWER, audit::record(&mut self.transaction, entry)).await?;
        within(ANSWER, self.transaction.commit()).await?;
        Ok(())
    }
}
