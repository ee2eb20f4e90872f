//! A vendor with three products: one is rejected, one in review, and one in the store. Times are relative to now.

use eqp_test_support::callbacks::CallbackDatabase;
use eqp_test_support::tool::{Home, Running};
use serde_json::json;
use sqlx::AssertSqlSafe;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// A submission of the story.
struct Submission {
    id: &'static str,
    /// SKU, version and title.
    product: [&'static str; 3],
    /// Hours ago, the flow that a callback names, and the statuses of overall, technical and marketing.
    reports: &'static [(i64, &'static str, [&'static str; 3])],
}

/// The rejected submission.
pub(crate) const REJECTED: &str = "s5w9k703ru";

const SUBMISSIONS: &[Submission] = &[
    Submission {
        id: REJECTED,
        product: ["acme/checkout", "1.5.0", "Checkout"],
        reports: &[
            (98, "technical", ["in_progress", "in_automation", "awaiting_marketing_review"]),
            (97, "technical", ["in_progress", "in_manual_qa", "awaiting_marketing_review"]),
            (74, "marketing", ["in_progress", "in_manual_qa", "in_marketing_review"]),
            (51, "marketing", ["in_progress", "in_manual_qa", "approved"]),
            (2, "technical", ["in_progress", "rejected", "approved"]),
        ],
    },
    Submission {
        id: "s7p3n205tq",
        product: ["acme/gift-registry", "1.2.0", "Gift Registry"],
        reports: &[
            (30, "technical", ["in_progress", "in_automation", "awaiting_marketing_review"]),
            (29, "technical", ["in_progress", "in_manual_qa", "awaiting_marketing_review"]),
            (9, "marketing", ["in_progress", "in_manual_qa", "approved"]),
        ],
    },
    Submission {
        id: "s2h8d416vk",
        product: ["acme/product-badges", "2.0.1", "Product Badges"],
        reports: &[
            (240, "technical", ["in_progress", "in_automation", "awaiting_marketing_review"]),
            (238, "technical", ["in_progress", "in_manual_qa", "awaiting_marketing_review"]),
            (150, "technical", ["in_progress", "approved", "in_marketing_review"]),
            (123, "marketing", ["approved", "approved", "approved"]),
            (122, "overall", ["released_to_store", "approved", "approved"]),
        ],
    },
];

/// A server whose pages show the story.
pub(crate) struct Story {
    home: Home,
    /// The base URL of the pages.
    pub(crate) pages: String,
    _serve: Running,
    database: CallbackDatabase,
}

impl Story {
    pub(crate) async fn start(program: &str) -> Self {
        let database = CallbackDatabase::new().await;
        store_reports(&database).await;
        let mut home = Home::new(program);
        home.set("EQP_DATABASE_URL", database.database.url());
        let config = "[exec.release-bot]\ncommand = [\"/bin/true\"]\n\n[exec.archive]\ncommand = [\"/bin/true\"]\n";
        let config = home.write("worker.toml", config);
        home.set("EQP_CONFIG", config.display().to_string());
        let serving =
            ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--spool-dir", "spool", "--json"];
        let mut serve = home.start(&serving);
        let begun = tokio::task::block_in_place(|| serve.json_line());
        let pages = begun["operator"].as_str().unwrap().to_owned();
        let story = Self { home, pages, _serve: serve, database };
        for name in ["archive", "release-bot"] {
            story.run(&["subscriptions", "add", name, "--exec", name]);
        }
        story.run(&["subscriptions", "pause", "archive", "--reason", "moves to another machine"]);
        story.run(&["token", "create", "ops", "--scope", "read,operate"]);
        deliver(&story.database).await;
        story
    }

    fn run(&self, arguments: &[&str]) -> String {
        let ended = self.home.run_aside(arguments);
        assert_eq!(ended.code, 0, "eqp {arguments:?}: {ended:?}");
        ended.stdout
    }

    /// Returns a link that signs a browser in.
    pub(crate) fn link(&self) -> String {
        self.run(&["token", "link", "ops", "--at", &self.pages, "--quiet"]).trim().to_owned()
    }
}

/// Stores what the Marketplace reported, and what is known about the products.
async fn store_reports(database: &CallbackDatabase) {
    let now = OffsetDateTime::now_utc();
    let mut reports: Vec<_> = SUBMISSIONS
        .iter()
        .flat_map(|submission| submission.reports.iter().map(move |report| (submission, report)))
        .collect();
    reports.sort_by_key(|(_, (hours, ..))| std::cmp::Reverse(*hours));
    for (submission, (hours, flow, states)) in reports {
        let at = now - Duration::hours(*hours) + Duration::minutes(7);
        database.callbacks_of(at, &[callback(submission, flow, *states, at)]).await;
        database.project().await;
    }
    database.callback(r#"{"callback_event": "listing_translated", "update_info": {"language": "fr_FR"}}"#).await;
    database.project().await;
    for Submission { id, product: [sku, version, name], .. } in SUBMISSIONS {
        sqlx::raw_sql(AssertSqlSafe(format!(
            "insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku, version, name)
             select id, 'submission', '{id}', '{sku}', '{version}', '{name}' from eqp.account
             on conflict (account_id, resource_kind, resource_id) do update
             set sku = excluded.sku, version = excluded.version, name = excluded.name"
        )))
        .execute(&database.pool)
        .await
        .unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(format!(
        "update eqp.resource_detail set details = '{{\"findings\": [
             \"Code sniffer: Model/Pay.php:118:9: Use of eval() is discouraged\",
             \"Code sniffer: Model/Pay.php:131: Direct use of $_POST\",
             \"Varnish: category page stays MISS\"]}}' where resource_id = '{REJECTED}';
         insert into eqp.credential (endpoint_id, username, password_hmac, state, active_since, first_used_at, last_used_at)
         select id, 'eqp-example', decode(repeat('00', 32), 'hex'), 'active', now() - interval '300 hours',
                now() - interval '240 hours', now() - interval '113 minutes' from eqp.endpoint;
         insert into eqp.registration_check
         select id, 'registered', true, now() - interval '9 days', now() - interval '3 minutes' from eqp.endpoint;
         insert into eqp.reconcile_run (account_id, kind, started_at, finished_at)
         select id, 'full', now() - interval '12 minutes', now() - interval '12 minutes' from eqp.account"
    )))
    .execute(&database.pool)
    .await
    .unwrap();
}

/// Stores a delivery that is dead, one that arrived, and the alerts.
async fn deliver(database: &CallbackDatabase) {
    sqlx::raw_sql(AssertSqlSafe(format!(
        "with rejected as (select max(seq) as seq from eqp.event where resource_id = '{REJECTED}'),
              bot as (select id from eqp.subscription where name = 'release-bot'),
              dead as (
                  insert into eqp.delivery (subscription_id, resource, source, event_seq, created_at, attempts, dead_at)
                  select bot.id, 7, 'event', seq, now() - interval '110 minutes', 10, now() - interval '20 minutes'
                  from rejected, bot
                  returning id, subscription_id, event_seq)
         insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, at, duration_ms, result, status, note)
         select id, subscription_id, 'event', event_seq, now() - interval '20 minutes', 212, 'event_failed', 1,
                'release-bot: 403 Forbidden' from dead
         union all
         select 0, bot.id, 'event', seq - 1, now() - interval '51 hours', 48, 'delivered', 0, null from rejected, bot"
    )))
    .execute(&database.pool)
    .await
    .unwrap();
    let mut engine = eqp_sync::AlertEngine::new(database.pool.clone(), eqp_sync::AlertSettings::default());
    engine.evaluate(OffsetDateTime::now_utc()).await.unwrap();
}

/// Returns the body of a callback in the newer format.
fn callback(
    submission: &Submission,
    flow: &str,
    [overall, technical, marketing]: [&str; 3],
    at: OffsetDateTime,
) -> String {
    let [sku, version, _] = submission.product;
    let item = format!("{}-{version}", sku.rsplit_once('/').unwrap().1);
    let status = match flow {
        "technical" => technical,
        "marketing" => marketing,
        _ => overall,
    };
    let modified_at = at.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]")).unwrap();
    json!({
        "callback_event": "eqp_status_update",
        "update_info": {
            "submission_id": submission.id,
            "item_id": item,
            "eqp_flow": flow,
            "current_status": status,
            "eqp_status": {"overall": overall, "technical": technical, "marketing": marketing},
            "modified_at": modified_at,
        },
    })
    .to_string()
}
