//! The fan-out.

use eqp_store::ResourceKind;
use eqp_store::internal::{Resource, ResourceDetail, resource_detail};
use eqp_test_support::callbacks::{file, scan};

use crate::setup::Setup;

#[tokio::test]
async fn each_subscription_receives_what_its_filter_matches() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.subscribe("files", |new| new.filter.kinds = vec!["file".into()]).await;
    setup.subscribe("rejected", |new| new.filter.statuses = vec!["fail".into()]).await;
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.database.callback(scan("b", "failed")).await;
    setup.database.project().await;
    setup.submission("s").await;
    setup.handlers.wait_for(5 + 2 + 1).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.resources("files").len(), 2);
    assert_eq!(setup.handlers.resources("rejected"), ["b"]);
    assert_eq!(setup.handlers.resources("all").len(), 5);
    assert_eq!(setup.number("select count(*) from eqp.attempt where result = 'delivered'").await, 8);
}

#[tokio::test]
async fn events_before_a_subscription_are_not_delivered() {
    let setup = Setup::new().await;
    setup.files(&["old"]).await;
    // As the migration of an existing database does.
    setup.sql("update eqp.fanout set cursor_seq = (select last_event_seq from eqp.projector)").await;
    setup.subscribe("all", |_| {}).await;
    let process = setup.start();
    setup.files(&["new"]).await;
    setup.handlers.wait_for(1).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.resources("all"), ["new"]);
}

#[tokio::test]
async fn the_baseline_is_only_delivered_on_request() {
    let setup = Setup::new().await;
    setup.subscribe("default", |_| {}).await;
    setup.subscribe("baseline", |new| new.filter.origins = vec!["baseline".into(), "callback".into()]).await;
    let mut past = setup.database.read(ResourceKind::File, file("a", "pass"));
    past.baseline = true;
    setup.database.reads(&[past]).await;
    setup.files(&["b"]).await;
    let process = setup.start();
    setup.handlers.wait_for(3).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.resources("default"), ["b"]);
    let mut with = setup.handlers.resources("baseline");
    with.sort();
    assert_eq!(with, ["a", "b"]);
}

#[tokio::test]
async fn the_cursor_moves_only_together_with_the_deliveries() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.sql("alter table eqp.delivery add constraint broken check (event_seq < 0)").await;
    let process = setup.start();
    setup.files(&["a", "b"]).await;
    // An event that nothing matches would move the cursor, so a failed attempt is visible in the statistics only.
    setup
        .until(
            "select least(count(*), 1) from pg_stat_database where datname = current_database() and xact_rollback > 0",
            1,
        )
        .await;
    assert_eq!(setup.number("select cursor_seq from eqp.fanout").await, 0);
    setup.sql("alter table eqp.delivery drop constraint broken").await;
    setup.handlers.wait_for(2).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.number("select cursor_seq from eqp.fanout").await, 2);
}

#[tokio::test]
async fn a_paused_subscription_catches_up_exactly() {
    let setup = Setup::new().await;
    setup.subscribe("other", |_| {}).await;
    setup.subscribe("shop", |_| {}).await;
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.handlers.wait_for(2).await;
    assert!(setup.subscriptions().pause("shop", "a deployment").await.unwrap());
    assert!(!setup.subscriptions().pause("shop", "a deployment").await.unwrap());
    setup.files(&["b", "c"]).await;
    setup.handlers.wait_for(4).await;
    setup.until_empty().await;
    assert_eq!(setup.handlers.resources("shop"), ["a"]);
    assert!(setup.subscriptions().resume("shop").await.unwrap());
    setup.files(&["d"]).await;
    setup.handlers.wait_for(8).await;
    setup.until("select count(*) from eqp.subscription_state where cursor_seq is not null", 0).await;
    setup.files(&["e"]).await;
    setup.handlers.wait_for(10).await;
    setup.until_empty().await;
    process.stop().await;
    let mut received = setup.handlers.resources("shop");
    received.sort();
    assert_eq!(received, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_definition_of_a_newer_version_pauses_the_subscription_and_loses_no_event() {
    let setup = Setup::new().await;
    setup.subscribe("other", |_| {}).await;
    setup.subscribe("shop", |_| {}).await;
    setup.sql(r#"update eqp.subscription set filter = '{"moods": ["good"]}' where name = 'shop'"#).await;
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.handlers.wait_for(1).await;
    let shop = setup.subscriptions().find("shop").await.unwrap();
    assert!(shop.paused_reason.unwrap().contains("this version cannot read its definition"));
    setup.sql("update eqp.subscription set filter = '{}' where name = 'shop'").await;
    setup.subscriptions().resume("shop").await.unwrap();
    setup.handlers.wait_for(2).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.resources("shop"), ["a"]);
}

#[tokio::test]
async fn a_filter_for_skus_waits_for_the_details_and_then_does_not_match_visibly() {
    let setup = Setup::new().await;
    setup.subscribe("acme", |new| new.filter.skus = vec!["acme/*".into()]).await;
    let process = setup.start();
    setup.files(&["known", "other", "never"]).await;
    setup.until("select count(*) from eqp.delivery", 3).await;
    for (id, sku) in [("known", "acme/shop"), ("other", "elsewhere/shop")] {
        let resource = Resource { account_id: setup.database.account.0, kind: ResourceKind::File, id: id.to_owned() };
        let detail = ResourceDetail { sku: Some(sku.into()), ..ResourceDetail::default() };
        resource_detail::store(&setup.database.pool, &[(resource, detail)]).await.unwrap();
    }
    setup.handlers.wait_for(1).await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    setup.sql("update eqp.delivery set created_at = now() - interval '181 seconds'").await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.resources("acme"), ["known"]);
    let notes: Vec<String> = sqlx::query_scalar("select note from eqp.attempt where result = 'skipped' order by id")
        .fetch_all(&setup.database.pool)
        .await
        .unwrap();
    assert_eq!(
        notes,
        ["the SKU elsewhere/shop does not match the filter", "the SKU is not known, so the filter does not match"]
    );
}

#[tokio::test]
async fn several_processes_deliver_each_event_once_and_in_order() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    let processes = [setup.start(), setup.start(), setup.start()];
    for round in 0..20 {
        setup.submission(&format!("s{round}")).await;
        let names: Vec<String> = (0..5).map(|n| format!("f{round}-{n}")).collect();
        setup.files(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    setup.handlers.wait_for(20 * 8).await;
    setup.until_empty().await;
    for process in processes {
        process.stop().await;
    }
    let received = setup.handlers.received();
    assert_eq!(received.len(), 20 * 8);
    for round in 0..20 {
        let own = format!("s{round}");
        let seqs: Vec<i64> =
            received.iter().filter(|one| one.resource() == own).map(crate::setup::Received::seq).collect();
        assert!(seqs.len() == 3 && seqs.is_sorted(), "{seqs:?}");
    }
}
