//! Who is let in.

use std::time::{Duration, Instant};

use eqp_types::Secret;
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;

use crate::scene::{PATH, RIGHT, STATUS, Scene, endpoint, until};
use crate::sender::{basic, post, read_answer};

#[tokio::test]
async fn accepts_the_scheme_in_any_case() {
    let scene = Scene::new().await;
    for right in ["Basic a2V5OnNlY3JldA==", "basic a2V5OnNlY3JldA==", "BASIC a2V5OnNlY3JldA=="] {
        assert_eq!(scene.sender.post(PATH, &[right], STATUS).await.status, 200, "{right}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn accepts_a_password_with_a_colon() {
    let scene = Scene::new().await;
    scene.endpoints.import_credential(scene.endpoint, "schlüssel", &Secret::new("a:b::ü")).await.unwrap();
    assert_eq!(scene.sender.post(PATH, &[&basic("schlüssel", "a:b::ü")], STATUS).await.status, 200);
    scene.stop().await;
}

#[tokio::test]
async fn refuses_every_other_credential_in_the_same_way_and_keeps_nothing() {
    let scene = Scene::new().await;
    let nobody = endpoint(&scene.endpoints, "nobody", None).await;
    let retired = scene.endpoints.import_credential(nobody, "old", &Secret::new("old")).await.unwrap();
    scene.endpoints.retire_credential(retired).await.unwrap();
    let change = scene.endpoints.generation().await.unwrap();
    until("the receiver has shown that it lives, and has loaded it", || async {
        scene.endpoints.wait_until_loaded(change, Duration::from_secs(30)).await.unwrap() == 1
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
        let sender = scene.sender.clone();
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
    assert_eq!(bodies.len(), 1, "nothing tells an endpoint that exists from one that does not");
    assert!(scene.stored().await.is_empty());
    scene.stop().await;
}

#[tokio::test]
async fn refuses_before_the_body_is_sent() {
    let scene = Scene::new().await;
    let request = post(PATH, &["Basic !"], STATUS.as_bytes());
    let mut stream = scene.sender.connect().await;
    stream.write_all(&request[..request.len() - STATUS.len()]).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 401);
    scene.stop().await;
}

#[tokio::test]
async fn a_new_credential_works_at_once_also_right_after_a_wrong_try() {
    let scene = Scene::new().await;
    assert_eq!(scene.sender.post("/callbacks/new", &["Basic eDp5"], STATUS).await.status, 401);
    let new = endpoint(&scene.endpoints, "new", None).await;
    let issued = scene.endpoints.issue_credential(new).await.unwrap();
    let right = basic(&issued.username, issued.password.expose());
    assert_eq!(scene.sender.post("/callbacks/new", &[&right], STATUS).await.status, 200);
    scene.stop().await;
}

#[tokio::test]
async fn a_credential_of_one_endpoint_stores_under_no_other() {
    let scene = Scene::new().await;
    let other = endpoint(&scene.endpoints, "other", None).await;
    let issued = scene.endpoints.issue_credential(other).await.unwrap();
    let theirs = basic(&issued.username, issued.password.expose());
    for (path, right, endpoint) in [(PATH, theirs.as_str(), other), ("/callbacks/other", RIGHT[0], scene.endpoint)] {
        let answer = scene.sender.post(path, &[right], STATUS).await;
        let stored: i64 = sqlx::query_scalar("select endpoint_id from eqp.callback where id = $1")
            .bind(answer.id())
            .fetch_one(&scene.database.pool)
            .await
            .unwrap();
        assert_eq!((answer.status, stored), (200, endpoint.0), "{path}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn unknown_credentials_make_it_look_no_more_than_ten_times_a_second() {
    let scene = Scene::new().await;
    let unknown = basic("nobody", "x");
    // Each waits for a look that begins after it; fewer than make it stop looking.
    let begun = Instant::now();
    for _ in 0..8 {
        assert_eq!(scene.sender.post(PATH, &[&unknown], STATUS).await.status, 401);
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(700), "{took:?}");
    scene.stop().await;
}
