//! Authentication of requests.

use std::time::{Duration, Instant};

use eqp_receiver::Metrics;
use eqp_types::Secret;
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, endpoint, until};
use eqp_test_support::sender::{basic, post, read_answer};

#[tokio::test]
async fn the_scheme_is_accepted_in_any_letter_case() {
    let receiver = TestReceiver::new().await;
    for right in ["Basic a2V5OnNlY3JldA==", "basic a2V5OnNlY3JldA==", "BASIC a2V5OnNlY3JldA=="] {
        assert_eq!(receiver.sender.post(PATH, &[right], STATUS).await.status, 200, "{right}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_password_with_a_colon_is_accepted() {
    let receiver = TestReceiver::new().await;
    receiver.endpoints.import_credential(receiver.endpoint, "schlüssel", &Secret::new("a:b::ü")).await.unwrap();
    assert_eq!(receiver.sender.post(PATH, &[&basic("schlüssel", "a:b::ü")], STATUS).await.status, 200);
    receiver.stop().await;
}

#[tokio::test]
async fn every_invalid_credential_is_rejected_in_the_same_way_and_nothing_is_stored() {
    let receiver = TestReceiver::new().await;
    let nobody = endpoint(&receiver.endpoints, "nobody", None).await;
    let retired = receiver.endpoints.import_credential(nobody, "old", &Secret::new("old")).await.unwrap();
    receiver.endpoints.retire_credential(retired).await.unwrap();
    let change = receiver.endpoints.generation().await.unwrap();
    until("the receiver has shown that it lives, and has loaded it", || async {
        receiver.endpoints.wait_until_loaded(change, Duration::from_secs(30)).await.unwrap() == 1
    })
    .await;
    let wrong = [
        (PATH, vec![]),
        (PATH, vec![String::new()]),
        (PATH, vec!["Basic".to_owned()]),
        (PATH, vec!["Basic key:secret".to_owned()]),
        (PATH, vec!["Basic a2V5c2VjcmV0".to_owned()]),
        (PATH, vec!["Bearer a2V5OnNlY3JldA==".to_owned()]),
        (PATH, vec![RIGHT[0].to_owned(), RIGHT[0].to_owned()]),
        (PATH, vec![basic("key", "Secret")]),
        (PATH, vec![basic("key", "")]),
        (PATH, vec![basic("other", "secret")]),
        ("/callbacks/unknown", vec![basic("key", "Secret")]),
        ("/callbacks/nobody", vec![basic("key", "Secret")]),
        ("/callbacks/nobody", vec![basic("old", "old")]),
    ];
    let answers = join_all(wrong.iter().map(|(path, authorization)| {
        let sender = receiver.sender.clone();
        async move {
            let values: Vec<&str> = authorization.iter().map(String::as_str).collect();
            let answer = sender.post(path, &values, STATUS).await;
            assert_eq!(answer.status, 401, "{path} {authorization:?}");
            assert_eq!(answer.header("www-authenticate"), Some(r#"Basic realm="eqp""#));
            answer
        }
    }));
    let mut bodies: Vec<String> = answers.await.into_iter().map(|answer| answer.body).collect();
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the response does not show whether an endpoint exists");
    assert!(receiver.stored().await.is_empty());
    receiver.stop().await;
}

#[tokio::test]
async fn invalid_credentials_are_rejected_before_the_body_is_sent() {
    let receiver = TestReceiver::new().await;
    let request = post(PATH, &["Basic !"], STATUS.as_bytes());
    let mut stream = receiver.sender.connect().await;
    stream.write_all(&request[..request.len() - STATUS.len()]).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 401);
    receiver.stop().await;
}

#[tokio::test]
async fn a_new_credential_works_at_once_even_after_a_failed_attempt() {
    let receiver = TestReceiver::new().await;
    assert_eq!(receiver.sender.post("/callbacks/new", &["Basic eDp5"], STATUS).await.status, 401);
    let new = endpoint(&receiver.endpoints, "new", None).await;
    let issued = receiver.endpoints.issue_credential(new).await.unwrap();
    let right = basic(&issued.username, issued.password.expose());
    assert_eq!(receiver.sender.post("/callbacks/new", &[&right], STATUS).await.status, 200);
    receiver.stop().await;
}

#[tokio::test]
async fn a_credential_of_one_endpoint_stores_under_no_other() {
    let receiver = TestReceiver::new().await;
    let other = endpoint(&receiver.endpoints, "other", None).await;
    let issued = receiver.endpoints.issue_credential(other).await.unwrap();
    let theirs = basic(&issued.username, issued.password.expose());
    for (path, right, endpoint) in [(PATH, theirs.as_str(), other), ("/callbacks/other", RIGHT[0], receiver.endpoint)] {
        let answer = receiver.sender.post(path, &[right], STATUS).await;
        let stored: i64 = sqlx::query_scalar("select endpoint_id from eqp.callback where id = $1")
            .bind(answer.id())
            .fetch_one(&receiver.database.pool)
            .await
            .unwrap();
        assert_eq!((answer.status, stored), (200, endpoint.0), "{path}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn unknown_credentials_cause_at_most_ten_refreshes_per_second() {
    let receiver = TestReceiver::new().await;
    let unknown = basic("nobody", "x");
    // Each waits for a refresh that begins after it. Their number is below the limit.
    let begun = Instant::now();
    for _ in 0..8 {
        assert_eq!(receiver.sender.post(PATH, &[&unknown], STATUS).await.status, 401);
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(700), "{took:?}");
    receiver.stop().await;
}

#[tokio::test]
async fn a_refused_request_with_a_known_user_name_requests_a_reconciliation() {
    let metrics = Metrics::default();
    let receiver = TestReceiver::with(|builder| builder.metrics(metrics.clone())).await;
    let other = endpoint(&receiver.endpoints, "other", None).await;
    let retired = receiver.endpoints.import_credential(other, "old", &Secret::new("old")).await.unwrap();
    receiver.endpoints.retire_credential(retired).await.unwrap();
    let change = receiver.endpoints.generation().await.unwrap();
    until("the receiver has loaded it", || async {
        receiver.endpoints.wait_until_loaded(change, Duration::from_secs(30)).await.unwrap() == 1
    })
    .await;
    let observer = metrics.observer();
    for (username, password, requested) in
        [("unknown", "secret", None), ("key", "Secret", Some("main")), ("old", "old", Some("other"))]
    {
        let authorization = basic(username, password);
        assert_eq!(receiver.sender.post(PATH, &[&authorization], STATUS).await.status, 401);
        let endpoints = observer.reconcile_requests().take().endpoints;
        assert_eq!(endpoints.iter().map(String::as_str).collect::<Vec<_>>(), Vec::from_iter(requested), "{username}");
    }
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    assert!(observer.reconcile_requests().take().endpoints.is_empty());
    receiver.stop().await;
}
