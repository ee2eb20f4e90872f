//! The page of a submission.

use eqp_console::{ReviewQuery, Scope, VersionState};
use eqp_test_support::callbacks::{CallbackDatabase, later_form, package};
use sqlx::AssertSqlSafe;

use crate::server::{Page, Server};

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

/// Creates a database with a submission `s1` that was rejected: with repeated callbacks, an API read, deliveries, an alert and a note, and
/// another one in review, `s2`. All of it happened years ago. `text` is in every stored text of other programs and people.
pub(crate) async fn reviewed(text: &str) -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    let json = serde_json::to_string(text).unwrap();
    let json = &json[1..json.len() - 1];
    let id = format!("s1{json}");
    let form = |technical, second| later_form(&id, "technical", ["in_progress", technical, "draft"], second);
    for (technical, second) in
        [("in_automation", 1), ("in_manual_qa", 5), ("rejected", 9), ("rejected", 9), ("rejected", 9)]
    {
        database.callback(form(technical, second)).await;
    }
    database.callback(later_form("s2", "technical", ["in_progress", "in_automation", "draft"], 1)).await;
    database.project().await;
    assert!(database.read_package(package(&id, ["in_progress", "rejected", "approved"], 30)).await);
    database.project().await;
    let (sql, in_json) = (text.replace('\'', "''"), json.replace('\'', "''"));
    sqlx::raw_sql(AssertSqlSafe(format!(
        "update eqp.event set received_at = '2022-08-26 08:00:00+00'::timestamptz + seq * interval '1 minute';
         update eqp.track set received_at = '2022-08-26 08:00:00+00';
         update eqp.missing_callback set decision = 'missed', decided_at = now();
         insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku, version, name, details)
         select account_id, 'submission', resource_id, 'acme/checkout{sql}', '1.5.0{sql}', 'Checkout{sql}',
                '{{\"findings\": [\"Code sniffer{in_json}: Model/Pay.php:118:9: Use of eval() is discouraged{in_json}\",
                               \"Code sniffer{in_json}: Model/Pay.php:131: Direct use of $_POST\",
                               \"Varnish: category page stays MISS\"]}}'
         from eqp.track where resource_id like 's1%' and flow = 'technical'
         on conflict (account_id, resource_kind, resource_id) do update
         set sku = excluded.sku, version = excluded.version, name = excluded.name, details = excluded.details;
         insert into eqp.subscription (name, filter, handler) values ('shop{sql}', '{{}}', '{{\"type\": \"exec\", \"program\": \"x\"}}');
         insert into eqp.subscription_state (subscription_id, cursor_seq, alert_cursor, state, paused_at, paused_reason)
         values (1, 99, 99, 'paused', now(), 'a test');
         insert into eqp.delivery (subscription_id, resource, source, event_seq, created_at, attempts, dead_at)
         values (1, 7, 'event', 3, '2022-08-27 08:00:00+00', 10, '2022-08-27 08:00:00+00');
         insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, at, duration_ms, result, status)
         values (1, 1, 'event', 3, '2022-08-27 08:00:00+00', 12, 'event_failed{sql}', 500),
                (7, 1, 'event', 1, '2022-08-27 07:00:00+00', 12, 'delivered', 200);
         insert into eqp.alert (kind, severity, account_id, key, data, opened_at, updated_at)
         select 'review_stuck', 'ticket', account_id, resource_id || '/technical', '{{}}', '2022-08-28 08:00:00+00', now()
         from eqp.track where resource_id like 's1%' and flow = 'technical';
         insert into eqp.alert_change (number, alert_id, change, at, changed_by, note, severity, notify_after)
         select last_number + 1, 1, 'opened', '2022-08-28 08:00:00+00'::timestamptz, null, null, 'ticket', now() from eqp.alert_log
         union all
         select last_number + 2, 1, 'noted', '2022-08-28 09:00:00+00', 'Kim{sql}', 'asked Adobe{sql}', 'ticket', now() from eqp.alert_log;
         update eqp.alert_log set last_number = last_number + 2"
    )))
    .execute(&database.pool)
    .await
    .unwrap();
    database
}

/// Returns the text of a page without tags, one line for each piece of text.
pub(crate) fn text_of(page: &Page) -> String {
    let (_, main) = page.text.split_once("<main").unwrap();
    let main = main.split_once('>').unwrap().1.split_once("</main>").unwrap().0;
    let blocks = ["</p>", "</li>", "</h1>", "</h2>", "</h3>", "</dd>", "</summary>", "</strong>", "</option>"];
    let main = blocks.iter().fold(main.to_owned(), |text, tag| text.replace(tag, &format!("{tag}\n")));
    let mut text = String::new();
    for part in main.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_shown_in_reading_order() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/submissions/s1").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("<title>Rejected · acme/checkout 1.5.0 · eqp</title>"), "{}", page.text);
    let mut shown = text_of(&page);
    // The bytes of the callback are in another test.
    let (start, end) = (shown.find("Raw report").unwrap(), shown.find("\nSteps").unwrap());
    shown.replace_range(start..end, "Raw report …");
    insta::assert_snapshot!("submission", shown);
    assert!(page.text.contains("data-copy=\"eqp release\""), "{}", page.text);
    let tag = "href=\"https://github.com/acme/checkout/tree/v1.5.0\" rel=\"noreferrer\"";
    assert!(page.text.contains(tag) && page.text.contains("actions?query=branch%3Av1.5.0\""), "{}", page.text);
    assert!(page.text.contains("&quot;current_status&quot;: &quot;rejected&quot;"), "{}", page.text);
    // The page and the API show the same.
    let found = server.local.submission_reviews("s1", &ReviewQuery::default()).await.unwrap().unwrap();
    let [review] = &found.reviews[..] else { panic!("{found:?}") };
    assert_eq!((review.state, review.sentence.clone()), (VersionState::Rejected, page.heading()));
    assert_eq!(server.local.submission_reviews("nothing", &ReviewQuery::default()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_is_filtered_by_kind() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    for (kind, shown, hidden) in [
        ("callback", "technical: rejected, same report again 2 times", "no callback arrived"),
        ("reconciliation", "read from the API: no callback arrived", "technical: rejected"),
        ("delivery", "event 3 to shop: dead, event failed (500)", "review stuck"),
        ("alert", "alert: review stuck, opened", "to shop"),
        ("note", "note: asked Adobe, by Kim", "review stuck"),
    ] {
        let page = browser.get(&format!("/submissions/s1?kind={kind}")).await;
        let text = text_of(&page);
        let timeline = text.split_once("Timeline, newest first").unwrap().1.split_once("\nNotes\n").unwrap().0;
        assert!(timeline.contains(shown) && !timeline.contains(hidden), "{kind}: {timeline}");
        assert!(page.text.contains(&format!("<option value=\"{kind}\" selected>")), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_in_review_says_to_wait_and_which_steps_follow() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    sqlx::raw_sql(
        "update eqp.event set received_at = now() - interval '3 hours', modified_at = null where resource_id = 's2';
         update eqp.track set received_at = now() - interval '3 hours', modified_at = null where resource_id = 's2'",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let page = browser.get("/submissions/s2").await;
    assert_eq!(page.heading(), "In review: automated tests for 3 hours.");
    let text = text_of(&page);
    for words in [
        "Wait. Automated tests is in progress; so far it has taken 3 hours.",
        "automated tests: ● in progress (in automation), entered 3 h ago",
        "manual QA: – not begun",
        "No version is in the store.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!page.text.contains("data-copy=\"eqp release\""), "there is no command");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_without_callbacks_says_when_it_was_read() {
    let database = CallbackDatabase::new().await;
    assert!(database.read_package(package("s3", ["released_to_store", "approved", "approved"], 30)).await);
    database.project().await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/submissions/s3").await;
    assert_eq!(page.heading(), "In the store since 25 Aug 2022.");
    let words = "No callback has arrived for this submission; what you see was read from the API at ";
    assert!(page.text.contains(words), "{}", page.text);
    assert!(page.text.contains("Nothing: this version is in the store."), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_with_the_same_id_are_offered_for_choice() {
    let database = reviewed("").await;
    let sandbox = database.beside("sandbox", "MAG2", "second").await;
    sandbox.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 1)).await;
    database.project().await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/submissions/s1").await;
    assert_eq!((page.status, page.heading().as_str()), (200, "2 accounts have this submission"));
    assert!(page.text.contains("environment=sandbox&amp;mage_id=MAG2"), "{}", page.text);
    let page = browser.get("/submissions/s1?environment=sandbox&mage_id=MAG2").await;
    assert!(page.heading().starts_with("In review"), "{}", page.heading());
    assert!(page.text.contains("name=\"mage_id\" value=\"MAG2\""), "the filter stays with the account");
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_everything_that_is_stored_about_a_submission_is_shown_as_text() {
    let database = reviewed(HOSTILE).await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let id: String = url::form_urlencoded::byte_serialize(format!("s1{HOSTILE}").as_bytes()).collect();
    let page = browser.get(&format!("/submissions/{}", id.replace('+', "%20"))).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let lower = page.text.to_lowercase();
    assert!(!lower.contains("<script>") && !lower.contains("<img"), "{}", page.text);
    assert!(!lower.contains("&amp;lt;"), "nothing is escaped twice");
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
    // The product with its version, item, title, finding, tool, delivery, note and person.
    assert!(page.text.matches(escaped).count() >= 10, "{}", page.text);
    for start in [
        "acme/checkout",
        "1.5.0",
        "item-s1",
        "Checkout",
        "is discouraged",
        "Code sniffer",
        "shop",
        "asked Adobe",
        "Kim",
    ] {
        assert!(page.text.contains(&format!("{start}{escaped}")), "{start}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_the_search_and_the_events_lead_to_the_page() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    for path in ["/", "/find?text=s1", "/events"] {
        let page = browser.get(path).await;
        assert!(page.text.contains("href=\"/submissions/s1\""), "{path}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_shows_the_time_in_review_of_each_product() {
    let database = reviewed("").await;
    sqlx::raw_sql(
        "update eqp.event set received_at = now() - interval '20 days' + interval '1 day' * seq, origin = 'callback'",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let times = server.local.review_times(None).await.unwrap();
    let [product] = &times.products[..] else { panic!("{times:?}") };
    assert_eq!((product.sku.as_str(), product.reviews), ("acme/checkout", 1));
    let page = browser.get("/").await;
    for words in ["Time in review per product over 12 months", "<meter class=\"bar\"", "data-column=\"Median\""] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let sandbox = server.local.review_times(Some(eqp_types::Environment::Sandbox)).await.unwrap();
    assert!(sandbox.products.is_empty());
}
