//! Each part of a receiver panics once under load: no answered callback is lost, and the receiver continues.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use eqp_deliver::{Event, Handler, HandlerError, HandlerLoop, RunningHandler};
use eqp_receiver::{Metrics, SpoolSettings, Supervisor};
use eqp_test_support::{NetworkConditions, Proxy, TestDatabase};
use eqp_types::Secret;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;
use uuid::Uuid;

use eqp_test_support::receiver::{PATH, RIGHT, TestReceiver, endpoint, until};
use eqp_test_support::sender::{post, read_answer};

/// Far more than any test stores.
const LONG: std::time::Duration = std::time::Duration::from_hours(24);
/// Senders that send one callback after the other.
const SENDERS: usize = 4;

#[derive(Clone, Default)]
struct Counting(Arc<AtomicU64>);

#[async_trait]
impl Handler for Counting {
    async fn handle(&self, _event: &Event) -> Result<(), HandlerError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Continuous senders, the IDs that they received, and the number of requests without an ID.
struct Load {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<(BTreeSet<Uuid>, u64)>>,
}

impl Load {
    fn start(receiver: &TestReceiver) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let send = |number: usize| {
            let (sender, stop) = (receiver.sender.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut answered, mut unavailable) = (BTreeSet::new(), 0);
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let body = format!(
                        r#"{{"callback_event": "malware_scan_complete",
                             "update_info": {{"file_upload_id": "{number}.{round}", "tool_result": "passed"}}}}"#
                    );
                    // The accept loop may panic after it has accepted a connection.
                    let Ok(mut stream) = sender.connect_with_alpn(&[b"http/1.1"]).await else {
                        unavailable += 1;
                        continue;
                    };
                    stream.write_all(&post(PATH, RIGHT, body.as_bytes())).await.unwrap();
                    let answer = read_answer(&mut stream).await;
                    match answer.status {
                        200 => assert!(answered.insert(answer.id())),
                        503 => unavailable += 1,
                        _ => panic!("{answer:?}"),
                    }
                }
                (answered, unavailable)
            })
        };
        Self { senders: (0..SENDERS).map(send).collect(), stop }
    }

    /// Stops the senders, and returns all IDs that were answered 200 and the number of other results.
    async fn stop(self) -> (BTreeSet<Uuid>, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut answered, mut unavailable) = (BTreeSet::new(), 0);
        for sender in self.senders {
            let (mut theirs, refused) = sender.await.expect("a sender is always answered");
            answered.append(&mut theirs);
            unavailable += refused;
        }
        (answered, unavailable)
    }
}

/// A receiver with all of its parts, and a handler of its events.
struct Whole {
    receiver: TestReceiver,
    proxy: Proxy,
    supervisor: Supervisor,
    handled: Counting,
    journal: RunningHandler,
    /// Endpoints that were created to cause changes.
    changes: AtomicU64,
    _spool: tempfile::TempDir,
}

impl Whole {
    async fn new(armed: &[&str]) -> Self {
        let database = TestDatabase::create().await;
        let proxy = Proxy::to(database.options.clone()).await;
        let (spool, handled, metrics) = (tempfile::tempdir().unwrap(), Counting::default(), Metrics::default());
        let (supervisor, observer) = (metrics.supervisor().clone(), metrics.observer());
        for part in armed {
            supervisor.arm(part);
        }
        let receiver = TestReceiver::on(database, proxy.options(), |builder| {
            builder
                .operator_listen((Ipv4Addr::LOCALHOST, 0).into())
                .metrics(metrics)
                .spool(SpoolSettings::in_folder(spool.path()))
                .retention(LONG)
                .project()
        })
        .await;
        let pool = sqlx::PgPool::connect_lazy_with(proxy.options());
        let journal = HandlerLoop::new(pool, "journal", handled.clone()).observed_by(observer).spawn();
        Self { receiver, proxy, supervisor, handled, journal, changes: AtomicU64::new(0), _spool: spool }
    }

    /// Causes a change that some parts wait for.
    async fn change(&self) {
        let name = format!("change-{}", self.changes.fetch_add(1, Ordering::Relaxed));
        let new = endpoint(&self.receiver.endpoints, &name, None).await;
        self.receiver.endpoints.import_credential(new, "key", &Secret::new("of no use")).await.unwrap();
    }

    async fn panics(&self) -> BTreeMap<String, u64> {
        let text = reqwest::get(format!("http://{}/metrics", self.receiver.operator.unwrap())).await.unwrap();
        let text = text.text().await.unwrap();
        let series = text.lines().filter_map(|line| line.strip_prefix("eqp_part_panics_total{part=\""));
        let series = series.map(|series| series.split_once("\"} ").unwrap());
        series.map(|(part, count)| (part.to_owned(), count.parse().unwrap())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_any_part_loses_no_answered_callback_and_ends_nothing() {
    // These parts only work at the start, or once every few minutes.
    let at_start = ["retention", "operator_listener"];
    // They belong to the program, not to the receiver.
    let elsewhere = ["alerts", "postgres", "reconcile", "fan_out", "deliver"];
    let whole = Whole::new(&at_start).await;
    let load = Load::start(&whole.receiver);
    let under_load: Vec<_> = Supervisor::parts().iter().filter(|part| !elsewhere.contains(part)).collect();
    for part in &under_load {
        if !at_start.contains(part) {
            whole.supervisor.arm(part);
        }
        // Some parts only work while the database is down, or after a change.
        if ["spool_writer", "spool_drain"].contains(part) {
            whole.proxy.set(NetworkConditions::Cut);
        }
        until(&format!("{part} panics"), || async {
            if ["snapshot", "notification_listener"].contains(part) {
                whole.change().await;
            }
            !whole.supervisor.is_armed(part)
        })
        .await;
        whole.proxy.set(NetworkConditions::Fair);
        until(&format!("all is well after {part} panicked"), || async {
            whole.receiver.sender.get("/readyz").await.body.contains(r#""ready""#)
        })
        .await;
    }
    let (answered, unavailable) = load.stop().await;
    assert!(answered.len() > SENDERS * under_load.len(), "{} were answered", answered.len());
    // Only what was in progress when the accepting side panicked: two batches and a connection.
    assert!(unavailable <= 2 * SENDERS as u64 + 1, "{unavailable} were not answered 200");

    let stored = || async { whole.receiver.stored().await.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>() };
    until("everything that was answered is in the database", || async { stored().await.is_superset(&answered) }).await;
    until("the projector goes on", || async { whole.receiver.pending().await.is_empty() }).await;
    let events: i64 =
        sqlx::query_scalar("select count(*) from eqp.event").fetch_one(&whole.receiver.database.pool).await.unwrap();
    assert_eq!(events.unsigned_abs(), stored().await.len() as u64, "each became one event");
    until("the handler goes on", || async { whole.handled.0.load(Ordering::Relaxed) >= events.unsigned_abs() }).await;
    // The parts that follow changes work again.
    let change = whole.receiver.endpoints.generation().await.unwrap();
    let loaded = whole.receiver.endpoints.wait_until_loaded(change, std::time::Duration::from_secs(30)).await;
    assert_eq!(loaded.unwrap(), 1, "it is one receiver still");
    let panics = whole.panics().await;
    for part in under_load {
        assert_eq!(panics[*part], 1, "{part} of {panics:?}");
    }
    whole.journal.stop().await;
    whole.receiver.stop().await;
}
