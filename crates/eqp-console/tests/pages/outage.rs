//! The database is down.

use std::time::Duration;

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
    let page = browser.post("/alerts/1/notes", &[("csrf", &csrf), ("note", "x")]).await;
    assert_eq!(page.status, 503);
    proxy.set(NetworkConditions::Fair);
    assert_eq!(browser.get("/alerts").await.status, 200);
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
