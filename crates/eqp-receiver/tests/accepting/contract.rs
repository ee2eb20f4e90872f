//! The HTTP contract of the receiver, one test per line.

use std::time::Duration;

use eqp_receiver::Limits;
use eqp_types::Secret;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use eqp_test_support::receiver::{PATH, RIGHT, SCAN, STATUS, TestReceiver, endpoint};
use eqp_test_support::sender::{post, read_answer};

const LIMIT: usize = 256 * 1024;

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[tokio::test]
async fn answers_a_callback_with_the_id_under_which_it_is_stored() {
    let receiver = TestReceiver::new().await;
    for body in [SCAN, STATUS] {
        let answer = receiver.sender.post(PATH, RIGHT, body).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let newest = receiver.stored().await.pop().unwrap();
        assert_eq!(newest, (answer.id(), body.as_bytes().to_vec()), "byte for byte");
        assert_eq!(answer.id().get_version_num(), 7);
        assert_eq!(receiver.pending().await.last(), Some(&answer.id()));
    }
    let facts: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
        "select endpoint_id, credential_id, host(source), via, convert_from(headers, 'UTF8') from eqp.callback",
    )
    .fetch_all(&receiver.database.pool)
    .await
    .unwrap();
    for (endpoint, _, source, via, headers) in facts {
        assert_eq!((endpoint, source.as_str(), via.as_str()), (receiver.endpoint.0, "127.0.0.1", "writer"));
        assert_eq!(headers, "content-type: application/json\r\n", "neither Authorization nor Cookie is stored");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_stored_and_answered_400() {
    let receiver = TestReceiver::new().await;
    let unclosed = "[".repeat(100_000);
    let deep = format!("{unclosed}{}", "]".repeat(100_000));
    for (body, reason) in [
        (b"" as &[u8], "the body is empty; the callback was stored"),
        (b"callback_event=eqp_status_update", "the body is not JSON: see line 1, column 1; the callback was stored"),
        (b"{\"callback_event\": \"\xff\xfe\"}", "the body is not UTF-8; the callback was stored"),
        (unclosed.as_bytes(), "the body is not JSON: see line 1, column 100000; the callback was stored"),
        (deep.as_bytes(), "the body is nested deeper than 128 levels; the callback was stored"),
    ] {
        let answer = receiver.sender.post(PATH, RIGHT, body).await;
        assert_eq!((answer.status, answer.reason().as_str()), (400, reason));
        assert_eq!(receiver.stored().await.pop().unwrap(), (answer.id(), body.to_vec()));
        assert_eq!(receiver.pending().await.last(), Some(&answer.id()));
    }
    receiver.stop().await;
}

#[tokio::test]
async fn all_json_is_accepted_whatever_its_content() {
    let receiver = TestReceiver::new().await;
    for body in [
        r#"{"callback_event": "eqp_status_update"}"#,
        r#"{"callback_event": "a_new_one", "update_info": {"x": [1e999, null]}}"#,
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "\u0000"}}"#,
        "[]",
        "null",
        " 7\r\n",
    ] {
        let answer = receiver.sender.post(PATH, RIGHT, body).await;
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(receiver.stored().await.pop().unwrap(), (answer.id(), body.as_bytes().to_vec()));
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_of_the_maximum_size_is_accepted_and_one_byte_more_refused() {
    let receiver = TestReceiver::new().await;
    let body = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let chunked = |body: &str| {
        format!(
            "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n\
             3e8\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            RIGHT[0],
            &body[..1000],
            body.len() - 1000,
            &body[1000..]
        )
    };
    let longest = body(LIMIT);
    assert_eq!(receiver.sender.post(PATH, RIGHT, &longest).await.status, 200);
    assert_eq!(receiver.sender.raw(chunked(&longest)).await.status, 200);
    assert_eq!(receiver.sender.raw(chunked(&body(LIMIT + 1))).await.status, 413);
    // Rejected because of its announced length, before it is sent.
    let head = post(PATH, RIGHT, &vec![b'x'; LIMIT + 1]);
    assert_eq!(receiver.sender.raw(&head[..head.len() - LIMIT]).await.status, 413);
    let stored = receiver.stored().await;
    assert!(stored.len() == 2 && stored.iter().all(|(_, stored)| stored == longest.as_bytes()));
    receiver.stop().await;
}

#[tokio::test]
async fn other_methods_are_answered_405_with_allow() {
    let receiver = TestReceiver::new().await;
    for (method, path) in [
        ("GET", PATH),
        ("PUT", PATH),
        ("DELETE", "/callbacks/nobody"),
        ("GET", "/"),
        ("PUT", "/healthz"),
        ("PATCH", "/x"),
    ] {
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: 0\r\n\r\n", RIGHT[0]);
        let answer = receiver.sender.raw(request).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method} {path}");
    }
    assert!(receiver.stored().await.is_empty());
    receiver.stop().await;
}

#[tokio::test]
async fn health_checks_report_liveness_and_readiness() {
    let receiver = TestReceiver::new().await;
    for (path, body) in [("/healthz", r#"{"status":"alive"}"#), ("/readyz", r#"{"status":"ready"}"#)] {
        let answer = receiver.sender.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
    receiver.stop().await;
}

#[tokio::test]
async fn closes_a_connection_whose_headers_take_too_long() {
    let short =
        limits(|l| (l.listener.header_time, l.listener.idle_time) = (Duration::from_secs(3), Duration::from_secs(4)));
    let receiver = TestReceiver::with(|builder| builder.limits(short)).await;
    for sent in ["", "POST /callbacks/main HTTP/1.1\r\nhost: local"] {
        let mut stream = receiver.sender.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "it is closed after {sent:?}");
    }
    // Between two requests too.
    let mut stream = receiver.sender.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 200);
    let closed = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok());
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_answered_408() {
    let receiver =
        TestReceiver::with(|builder| builder.limits(limits(|l| l.body_time = Duration::from_millis(200)))).await;
    let request = post(PATH, RIGHT, STATUS.as_bytes());
    assert_eq!(receiver.sender.raw(&request[..request.len() - 1]).await.status, 408);
    assert!(receiver.stored().await.is_empty());
    receiver.stop().await;
}

#[tokio::test]
async fn bodies_share_a_budget_which_only_authenticated_senders_can_use() {
    let tight = limits(|l| {
        l.bytes_in_flight = 4096;
        l.body_time = Duration::from_secs(3);
    });
    let receiver = TestReceiver::with(|builder| builder.limits(tight)).await;
    let large = vec![b' '; 3000];
    let head = |authorization: &[&str]| {
        let request = post(PATH, authorization, &large);
        request[..request.len() - large.len()].to_vec()
    };
    let mut holding = receiver.sender.connect().await;
    holding.write_all(&head(RIGHT)).await.unwrap();
    // Without memory, an invalid credential is answered 401 and a valid one 503.
    assert_eq!(receiver.sender.raw(head(&[])).await.status, 401);
    let (first, second) = tokio::join!(read_answer(&mut holding), receiver.sender.post(PATH, RIGHT, STATUS));
    assert_eq!(first.status, 408);
    assert!(second.status == 200 || (second.status == 503 && second.header("retry-after") == Some("5")));
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200, "the budget comes back");
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_is_charged_for_its_size_only() {
    let roomy = limits(|l| l.bytes_in_flight = 64 * 1024);
    let receiver = TestReceiver::with(|builder| builder.limits(roomy)).await;
    let request = post(PATH, RIGHT, &[b' '; 1000]);
    let mut holding = Vec::new();
    for _ in 0..20 {
        let mut stream = receiver.sender.connect().await;
        stream.write_all(&request[..request.len() - 1]).await.unwrap();
        holding.push(stream);
    }
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200, "there is memory for it");
    for mut stream in holding {
        stream.write_all(b" ").await.unwrap();
        assert_eq!(read_answer(&mut stream).await.status, 400, "it is stored, although it is not JSON");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn slow_bodies_of_one_endpoint_do_not_delay_other_endpoints() {
    let tight = limits(|l| {
        l.bytes_in_flight = 64 * 1024;
        l.body_bytes = 16 * 1024;
        l.body_time = Duration::from_mins(2);
    });
    let receiver = TestReceiver::with(|builder| builder.limits(tight)).await;
    let other = endpoint(&receiver.endpoints, "other", None).await;
    receiver.endpoints.import_credential(other, "key", &Secret::new("other")).await.unwrap();
    let right = eqp_test_support::sender::basic("key", "other");
    // More bodies than fit into the memory, each without its last byte, and the same number that are only announced.
    let request = post(PATH, RIGHT, &[b' '; 16 * 1024]);
    let mut slow = Vec::new();
    for sent in [request.len() - 1, request.len() - 16 * 1024].repeat(35) {
        let mut stream = receiver.sender.connect().await;
        stream.write_all(&request[..sent]).await.unwrap();
        slow.push(stream);
    }
    let well = async {
        for _ in 0..20 {
            assert_eq!(receiver.sender.post("/callbacks/other", &[&right], STATUS).await.status, 200);
        }
    };
    // Well before the slow ones have timed out.
    assert!(tokio::time::timeout(Duration::from_mins(1), well).await.is_ok());
    drop(slow);
    receiver.stop().await;
}

#[tokio::test]
async fn large_bodies_that_arrive_together_are_all_accepted() {
    let tight = limits(|l| l.bytes_in_flight = 1024 * 1024);
    let receiver = TestReceiver::with(|builder| builder.limits(tight)).await;
    // Together twelve times the share of one endpoint.
    let body = format!("\"{}\"", "x".repeat(LIMIT - 2));
    let sent = join_all((0..24).map(|_| receiver.sender.post(PATH, RIGHT, &body))).await;
    assert_eq!(sent.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200; 24]);
    receiver.stop().await;
}

#[tokio::test]
async fn speaks_http_1_1_only() {
    let receiver = TestReceiver::new().await;
    assert!(receiver.sender.connect_with_alpn(&[b"h2"]).await.is_err(), "refused in the handshake");
    let both = receiver.sender.connect_with_alpn(&[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(b"http/1.1" as &[u8]));
    receiver.stop().await;
}

#[tokio::test]
async fn other_protocols_do_not_stop_the_listener() {
    let receiver = TestReceiver::new().await;
    let mut plain = TcpStream::connect(receiver.address).await.unwrap();
    plain.write_all(&post(PATH, RIGHT, STATUS.as_bytes())).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(receiver.sender.raw("no http at all\r\n\r\n").await.status, 400);
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    assert_eq!(receiver.stored().await.len(), 1);
    receiver.stop().await;
}
