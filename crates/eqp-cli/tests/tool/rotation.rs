//! Tests that credentials are replaced while callbacks arrive, without rejecting a valid one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eqp_simulator::{SendResult, SentKind};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use eqp_test_support::vendor::{TestVendor, scan};

/// Minutes of simulated time are half a second.
const SPEED: f64 = 600.0;
const LATE: Duration = Duration::from_mins(5);
/// Two registrations get each callback: 200 callbacks a second.
const PACE: Duration = Duration::from_millis(10);
const ENDPOINTS: [&str; 2] = ["first", "second"];
const EVENT: &str = "malware_scan_complete";

/// A continuous stream of callbacks, each sent to every registration.
struct Load {
    vendor: Arc<TestVendor>,
    stop: CancellationToken,
    /// The number of callbacks passed to the simulator. None is passed while this is locked.
    handed_over: Mutex<u64>,
}

impl Load {
    /// Sends until it is stopped; every tenth callback is minutes late.
    async fn send(&self) {
        let mut beat = interval(PACE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.stop.run_until_cancelled(beat.tick()).await.is_some() {
            let mut number = self.handed_over.lock().await;
            *number += 1;
            let body = scan(&format!("file-{number}"));
            if number.is_multiple_of(10) {
                self.vendor.simulator.send_late_callback(EVENT, body, LATE);
            } else {
                self.vendor.simulator.send_callback(EVENT, body);
            }
        }
    }

    /// Pauses until every callback so far was sent, including the late ones.
    async fn is_quiet(&self) {
        let number = self.handed_over.lock().await;
        let all = *number * ENDPOINTS.len() as u64;
        until("all are sent", async || self.vendor.simulator.sent_count() >= all).await;
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), looking).await.unwrap_or_else(|_| panic!("in vain waited until {what}"));
}

/// Rotates with a grace period that is long enough for any machine; the test ends it.
fn rotate(vendor: &TestVendor, name: &str) -> eqp_test_support::tool::Ended {
    vendor.home.run_aside(&["callbacks", "rotate", "--name", name, "--grace", "1h", "--json"])
}

/// Ends the grace period of replaced credentials as if it had expired: no callback with them is in flight, and the
/// receivers have recorded the later use of the new ones.
async fn end_grace(load: &Load) {
    load.is_quiet().await;
    let pool = &load.vendor.database.pool;
    let behind = "select count(*) from eqp.credential old
                  join eqp.credential new on new.endpoint_id = old.endpoint_id and new.state = 'active'
                  where old.state = 'retiring' and new.last_used_at > old.last_used_at is not true";
    until("the new ones were used last", async || {
        sqlx::query_scalar::<_, i64>(behind).fetch_one(pool).await.unwrap() == 0
    })
    .await;
    sqlx::query("update eqp.credential set retire_at = now() where state = 'retiring'").execute(pool).await.unwrap();
    let retiring = "select count(*) from eqp.credential where state = 'retiring'";
    until("the receivers refuse the old ones", async || {
        sqlx::query_scalar::<_, i64>(retiring).fetch_one(pool).await.unwrap() == 0
    })
    .await;
}

/// Waits until this number of further callbacks were sent.
async fn are_sent(vendor: &TestVendor, more: u64) {
    let goal = vendor.simulator.sent_count() + more;
    until("they are sent", async || vendor.simulator.sent_count() >= goal).await;
}

async fn rotate_three_times(load: &Load) {
    let vendor = &load.vendor;
    for round in 1..=3 {
        for name in ENDPOINTS {
            if round == 2 && name == "first" {
                vendor.simulator.add_fault("answer-lost call=users.put times=1".parse().unwrap());
                vendor.simulator.add_fault("status=503 call=users.get nth=3,4,5,6".parse().unwrap());
                let unheard = rotate(vendor, name);
                assert!(unheard.code != 0 && unheard.stderr.contains("run the same command again"), "{unheard:?}");
                vendor.simulator.clear_faults();
            }
            let ended = rotate(vendor, name);
            assert_eq!(ended.code, 0, "{ended:?}");
            let reported: Value = serde_json::from_str(&ended.stdout).unwrap();
            assert_eq!(reported["already_registered"], json!(round == 2 && name == "first"), "{reported}");
        }
        end_grace(load).await;
    }
}

/// Returns the credentials of every endpoint in order: user name, first use, last use.
async fn uses(vendor: &TestVendor) -> BTreeMap<i64, Vec<(String, OffsetDateTime, OffsetDateTime)>> {
    type Row = (i64, String, OffsetDateTime, OffsetDateTime);
    let rows: Vec<Row> = sqlx::query_as(
        "select credential.endpoint_id, username, min(received_at), max(received_at) from eqp.callback
         join eqp.credential on credential.id = credential_id and credential.endpoint_id = callback.endpoint_id
         group by credential.id order by credential.id",
    )
    .fetch_all(&vendor.database.pool)
    .await
    .unwrap();
    let mut uses = BTreeMap::<_, Vec<_>>::new();
    for (endpoint, username, first, last) in rows {
        uses.entry(endpoint).or_default().push((username, first, last));
    }
    uses
}

#[tokio::test(flavor = "multi_thread")]
async fn no_good_callback_is_refused_while_credentials_are_replaced_under_load() {
    let vendor = Arc::new(TestVendor::at_speed(crate::EQP, SPEED).await);
    let serving = [vendor.serve(), vendor.serve()];
    for (name, (_, base)) in ENDPOINTS.iter().zip(&serving) {
        let url = format!("{base}/callbacks/{name}");
        let added = vendor.home.run_aside(&["callbacks", "add", "--name", name, "--url", &url]);
        assert_eq!(added.code, 0, "{added:?}");
    }
    let load =
        Arc::new(Load { vendor: Arc::clone(&vendor), stop: CancellationToken::new(), handed_over: Mutex::new(0) });
    // A separate task, because this one waits for the tool.
    let sending = tokio::spawn({
        let load = Arc::clone(&load);
        async move { load.send().await }
    });
    are_sent(&vendor, 100).await;
    rotate_three_times(&load).await;
    are_sent(&vendor, 1_000).await;
    load.stop.cancel();
    sending.await.unwrap();
    load.is_quiet().await;

    let sent = vendor.simulator.sent();
    let refused: Vec<_> = sent.iter().filter(|sent| sent.result != SendResult::Answered(200)).collect();
    assert!(refused.is_empty(), "{} of {}, first {:?}", refused.len(), sent.len(), refused[0]);
    let late = sent.iter().filter(|sent| sent.kind == SentKind::Late).count();
    assert!(sent.len() > 1_000 && late > 100, "{} sent, {late} late", sent.len());
    let uses = uses(&vendor).await;
    assert_eq!(uses.len(), 2);
    for uses in uses.values() {
        assert_eq!(uses.len(), 4, "callbacks came with each of its credentials: {uses:?}");
        for pair in uses.windows(2) {
            let [(_, _, old_last), (_, new_first, _)] = pair else { unreachable!() };
            assert!(old_last > new_first, "some came with the old one after the new one: {uses:?}");
        }
    }
}
