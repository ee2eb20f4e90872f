//! Tests responses that are late, large, malformed or in another format.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

mod known_calls;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post, put};
use eqp_client::types::{ItemId, Package, PackageDraft, PackageUpdate, SubmissionId};
use eqp_client::{Client, Error, PackageField, PackageFilter};
use eqp_test_support::api_server::{ApiServer, Count, with_tokens};
use futures_util::{StreamExt, TryStreamExt};
use known_calls::CALLS;
use serde_json::json;

const PACKAGE: &str = "/rest/v1/products/packages/{id}";
const PACKAGES: &str = "/rest/v1/products/packages";

fn id(text: &str) -> SubmissionId {
    SubmissionId::new(text).unwrap()
}

fn client(routes: Router) -> Client {
    ApiServer::start(with_tokens(routes).0).client()
}

#[tokio::test]
async fn a_refusal_says_call_status_code_and_message() {
    let refuse = || async {
        (StatusCode::BAD_REQUEST, axum::Json(json!({"code": 1208, "message": "Insufficient information"})))
    };
    let error = client(Router::new().route(PACKAGE, put(refuse)))
        .packages()
        .update_one(&id("s1"), &PackageUpdate::default())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "PUT /rest/v1/products/packages/s1: HTTP 400, code 1208: Insufficient information");
    assert_eq!((error.code(), error.is_retryable(), error.outcome_is_unknown()), (Some(1208), false, false));
}

#[tokio::test]
async fn a_refusal_may_be_a_page_or_nothing() {
    let routes = Router::new().route(
        PACKAGE,
        get(|Path(id): Path<String>| async move {
            match id.as_str() {
                "page" => (StatusCode::FORBIDDEN, Html("<title>No\n way</title>")).into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        }),
    );
    let client = client(routes);
    let error = client.packages().get(&id("page")).await.unwrap_err();
    assert_eq!(error.to_string(), "GET /rest/v1/products/packages/page: HTTP 403: No way");
    let error = client.packages().get(&id("none")).await.unwrap_err();
    assert_eq!(error.to_string(), "GET /rest/v1/products/packages/none: HTTP 404");
    assert!(error.is_not_found());
}

#[tokio::test]
async fn a_success_of_another_shape_names_the_field_and_keeps_the_body() {
    let routes = Router::new().route(
        PACKAGES,
        get(|| async {
            axum::Json(json!([{"submission_id": "s1"}, {"submission_id": {"no": 1}, "password": "hush"}]))
        }),
    );
    let client = client(routes);
    let error = client.packages().stream(PackageFilter::new()).try_collect::<Vec<_>>().await.unwrap_err();
    let Error::UnexpectedResponse { status: 200, field, body, .. } = &error else { panic!("{error:?}") };
    assert_eq!(field, "[1].submission_id");
    assert!(body.as_str().contains(r#"{"no":1}"#) && !body.as_str().contains("hush"), "{body}");
}

#[tokio::test]
async fn records_of_a_page_that_cannot_be_read_do_not_hide_the_others() {
    let packages = json!([
        {"submission_id": "s1"}, {"submission_id": "s2", "sku": ["odd"]}, 7, {"submission_id": "s".repeat(300)},
        {"submission_id": "s5", "eqp_status": {"overall": ["draft"]}}, {"submission_id": "s6"},
    ]);
    let files = json!([{"file_upload_id": {"a": 1}}, {"file_upload_id": "1.2"}]);
    let routes = Router::new()
        .route(PACKAGES, get(|| async { axum::Json(packages) }))
        .route("/rest/v1/files/uploads", get(|| async { axum::Json(files) }));
    let client = client(routes);
    let page = client.packages().list(&PackageFilter::new().offset(10)).await.unwrap();
    let ids: Vec<_> = page.items.iter().map(|package| package.submission_id.as_ref().unwrap().as_str()).collect();
    assert_eq!(ids, ["s1", "s6"]);
    let unreadable: Vec<_> = page.unreadable.iter().map(|one| (one.position, one.field.as_str())).collect();
    assert_eq!(unreadable, [(11, "sku"), (12, ""), (13, "submission_id"), (14, "eqp_status.overall")]);
    assert_eq!(page.unreadable[1].json, "7");
    assert!(page.unreadable.iter().all(|one| !one.problem.is_empty()));
    let page = client.files().list(0, 100).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable[0].field.as_str()), (1, "file_upload_id"));
}

#[tokio::test]
async fn each_wrong_field_is_named_with_its_path() {
    // (call, response, field)
    let cases = [
        ("users.get", json!({"mage_id": {"a": 1}}), "mage_id"),
        ("users.get", json!({"is_company": "perhaps"}), "is_company"),
        ("users.get", json!({"api_callbacks": "none"}), "api_callbacks"),
        ("keys.list", json!({"m2": [{"label": {"a": 1}}]}), "m2"),
        ("keys.create", json!({"m2": {"a": 1}}), "m2"),
        ("files.get", json!({"file_upload_id": "1", "size": "big"}), "size"),
        ("files.get", json!({"file_upload_id": "1", "submission_ids": [{"a": 1}]}), "submission_ids"),
        ("packages.get", json!({"eqp_status": {"overall": {"a": 1}}}), "eqp_status.overall"),
        ("packages.get", json!({"artifact": {"file_upload_id": {"a": 1}}}), "artifact.file_upload_id"),
        ("packages.create", json!([{"code": "many"}]), "[0].code"),
        ("test_results.summary", json!([7]), "[0]"),
    ];
    for (name, answer, expected) in cases {
        let sent = answer.clone();
        let answering = move || async move { axum::Json(sent) };
        let call = CALLS.iter().find(|call| call.api_call.name == name).unwrap();
        let error = call.make(&client(Router::new().fallback(answering)), "s1").await.unwrap_err();
        let Error::UnexpectedResponse { field, .. } = &error else { panic!("{name}: {error:?}") };
        assert_eq!(field, expected, "{name} {answer}: {error}");
        assert!(error.to_string().ends_with(&format!("(at `{expected}`)")), "{error}");
    }
}

#[tokio::test]
async fn a_token_of_another_shape_names_the_field_and_shows_no_secret() {
    for (answer, field) in [
        (json!({"mage_id": "M", "ust": "hush", "expires_in": "hush"}), "expires_in"),
        (json!({"mage_id": {"hush": "hush"}, "ust": "hush", "expires_in": 1}), "mage_id"),
        (json!({"mage_id": "M", "ust": ["hush"], "expires_in": 1}), "ust"),
        (json!({"mage_id": "M", "token": "hush", "expires_in": 1}), ""),
        (json!({"mage_id": "M", "ust": "", "expires_in": 1}), "ust"),
        (json!({"mage_id": "M", "ust": "hush\nhush", "expires_in": 1}), "ust"),
    ] {
        let sent = answer.clone();
        let server = ApiServer::start(Router::new().fallback(move || async move { axum::Json(sent) }));
        let error = server.client().session().await.unwrap_err();
        let Error::Session(cause) = &error else { panic!("{error:?}") };
        let Error::UnexpectedResponse { field: named, .. } = &**cause else { panic!("{error:?}") };
        assert_eq!(named, field, "{answer}");
        let shown = format!("{error} {error:?} {}", error.body().unwrap());
        assert!(!shown.contains(": \"hush\"") && !shown.contains("hush]") && !shown.contains("`hush`"), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_of_100_mb_is_not_held() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 100 * 1024 * 1024 / PIECE;
    for says_its_size in [true, false] {
        let sent = Count::default();
        let counted = sent.clone();
        let large = move || async move {
            let piece = bytes::Bytes::from(vec![b' '; PIECE]);
            let pieces = futures_util::stream::repeat_with(move || {
                counted.next();
                Ok::<_, std::io::Error>(piece.clone())
            });
            let body = Body::from_stream(pieces.take(PIECES));
            let size = says_its_size.then_some([(header::CONTENT_LENGTH, (PIECES * PIECE).to_string())]);
            (size, body)
        };
        let error = client(Router::new().route(PACKAGE, get(large))).packages().get(&id("s1")).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 33_554_432, .. }), "{error:?}");
        assert!(!error.is_retryable() && error.to_string().ends_with("the response has more than 33554432 bytes"));
        // Bytes in the buffers count as sent too.
        let most = if says_its_size { 16 } else { 32 + 16 };
        let taken = sent.get() * PIECE / 1024 / 1024;
        assert!(taken <= most, "{taken} MB of an answer that is refused, which says its size: {says_its_size}");
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut_off() {
    let endless = || async {
        let piece = bytes::Bytes::from(vec![b' '; 64 * 1024]);
        Body::from_stream(futures_util::stream::repeat(piece).map(Ok::<_, std::io::Error>))
    };
    let (routes, _) = with_tokens(Router::new().route(PACKAGE, get(endless)));
    let client = ApiServer::start(routes).builder().max_response_size(1024 * 1024).build().unwrap();
    let error = client.packages().get(&id("s1")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1_048_576, .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_answer_is_named_and_tried_again() {
    let count = Count::default();
    let counted = count.clone();
    let breaks = move || async move {
        let rest = if counted.next() == 0 { Err(std::io::Error::other("cut")) } else { Ok(r#""s1"}"#) };
        // The connection is cut after the beginning has arrived.
        Body::from_stream(futures_util::stream::iter([Ok(r#"{"submission_id": "#), rest]))
    };
    let server = ApiServer::start(with_tokens(Router::new().route(PACKAGE, get(breaks))).0);
    let careful = server.builder().retry(eqp_client::RetryPolicy::NEVER).build().unwrap();
    let error = careful.packages().get(&id("s1")).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }) && error.is_retryable(), "{error:?}");
    assert!(!format!("{error:?}").contains("127.0.0.1"), "{error:?}");
    server.client().packages().get(&id("s1")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_beyond_the_deadline() {
    let routes = Router::new()
        .route(PACKAGE, get(std::future::pending::<()>))
        // The headers arrive, but the body never does.
        .route(
            PACKAGES,
            get(|| async { Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>()) }),
        );
    let (routes, _) = with_tokens(routes);
    let builder = ApiServer::start(routes).builder().timeout(Duration::from_millis(200));
    let client = builder.retry(eqp_client::RetryPolicy::NEVER).build().unwrap();
    for error in [
        client.packages().get(&id("s1")).await.map(drop).unwrap_err(),
        client.packages().list(&PackageFilter::new()).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert!(error.is_retryable() && error.outcome_is_unknown() && error.is_unreachable());
        assert!(error.to_string().ends_with("timed out after 0.2 s"), "{error}");
    }
}

#[tokio::test]
async fn safe_requests_are_retried_after_the_requested_wait() {
    let count = Count::default();
    let counted = count.clone();
    let flaky = move || async move {
        match counted.next() {
            0 => StatusCode::BAD_GATEWAY.into_response(),
            1 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response(),
            _ => axum::Json(json!({"submission_id": "s1"})).into_response(),
        }
    };
    let client = client(Router::new().route(PACKAGE, get(flaky)));
    let begin = std::time::Instant::now();
    client.packages().get(&id("s1")).await.unwrap();
    assert_eq!(count.get(), 3);
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

/// Either clock may be an hour off, because only the difference of the server's two times counts.
#[tokio::test]
async fn a_wait_until_a_date_is_observed_with_any_clock() {
    let hour = Duration::from_hours(1);
    let now = std::time::SystemTime::now();
    for server_now in [now - hour, now, now + hour] {
        let count = Count::default();
        let counted = count.clone();
        let busy = move || async move {
            if counted.next() > 0 {
                return axum::Json(json!({"submission_id": "s1"})).into_response();
            }
            let dates = [
                (header::DATE, httpdate::fmt_http_date(server_now)),
                (header::RETRY_AFTER, httpdate::fmt_http_date(server_now + Duration::from_secs(1))),
            ];
            (StatusCode::TOO_MANY_REQUESTS, dates).into_response()
        };
        let client = client(Router::new().route(PACKAGE, get(busy)));
        let begin = std::time::Instant::now();
        client.packages().get(&id("s1")).await.unwrap();
        assert!(begin.elapsed() >= Duration::from_secs(1) && count.get() == 2);
    }
}

#[tokio::test]
async fn a_long_wait_is_reported_instead_of_observed() {
    let busy = || async { (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "3600")]) };
    let error = client(Router::new().route(PACKAGE, get(busy))).packages().get(&id("s1")).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { retry_after: Some(wait), .. } if wait == Duration::from_hours(1)));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn what_is_not_safe_is_sent_once() {
    let count = Count::default();
    let counted = count.clone();
    let fail = move || async move {
        counted.next();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let client = client(Router::new().route(PACKAGE, put(fail)));
    let error = client.packages().update_one(&id("s1"), &PackageUpdate::default()).await.unwrap_err();
    assert_eq!(count.get(), 1);
    assert!(error.is_retryable() && error.outcome_is_unknown());
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let count = Count::default();
    let counted = count.clone();
    let routes = Router::new().route(PACKAGE, get(|| async { Redirect::temporary("/elsewhere") })).route(
        "/elsewhere",
        get(move || async move {
            counted.next();
        }),
    );
    let error = client(routes).packages().get(&id("s1")).await.unwrap_err();
    assert_eq!((error.status(), count.get()), (Some(307), 0));
}

#[tokio::test]
async fn every_page_becomes_one_stream() {
    let routes = Router::new().route(
        PACKAGES,
        get(|RawQuery(query): RawQuery| async move {
            let query = query.unwrap();
            let number = |name: &str| -> usize {
                let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
                pair.map_or(0, |value| value.parse().unwrap())
            };
            assert!(query.starts_with("eqp_status.overall=draft&sort=%2Bsku"), "{query}");
            let page: Vec<_> = (0..7).skip(number("offset")).take(number("limit")).collect();
            let page: Vec<_> = page.iter().map(|n| json!({"submission_id": format!("s{n}")})).collect();
            ([("x-total-count", "7")], axum::Json(page))
        }),
    );
    let client = client(routes);
    let filter = PackageFilter::new().matching(PackageField::OverallStatus, "draft").ascending(PackageField::Sku);
    let page = client.packages().list(&filter.clone().offset(2).limit(3)).await.unwrap();
    assert_eq!((page.items.len(), page.total, page.next_offset(3)), (3, Some(7), Some(5)));
    let all: Vec<Package> = client.packages().stream(filter.limit(3)).try_collect().await.unwrap();
    let ids: Vec<_> = all.iter().map(|package| package.submission_id.clone().unwrap()).collect();
    assert_eq!(ids, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"].map(id));
}

#[tokio::test]
async fn a_batch_that_answers_fewer_items_than_were_sent_is_not_believed() {
    let one = || async { axum::Json(json!([{"code": 200, "submission_id": "s1"}])) };
    let client = client(Router::new().route(PACKAGES, post(one)));
    let error = client.packages().create(&[PackageDraft::default(), PackageDraft::default()]).await.unwrap_err();
    assert!(error.to_string().contains("it has 1 items, but the request had 2"), "{error}");
}

#[tokio::test]
async fn a_bad_item_of_one_is_an_error_with_its_code() {
    let bad = || async { axum::Json(json!([{"code": "1210", "message": "Invalid SKU given."}])) };
    let client = client(Router::new().route(PACKAGES, post(bad)));
    let error = client.packages().create_one(&PackageDraft::default()).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Some(1210), false));
}

/// Starts a server that carries out the first creation but loses its response.
fn loses_an_answer() -> (Client, Count) {
    let posts = Count::default();
    let counted = posts.clone();
    let create = move |axum::Json(items): axum::Json<Vec<PackageDraft>>| async move {
        if counted.next() == 0 {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let done = |package: &PackageDraft| json!({"code": 200, "submission_id": "new", "item_id": package.item_id});
        axum::Json(items.iter().map(done).collect::<Vec<_>>()).into_response()
    };
    let by_item = |Path(item): Path<String>| async move {
        match item.as_str() {
            "heard" => axum::Json(json!({"submission_id": "s-heard", "item_id": "heard"})).into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let by_sku = |Path(sku): Path<String>| async move {
        assert_eq!(sku, "vendor/module");
        axum::Json(json!([{"submission_id": "s-sku", "sku": sku, "version": "1.0.0"}]))
    };
    let routes = Router::new()
        .route(PACKAGES, post(create))
        .route("/rest/v1/products/packages/items/{item}", get(by_item))
        .route("/rest/v1/products/packages/skus/{sku}", get(by_sku));
    (client(routes), posts)
}

#[tokio::test]
async fn a_creation_is_looked_up_before_it_is_sent_again() {
    let (client, posts) = loses_an_answer();
    let item = |text: &str| PackageDraft { item_id: Some(ItemId::new(text).unwrap()), ..PackageDraft::default() };
    let by_sku = PackageDraft {
        sku: Some("vendor/module".parse().unwrap()),
        version: Some("1.0.0".to_owned()),
        ..PackageDraft::default()
    };
    let created = client.packages().create(&[item("unheard"), item("heard"), by_sku]).await.unwrap();
    let ids: Vec<_> = created.iter().map(|item| item.submission_id.clone().unwrap()).collect();
    assert_eq!(ids, [id("new"), id("s-heard"), id("s-sku")]);
    assert_eq!(posts.get(), 2);
}

#[tokio::test]
async fn a_creation_that_cannot_be_looked_up_is_sent_once() {
    let (client, posts) = loses_an_answer();
    let error = client.packages().create(&[PackageDraft::default()]).await.unwrap_err();
    assert_eq!((error.status(), posts.get()), (Some(502), 1));
}
