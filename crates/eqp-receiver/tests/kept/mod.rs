//! A database in which callbacks are kept as the accepting side keeps them.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::sync::Arc;
use std::time::Duration;

use eqp_receiver::{Event, EventFilter, Order, Projector, Reader};
use eqp_test_support::TestDatabase;
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::{ContextV7, Timestamp, Uuid};

/// The longest that a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Kept {
    pub(crate) pool: PgPool,
    pub(crate) database: Arc<TestDatabase>,
    endpoint_id: i64,
}

impl Kept {
    /// With the endpoint `main` of `MAG123456789` in production.
    pub(crate) async fn new() -> Self {
        let database = Arc::new(TestDatabase::create().await);
        let pool = database.pool.clone();
        eqp_receiver::migrate(&pool).await.expect("migrations run");
        let endpoint_id = endpoint(&pool, "production", "MAG123456789", "main").await;
        Self { pool, database, endpoint_id }
    }

    /// An endpoint of another account in the same database.
    pub(crate) async fn beside(&self, environment: &str, mage_id: &str, name: &str) -> Self {
        let endpoint_id = endpoint(&self.pool, environment, mage_id, name).await;
        Self { pool: self.pool.clone(), database: Arc::clone(&self.database), endpoint_id }
    }

    /// Keeps one callback, as one commit of the lane does.
    pub(crate) async fn callback(&self, body: impl AsRef<[u8]>) -> Uuid {
        self.callbacks(&[body]).await[0]
    }

    /// Keeps callbacks that share one commit.
    pub(crate) async fn callbacks(&self, bodies: &[impl AsRef<[u8]>]) -> Vec<Uuid> {
        let ids = bodies.iter().map(|_| Uuid::now_v7()).collect();
        self.insert(ids, OffsetDateTime::now_utc(), bodies).await
    }

    /// Keeps callbacks that arrived at another time than now, and share one commit.
    pub(crate) async fn callbacks_of(&self, at: OffsetDateTime, bodies: &[impl AsRef<[u8]>]) -> Vec<Uuid> {
        let context = ContextV7::new();
        let (seconds, nanoseconds) = (u64::try_from(at.unix_timestamp()).expect("after 1970"), at.nanosecond());
        let id = |_| Uuid::new_v7(Timestamp::from_unix(&context, seconds, nanoseconds));
        self.insert(bodies.iter().map(id).collect(), at, bodies).await
    }

    async fn insert(&self, ids: Vec<Uuid>, at: OffsetDateTime, bodies: &[impl AsRef<[u8]>]) -> Vec<Uuid> {
        let bodies: Vec<&[u8]> = bodies.iter().map(AsRef::as_ref).collect();
        sqlx::query(
            "with kept as (
                 insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
                 select id, $3, 1, $4, '192.0.2.7', 'content-type: application/json\r\n', body, 'lane'
                 from unnest($1::uuid[], $2::bytea[]) as new (id, body))
             insert into eqp.callback_pending (callback_ids) values ($1)",
        )
        .bind(&ids)
        .bind(&bodies)
        .bind(self.endpoint_id)
        .bind(at)
        .execute(&self.pool)
        .await
        .expect("callbacks can be kept");
        ids
    }

    pub(crate) fn projector(&self) -> Projector {
        Projector::new(self.pool.clone(), Arc::new(Notify::new()))
    }

    /// Projects all that is pending.
    pub(crate) async fn project(&self) -> usize {
        self.projector().drain().await.expect("projection works")
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pool.clone())
    }

    /// All events, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let all = EventFilter { order: Order::OldestFirst, limit: 10_000, ..EventFilter::default() };
        self.reader().events(&all).await.expect("events can be read")
    }
}

async fn endpoint(pool: &PgPool, environment: &str, mage_id: &str, name: &str) -> i64 {
    sqlx::query_scalar(
        "with account as (insert into eqp.account (environment, mage_id) values ($1, $2) returning id)
         insert into eqp.endpoint (account_id, name, path, public_url)
         select id, $3, '/callbacks/' || $3, 'https://example.test/callbacks/' || $3 from account
         returning id",
    )
    .bind(environment)
    .bind(mage_id)
    .bind(name)
    .fetch_one(pool)
    .await
    .expect("an endpoint can be made")
}

/// The first form of a submission's callback.
pub(crate) fn first_form(submission: &str, flow: &str, outcome: &str) -> String {
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
        "item_id": "item-{submission}", "eqp_flow": "{flow}", "current_status": "{outcome}"}}}}"#
    )
}

/// The later form, at a second of one minute, with the states of overall, technical and marketing.
pub(crate) fn later_form(submission: &str, named: &str, states: [&str; 3], second: u8) -> String {
    let [overall, technical, marketing] = states;
    let outcome = match named {
        "technical" => technical,
        "marketing" => marketing,
        _ => overall,
    };
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
        "item_id": "item-{submission}", "eqp_flow": "{named}", "current_status": "{outcome}",
        "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}},
        "modified_at": "2022-08-25 19:20:{second:02}"}}}}"#
    )
}

pub(crate) fn scan(file: &str, outcome: &str) -> String {
    format!(
        r#"{{"callback_event": "malware_scan_complete", "update_info":
        {{"file_upload_id": "{file}", "tool_result": "{outcome}"}}}}"#
    )
}

/// Flow, outcome and mark: what most tests look at.
pub(crate) fn told(events: &[Event]) -> Vec<(String, String, &'static str)> {
    events
        .iter()
        .map(|event| {
            let flow = event.flow.as_ref().map(ToString::to_string).unwrap_or_default();
            (flow, event.outcome.clone().unwrap_or_default(), event.mark.as_str())
        })
        .collect()
}
