//! The database is down.

use std::time::{Duration, Instant};

use eqp_console::Scope;
use eqp_test_support::callbacks::CallbackDatabase;
use eqp_test_support::{NetworkConditions, Proxy};
use sqlx::postgres::PgPoolOptions;

use crate::server::Server;

/// The time for which the pool waits for a connection. Tests need not wait as long as users do.
const ACQUIRE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_that_the_database_is_down_and_when_it_last_answered() {
    let database = CallbackDatabase::new().await;
    let proxy = Proxy::to(database.database.options.clone()).await;
    let pool = PgPoolOptions::new().acquire_timeout(ACQUIRE).connect_lazy_with(proxy.options());
    let server = Server::on(pool);
    let mut browser = server.signed_in("ops", &[Scope::Read, Scope::Operate]).await;
    let csrf = browser.get("/alerts").await.form("/sign-out")["csrf"].clone();
    proxy.set(NetworkConditions::Cut);
    for path in ["/alerts", "/events/1", "/health"] {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.heading().as_str()), (503, "The database cannot be reached"), "{path}");
        assert_eq!(page.headers["retry-after"], "5", "{path}");
        assert!(page.text.contains("This server last received a response from the database <time"), "{}", page.text);
    }
    let page = browser.post("/alerts/1/notes", &[("csrf", &csrf), ("note", "a long <note>")]).await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("<pre>a long &lt;note&gt;</pre>"), "what was typed is shown: {}", page.text);
    let kept = page.form("/alerts/1/notes");
    assert_eq!((kept["note"].as_str(), &kept["csrf"]), ("a long <note>", &csrf));
    proxy.set(NetworkConditions::Fair);
    assert_eq!(browser.get("/alerts").await.status, 200);
    // Sending it again carries it out: this database has no alert.
    let kept: Vec<_> = kept
        .iter()
        .filter(|(name, _)| *name != "secret")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let page = browser.post("/alerts/1/notes", &kept).await;
    assert!(page.status == 404 && page.text.contains("there is no alert 1"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_does_not_wait_for_a_database_that_is_down() {
    let database = CallbackDatabase::new().await;
    let proxy = Proxy::to(database.database.options.clone()).await;
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(30)).connect_lazy_with(proxy.options());
    let server = Server::on(pool);
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    proxy.set(NetworkConditions::Cut);
    let began = Instant::now();
    assert_eq!(browser.get("/alerts").await.status, 503);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_was_never_up_says_so() {
    let pool = PgPoolOptions::new().acquire_timeout(ACQUIRE).connect_lazy("postgres://127.0.0.1:1/none").unwrap();
    let server = Server::on(pool);
    let browser = server.browser();
    for path in ["/alerts", "/sign-in"] {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.heading().as_str()), (503, "The database cannot be reached"), "{path}");
        assert!(page.text.contains("has not received a response from the database since it started"), "{}", page.text);
    }
}
