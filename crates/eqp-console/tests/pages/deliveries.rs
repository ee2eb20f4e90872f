//! The pages of subscriptions and deliveries.

use eqp_console::Scope;

use crate::fixture::filled;
use crate::server::Server;

const OPERATOR: &[Scope] = &[Scope::Read, Scope::Operate];

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_resumed_paused_and_tested() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    let page = browser.get("/deliveries").await;
    assert_eq!(page.heading(), "1 subscription paused, 1 delivery dead, 1 waiting");
    assert!(page.text.contains("a test") && page.text.contains("event failed (500)"), "{}", page.text);
    let done = browser.fill("/deliveries", "/subscriptions/shop/resume", &[]).await;
    assert_eq!((done.status, done.done()), (303, "/subscriptions/shop?done=resumed"));
    let page = browser.get(done.location()).await;
    assert!(page.heading().starts_with("shop: ") && !page.heading().contains("paused"), "{}", page.heading());
    let done = browser.fill("/subscriptions/shop", "/subscriptions/shop/pause", &[("reason", "maintenance")]).await;
    assert_eq!(done.done(), "/subscriptions/shop?done=paused");
    let page = browser.get(done.location()).await;
    assert_eq!(page.heading(), "shop: paused");
    assert!(page.text.contains("maintenance"), "{}", page.text);
    let csrf = page.form("/sign-out")["csrf"].clone();
    let again = browser.post("/subscriptions/shop/pause", &[("csrf", &csrf), ("reason", "another")]).await;
    assert_eq!(again.done(), "/subscriptions/shop?done=paused_already");
    let page = browser.get(again.location()).await;
    assert!(
        page.text.contains("the subscription was paused already") && page.text.contains("maintenance"),
        "{}",
        page.text
    );
    let done = browser.fill("/subscriptions/shop", "/subscriptions/shop/test", &[]).await;
    assert!(done.done().starts_with("/deliveries/") && done.done().ends_with("?done=tested"), "{}", done.location());
    let page = browser.get(done.location()).await;
    assert!(page.heading().ends_with(": waiting") && page.text.contains("No attempt was made yet."), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_retried_and_discarded() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    let page = browser.get("/deliveries/1").await;
    assert_eq!(page.heading(), "Delivery 1: dead");
    assert!(page.text.contains("no way") && page.text.contains("12 ms"), "{}", page.text);
    let done = browser.fill("/deliveries/1", "/deliveries/1/retry", &[]).await;
    assert_eq!(done.done(), "/deliveries/1?done=retried");
    let page = browser.get("/deliveries/1").await;
    assert_eq!(page.heading(), "Delivery 1: waiting");
    let done = browser.fill("/deliveries/1", "/deliveries/1/discard", &[]).await;
    assert_eq!(done.done(), "/deliveries/1?done=discarded");
    let page = browser.get("/deliveries/1").await;
    assert_eq!(page.heading(), "Delivery 1: discarded");
    // A form that was open meanwhile changes nothing.
    let csrf = page.form("/sign-out")["csrf"].clone();
    let done = browser.post("/deliveries/1/discard", &[("csrf", &csrf)]).await;
    assert_eq!(done.done(), "/deliveries/1?done=nothing");
}
