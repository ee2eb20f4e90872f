//! Tests several receivers with one database.

use std::time::Duration;

use eqp_store::{EventFilter, Order};
use sqlx::{Executor, Postgres, Transaction};

use eqp_test_support::vendor::{TestVendor, scan};

/// Registers a separate endpoint.
fn add(vendor: &TestVendor, name: &str, base: &str) {
    let url = format!("{base}/callbacks/{name}");
    let added = vendor.home.run_aside(&["callbacks", "add", "--name", name, "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");
}

/// Returns the resource ID of every event, in the order of `seq`.
async fn subjects(vendor: &TestVendor) -> Vec<String> {
    let all = EventFilter { order: Order::OldestFirst, limit: 1000, ..EventFilter::default() };
    let events = vendor.reader().events(&all).await.unwrap();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "numbered without a gap");
    events.into_iter().filter_map(|event| event.resource_id).collect()
}

/// Stops a projector at this point of its transaction.
struct Obstacle(Transaction<'static, Postgres>);

impl Obstacle {
    async fn raise(vendor: &TestVendor) -> Self {
        let mut transaction = vendor.database.pool.begin().await.unwrap();
        transaction.execute("lock table eqp.callback_disposition in exclusive mode").await.unwrap();
        Self(transaction)
    }

    /// Waits until a projector waits for it.
    async fn is_met(&self, vendor: &TestVendor) {
        let is_stuck = "select exists (select from pg_stat_activity where datname = current_database()
                        and wait_event_type = 'Lock' and query like '%callback_disposition%')";
        let met = async {
            while !sqlx::query_scalar::<_, bool>(is_stuck).fetch_one(&vendor.database.pool).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), met).await.expect("one projects");
    }

    async fn clear(self) {
        self.0.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_receivers_take_is_projected_once() {
    let vendor = TestVendor::start(crate::EQP).await;
    let ((first, first_url), (second, second_url)) = (vendor.serve(), vendor.serve());
    add(&vendor, "first", &first_url);
    add(&vendor, "second", &second_url);
    for number in 0..20 {
        assert_eq!(vendor.send("malware_scan_complete", scan(&format!("file-{number}"))).await, [200, 200]);
    }
    vendor.is_projected().await;
    let counts = vendor.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.duplicates), (40, 20, 20));
    assert_eq!(subjects(&vendor).await, (0..20).map(|number| format!("file-{number}")).collect::<Vec<_>>());
    for serve in [first, second] {
        serve.terminate();
        assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_that_projects_is_killed_another_takes_over_and_nothing_is_lost_or_doubled() {
    let vendor = TestVendor::start(crate::EQP).await;
    let (first, first_url) = vendor.serve();
    add(&vendor, "first", &first_url);
    let obstacle = Obstacle::raise(&vendor).await;
    assert_eq!(vendor.send("malware_scan_complete", scan("a")).await, [200]);
    obstacle.is_met(&vendor).await;

    let (_second, second_url) = vendor.serve();
    add(&vendor, "second", &second_url);
    assert_eq!(vendor.send("malware_scan_complete", scan("b")).await, [200, 200], "accepting waits for nobody");
    let ended = tokio::task::block_in_place(|| first.kill());
    assert_eq!(ended.code, -1, "ended by a signal: {ended:?}");
    assert_eq!(vendor.send("malware_scan_complete", scan("c")).await, [0, 200]);
    assert!(subjects(&vendor).await.is_empty(), "nothing shows before a commit");
    obstacle.clear().await;

    vendor.is_projected().await;
    assert_eq!(subjects(&vendor).await, ["a", "b", "c"]);
    let counts = vendor.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.duplicates), (4, 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_that_projects_is_frozen_another_takes_over_and_the_thawed_one_does_no_harm() {
    let vendor = TestVendor::start(crate::EQP).await;
    let (first, first_url) = vendor.serve();
    add(&vendor, "first", &first_url);
    let obstacle = Obstacle::raise(&vendor).await;
    assert_eq!(vendor.send("malware_scan_complete", scan("a")).await, [200]);
    obstacle.is_met(&vendor).await;
    let (second, second_url) = vendor.serve();
    add(&vendor, "second", &second_url);
    first.freeze();
    obstacle.clear().await;
    vendor.is_projected().await;
    assert_eq!(subjects(&vendor).await, ["a"]);

    first.thaw();
    assert_eq!(vendor.send("malware_scan_complete", scan("b")).await, [200, 200]);
    vendor.is_projected().await;
    assert_eq!(subjects(&vendor).await, ["a", "b"]);
    let counts = vendor.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.duplicates), (3, 2, 1));
    // The leader was replaced before Postgres ended the frozen transaction by its timeout.
    second.terminate();
    let ended = tokio::task::block_in_place(|| second.end());
    assert!(ended.stderr.contains("replaced a stalled projector"), "{}", ended.stderr);
}
