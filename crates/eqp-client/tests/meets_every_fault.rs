//! Tests the client with each fault of calls that the simulator can inject.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::time::{Duration, Instant};

use eqp_client::types::{Environment, ItemId, PackageDraft, PackageType, Platform};
use eqp_client::users::ProfileUpdate;
use eqp_client::{Client, Error, PackageFilter, RetryPolicy};
use eqp_simulator::Simulator;
use futures_util::TryStreamExt;
use serde_json::json;

const QUICK: RetryPolicy =
    RetryPolicy { max_attempts: 4, first_delay: Duration::from_millis(1), max_delay: Duration::from_secs(2) };

struct Harness {
    simulator: Simulator,
    client: Client,
}

impl Harness {
    /// Starts a Marketplace with this fault, and a client with a session.
    async fn with(fault: &str) -> Self {
        Self::with_deadline(fault, Duration::from_secs(20)).await
    }

    async fn with_deadline(fault: &str, timeout: Duration) -> Self {
        let simulator = Simulator::builder().start().await.unwrap();
        let client = Client::builder(Environment::Production, simulator.api_key().clone())
            .api_url(simulator.base_url().parse().unwrap())
            .trusted_ca_pem(simulator.ca_pem())
            .retry(QUICK)
            .timeout(timeout)
            .build()
            .unwrap();
        client.session().await.unwrap();
        simulator.add_fault(fault.parse().unwrap());
        Self { simulator, client }
    }

    /// Returns the number of injections of the fault.
    fn injected(&self) -> u64 {
        self.simulator.faults()[0].injected
    }

    async fn change_profile(&self) -> Result<(), Error> {
        let fields = json!({"screen_name": "changed"}).as_object().unwrap().clone();
        self.client.users().put(&ProfileUpdate { action: None, fields }).await
    }

    fn packages(&self) -> usize {
        self.simulator.snapshot().accounts[0].packages.len()
    }
}

fn draft(item: &str) -> PackageDraft {
    PackageDraft {
        item_id: Some(ItemId::new(item).unwrap()),
        kind: Some(PackageType::Extension),
        platform: Some(Platform::M2),
        name: Some(format!("Name of {item}")),
        version: Some("1.0.0".to_owned()),
        long_description: Some("long".to_owned()),
        ..PackageDraft::default()
    }
}

#[tokio::test]
async fn latency_within_the_deadline_is_waited_for_and_beyond_it_is_not() {
    Harness::with("latency=50ms call=users.get").await.client.users().get().await.unwrap();

    // The first attempt times out, and the second one has no latency.
    let harness = Harness::with_deadline("latency=30s call=users.get times=1", Duration::from_millis(500)).await;
    harness.client.users().get().await.unwrap();
    assert_eq!(harness.injected(), 1);

    let harness = Harness::with_deadline("latency=30s call=users.put", Duration::from_millis(200)).await;
    let error = harness.change_profile().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }) && error.outcome_is_unknown(), "{error:?}");
    assert_eq!(harness.injected(), 1, "a change was sent again after an unclear end");
}

#[tokio::test]
async fn a_dead_token_is_replaced_once() {
    let harness = Harness::with("dead-token call=users.put times=1").await;
    harness.change_profile().await.unwrap();

    let harness = Harness::with("dead-token call=users.put").await;
    let error = harness.change_profile().await.unwrap_err();
    assert_eq!((error.status(), harness.injected(), error.is_retryable()), (Some(401), 2, false));
}

#[tokio::test]
async fn too_many_requests_are_waited_for_in_seconds_or_until_a_date_whatever_the_call() {
    for (fault, least) in [
        ("too-many-requests=1s times=1", Duration::from_secs(1)),
        // The header has whole seconds, so the remaining time may be short.
        ("too-many-requests=1s,date times=1", Duration::ZERO),
    ] {
        let harness = Harness::with(fault).await;
        let begun = Instant::now();
        harness.change_profile().await.unwrap();
        assert_eq!(harness.injected(), 1);
        assert!(begun.elapsed() >= least, "{fault}");
    }
    for fault in ["too-many-requests=3600s", "too-many-requests=3600s,date"] {
        let harness = Harness::with(fault).await;
        let error = harness.client.users().get().await.unwrap_err();
        let Error::Rejected { status: 429, retry_after: Some(wait), .. } = error else { panic!("{error:?}") };
        assert!((3590..=3600).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(harness.injected(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_server_error_is_tried_again_where_that_is_safe_whatever_its_body() {
    for (fault, message) in [
        ("status=500", "HTTP 500, code 500: Something went wrong"),
        ("status=503,html", "HTTP 503: Temporarily unavailable"),
        ("status=502,empty", "HTTP 502"),
    ] {
        let harness = Harness::with(&format!("{fault} times=3")).await;
        harness.client.users().get().await.unwrap();
        assert_eq!(harness.injected(), 3);

        let harness = Harness::with(fault).await;
        let error = harness.client.packages().list(&PackageFilter::new()).await.unwrap_err();
        assert_eq!((error.to_string(), harness.injected()), (format!("GET /rest/v1/products/packages: {message}"), 4));

        let harness = Harness::with(fault).await;
        let error = harness.change_profile().await.unwrap_err();
        assert!(error.is_retryable() && error.outcome_is_unknown() && error.to_string().ends_with(message), "{error}");
        assert_eq!(harness.injected(), 1);
    }
}

#[tokio::test]
async fn a_refusal_that_is_no_server_error_is_not_tried_again() {
    for status in [400, 403, 404, 409] {
        let harness = Harness::with(&format!("status={status}")).await;
        let error = harness.client.users().get().await.unwrap_err();
        assert_eq!((error.status(), error.is_retryable(), harness.injected()), (Some(status), false, 1));
    }
}

#[tokio::test]
async fn a_page_in_the_place_of_an_answer_is_an_error_also_where_no_body_is_needed() {
    let harness = Harness::with("html").await;
    let read = harness.client.users().get().await.map(drop);
    for error in [read.unwrap_err(), harness.change_profile().await.unwrap_err()] {
        assert!(error.to_string().contains("it is not JSON but `Temporarily unavailable`"), "{error}");
        assert!(error.body().unwrap().as_str().contains("We will be back soon") && !error.is_retryable());
    }
    assert_eq!(harness.injected(), 2);
}

#[tokio::test]
async fn a_page_in_the_place_of_a_token_is_an_error_of_the_session() {
    let harness = Harness::with("html call=session.token").await;
    harness.simulator.end_sessions();
    let error = harness.client.users().get().await.unwrap_err();
    assert!(matches!(error, Error::Session(_)) && error.call().unwrap().api_call.name == "session.token", "{error:?}");
}

#[tokio::test]
async fn another_shape_is_an_error_that_keeps_the_body() {
    let harness = Harness::with("wrong-shape").await;
    let object = harness.client.users().get().await.map(drop);
    let list = harness.client.files().list(0, 10).await.map(drop);
    for error in [object.unwrap_err(), list.unwrap_err()] {
        assert!(matches!(error, Error::UnexpectedResponse { status: 200, .. }), "{error:?}");
        assert!(error.body().unwrap().as_str().contains("unexpected"), "{error}");
    }
}

#[tokio::test]
async fn a_cut_connection_is_tried_again_where_that_is_safe() {
    for fault in ["cut", "cut-body", "answer-lost"] {
        let harness = Harness::with(&format!("{fault} times=2")).await;
        harness.client.users().get().await.unwrap();
        assert_eq!(harness.injected(), 2, "{fault}");
    }
    for fault in ["cut", "answer-lost"] {
        let harness = Harness::with(fault).await;
        let error = harness.change_profile().await.unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }) && error.outcome_is_unknown(), "{fault} {error:?}");
        assert_eq!(harness.injected(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_creation_happens_once_wherever_it_is_cut() {
    for (fault, was_done) in [
        ("cut call=packages.create times=1", false),
        ("status=503 call=packages.create times=1", false),
        ("answer-lost call=packages.create times=1", true),
        ("cut-body call=packages.create times=1", true),
    ] {
        let harness = Harness::with(fault).await;
        let created = harness.client.packages().create(&[draft("one"), draft("two")]).await.unwrap();
        assert_eq!((harness.packages(), harness.injected()), (2, 1), "{fault}");
        for (item, name) in created.iter().zip(["one", "two"]) {
            assert!(item.is_success() && item.item_id.as_ref().unwrap().as_str() == name, "{fault} {item:?}");
            let message = item.message.as_ref().unwrap();
            assert_eq!(message.contains("found after the response was lost"), was_done, "{fault} {item:?}");
        }
    }
}

#[tokio::test]
async fn no_storm_of_faults_doubles_a_creation_or_reports_one_that_is_not_there() {
    let harness = Harness::with("answer-lost call=packages.create rate=0.4").await;
    for fault in ["cut call=packages.create rate=0.3", "status=502,html rate=0.2", "dead-token rate=0.1"] {
        harness.simulator.add_fault(fault.parse().unwrap());
    }
    let mut created = Vec::new();
    for n in 0..60 {
        let item = format!("item-{n}");
        match harness.client.packages().create_one(&draft(&item)).await {
            Ok(done) => created.push((item, done.submission_id.unwrap())),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    assert!(created.len() > 20, "only {} were created", created.len());
    harness.simulator.clear_faults();
    let there: Vec<_> = harness.client.packages().stream(PackageFilter::new()).try_collect().await.unwrap();
    for (item, submission) in created {
        let found: Vec<_> = there.iter().filter(|package| package.item_id.as_ref().unwrap().as_str() == item).collect();
        assert_eq!(found.len(), 1, "{item}");
        assert_eq!(found[0].submission_id, Some(submission));
    }
}

#[tokio::test]
async fn an_upload_whose_answer_is_lost_is_sent_again_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.zip");
    std::fs::write(&path, vec![7; 300_000]).unwrap();
    for fault in ["answer-lost times=1", "cut times=1", "status=503 times=1", "dead-token times=1"] {
        let harness = Harness::with(&fault.replace(" times", " call=files.upload times")).await;
        let uploaded = harness.client.files().upload(&[&path]).await.unwrap();
        assert_eq!((uploaded[0].size, harness.injected()), (Some(300_000), 1), "{fault}");
    }
}

#[tokio::test]
async fn an_answer_that_is_huge_or_never_ends_is_cut_off_and_not_asked_for_again() {
    for fault in ["huge=100MB", "endless"] {
        let harness = Harness::with(fault).await;
        let error = harness.client.users().get().await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 33_554_432, .. }), "{fault} {error:?}");
        assert_eq!((harness.injected(), error.is_retryable()), (1, false));
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_a_page_had_to_be_asked_for_again() {
    let harness = Harness::with("cut-body call=packages.list nth=2,3").await;
    let drafts: Vec<_> = (0..50).map(|n| draft(&format!("item-{n}"))).collect();
    harness.client.packages().create(&drafts).await.unwrap();
    let all: Vec<_> = harness.client.packages().stream(PackageFilter::new().limit(20)).try_collect().await.unwrap();
    let mut ids: Vec<_> = all.into_iter().map(|package| package.submission_id.unwrap()).collect();
    ids.dedup();
    assert_eq!((ids.len(), harness.injected()), (50, 2));
}
