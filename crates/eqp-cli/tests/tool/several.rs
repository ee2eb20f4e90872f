//! Several receivers on one database.

use std::time::Duration;

use eqp_receiver::{EventFilter, Order};
use sqlx::{Executor, Postgres, Transaction};

use crate::market::{Market, scan};

/// Adds a registration for an endpoint of its own.
fn add(market: &Market, name: &str, base: &str) {
    let url = format!("{base}/callbacks/{name}");
    let added = market.home.run_aside(&["callbacks", "add", "--name", name, "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");
}

/// What is known of every event: its subject, in the order of `seq`.
async fn subjects(market: &Market) -> Vec<String> {
    let all = EventFilter { order: Order::OldestFirst, limit: 1000, ..EventFilter::default() };
    let events = market.reader().events(&all).await.unwrap();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "numbered without a gap");
    events.into_iter().filter_map(|event| event.subject).collect()
}

/// A projector comes as far as this in its transaction, and no further.
struct Obstacle(Transaction<'static, Postgres>);

impl Obstacle {
    async fn raise(market: &Market) -> Self {
        let mut transaction = market.database.pool.begin().await.unwrap();
        transaction.execute("lock table eqp.callback_outcome in exclusive mode").await.unwrap();
        Self(transaction)
    }

    /// Waits until a projector stands before it.
    async fn is_met(&self, market: &Market) {
        let is_stuck = "select exists (select from pg_stat_activity where datname = current_database()
                        and wait_event_type = 'Lock' and query like '%callback_outcome%')";
        let met = async {
            while !sqlx::query_scalar::<_, bool>(is_stuck).fetch_one(&market.database.pool).await.unwrap() {
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
    let market = Market::open().await;
    let ((first, first_url), (second, second_url)) = (market.serve(), market.serve());
    add(&market, "first", &first_url);
    add(&market, "second", &second_url);
    for number in 0..20 {
        assert_eq!(market.send("malware_scan_complete", scan(&format!("file-{number}"))).await, [200, 200]);
    }
    market.is_projected().await;
    let counts = market.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.copies), (40, 20, 20));
    assert_eq!(subjects(&market).await, (0..20).map(|number| format!("file-{number}")).collect::<Vec<_>>());
    for serve in [first, second] {
        serve.terminate();
        assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_that_projects_is_killed_another_takes_over_and_nothing_is_lost_or_doubled() {
    let market = Market::open().await;
    let (first, first_url) = market.serve();
    add(&market, "first", &first_url);
    let obstacle = Obstacle::raise(&market).await;
    assert_eq!(market.send("malware_scan_complete", scan("a")).await, [200]);
    obstacle.is_met(&market).await;

    let (_second, second_url) = market.serve();
    add(&market, "second", &second_url);
    assert_eq!(market.send("malware_scan_complete", scan("b")).await, [200, 200], "accepting waits for nobody");
    let ended = tokio::task::block_in_place(|| first.kill());
    assert_eq!(ended.code, -1, "ended by a signal: {ended:?}");
    assert_eq!(market.send("malware_scan_complete", scan("c")).await, [0, 200]);
    assert!(subjects(&market).await.is_empty(), "nothing shows before a commit");
    obstacle.clear().await;

    market.is_projected().await;
    assert_eq!(subjects(&market).await, ["a", "b", "c"]);
    let counts = market.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.copies), (4, 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_that_projects_is_frozen_another_takes_over_and_the_thawed_one_does_no_harm() {
    let market = Market::open().await;
    let (first, first_url) = market.serve();
    add(&market, "first", &first_url);
    let obstacle = Obstacle::raise(&market).await;
    assert_eq!(market.send("malware_scan_complete", scan("a")).await, [200]);
    obstacle.is_met(&market).await;
    let (second, second_url) = market.serve();
    add(&market, "second", &second_url);
    first.freeze();
    obstacle.clear().await;
    market.is_projected().await;
    assert_eq!(subjects(&market).await, ["a"]);

    first.thaw();
    assert_eq!(market.send("malware_scan_complete", scan("b")).await, [200, 200]);
    market.is_projected().await;
    assert_eq!(subjects(&market).await, ["a", "b"]);
    let counts = market.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.copies), (3, 2, 1));
    // Not only when Postgres ended the frozen one's transaction by itself.
    second.terminate();
    let ended = tokio::task::block_in_place(|| second.end());
    assert!(ended.stderr.contains("another takes over"), "{}", ended.stderr);
}
