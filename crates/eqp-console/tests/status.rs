//! The status of products and the search, on a real database.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::HashMap;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use eqp_client::types::{ApiKey, MageId, Package, Secret};
use eqp_console::{
    FindQuery, FoundKind, OperatorClient, OperatorError, OperatorService, Principal, ProblemCode, ProductStatus,
    Status, StatusQuery, VersionState,
};
use eqp_store::internal::{Resource, ResourceDetail, resource_detail};
use eqp_store::{ResourceKind, Store};
use eqp_sync::{ListingFindings, StuckLimits};
use eqp_test_support::api_server::{ApiServer, Count, with_tokens};
use eqp_test_support::callbacks::{CallbackDatabase, scan};
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// Reports no dates of listings.
fn no_dates(_packages: &[Package]) -> ListingFindings {
    ListingFindings::default()
}

/// A callback about a submission with the statuses of overall, technical and marketing, which has just changed.
fn callback(submission: &str, [overall, technical, marketing]: [&str; 3]) -> String {
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
        "item_id": "item-{submission}", "eqp_flow": "technical", "current_status": "{technical}",
        "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}}}}}}"#
    )
}

fn client(database: &CallbackDatabase) -> OperatorClient {
    OperatorClient::in_process(&OperatorService::new(Store::new(database.pool.clone())), Principal::Local)
}

async fn detail(database: &CallbackDatabase, submission: &str, sku: &str, version: &str, details: &str) {
    let resource =
        Resource { account_id: database.account.0, kind: ResourceKind::Submission, id: submission.to_owned() };
    let detail = ResourceDetail {
        sku: Some(sku.to_owned()),
        version: Some(version.to_owned()),
        name: Some(format!("The product of {sku}")),
        artifact_id: Some(format!("file-{submission}")),
        details: Some(details.to_owned()),
        ..ResourceDetail::default()
    };
    resource_detail::store(&database.pool, &[(resource, detail)]).await.unwrap();
}

/// A product of which a version was rejected, one whose review is stuck, one in review, and one in the store.
async fn filled() -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    let long_ago = OffsetDateTime::now_utc() - Duration::days(19);
    database.callbacks_of(long_ago, &[callback("s2", ["in_progress", "in_manual_qa", "approved"])]).await;
    database
        .callbacks(&[
            callback("s0", ["released_to_store", "approved", "approved"]),
            callback("s1", ["in_progress", "rejected", "approved"]),
            callback("s3", ["in_progress", "in_automation", "awaiting_marketing_review"]),
            callback("s4", ["released_to_store", "approved", "approved"]),
        ])
        .await;
    database.project().await;
    let findings = r#"{"findings": ["Code sniffer: Model/Pay.php:118: Use of eval() is discouraged"]}"#;
    detail(&database, "s0", "acme/checkout", "1.4.2", "{}").await;
    detail(&database, "s1", "acme/checkout", "1.5.0", findings).await;
    detail(&database, "s2", "acme/giftcard", "3.0.0", "{}").await;
    detail(&database, "s3", "acme/search", "4.2.0", "{}").await;
    detail(&database, "s4", "acme/ad", "2.2.0", "{}").await;
    database
}

#[tokio::test]
async fn products_are_grouped_from_what_callbacks_and_the_api_have_reported() {
    let database = filled().await;
    let status = client(&database).status(&StatusQuery::default()).await.unwrap();
    let labels = |products: &[ProductStatus]| products.iter().map(|product| product.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&status.needs_you), ["acme/checkout"]);
    assert_eq!(labels(&status.stuck), ["acme/giftcard"]);
    assert_eq!(labels(&status.in_review), ["acme/search"]);
    assert_eq!(labels(&status.fine), ["acme/ad"]);
    let checkout = &status.needs_you[0];
    assert_eq!(checkout.store_version.as_deref(), Some("1.4.2"));
    assert_eq!(checkout.lines[0].reason.as_deref(), Some("code sniffer: 1 error in 1 file, first Model/Pay.php:118"));
    assert_eq!(status.stuck[0].lines[0].sentences, ["manual QA for 19 d"]);
    assert_eq!(status.headline(), "1 needs you   1 stuck   1 in review   1 fine");
    assert_eq!(status.setup.len(), 4, "no callback has arrived through an endpoint");
    // A shorter limit of this server.
    let limits = StuckLimits { automation: std::time::Duration::ZERO, ..StuckLimits::default() };
    let service = OperatorService::new(Store::new(database.pool.clone())).stuck_limits(limits);
    let status = OperatorClient::in_process(&service, Principal::Local).status(&StatusQuery::default()).await.unwrap();
    assert_eq!(labels(&status.stuck), ["acme/giftcard", "acme/search"]);
}

#[tokio::test]
async fn a_selected_product_has_all_versions_and_an_unknown_one_is_an_error() {
    let database = filled().await;
    let client = client(&database);
    // The case of letters is ignored.
    let status = client.status(&StatusQuery::of(["ACME/Checkout"])).await.unwrap();
    let listed: Vec<_> = status.products().flat_map(|product| &product.lines).map(|line| line.state).collect();
    assert_eq!(listed, [VersionState::Rejected, VersionState::InStore]);
    let Err(OperatorError::Problem(problem)) = client.status(&StatusQuery::of(["acme/ad", "acme/other"])).await else {
        panic!("an unknown product is not found");
    };
    assert_eq!(problem.code, ProblemCode::NotFound);
    assert_eq!(problem.detail.as_deref(), Some("there is no submission of acme/other"));
    sqlx::query("update eqp.resource_detail set sku = 'Acme/Ad' where sku = 'acme/ad'")
        .execute(&database.pool)
        .await
        .unwrap();
    let status = client.status(&StatusQuery::of(["acme/ad"])).await.unwrap();
    assert_eq!(status.fine[0].label, "Acme/Ad");
}

#[tokio::test]
async fn the_connection_is_derived_from_callbacks_runs_registrations_and_alerts() {
    let database = filled().await;
    sqlx::raw_sql(
        "insert into eqp.credential (endpoint_id, username, password_hmac, state, active_since, last_used_at)
             select id, 'key', decode(repeat('00', 32), 'hex'), 'active', now(), now() - interval '3 hours' from eqp.endpoint;
         insert into eqp.registration_check select id, 'missing', false, now(), now() from eqp.endpoint;
         insert into eqp.receiver values (gen_random_uuid(), now(), 1, now() + interval '61 days 1 hour', null, 0);
         insert into eqp.reconcile_run (account_id, kind, finished_at, stored)
             select id, 'incremental', now() - interval '6 minutes', 0 from eqp.account;
         insert into eqp.access_key (account_id, application_id, api_url, verified_at)
             select id, 'app', 'https://api/', now() from eqp.account;
         insert into eqp.alert (kind, severity, account_id, key, opened_at, updated_at)
             select 'callbacks_missed', 'page', id, '', now(), now() from eqp.account",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let read = async || client(&database).status(&StatusQuery::default()).await.unwrap();
    let status = read().await;
    let channel = status.channel.as_ref().unwrap();
    assert_eq!(channel.sentence(status.at), "last callback 3 h ago (from Adobe); reconciled 6 min ago: nothing missed");
    assert_eq!(channel.facts(status.at), ["endpoint main: missing", "certificate: 61 d", "open alerts: 1"]);
    assert_eq!((&status.stale, status.setup.len()), (&None, 0));
    assert!(status.is_out_of_step() && status.source_and_age() == "database, 6 minutes old");
    sqlx::raw_sql(
        "update eqp.reconcile_run set finished_at = now() - interval '5 hours';
         insert into eqp.reconcile_run (account_id, kind, finished_at, error)
             select id, 'incremental', now(), 'connection refused' from eqp.account",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let status = read().await;
    assert_eq!(status.stale.as_ref().unwrap().cause, "the last comparison with the API failed: connection refused");
    assert!(status.warning().unwrap().starts_with("MAY BE OUT OF DATE: the last response from Adobe is 3 h old ("));
}

#[tokio::test]
async fn a_scan_that_has_not_ended_is_shown_with_its_submission() {
    let database = CallbackDatabase::new().await;
    database.callbacks(&[callback("s1", ["draft", "draft", "draft"])]).await;
    database.project().await;
    detail(&database, "s1", "acme/core", "1.9.3", "{}").await;
    let file = |id: &str| database.read(ResourceKind::File, eqp_test_support::callbacks::file(id, "in-progress"));
    database.reads(&[file("file-s1"), file("alone")]).await;
    database.project().await;
    let status = client(&database).status(&StatusQuery::default()).await.unwrap();
    let shown: Vec<_> = status
        .in_review
        .iter()
        .map(|product| (product.label.as_str(), product.lines[0].sentences[0].as_str()))
        .collect();
    assert_eq!(shown, [("acme/core", "scan, 0 min"), ("alone", "scan, 0 min")]);
}

#[tokio::test]
async fn an_empty_database_has_no_products() {
    let database = CallbackDatabase::new().await;
    let status = client(&database).status(&StatusQuery::default()).await.unwrap();
    assert!(status.is_empty() && status.headline().starts_with("No products yet."));
    assert_eq!(status.title(), "MAG123456789, production");
}

#[tokio::test]
async fn anything_is_found_by_its_id_or_a_piece_of_text() {
    let database = filled().await;
    let client = client(&database);
    database.callbacks(&[scan("2309480238.238475.0", "pass")]).await;
    database.project().await;
    let events = database.events().await;
    let callback = events[0].callback_id.unwrap().to_string();
    let find = async |text: &str| {
        let found = client.find(&FindQuery::new(text)).await.unwrap().found;
        found.into_iter().map(|one| (one.kind, one.id)).collect::<Vec<_>>()
    };
    let submission = |id: &str| (FoundKind::Submission, id.to_owned());
    assert_eq!(find("s1").await, [submission("s1")]);
    assert_eq!(find("item-s1").await, [submission("s1")]);
    assert_eq!(find("file-s1").await, [submission("s1")], "by its archive");
    assert_eq!(find("2309480238.238475.0").await, [(FoundKind::File, "2309480238.238475.0".to_owned())]);
    assert_eq!(find("4.2.0").await, [submission("s3")]);
    assert_eq!(find("CHECKOUT").await[0], (FoundKind::Product, "acme/checkout".to_owned()));
    assert_eq!(find("checkout").await.len(), 3, "the product and its two submissions");
    assert_eq!(find("product of acme/ad").await, [submission("s4")]);
    assert_eq!(find("1").await, [(FoundKind::Event, "1".to_owned())]);
    assert!(find(&callback).await.iter().all(|(kind, _)| *kind == FoundKind::Event));
    for nothing in ["nothing", "%", "_", "evt_00000000000000000000000000000000", "-1", "99999999999999999999"] {
        assert_eq!(find(nothing).await, [], "{nothing}");
    }
    let limited = client.find(&FindQuery::new("acme").limit(2)).await.unwrap();
    assert_eq!(limited.found.len(), 2);
    for (query, field) in [(FindQuery::new(""), "text"), (FindQuery::new("a").limit(0), "limit")] {
        let Err(OperatorError::Problem(problem)) = client.find(&query).await else { panic!("it is invalid") };
        assert!(problem.code == ProblemCode::InvalidRequest && problem.detail.unwrap().starts_with(field));
    }
}

#[tokio::test]
async fn thousands_of_products_are_read_in_one_pass() {
    let database = CallbackDatabase::new().await;
    sqlx::raw_sql(
        "insert into eqp.event (seq, track_id, account_id, kind, resource_id, flow, status, received_at, origin, explicit, disposition, applied)
             select n, n, 1, 'submission', 's' || n, 'overall', 'released_to_store', now(), 'baseline', true, 'applied', true
             from generate_series(1, 6000) as n;
         insert into eqp.track (id, account_id, resource_kind, resource_id, flow, status, ambiguous, received_at, event_seq)
             select n, 1, 'submission', 's' || n, 'overall', 'released_to_store', false, now(), n from generate_series(1, 6000) as n;
         insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku, version)
             select 1, 'submission', 's' || n, 'acme/p' || n % 3000, '1.' || n || '.0' from generate_series(1, 6000) as n",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let status = client(&database).status(&StatusQuery::default()).await.unwrap();
    assert_eq!((status.fine.len(), status.in_store, status.is_complete), (3_000, 3_000, true));
    assert_eq!(status.fine[0].store_version.as_deref(), Some("1.6000.0"));
}

#[tokio::test]
async fn the_marketplace_alone_is_queried_with_few_calls() {
    let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new("hush") };
    let simulator = eqp_simulator::Simulator::builder()
        .packages(30)
        .account(MageId::new("MAG123456789").unwrap(), key.clone())
        .start()
        .await
        .unwrap();
    let client = eqp_client::Client::builder(simulator.environment(), key)
        .api_url(simulator.base_url().parse().unwrap())
        .trusted_ca_pem(simulator.ca_pem())
        .build()
        .unwrap();
    let now = OffsetDateTime::now_utc();
    let status =
        eqp_console::status_of_marketplace(&client, &StuckLimits::default(), &[], now, no_dates).await.unwrap();
    assert!(status.in_store > 0 && status.channel.is_none() && status.is_complete, "{status:?}");
    let sku = status.products().find_map(|product| product.sku.clone()).unwrap().to_uppercase();
    let one =
        eqp_console::status_of_marketplace(&client, &StuckLimits::default(), std::slice::from_ref(&sku), now, no_dates)
            .await
            .unwrap();
    assert_eq!(one.products().count(), 1);
    let unknown =
        eqp_console::status_of_marketplace(&client, &StuckLimits::default(), &[sku, "acme/x".into()], now, no_dates)
            .await;
    assert_eq!(unknown.unwrap_err().to_string(), "there is no submission of acme/x");
}

/// Counts the calls of a Marketplace with this number of packages, of which the first `rejected` are rejected.
async fn calls_for(packages: usize, rejected: usize, skus: &[String]) -> (usize, Status) {
    let calls = Count::default();
    let package = move |number: usize| {
        let (overall, technical) =
            if number < rejected { ("in_progress", "rejected") } else { ("released_to_store", "approved") };
        json!({"submission_id": format!("s{number}"), "sku": format!("acme/p{number}"), "version": "1.0.0",
            "modified_at": "2026-01-01 00:00:00",
            "eqp_status": {"overall": overall, "technical": technical, "marketing": "approved"}})
    };
    let counted = calls.clone();
    let list = move |Query(query): Query<HashMap<String, String>>| {
        counted.next();
        let number = |name: &str, usual| query.get(name).map_or(usual, |text| text.parse().unwrap());
        let (offset, limit) = (number("offset", 0), number("limit", 20));
        let page: Vec<_> = (offset..packages.min(offset + limit)).map(package).collect();
        async move { ([("x-total-count", packages.to_string())], Json(page)) }
    };
    let counted = calls.clone();
    let by_sku = move |Path(sku): Path<String>| {
        counted.next();
        let number = sku.strip_prefix("acme/p").unwrap().parse().unwrap();
        async move { Json(vec![package(number)]) }
    };
    let counted = calls.clone();
    let tests = move || {
        counted.next();
        async { Json(json!([{"tool_run_id": "1", "name": "phpcs", "status": "fail", "date": "2026-01-01 00:00:00"}])) }
    };
    let routes = Router::new()
        .route("/rest/v1/products/packages", get(list))
        .route("/rest/v1/products/packages/skus/{sku}", get(by_sku))
        .route("/rest/v1/products/packages/{id}/status", get(tests));
    let (routes, tokens) = with_tokens(routes);
    let server = ApiServer::start(routes);
    let now = OffsetDateTime::now_utc();
    let status = eqp_console::status_of_marketplace(&server.client(), &StuckLimits::default(), skus, now, no_dates)
        .await
        .unwrap();
    (calls.get() + tokens.get(), status)
}

#[tokio::test]
async fn the_marketplace_is_called_at_most_five_times_and_once_for_each_rejected_submission() {
    let (calls, status) = calls_for(90, 2, &[]).await;
    assert_eq!((calls, status.needs_you.len(), status.fine.len(), status.is_complete), (2 + 2, 2, 88, true));
    assert_eq!(status.needs_you[0].lines[0].reason.as_deref(), Some("failed: code sniffer"));
    let (calls, status) = calls_for(1_500, 0, &[]).await;
    assert_eq!((calls, status.fine.len(), status.is_complete), (5, 1_500, true));
    let (calls, status) = calls_for(5_000, 0, &[]).await;
    assert_eq!((calls, status.fine.len(), status.is_complete), (5, 3_100, false));
    let skus: Vec<_> = (0..4).map(|number| format!("acme/p{number}")).collect();
    assert_eq!(calls_for(5_000, 1, &skus).await.0, 5 + 1);
}
