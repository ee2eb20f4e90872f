//! Weekly digests.

use eqp_deliver::{DigestData, DigestInterval, MessageBody, SubscriptionError};
use eqp_store::AlertSeverity;
use eqp_store::ResourceKind;
use eqp_store::internal::{Resource, ResourceDetail, resource_detail};

use crate::alerts::{Alert, now};
use crate::setup::{Received, Setup};

/// Subscribes to digests since long ago.
async fn subscribe(setup: &Setup, name: &str, skus: &[&str]) {
    setup
        .subscribe(name, |new| {
            new.filter.digest = Some(DigestInterval::Weekly);
            new.filter.skus = skus.iter().map(|&sku| sku.to_owned()).collect();
        })
        .await;
    setup.sql("update eqp.subscription set created_at = now() - interval '90 days'").await;
}

/// Moves what has happened into the week that has just ended.
async fn backdate(setup: &Setup) {
    setup
        .sql(
            "update eqp.event set received_at =
                 (date_trunc('week', now() at time zone 'UTC' - interval '8 hours') - interval '16 hours') at time zone 'UTC'",
        )
        .await;
}

async fn detail(setup: &Setup, id: &str, sku: &str) {
    let resource = Resource { account_id: setup.database.account.0, kind: ResourceKind::Submission, id: id.to_owned() };
    let (sku, version) = (Some(sku.to_owned()), Some("1.5.0".to_owned()));
    let detail = ResourceDetail { sku, version, ..ResourceDetail::default() };
    resource_detail::store(&setup.database.pool, &[(resource, detail)]).await.unwrap();
}

fn digest(received: &Received) -> &DigestData {
    match &received.message.body {
        MessageBody::Digest(content) => &content.data,
        other => panic!("{}", other.type_name()),
    }
}

#[tokio::test]
async fn each_subscription_receives_one_digest_of_a_week_also_from_several_processes() {
    let setup = Setup::new().await;
    subscribe(&setup, "all", &[]).await;
    subscribe(&setup, "one", &["acme/b"]).await;
    setup.subscribe("new", |new| new.filter.digest = Some(DigestInterval::Weekly)).await;
    for (id, sku) in [("s1", "acme/a"), ("s2", "acme/b")] {
        detail(&setup, id, sku).await;
        setup.submission(id).await;
    }
    backdate(&setup).await;
    setup.submission("s3").await;
    let alert = Alert::open(&setup, AlertSeverity::Ticket, r#"{"sku": "acme/a"}"#, now()).await;
    let processes = [setup.start(), setup.start()];
    let received = setup.handlers.wait_for(2).await;
    setup.until_empty().await;
    for process in processes {
        process.stop().await;
    }
    let of = |name: &str| received.iter().find(|one| one.handler == name).unwrap();
    let all = digest(of("all"));
    let skus: Vec<_> = all.products.iter().map(|product| product.sku.as_deref()).collect();
    assert_eq!(skus, [Some("acme/a"), Some("acme/b")], "s3 is new, and not in review");
    assert_eq!(all.products[0].submissions[0].changes.len(), 3);
    assert_eq!(all.products[0].submissions[0].statuses["overall"], "approved");
    assert_eq!(all.alerts.iter().map(|open| open.alert).collect::<Vec<_>>(), [alert.id]);
    let one = digest(of("one"));
    assert_eq!((one.products.len(), one.products[0].sku.as_deref(), one.alerts.len()), (1, Some("acme/b"), 0));
    assert_ne!(of("all").message.id, of("one").message.id);

    // A process that starts later creates none, unless a week has ended since.
    let process = setup.start();
    setup.files(&["f1"]).await;
    setup.until("select count(*) from eqp.fanout, eqp.projector where cursor_seq = last_event_seq", 1).await;
    process.stop().await;
    assert_eq!(setup.handlers.received().len(), 2);
    setup.sql("update eqp.fanout set digest_at = digest_at - interval '7 days'").await;
    let process = setup.start();
    let again = setup.handlers.wait_for(4).await;
    process.stop().await;
    let ids = |received: &[Received]| {
        let mut ids: Vec<_> = received.iter().map(|one| one.message.id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&again[2..]), ids(&again[..2]), "the digests of a week keep their IDs");
}

#[tokio::test]
async fn a_digest_without_content_and_one_that_a_later_one_replaces_are_not_sent() {
    let setup = Setup::new().await;
    subscribe(&setup, "team", &[]).await;
    setup.subscriptions().pause("team", "holidays").await.unwrap();
    let process = setup.start();
    setup.until("select count(*) from eqp.delivery where source = 'digest'", 1).await;
    process.stop().await;
    // A week passes.
    setup.sql("update eqp.delivery set event_seq = event_seq - 604800").await;
    setup.sql("update eqp.fanout set digest_at = digest_at - interval '7 days'").await;
    setup.submission("s1").await;
    let process = setup.start();
    setup.until("select count(*) from eqp.delivery where source = 'digest'", 2).await;
    setup.subscriptions().resume("team").await.unwrap();
    setup.until("select count(*) from eqp.attempt", 2).await;
    process.stop().await;
    assert_eq!(setup.handlers.received(), []);
    for note in [
        "select count(*) from eqp.attempt where result = 'skipped' and note = 'a later digest replaces it'",
        "select count(*) from eqp.attempt where result = 'skipped'
         and note = 'nothing has changed, nothing is in review, and no alert is open'",
    ] {
        assert_eq!(setup.number(note).await, 1, "{note}");
    }
}

#[tokio::test]
async fn a_digest_cannot_be_restricted_to_some_changes() {
    let setup = Setup::new().await;
    let handler = eqp_deliver::HandlerDefinition::Pull;
    let mut new = eqp_deliver::NewSubscription::new("team", handler);
    new.filter.digest = Some(DigestInterval::Weekly);
    new.filter.flows = vec!["overall".to_owned()];
    assert!(matches!(setup.subscriptions().add(&new, None).await, Err(SubscriptionError::Filter(_))));
}
