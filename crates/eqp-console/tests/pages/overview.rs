//! The overview and the search.

use eqp_console::Scope;
use eqp_test_support::callbacks::CallbackDatabase;

use crate::fixture::filled;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_shows_what_needs_the_user_first() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/").await;
    assert!(page.heading().starts_with("1 needs you"), "{}", page.heading());
    let at = |words: &str| page.text.find(words).unwrap_or_else(|| panic!("{words}: {}", page.text));
    assert!(at("Needs you") < at("In review") && at("In review") < at("Connection to the Marketplace"));
    assert!(at("rejected by technical review") > at("Needs you"));
    assert!(page.text.contains("eqp packages report s1"), "{}", page.text);
    assert!(page.text.contains("Before the first callback"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_installation_has_no_products_yet() {
    let database = CallbackDatabase::new().await;
    let server = Server::on(database.pool.clone());
    let page = server.signed_in("ops", &[Scope::Read]).await.get("/").await;
    assert_eq!(page.heading(), "No products yet.");
    assert!(page.text.contains("the first callback will appear here."), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_ids_and_parts_of_skus() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    for (text, found) in [("s2", "/submissions/s2"), ("s1", "/submissions/s1"), ("f1", "/events?resource_id=f1")] {
        let page = browser.get(&format!("/find?text={text}")).await;
        assert!(page.heading().ends_with(&format!("for {text}")), "{}", page.heading());
        assert!(page.text.contains(found), "{text}: {}", page.text);
        assert!(!page.text.contains("in_progress"), "a status is shown in words: {}", page.text);
    }
    let nothing = browser.get("/find?text=nothing-like-this").await;
    assert!(nothing.heading().starts_with("0 results") && nothing.text.contains("Nothing was found"));
    assert_eq!(browser.get("/find?other=x").await.status, 400);
    assert_eq!(browser.get(&format!("/find?text={}", "x".repeat(300))).await.status, 400);
}
