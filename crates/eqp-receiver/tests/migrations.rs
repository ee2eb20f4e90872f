//! Migrations: released ones never change, each works on tables with data, and every table has a retention rule.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fmt::Write as _;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use eqp_store::Store;
use eqp_test_support::TestDatabase;
use sqlx::{AssertSqlSafe, PgPool};

/// Each migration: its file, the SHA-256 of it, and rows for every table that it creates.
const MIGRATIONS: &[(&str, &str, &str)] = &[
    (
        "0001_initial.sql",
        "e020535d2c50f9e6a3f45617ef07714aa12f97e2ddd196a542861a72dc94d924",
        "insert into eqp.instance (id, master_key_fingerprint) values (gen_random_uuid(), decode(repeat('00', 32), 'hex'));
         insert into eqp.account (environment, mage_id) values ('production', 'MAG1'), ('sandbox', 'MAG2');
         insert into eqp.endpoint (account_id, name, path, public_url)
             select id, mage_id, '/' || mage_id, 'https://example.test/' || mage_id from eqp.account;
         insert into eqp.credential (endpoint_id, username, password_hmac, state, active_since)
             select id, 'key', decode(repeat('00', 32), 'hex'), 'active', now() from eqp.endpoint;
         insert into eqp.sealed_secret select id, '', '', '' from eqp.credential;
         insert into eqp.receiver values (gen_random_uuid(), now(), 1);
         insert into eqp.callback
             select gen_random_uuid(), id, 1, now(), '192.0.2.7', '', '{}', 'writer' from eqp.endpoint;
         insert into eqp.callback_pending (callback_ids) select array_agg(id) from eqp.callback;
         insert into eqp.track
             select n, 1, 'submission', 's' || n, 'technical', null, 'approved', now(), now(), n = 2, now(), id, n
             from (select row_number() over () as n, id from eqp.callback) as numbered;
         insert into eqp.event
             select n, n, 1, 'submission', 's' || n, 'technical', 'approved', now(), false, now(), 'callback', true,
                    (array['applied', 'late'])[n], n = 1, null, id
             from (select row_number() over () as n, id from eqp.callback) as numbered;
         insert into eqp.callback_disposition (callback_id, ordinal, disposition)
             select id, row_number() over (), 'undecodable' from eqp.callback;
         insert into eqp.handler_cursor (name, last_seq) values ('shop', 1);
         insert into eqp.handler_dead_letter (handler, seq, attempts, error) values ('shop', 1, 1, 'no')",
    ),
    (
        "0002_reconciliation.sql",
        "e4f8ee048de41f2f3b75f3a314ec3ceead00da6ead9bfa3adfe66dd3275dcda3",
        "insert into eqp.access_key (account_id, application_id, api_url, key_id, nonce, ciphertext, verified_at)
             select id, 'app', 'https://api/', '', '', '', now() from eqp.account;
         insert into eqp.reconcile_run (account_id, kind) select id, 'full' from eqp.account;
         insert into eqp.api_read
             select gen_random_uuid(), id, 'submission', 's1', now(), now(), false, '{}', 1 from eqp.account;
         insert into eqp.api_read_disposition select id, row_number() over (), 'event' from eqp.api_read;
         insert into eqp.resource_detail (account_id, resource_kind, resource_id) select id, 'file', 'f1' from eqp.account;
         insert into eqp.missing_callback (api_read_id, flow, account_id, found_at)
             select id, 'technical', account_id, now() from eqp.api_read",
    ),
    (
        "0003_operator.sql",
        "8d0a1704bc00117990f3a51ecd839298297c77a0d40d6080b149e67bf8083851",
        "insert into eqp.operator_token (name, scopes, hash) values ('ci', '{read}', decode(repeat('00', 32), 'hex'));
         insert into eqp.audit (principal, action) values ('token ci', 'token.create')",
    ),
    (
        "0004_alerts.sql",
        "543e42ee13c1e76fcbc9e8ea99dff8d57289e9db64b98270140547ef1a23e030",
        "insert into eqp.alert (kind, severity, account_id, key, opened_at, updated_at)
             select 'callbacks_missed', 'page', id, '', now(), now() from eqp.account;
         insert into eqp.alert_change (number, alert_id, change, at, severity, notify_after)
             select row_number() over (), id, 'opened', now(), 'page', now() from eqp.alert;
         insert into eqp.rejected_callback select id, now(), now(), 1 from eqp.endpoint;
         insert into eqp.registration_check select id, 'missing', false, now(), now() from eqp.endpoint",
    ),
    (
        "0005_deliveries.sql",
        "f116b18d39fcb6f4285f388cd98b410a68a6fd8dd28546f93a7de9aebf10c4e6",
        "insert into eqp.subscription (name, filter, handler) values ('shop', '{}', '{}');
         insert into eqp.subscription_state (subscription_id) select id from eqp.subscription;
         insert into eqp.delivery (subscription_id, resource, source, event_seq) select id, 7, 'event', 1 from eqp.subscription;
         insert into eqp.delivery_lane select subscription_id, resource, now(), id from eqp.delivery;
         insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, duration_ms, result)
             select id, subscription_id, source, event_seq, 1, 'event_failed' from eqp.delivery",
    ),
    (
        "0006_alert_deliveries.sql",
        "743ed3ef2aa390887e3326c778ada77be809c206874668d4efd54614a3eaed24",
        "update eqp.delivery set not_before = now()",
    ),
    (
        "0007_pull.sql",
        "09596277b5368656feaff1351e9dc8f3dd43b2b5dc147efc49f4b165a81cc974",
        "update eqp.subscription set temporary = true;
         update eqp.subscription_state set fetched_at = now()",
    ),
    (
        "0008_replay.sql",
        "cd9a68677f25a623161e4b96e735dd4df120a180895b62a911b884e8c353cc71",
        "insert into eqp.replay (selection, subscription_id, subscription, end_seq, planned, requested_by)
             select '{}', id, name, 1, 1, 'token ci' from eqp.subscription",
    ),
    (
        "0009_routes.sql",
        "632a26ebeb86891a1923ca7dce44b47c8646884b76ca20d23f0824e74b0666c3",
        "insert into eqp.subscription (name, filter, handler, fallback_for) select 'sms', '{}', '{}', id from eqp.subscription;
         insert into eqp.alert_fallback
             select change.number, fallback.id, change.alert_id, true
             from eqp.alert_change as change cross join eqp.subscription as fallback
             where fallback.fallback_for is not null",
    ),
    (
        "0010_chat.sql",
        "3a5be5e1406150526ddd2cbd1e67ca7ff1f0c232b4606c213ce676018fa7270f",
        "insert into eqp.chat_message (channel, subject, message_id) values ('C1', 's1', '1.2'), ('C1', 's2', '1.3');
         insert into eqp.signing_secret (subscription_id, key_id, nonce, ciphertext)
             select id, '', '', '' from eqp.subscription",
    ),
    (
        "0011_digest.sql",
        "b2d8cb6e107aac811fc379a9a34eb950afcda21928cc32812b4c65830c6c359a",
        "insert into eqp.delivery (subscription_id, resource, source, event_seq)
             select id, 8, 'digest', 1796025600 from eqp.subscription;
         update eqp.fanout set digest_at = now()",
    ),
    (
        "0012_pages.sql",
        "bc9d9e3cc3b83554f4fa7bb19d928b4b11a2bfc9b365267ceca1d16fde9ee00a",
        "insert into eqp.operator_session (token_id, hash, expires_at)
             select id, decode(repeat('00', 32), 'hex'), now() from eqp.operator_token;
         insert into eqp.sign_in_code (token_id, hash, expires_at)
             select id, decode(repeat('00', 32), 'hex'), now() from eqp.operator_token",
    ),
    (
        "0013_status.sql",
        "d149067670be746924771a03cb9f152e9884d3167b37cc41457f847d4a628e3f",
        "update eqp.resource_detail set is_patch = true, artifact_id = 'f1';
         insert into eqp.submission_link (account_id, submission_id, hash, created_by, expires_at)
             select id, 's1', decode(repeat('00', 32), 'hex'), 'token ci', now() from eqp.account",
    ),
    (
        "0014_canary.sql",
        "b8026317596ba329d5669ee9f4702a2793551f3035affdc7e60bd311feb11113",
        "insert into eqp.canary (endpoint_id, username, password_hmac, expires_at)
             select id, 'canary-' || id, decode(repeat('00', 32), 'hex'), now() from eqp.endpoint;
         update eqp.receiver set version = '0.1.0'",
    ),
    (
        "0015_listings.sql",
        "4696971669e7db7322ffc6614c7c2e07dd2d94d90a58810deb99050cf12225f0",
        "insert into eqp.listing_check select id, now(), '{}' from eqp.account",
    ),
];

/// How long the rows of each table that has a time are stored.
const RETENTION: &[(&str, &str)] = &[
    ("_sqlx_migrations", "always: one row per migration"),
    ("access_key", "until it is replaced or deleted with `eqp accounts remove`"),
    ("account", "always: one row per account"),
    ("alert", "180 days after it was resolved"),
    ("alert_change", "as long as its alert; reminders 180 days"),
    ("api_read", "the retention period of callbacks"),
    ("attempt", "7 days, and at most 200,000"),
    ("audit", "400 days"),
    ("callback", "the retention period of callbacks"),
    ("canary", "30 days, and until the next one is created"),
    ("chat_message", "400 days after the last message of the thread"),
    ("credential", "always: user names must not be used twice"),
    ("delivery", "until it is delivered; 180 days if it is dead"),
    ("delivery_lane", "until it is empty"),
    ("endpoint", "always: callbacks refer to it"),
    ("event", "always: the history"),
    ("fanout", "always: one row"),
    ("handler_cursor", "always: one row per handler"),
    ("handler_dead_letter", "180 days"),
    ("instance", "always: one row"),
    ("listing_check", "always: one row per account"),
    ("missing_callback", "180 days"),
    ("operator_session", "until the user signs out, or a day after it expired"),
    ("operator_token", "400 days after it expired or was revoked"),
    ("receiver", "as long as it runs"),
    ("reconcile_run", "90 days, and at most 20,000 per account"),
    ("registration_check", "always: one row per endpoint"),
    ("rejected_callback", "always: one row per endpoint"),
    ("replay", "90 days after it was requested, once it has ended"),
    ("resource_detail", "always: one row per submission or file, as in track"),
    ("sign_in_code", "until it is used, or the next one is created after it expired"),
    ("signing_secret", "until it is retired, or the subscription is removed"),
    ("submission_link", "400 days after it expired or was revoked"),
    ("subscription", "until it is removed; temporary ones 7 days after their last use"),
    ("subscription_state", "until the subscription is removed"),
    ("track", "always: the current status"),
];

fn file(name: &str) -> String {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../eqp-store/migrations"));
    std::fs::read_to_string(folder.join(name)).unwrap()
}

async fn run(pool: &PgPool, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

async fn counts(pool: &PgPool) -> Vec<(String, i64)> {
    let tables = "select tablename::text from pg_tables where schemaname = 'eqp' order by 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(pool).await.unwrap();
    let mut counts = Vec::new();
    for table in tables {
        let sql = AssertSqlSafe(format!("select count(*) from eqp.{table}"));
        counts.push((table, sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()));
    }
    counts
}

#[test]
fn committed_migrations_are_not_changed() {
    for (name, committed, _) in MIGRATIONS {
        let mut hash = String::new();
        for byte in digest(&SHA256, file(name).as_bytes()).as_ref() {
            write!(hash, "{byte:02x}").unwrap();
        }
        assert_eq!(hash, *committed, "{name} was changed; add a migration instead");
    }
    let known = eqp_store::internal::schema::all_migrations().len();
    assert_eq!(known, MIGRATIONS.len(), "every migration has its hash and rows here");
}

#[tokio::test]
async fn each_migration_works_on_tables_with_data() {
    let database = TestDatabase::create().await;
    let pool = &database.pool;
    for (name, _, rows) in MIGRATIONS {
        let before = counts(pool).await;
        run(pool, file(name)).await;
        let after = counts(pool).await;
        assert!(before.iter().all(|count| after.contains(count)), "{name}: {before:?} {after:?}");
        run(pool, (*rows).to_owned()).await;
        let empty: Vec<_> = counts(pool).await.into_iter().filter(|(_, rows)| *rows == 0).collect();
        assert_eq!(empty, [], "{name} needs rows for these tables, so that the next migration is tried on them");
    }
    let shown: Vec<(String, bool, bool)> =
        sqlx::query_as("select submission_id, ambiguous, unconfirmed from eqp.v_submission order by submission_id")
            .fetch_all(pool)
            .await
            .unwrap();
    assert_eq!(shown, [("s1".to_owned(), false, false), ("s2".to_owned(), true, false)]);
}

#[tokio::test]
async fn every_table_with_a_time_has_a_retention_rule() {
    let database = TestDatabase::create().await;
    Store::new(database.pool.clone()).migrate().await.unwrap();
    let timed: Vec<String> = sqlx::query_scalar(
        "select distinct columns.table_name::text
         from information_schema.columns
         join information_schema.tables using (table_schema, table_name)
         where table_schema = 'eqp' and data_type like 'timestamp%' and table_type = 'BASE TABLE'
         order by 1",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let with_rule: Vec<&str> = RETENTION.iter().map(|(table, _)| *table).collect();
    assert_eq!(timed, with_rule);
}
