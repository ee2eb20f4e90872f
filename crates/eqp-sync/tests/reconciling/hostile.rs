//! A Marketplace that fails, limits requests, or pages in an undocumented way.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::routing::get;
use eqp_store::internal::{RunKind, RunProgress, reconcile_run};
use eqp_sync::{PagingError, ReconcileError, ReconcileKind, ReconcileReport, ReconcileScope, Reconciler};
use eqp_test_support::api_server::{ApiServer, Count, with_tokens};
use eqp_test_support::callbacks::CallbackDatabase;
use eqp_types::MageId;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::setup::{Setup, builder};

/// A Marketplace that answers a list of packages in a way of its own.
struct OddMarketplace {
    server: ApiServer,
    database: CallbackDatabase,
    packages: Arc<Mutex<Vec<Value>>>,
}

/// The offset and the limit of a request.
#[derive(serde::Deserialize)]
struct Paging {
    #[serde(default)]
    offset: usize,
    limit: usize,
}

impl OddMarketplace {
    /// `respond` gets the packages and the paging of the request, and returns the page and the header `X-Total-Count`.
    async fn answering(
        packages: Vec<Value>,
        respond: impl Fn(&[Value], &Paging) -> (Vec<Value>, Option<usize>) + Clone + Send + Sync + 'static,
    ) -> Self {
        let packages = Arc::new(Mutex::new(packages));
        let listed = Arc::clone(&packages);
        let list = move |Query(paging): Query<Paging>| async move {
            let (page, total) = respond(&listed.lock().unwrap(), &paging);
            let mut headers = HeaderMap::new();
            if let Some(total) = total {
                headers.insert("x-total-count", total.to_string().parse().unwrap());
            }
            (headers, axum::Json(page))
        };
        let (routes, _) = with_tokens(Router::new().route("/rest/v1/products/packages", get(list)));
        Self { server: ApiServer::start(routes), database: CallbackDatabase::new().await, packages }
    }

    async fn run(&self, scope: &ReconcileScope) -> Result<ReconcileReport, ReconcileError> {
        let reconciler = Reconciler::new(self.server.client(), self.database.pool.clone());
        let report = reconciler.run(scope, &CancellationToken::new(), &mut |_| {}).await;
        self.database.project().await;
        report
    }
}

fn package(number: usize, minute: usize) -> Value {
    let time = format!("2026-11-30 {:02}:{:02}:00", minute / 60, minute % 60);
    json!({
        "submission_id": format!("s{number}"), "sku": "acme/a", "version": "1.0.0", "created_at": time, "modified_at": time,
        "eqp_status": {"overall": "draft", "technical": "draft", "marketing": "draft"},
    })
}

fn page_of(packages: &[Value], paging: &Paging) -> Vec<Value> {
    packages.iter().skip(paging.offset).take(paging.limit).cloned().collect()
}

#[tokio::test]
async fn an_answer_that_is_not_sorted_is_read_completely() {
    let packages = (0..250).map(|number| package(number, number)).collect();
    let odd = OddMarketplace::answering(packages, |packages, paging| (page_of(packages, paging), Some(packages.len())));
    let odd = odd.await;
    assert_eq!(odd.run(&ReconcileScope::Incremental).await.unwrap().stored, 250);
    // The oldest comes first, so a run that trusted the order would end at once.
    odd.packages.lock().unwrap()[249]["eqp_status"]["technical"] = json!("in_automation");
    let report = odd.run(&ReconcileScope::Incremental).await.unwrap();
    assert_eq!((report.kind, report.differences), (ReconcileKind::Full, 1));
    assert!(report.submissions >= 250);
}

#[tokio::test]
async fn a_server_without_a_total_is_read_to_its_end() {
    let packages = (0..230).rev().map(|number| package(number, number)).collect();
    let odd = OddMarketplace::answering(packages, |packages, paging| (page_of(packages, paging), None)).await;
    assert_eq!(odd.run(&ReconcileScope::Incremental).await.unwrap().stored, 230);
    assert_eq!(odd.run(&ReconcileScope::Incremental).await.unwrap().differences, 0);
}

#[tokio::test]
async fn a_server_that_ignores_pages_is_read_or_reported() {
    let everything = |packages: &[Value], _: &Paging| (packages.to_vec(), None);
    let odd = OddMarketplace::answering((0..230).map(|number| package(number, number)).collect(), everything).await;
    assert_eq!(odd.run(&ReconcileScope::Full).await.unwrap().stored, 230, "all packages on one page");

    let first_page = |packages: &[Value], paging: &Paging| (packages[..paging.limit].to_vec(), Some(packages.len()));
    let odd = OddMarketplace::answering((0..230).map(|number| package(number, number)).collect(), first_page).await;
    let error = odd.run(&ReconcileScope::Full).await.unwrap_err();
    assert!(matches!(error, ReconcileError::Paging(PagingError::Repeated)), "{error:?}");
}

#[tokio::test]
async fn packages_that_are_removed_between_two_pages_hide_no_others() {
    let requests = Count::default();
    let packages: Vec<_> = (0..300).map(|number| package(number, number)).collect();
    let respond = move |packages: &[Value], paging: &Paging| {
        // The first request asks for the newest change. After the first page, twenty of its packages are removed, which moves all others
        // forward.
        let rest = if requests.next() >= 2 { &packages[20..] } else { packages };
        (page_of(rest, paging), Some(rest.len()))
    };
    let odd = OddMarketplace::answering(packages, respond).await;
    odd.run(&ReconcileScope::Full).await.unwrap();
    let known: i64 = sqlx::query_scalar("select count(distinct resource_id) from eqp.track")
        .fetch_one(&odd.database.pool)
        .await
        .unwrap();
    assert_eq!(known, 300, "the first twenty were on the first page");
}

#[tokio::test]
async fn a_run_that_fails_is_repeated_from_where_it_was() {
    let setup = Setup::of(builder().packages(130)).await;
    setup.run(&ReconcileScope::Incremental).await;
    let submission = setup.submits("badges").await;
    for fault in ["html call=packages.list", "status=404 call=packages.list", "wrong-shape call=packages.list"] {
        setup.simulator().add_fault(fault.parse().unwrap());
        let error = setup.try_run(&ReconcileScope::Incremental).await.unwrap_err();
        assert!(matches!(error, ReconcileError::Marketplace(_)), "{fault}: {error:?}");
        let (kind, recorded) = setup.last_run().await.unwrap();
        assert_eq!(kind, "incremental");
        assert!(recorded.is_some_and(|recorded| recorded.contains("products/packages")), "{fault}");
        setup.simulator().clear_faults();
    }
    let (report, _) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!((report.kind, report.differences), (ReconcileKind::Incremental, 1));
    assert_eq!(setup.known().await.get(submission.as_str()), setup.current().get(submission.as_str()));
}

#[tokio::test]
async fn a_long_limit_of_requests_ends_a_run_at_once() {
    let setup = Setup::of(builder().packages(3)).await;
    setup.simulator().add_fault("too-many-requests=1h call=packages.list".parse().unwrap());
    let begun = std::time::Instant::now();
    let error = setup.try_run(&ReconcileScope::Full).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_mins(1));
    assert!(matches!(&error, ReconcileError::Marketplace(error) if error.status() == Some(429)), "{error:?}");
}

#[tokio::test]
async fn only_one_run_of_an_account_is_active() {
    let setup = Setup::of(builder().packages(3)).await;
    let account = sqlx::query_scalar("select id from eqp.account").fetch_one(&setup.database.pool).await.unwrap();
    let other = reconcile_run::begin(&setup.database.pool, eqp_store::AccountId(account), RunKind::Full).await.unwrap();
    let error = setup.try_run(&ReconcileScope::Full).await.unwrap_err();
    assert!(matches!(error, ReconcileError::AlreadyRunning), "{error:?}");
    reconcile_run::finish(&setup.database.pool, other.unwrap(), &RunProgress::default(), Some("interrupted"))
        .await
        .unwrap();
    assert_eq!(setup.run(&ReconcileScope::Full).await.0.stored, 3);
}

#[tokio::test]
async fn an_interrupted_run_can_be_repeated_at_once() {
    let setup = Setup::of(builder().packages(300)).await;
    let shutdown = CancellationToken::new();
    let mut interrupt = |_| shutdown.cancel();
    let error = setup.reconciler().run(&ReconcileScope::Full, &shutdown, &mut interrupt).await.unwrap_err();
    assert!(matches!(error, ReconcileError::Interrupted), "{error:?}");
    assert_eq!(setup.last_run().await.unwrap().1.as_deref(), Some("interrupted by a shutdown"));
    let (report, _) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!((report.kind, report.baseline), (ReconcileKind::Full, report.differences), "it is still the first run");
    assert_eq!(setup.known().await, setup.current());
}

#[tokio::test]
async fn a_name_that_postgres_cannot_store_does_not_stop_a_run() {
    let mut packages: Vec<_> = (0..3).map(|number| package(number, number)).collect();
    packages[1]["name"] = json!("x\u{0}y");
    packages[1]["version"] = json!("1\u{0}");
    let odd = OddMarketplace::answering(packages, |packages, paging| (page_of(packages, paging), None)).await;
    assert_eq!(odd.run(&ReconcileScope::Full).await.unwrap().stored, 3);
    assert_eq!(odd.run(&ReconcileScope::Full).await.unwrap().differences, 0);
}

#[tokio::test]
async fn a_key_of_another_account_than_the_expected_one_reads_nothing() {
    let packages = vec![package(0, 0)];
    let odd = OddMarketplace::answering(packages, |packages, paging| (page_of(packages, paging), None)).await;
    let reconciler =
        Reconciler::new(odd.server.client(), odd.database.pool.clone()).expecting(MageId::new("MAG2").unwrap());
    let count = async || {
        sqlx::query_scalar::<_, i64>("select count(*) from eqp.account").fetch_one(&odd.database.pool).await.unwrap()
    };
    let before = count().await;
    let run = reconciler.run(&ReconcileScope::Full, &CancellationToken::new(), &mut |_| {}).await;
    assert!(matches!(run, Err(ReconcileError::OtherAccount { .. })), "{run:?}");
    let observed = reconciler.observe(&ReconcileScope::Full, &mut |_| {}).await;
    assert!(matches!(observed, Err(ReconcileError::OtherAccount { .. })), "{observed:?}");
    assert_eq!(count().await, before);
}

#[tokio::test]
async fn a_package_that_cannot_be_read_does_not_hide_the_others() {
    let mut packages: Vec<_> = (0..6).map(|number| package(number, number)).collect();
    // Its status can be read nevertheless.
    packages[1]["sku"] = json!(["odd"]);
    packages[2]["submission_id"] = json!("s".repeat(300));
    packages[3]["eqp_status"] = json!({"overall": ["draft"]});
    packages[4]["eqp_status"] = json!({"overall": "x".repeat(100_000)});
    let odd = OddMarketplace::answering(packages, |packages, paging| (page_of(packages, paging), None)).await;
    for scope in [ReconcileScope::Full, ReconcileScope::Incremental] {
        let report = odd.run(&scope).await.unwrap();
        assert_eq!(report.unreadable.len(), 3, "{:?}", report.unreadable);
        assert!(
            report.unreadable.iter().any(|reason| reason.starts_with("submission s4: ")),
            "{:?}",
            report.unreadable
        );
        assert_eq!(report.stored, if scope == ReconcileScope::Full { 3 } else { 0 });
    }
}

#[tokio::test]
async fn a_page_with_many_more_packages_than_requested_is_stored_in_parts() {
    let packages = (0..3_000).map(|number| package(number, number % 1_000)).collect();
    let everything = |packages: &[Value], _: &Paging| (packages.to_vec(), None);
    let odd = OddMarketplace::answering(packages, everything).await;
    assert_eq!(odd.run(&ReconcileScope::Full).await.unwrap().stored, 3_000);
    let details: i64 =
        sqlx::query_scalar("select count(*) from eqp.resource_detail").fetch_one(&odd.database.pool).await.unwrap();
    assert_eq!(details, 3_000);
}
