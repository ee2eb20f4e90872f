//! The router of the operator service.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use eqp_deliver::{DescribeAlert, DescribeProduct, HandlerEnvironment, Pull};
use eqp_store::{MasterKey, Store};
use eqp_sync::StuckLimits;
use http::header::ALLOW;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::api;
use crate::authorized::ApiState;
use crate::problem::{Problem, ProblemCode};
use crate::process_facts::{ProcessFacts, ProductSettings, SpoolLevel, SpoolSource};
use crate::setting::Setting;

/// The reason why operations that need the master key fail, unless there is another one.
const NO_KEY: &str = "there is no master key here; start the receiver once first";
/// The maximum size of the body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The operator service of one database.
///
/// ```no_run
/// use eqp_console::{OperatorClient, OperatorService, Principal};
/// use eqp_store::{EventFilter, Store};
///
/// # async fn example(store: Store) -> Result<(), Box<dyn std::error::Error>> {
/// let service = OperatorService::new(store);
/// let client = OperatorClient::in_process(&service, Principal::Local);
/// println!("{:?}", client.events(&EventFilter::default()).await?.events);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OperatorService {
    store: Store,
    /// The master key, or the reason why there is none.
    key: Result<MasterKey, String>,
    pull: Pull,
    handlers: Option<HandlerEnvironment>,
    process: ProcessFacts,
    limits: StuckLimits,
    shutdown: CancellationToken,
}

impl OperatorService {
    /// Creates the service of a database.
    pub fn new(store: Store) -> Self {
        let pull = Pull::new(store.pool().clone());
        Self {
            store,
            key: Err(NO_KEY.to_owned()),
            handlers: None,
            limits: StuckLimits::default(),
            pull,
            process: ProcessFacts::default(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Seals the secrets of handlers under this key. Without one, subscriptions with secrets cannot be created.
    #[must_use]
    pub fn master_key(self, key: MasterKey) -> Self {
        Self { key: Ok(key), ..self }
    }

    /// Sets the reason why the master key of this machine cannot be used. It is part of errors of operations that need the key.
    #[must_use]
    pub fn unusable_master_key(self, reason: impl std::fmt::Display) -> Self {
        Self { key: Err(format!("the master key here cannot be used: {reason}")), ..self }
    }

    /// Sets how alerts are described in messages that consumers fetch, as for `DeliverService::describe_alerts`.
    #[must_use]
    pub fn describe_alerts(self, describe: DescribeAlert) -> Self {
        Self { pull: self.pull.describe_alerts(describe), ..self }
    }

    /// Sets where the source code of products is in messages that consumers fetch, as for `DeliverService::describe_products`.
    #[must_use]
    pub fn describe_products(self, describe: DescribeProduct) -> Self {
        Self { pull: self.pull.describe_products(describe), ..self }
    }

    /// Checks new subscriptions against the configuration of this process, which is usually that of the worker. Otherwise, only what
    /// every worker refuses is rejected.
    #[must_use]
    pub fn handlers(self, environment: HandlerEnvironment) -> Self {
        Self { handlers: Some(environment), ..self }
    }

    /// Shows these settings of the process. None of them may be a secret.
    #[must_use]
    pub fn configuration(self, settings: impl IntoIterator<Item = Setting>) -> Self {
        let process = ProcessFacts { configuration: settings.into_iter().collect(), ..self.process };
        Self { process, ..self }
    }

    /// Shows these products of the configuration, by SKU. Their settings are shown to everyone with the scope `read`.
    #[must_use]
    pub fn products(self, products: impl IntoIterator<Item = (String, ProductSettings)>) -> Self {
        let process = ProcessFacts { products: products.into_iter().collect(), ..self.process };
        Self { process, ..self }
    }

    /// Shows the content of the spool of the receiver in this process. `level` returns `None` if the receiver has no spool.
    #[must_use]
    pub fn spool(self, level: impl Fn() -> Option<SpoolLevel> + Send + Sync + 'static) -> Self {
        let process = ProcessFacts { spool: SpoolSource::new(level), ..self.process };
        Self { process, ..self }
    }

    /// Sets the limits after which a submission or file is shown as stuck. They should be those of the alerts.
    #[must_use]
    pub fn stuck_limits(self, limits: StuckLimits) -> Self {
        Self { limits, ..self }
    }

    /// Ends streams at this shutdown.
    #[must_use]
    pub fn shutdown(self, shutdown: CancellationToken) -> Self {
        Self { shutdown, ..self }
    }

    /// Returns the router for callers in the same process, who set the principal themselves.
    pub(crate) fn router(&self) -> Router {
        let (router, _) = OpenApiRouter::new().nest(api::BASE, api::routes()).split_for_parts();
        router
            .fallback(unknown_path)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(ApiState::new(
                self.store.clone(),
                self.key.clone(),
                self.handlers.clone(),
                self.limits,
                self.pull.clone(),
                self.process.clone(),
                self.shutdown.clone(),
            ))
    }

    /// Returns the database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

async fn unknown_path() -> Problem {
    Problem::new(ProblemCode::UnknownPath)
}

async fn method_not_allowed() -> Response {
    let mut response = Problem::new(ProblemCode::MethodNotAllowed).into_response();
    // The router names the methods of the path, unless the response already names some.
    response.headers_mut().remove(ALLOW);
    response
}
