//! A database in which callbacks are stored as the batch writer stores them.

use std::sync::Arc;
use std::time::Duration;

use crate::TestDatabase;
use eqp_receiver::{Projector, ReprojectScope, Reprojector};
use eqp_store::internal::{NewApiRead, api_read};
use eqp_store::{AccountId, Disposition, Event, EventFilter, Order, Reader, ResourceKind};
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::{ContextV7, Timestamp, Uuid};

/// The timeout of everything that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct CallbackDatabase {
    pub pool: PgPool,
    pub database: Arc<TestDatabase>,
    pub account: AccountId,
    endpoint_id: i64,
}

impl CallbackDatabase {
    /// Creates a database with the endpoint `main` of `MAG123456789` in production.
    pub async fn new() -> Self {
        let database = Arc::new(TestDatabase::create().await);
        let pool = database.pool.clone();
        eqp_store::Store::new(pool.clone()).migrate().await.expect("migrations run");
        let (account, endpoint_id) = endpoint(&pool, "production", "MAG123456789", "main").await;
        Self { pool, database, account, endpoint_id }
    }

    /// Copies the database as it is now.
    pub async fn copy(&self) -> Self {
        let database = Arc::new(self.database.copy().await);
        Self { pool: database.pool.clone(), database, account: self.account, endpoint_id: self.endpoint_id }
    }

    /// Adds an endpoint of another account.
    pub async fn beside(&self, environment: &str, mage_id: &str, name: &str) -> Self {
        let (account, endpoint_id) = endpoint(&self.pool, environment, mage_id, name).await;
        Self { pool: self.pool.clone(), database: Arc::clone(&self.database), account, endpoint_id }
    }

    /// Stores one callback in a commit of its own.
    pub async fn callback(&self, body: impl AsRef<[u8]>) -> Uuid {
        self.callbacks(&[body]).await[0]
    }

    /// Stores callbacks in one commit.
    pub async fn callbacks(&self, bodies: &[impl AsRef<[u8]>]) -> Vec<Uuid> {
        let ids = bodies.iter().map(|_| Uuid::now_v7()).collect();
        self.insert(ids, OffsetDateTime::now_utc(), bodies).await
    }

    /// Stores callbacks with another arrival time than now in one commit.
    pub async fn callbacks_of(&self, at: OffsetDateTime, bodies: &[impl AsRef<[u8]>]) -> Vec<Uuid> {
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
                 select id, $3, 1, $4, '192.0.2.7', 'content-type: application/json\r\n', body, 'writer'
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

    /// Prepares an API read that began now and has just been answered.
    pub fn read(&self, kind: ResourceKind, body: impl Into<Vec<u8>>) -> NewApiRead {
        let now = OffsetDateTime::now_utc();
        NewApiRead::decode(self.account, kind, body.into(), (now, now)).expect("the answer has a status")
    }

    /// Stores API reads as reconciliation does. Returns how many said something new.
    pub async fn reads(&self, reads: &[NewApiRead]) -> u64 {
        api_read::insert(&self.pool, reads).await.expect("API reads can be stored")
    }

    /// Reads a submission from the API. Returns whether that said something new.
    pub async fn read_package(&self, body: String) -> bool {
        self.reads(&[self.read(ResourceKind::Submission, body)]).await == 1
    }

    pub fn projector(&self) -> Projector {
        Projector::new(self.pool.clone(), Arc::new(Notify::new()))
    }

    /// Projects everything that is pending.
    pub async fn project(&self) -> usize {
        self.projector().drain().await.expect("projection works")
    }

    /// Projects everything again. Returns how many events were added and removed.
    pub async fn reproject(&self) -> (usize, usize) {
        let everything = ReprojectScope::Since(OffsetDateTime::UNIX_EPOCH);
        let done = Reprojector::new(self.pool.clone()).run(&everything).await.expect("reprojection works");
        (done.events_new, done.events_gone)
    }

    pub fn reader(&self) -> Reader {
        Reader::new(self.pool.clone())
    }

    /// Returns all events, oldest first.
    pub async fn events(&self) -> Vec<Event> {
        let all = EventFilter { order: Order::OldestFirst, limit: 10_000, ..EventFilter::default() };
        self.reader().events(&all).await.expect("events can be read")
    }
}

async fn endpoint(pool: &PgPool, environment: &str, mage_id: &str, name: &str) -> (AccountId, i64) {
    let (account, endpoint) = sqlx::query_as(
        "with account as (insert into eqp.account (environment, mage_id) values ($1, $2) returning id)
         insert into eqp.endpoint (account_id, name, path, public_url)
         select id, $3, '/callbacks/' || $3, 'https://example.test/callbacks/' || $3 from account
         returning account_id, id",
    )
    .bind(environment)
    .bind(mage_id)
    .bind(name)
    .fetch_one(pool)
    .await
    .expect("an endpoint can be made");
    (AccountId(account), endpoint)
}

/// Returns a callback about a submission in the older published format.
pub fn first_form(submission: &str, flow: &str, outcome: &str) -> String {
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
        "item_id": "item-{submission}", "eqp_flow": "{flow}", "current_status": "{outcome}"}}}}"#
    )
}

/// Returns a callback in the newer format, at a second of a fixed minute, with the statuses of overall, technical and
/// marketing.
pub fn later_form(submission: &str, named: &str, states: [&str; 3], second: u8) -> String {
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

/// Returns what the API answers about a submission, with the statuses of overall, technical and marketing, at a second of the
/// same minute as [`later_form`].
pub fn package(submission: &str, states: [&str; 3], second: u8) -> String {
    let [overall, technical, marketing] = states;
    format!(
        r#"{{"submission_id": "{submission}", "item_id": "item-{submission}", "sku": "acme/checkout", "version": "1.2.0",
        "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}},
        "modified_at": "2022-08-25 19:20:{second:02}"}}"#
    )
}

/// Returns what the API answers about a file.
pub fn file(file: &str, status: &str) -> String {
    format!(r#"{{"file_upload_id": "{file}", "filename": "a.zip", "malware_status": "{status}"}}"#)
}

pub fn scan(file: &str, outcome: &str) -> String {
    format!(
        r#"{{"callback_event": "malware_scan_complete", "update_info":
        {{"file_upload_id": "{file}", "tool_result": "{outcome}"}}}}"#
    )
}

/// Returns flow, status and disposition of each event.
pub fn summaries(events: &[Event]) -> Vec<(String, String, &'static str)> {
    events
        .iter()
        .map(|event| {
            let flow = event.flow.as_ref().map(ToString::to_string).unwrap_or_default();
            (flow, event.status.clone().unwrap_or_default(), event.disposition.map_or("-", Disposition::as_str))
        })
        .collect()
}
