//! Processes that end without recording what they have done.

use eqp_deliver::Observer;

use crate::setup::Setup;

#[tokio::test]
async fn after_a_crash_the_same_message_is_delivered_again() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.hang(true);
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.handlers.wait_for(1).await;
    process.crash().await;
    setup.handlers.hang(false);
    let process = setup.start();
    // The lease of the crashed process has not expired, so nothing is sent.
    assert_eq!(
        setup.number("select count(*) from eqp.delivery_lane where lease is not null and due_at > now()").await,
        1
    );
    setup.sql("update eqp.delivery_lane set due_at = now()").await;
    let received = setup.handlers.wait_for(2).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(received[0].message.id, received[1].message.id);
    assert_eq!(setup.number("select count(*) from eqp.attempt").await, 1);
}

#[tokio::test]
async fn a_shutdown_waits_for_attempts_and_records_them() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    let process = setup.start();
    let names: Vec<String> = (0..300).map(|n| format!("f{n}")).collect();
    setup.files(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    setup.handlers.wait_for(20).await;
    process.stop().await;
    let sent = i64::try_from(setup.handlers.received().len()).unwrap();
    assert_eq!(setup.number("select count(*) from eqp.attempt where result = 'delivered'").await, sent);
    let process = setup.start();
    // Everything that was not sent is due at once: no lease has to expire.
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.received().len(), 300);
}

#[tokio::test]
async fn a_panic_of_the_fan_out_or_the_worker_is_survived() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    let observer = Observer::default();
    let process = setup.start_observed(observer.clone());
    for (part, file) in [("fan_out", "a"), ("deliver", "b"), ("fan_out", "c"), ("deliver", "d")] {
        observer.supervisor().arm(part);
        setup.files(&[file]).await;
        setup.handlers.wait_until(file, |received| received.iter().any(|one| one.resource() == file)).await;
        setup.until_empty().await;
        assert!(!observer.supervisor().is_armed(part), "{part} has panicked");
    }
    process.stop().await;
}
