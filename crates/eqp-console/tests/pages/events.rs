//! The pages of events.

use eqp_console::Scope;
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use reqwest::Method;

use crate::fixture::filled;
use crate::server::Server;

const OPERATOR: &[Scope] = &[Scope::Read, Scope::Operate];

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_filtered_and_read_in_pages() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/events").await;
    assert!(page.heading().starts_with("Last event ") && page.heading().ends_with(" ago"), "{}", page.heading());
    for words in [
        "<caption>Events, newest first</caption>",
        "scope=\"col\"",
        "data-copy=\"s1\"",
        "from the API (reconcile)",
        "<time datetime=",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let newest = database.events().await.last().unwrap().seq;
    assert!(page.text.contains(&format!("data-stream=\"/live?after_seq={newest}&amp;")), "{}", page.text);
    let page = browser.get("/events?kind=file&limit=1").await;
    assert_eq!(page.heading(), "1 event with this filter");
    assert!(page.text.contains("<option value=\"file\" selected>file</option>"), "{}", page.text);
    let (_, older) = page.text.split_once("before_seq=").unwrap();
    let older: i64 = older.split('"').next().unwrap().parse().unwrap();
    let page = browser.get(&format!("/events?kind=file&limit=1&before_seq={older}")).await;
    assert_eq!(page.heading(), "1 event with this filter");
    assert!(page.text.contains("Newest events") && !page.text.contains("data-stream"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_shown_decoded_beside_its_bytes_with_headers_source_and_duplicates() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let events = database.events().await;
    let rejected = events.iter().find(|event| event.status.as_deref() == Some("rejected")).unwrap();
    let page = browser.get(&format!("/events/{}", rejected.seq)).await;
    assert_eq!(page.heading(), format!("Event {}: technical: rejected", rejected.seq));
    assert!(page.text.contains("<title>technical: rejected · s1 · eqp</title>"), "{}", page.text);
    for words in [
        "192.0.2.7",
        "2022-08-25 19:20:01",
        "item-s1",
        "&quot;eqp_flow&quot;: &quot;technical&quot;",
        "Later callbacks that report the same change",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let first = browser.get("/events/1").await;
    assert!(first.text.contains("<a class=\"target\" href=\"/deliveries/1\">Delivery 1</a>"), "{}", first.text);
    let read = events.iter().find(|event| event.api_read_id.is_some()).unwrap();
    let page = browser.get(&format!("/events/{}", read.seq)).await;
    assert!(page.text.contains("No callback reported this change; it was read from the API."), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_replayed_after_its_plan_was_confirmed() {
    let database = filled("").await;
    sqlx::raw_sql("update eqp.subscription set filter = '{}'").execute(&database.pool).await.unwrap();
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    let page = browser.fill("/events/1", "/events/1/replay", &[("to", "shop")]).await;
    assert_eq!((page.status, page.heading().as_str()), (200, "Deliver event 1 again?"));
    assert!(page.text.contains("This creates 1 delivery") && page.text.contains("which is paused"), "{}", page.text);
    let replays: i64 = sqlx::query_scalar("select count(*) from eqp.replay").fetch_one(&database.pool).await.unwrap();
    assert_eq!(replays, 1, "a plan changes nothing");
    let confirmed = page.form("/events/1/replay");
    // A plan that is out of date is refused.
    let mut outdated = confirmed.clone();
    outdated.insert("expected_deliveries".into(), "7".into());
    let values: Vec<_> = outdated.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.post("/events/1/replay", &values).await.status, 409);
    let values: Vec<_> = confirmed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let done = browser.post("/events/1/replay", &values).await;
    assert_eq!((done.status, done.done()), (303, "/replays/2?done=replayed"), "{}", done.text);
    let page = browser.get(done.location()).await;
    assert_eq!(page.heading(), "Replay 2: running");
    let done = browser.fill("/replays/2", "/replays/2/cancel", &[]).await;
    assert_eq!(done.done(), "/replays/2?done=replay_cancelled");
    assert_eq!(browser.get("/replays/2").await.heading(), "Replay 2: cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_events_arrive_on_the_stream_of_a_page_which_continues_after_the_last_one() {
    let database = CallbackDatabase::new().await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    assert_eq!(browser.get("/events").await.heading(), "No events yet");
    let mut stream = browser.request(Method::GET, "/live?after_seq=0&kind=file").send().await.unwrap();
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(stream.headers()[name], value);
    }
    database.callback(scan("f1", "pass")).await;
    database.project().await;
    let mut text = String::new();
    let arrived = tokio::time::timeout(PATIENCE, async {
        while !text.contains("\"resource_id\":\"f1\"") {
            text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
        }
    });
    arrived.await.unwrap();
    let again = browser.request(Method::GET, "/live?after_seq=0").header("last-event-id", "1").send().await.unwrap();
    let mut again = again;
    let first = again.chunk().await.unwrap().unwrap();
    assert_eq!(&first[..], b"id: 1\n\n");
    assert_eq!(browser.get("/live?kind=other").await.status, 400);
}
