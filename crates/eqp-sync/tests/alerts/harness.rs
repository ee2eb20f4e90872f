//! An engine and operators with the privileges of their roles, on the database of a test.

use eqp_store::AlertSeverity;
use eqp_store::internal::StoredAlert;
use eqp_sync::{AlertEngine, AlertEvaluation, AlertKind, AlertSettings, AlertText, Alerts};
use eqp_test_support::TestDatabase;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use time::{Duration, OffsetDateTime};

pub(crate) struct Watch {
    pub(crate) engine: AlertEngine,
    pub(crate) operators: Alerts,
    /// When the test began.
    pub(crate) begun: OffsetDateTime,
}

/// A pool with the privileges of a role.
pub(crate) fn pool_of(database: &TestDatabase, role: &str) -> PgPool {
    PgPoolOptions::new().connect_lazy_with(database.options.clone().options([("role", role)]))
}

impl Watch {
    pub(crate) async fn of(database: &TestDatabase) -> Self {
        Self::with(database, AlertSettings::default()).await
    }

    pub(crate) async fn with(database: &TestDatabase, settings: AlertSettings) -> Self {
        let script = include_str!("../../../eqp-store/roles.sql");
        // Another test may change the same roles of the server at this moment.
        let mut tries = 0;
        while let Err(error) = sqlx::raw_sql(AssertSqlSafe(script)).execute(&database.pool).await {
            tries += 1;
            assert!(tries < 20, "{error}");
        }
        Self {
            engine: AlertEngine::new(pool_of(database, "eqp_reconcile"), settings),
            operators: Alerts::new(pool_of(database, "eqp_runtime")),
            begun: OffsetDateTime::now_utc(),
        }
    }

    /// Evaluates this long after the test began.
    pub(crate) async fn after(&mut self, elapsed: Duration) -> AlertEvaluation {
        self.engine.evaluate(self.begun + elapsed).await.unwrap()
    }

    pub(crate) async fn now(&mut self) -> AlertEvaluation {
        self.engine.evaluate(OffsetDateTime::now_utc()).await.unwrap()
    }

    /// Evaluates until alerts have changed as expected.
    pub(crate) async fn until(&mut self, elapsed: Duration, (opened, updated, resolved): (u64, u64, u64)) {
        let changing = async {
            let mut seen = (0, 0, 0);
            while seen.0 < opened || seen.1 < updated || seen.2 < resolved {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                let evaluation = self.after(elapsed).await;
                seen = (seen.0 + evaluation.opened, seen.1 + evaluation.updated, seen.2 + evaluation.resolved);
            }
        };
        let changed = tokio::time::timeout(std::time::Duration::from_secs(30), changing).await;
        assert!(changed.is_ok(), "opened {opened}, updated {updated}, resolved {resolved}: {:?}", self.open().await);
    }

    /// Evaluates until only resolved alerts are left.
    pub(crate) async fn until_nothing_is_open(&mut self, elapsed: Duration) {
        let resolving = async {
            while !self.open().await.is_empty() {
                self.after(elapsed).await;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let resolved = tokio::time::timeout(std::time::Duration::from_secs(30), resolving).await;
        assert!(resolved.is_ok(), "{:?}", self.open().await);
    }

    /// Returns the open alerts.
    pub(crate) async fn open(&self) -> Vec<StoredAlert> {
        self.operators.list(false, OffsetDateTime::now_utc()).await.unwrap().alerts
    }

    /// Returns the only open alert of a kind.
    pub(crate) async fn the(&self, kind: AlertKind) -> StoredAlert {
        let open = self.open().await;
        let mut of_kind: Vec<_> = open.iter().filter(|alert| alert.subject.kind == kind.as_str()).cloned().collect();
        assert_eq!(of_kind.len(), 1, "{kind}: {open:#?}");
        of_kind.remove(0)
    }

    /// Checks the severity of the only open alert of a kind, acknowledges it, and returns its text on the next day.
    pub(crate) async fn acknowledge(&self, kind: AlertKind, severity: AlertSeverity) -> AlertText {
        let alert = self.the(kind).await;
        assert_eq!(alert.severity, severity);
        self.operators.acknowledge(alert.id, "ops", Some("on it"), self.begun).await.unwrap();
        let alert = self.the(kind).await;
        assert_eq!((alert.acknowledged_by.as_deref(), alert.note.as_deref()), (Some("ops"), Some("on it")));
        AlertText::of(&alert.subject.kind, &alert.data, self.begun + Duration::DAY)
    }

    /// Checks that nothing is open, and that the alert was resolved because its condition ended.
    pub(crate) async fn is_resolved(&self, id: i64) {
        assert_eq!(self.open().await, []);
        let (alert, changes) = self.operators.show(id).await.unwrap();
        assert!(alert.resolved_at.is_some() && alert.resolved_by.is_none());
        let kinds: Vec<_> = changes.iter().map(|change| change.change.as_str()).collect();
        assert_eq!((kinds.first(), kinds.last()), (Some(&"opened"), Some(&"resolved")), "{kinds:?}");
        assert!(changes.is_sorted_by_key(|change| change.number));
    }
}
