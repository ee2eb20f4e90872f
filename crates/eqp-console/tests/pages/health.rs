//! The page of the state of the installation.

use eqp_console::Scope;
use eqp_test_support::callbacks::CallbackDatabase;

use crate::fixture::filled;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_each_part_is_shown_and_what_needs_attention_first() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/health").await;
    assert!(page.heading().ends_with("parts need attention"), "{}", page.heading());
    for words in [
        "2 callbacks in the spool, not in the database",
        "a certificate expires in 2 d",
        "endpoint main has drifted: missing",
        "the last reconciliation of MAG123456789 failed: no",
        "none from Adobe yet",
        "1 subscription paused",
        "https://example.test/",
        "Postgres",
        env!("CARGO_PKG_VERSION"),
        "receiver.roles",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let health = server.local.health().await.unwrap();
    assert_eq!((health.receivers.len(), health.endpoints.len(), health.database.migration), (1, 1, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_installation_says_what_is_missing() {
    let database = CallbackDatabase::new().await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/health").await;
    assert_eq!(page.heading(), "1 part needs attention");
    assert!(page.text.contains("no receiver is running"), "{}", page.text);
}
