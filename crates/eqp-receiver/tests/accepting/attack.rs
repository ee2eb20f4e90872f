//! Malicious and broken clients get the right response, and other senders are not affected.

use std::time::Duration;

use axum::body::Body;
use eqp_receiver::{Limits, Receiver};
use futures_util::future::join_all;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;
use tower::ServiceExt;

use crate::durability::Barrier;
use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::{basic, post, read_answer};

const PATIENCE: Duration = Duration::from_secs(30);

fn head(more: &str) -> String {
    format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n{more}\r\n", RIGHT[0])
}

/// Returns everything that arrives until the peer closes.
async fn everything(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends data, and returns everything that arrives until the peer closes.
async fn exchange(receiver: &TestReceiver, request: impl AsRef<[u8]>) -> String {
    let mut stream = receiver.sender.connect().await;
    let _ = stream.write_all(request.as_ref()).await;
    everything(&mut stream).await
}

/// Returns the statuses of all responses in the received data.
fn statuses(answers: &str) -> Vec<u16> {
    let status = |line: &str| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok();
    answers.lines().filter_map(|line| status(line.trim_start_matches(|c| c != 'H'))).collect()
}

/// Sends a piece repeatedly until the peer closes, and returns the response and the number of sent bytes.
async fn endless(receiver: &TestReceiver, start: String, piece: &[u8], most: usize) -> (Vec<u16>, usize) {
    let mut stream = receiver.sender.connect().await;
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut incoming, mut outgoing) = tokio::io::split(stream);
    let mut sent = 0;
    let mut said = Vec::new();
    while sent < most {
        let mut answer = [0; 4096];
        tokio::select! {
            biased;
            read = incoming.read(&mut answer) => match read {
                Ok(count) if count > 0 => said.extend_from_slice(&answer[..count]),
                _ => break,
            },
            written = outgoing.write_all(piece) => match written {
                Ok(()) => sent += piece.len(),
                Err(_) => break,
            },
        }
    }
    let mut stream = incoming.unsplit(outgoing);
    said.extend_from_slice(everything(&mut stream).await.as_bytes());
    (statuses(&String::from_utf8_lossy(&said)), sent)
}

async fn neighbours_are_well(receiver: &TestReceiver) {
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
}

#[tokio::test]
async fn a_body_without_an_end_is_cut_off_at_the_limit() {
    let receiver = TestReceiver::new().await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let (said, sent) = endless(&receiver, head("transfer-encoding: chunked\r\n"), chunk.as_bytes(), 100 << 20).await;
    assert_eq!(said, [413]);
    assert!(sent < 8 << 20, "{sent} bytes were accepted");
    // Without a valid credential the body is not read.
    let wrong = head("transfer-encoding: chunked\r\n").replace(RIGHT[0], "Basic !");
    let (said, sent) = endless(&receiver, wrong, chunk.as_bytes(), 100 << 20).await;
    assert_eq!(said, [401]);
    assert!(sent < 8 << 20, "{sent} bytes were accepted");
    neighbours_are_well(&receiver).await;
    assert_eq!(receiver.stored().await.len(), 1);
    receiver.stop().await;
}

#[tokio::test]
async fn chunk_extensions_and_trailers_are_limited_too() {
    let receiver = TestReceiver::new().await;
    let extension = head("transfer-encoding: chunked\r\n") + "2;";
    let (said, sent) = endless(&receiver, extension, &[b'x'; 1024], 100 << 20).await;
    assert_eq!(said, [400]);
    assert!(sent < 8 << 20, "{sent} bytes were accepted");
    let trailers = head("transfer-encoding: chunked\r\n") + "2\r\n{}\r\n0\r\n";
    let (said, sent) =
        endless(&receiver, trailers, b"trailer: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 100 << 20).await;
    assert_eq!(said, [400]);
    assert!(sent < 8 << 20, "{sent} bytes were accepted");
    assert!(receiver.stored().await.is_empty());
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_hundred_megabytes_of_headers_are_cut_off() {
    let receiver = TestReceiver::new().await;
    let start = format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\n");
    for piece in [b"x-a: 0123456789012345678901234567890123456789012345678901234567\r\n".as_slice(), &[b'x'; 1024]] {
        let (said, sent) = endless(&receiver, start.clone(), piece, 100 << 20).await;
        assert_eq!(said, [431]);
        assert!(sent < 8 << 20, "{sent} bytes were accepted");
    }
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn the_limit_of_a_head_is_the_same_however_fast_it_is_sent() {
    const LIMIT: usize = 16 * 1024;
    let receiver = TestReceiver::new().await;
    let of = |bytes: usize| {
        let start = format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-a: ");
        let mut request = start.clone() + &"a".repeat(bytes - start.len() - 4);
        request.push_str("\r\n\r\n");
        assert_eq!(request.len(), bytes);
        request.into_bytes()
    };
    for (bytes, status) in [(LIMIT - 1, 401), (LIMIT, 401), (LIMIT + 1, 431), (66_000, 431), (100_000, 431)] {
        let request = of(bytes);
        for piece in [request.len(), 5000, 1000] {
            let mut stream = receiver.sender.connect().await;
            for piece in request.chunks(piece) {
                // A head that is too long is rejected before its end.
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            assert_eq!(statuses(&everything(&mut stream).await), [status], "{bytes} bytes, {piece} at a time");
        }
    }
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

/// Requests that could be read in more than one way, or not at all: what is sent after the method, and the status.
#[tokio::test]
async fn ambiguous_requests_are_rejected_with_the_right_status() {
    let receiver = TestReceiver::new().await;
    let credential = format!("authorization: {}\r\n", RIGHT[0]);
    let host = format!("host: localhost\r\n{credential}");
    let cases: &[(String, &[u16])] = &[
        (format!("{PATH} HTTP/1.1\r\nhost: a\r\n{host}content-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH} HTTP/1.1\r\n{host}{host}content-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH} HTTP/1.1\r\nhost: a b\r\n{credential}content-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH} HTTP/1.1\r\n{credential}content-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH} HTTP/1.0\r\n{credential}content-length: 2\r\n\r\n{{}}"), &[200]),
        (format!("{PATH} HTTP/1.0\r\n{host}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), &[400]),
        (format!("{PATH} HTTP/1.1\r\n{host}transfer-encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), &[501]),
        (
            format!(
                "{PATH} HTTP/1.1\r\n{host}transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
            ),
            &[501],
        ),
        (format!("{PATH} HTTP/1.1\r\n{host}transfer-encoding: chunked, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), &[400]),
        (format!("{PATH} HTTP/1.1\r\n{host}transfer-encoding: gzip\r\n\r\n{{}}"), &[400]),
        (
            format!("{PATH} HTTP/1.1\r\n{host}content-length: 2\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"),
            &[200],
        ),
        (format!("{PATH} HTTP/1.1\r\n{host}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"), &[400]),
        (
            format!(
                "{PATH} HTTP/1.1\r\n{host}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
            ),
            &[200],
        ),
        (
            format!("http://localhost{PATH} HTTP/1.1\r\n{host}content-length: 2\r\nconnection: close\r\n\r\n{{}}"),
            &[200],
        ),
        (
            format!("http://elsewhere{PATH} HTTP/1.1\r\n{host}content-length: 2\r\nconnection: close\r\n\r\n{{}}"),
            &[200],
        ),
        (format!("{PATH} HTTP/1.1\r\n{host}x: a\r\n b\r\ncontent-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH} HTTP/1.1\r\n{host}x : a\r\ncontent-length: 2\r\n\r\n{{}}"), &[400]),
        (
            format!("{PATH} HTTP/1.1\n{}content-length: 2\nconnection: close\n\n{{}}", host.replace("\r\n", "\n")),
            &[200],
        ),
        (format!("{PATH} HTTP/1.1\r\n{host}x: a\rb\r\ncontent-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH} HTTP/2.0\r\n{host}content-length: 2\r\n\r\n{{}}"), &[400]),
        (format!("{PATH}\r\n"), &[400]),
        (format!("{PATH} x HTTP/1.1\r\n{host}content-length: 2\r\n\r\n{{}}"), &[400]),
    ];
    for (request, expected) in cases {
        let before = receiver.stored().await.len();
        let answers = exchange(&receiver, format!("POST {request}")).await;
        assert_eq!(statuses(&answers), *expected, "{request:?}: {answers}");
        let stored = receiver.stored().await;
        assert_eq!(stored.len() - before, usize::from(*expected == [200]), "{request:?}");
        assert!(stored.iter().all(|(_, body)| body == b"{}"), "{request:?}");
    }
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_not_stored() {
    let receiver = TestReceiver::new().await;
    let mut stream = receiver.sender.connect().await;
    stream.write_all((head("content-length: 500\r\n") + STATUS).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    everything(&mut stream).await;
    neighbours_are_well(&receiver).await;
    assert_eq!(receiver.stored().await.len(), 1);
    receiver.stop().await;
}

#[tokio::test]
async fn bytes_after_the_content_length_are_not_a_callback() {
    let receiver = TestReceiver::new().await;
    // The following data is not a request either, and the connection is closed.
    let answers = exchange(&receiver, head("content-length: 2\r\n") + "{}" + STATUS).await;
    assert_eq!(statuses(&answers), [200, 400]);
    assert_eq!(receiver.stored().await.iter().map(|(_, body)| body.as_slice()).collect::<Vec<_>>(), [b"{}"]);
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_length_that_can_be_read_in_two_ways_is_refused() {
    let receiver = TestReceiver::new().await;
    for lengths in [
        "content-length: -2",
        "content-length: +2",
        "content-length: 2, 2",
        "content-length: 0x2",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 99999999999999999999",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding : chunked",
        "content-length: 2\rx: y",
        "x: a\r b\r\ncontent-length: 2",
        "x: a\r\n b\r\ncontent-length: 2",
        "content-length: 2\0",
    ] {
        let answers = exchange(&receiver, head(&format!("{lengths}\r\n")) + "{}").await;
        assert_eq!(statuses(&answers), [400], "{lengths:?}: {answers}");
    }
    assert!(receiver.stored().await.is_empty());
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn with_content_length_and_chunks_the_chunks_count_and_smuggled_bytes_are_never_read() {
    let receiver = TestReceiver::new().await;
    let smuggled = head("content-length: 2\r\n") + "[]";
    for lengths in
        ["content-length: 7\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 7"]
    {
        let before = receiver.stored().await.len();
        let answers = exchange(&receiver, head(&format!("{lengths}\r\n")) + "2\r\n{}\r\n0\r\n\r\n" + &smuggled).await;
        assert_eq!(statuses(&answers), [200], "{answers}");
        let stored = receiver.stored().await;
        assert_eq!((stored.len() - before, stored.last().unwrap().1.as_slice()), (1, b"{}".as_slice()));
    }
    // A bare CR or a bare LF does not end a chunk.
    for body in ["2\n{}\n0\n\n", "2\r{}\r0\r\r", "2\r\n{}0\r\n\r\n", "fffffffffffffffff\r\n{}", "-2\r\n{}\r\n0\r\n\r\n"]
    {
        let answers = exchange(&receiver, head("transfer-encoding: chunked\r\n") + body).await;
        assert_eq!(statuses(&answers), [400], "{body:?}");
    }
    assert_eq!(receiver.stored().await.len(), 2);
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn http_2_without_asking_is_closed() {
    let receiver = TestReceiver::new().await;
    let answers = exchange(&receiver, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert_eq!(statuses(&answers), [] as [u16; 0], "{answers}");
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

/// Returns a client's first message for one version of TLS, in wire format.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = vec![version[0], version[1]];
    hello.extend([7; 32]);
    hello.push(0);
    // Two suites of the time: AES-128-CBC and, over elliptic curves, the same.
    hello.extend([0, 4, 0x00, 0x2f, 0xc0, 0x13, 1, 0]);
    let mut message = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
    message.extend(hello);
    let mut record = vec![0x16, 3, 1, 0, u8::try_from(message.len()).unwrap()];
    record.extend(message);
    record
}

#[tokio::test]
async fn old_tls_versions_and_other_protocols_are_rejected_with_an_alert() {
    let receiver = TestReceiver::new().await;
    for (version, name) in [([3, 1], "TLS 1.0"), ([3, 2], "TLS 1.1"), ([3, 0], "SSL 3")] {
        let mut stream = TcpStream::connect(receiver.address).await.unwrap();
        stream.write_all(&client_hello(version)).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it is closed");
        // A fatal alert: no version in common, or no parameters.
        assert!(matches!(answer[..], [0x15, _, _, 0, 2, 2, 40 | 70]), "{name}: {answer:?}");
    }
    for garbage in
        [vec![0; 64], b"GET / HTTP/1.0\r\n\r\n".to_vec(), vec![0xff; 100_000], client_hello([3, 3])[..20].to_vec()]
    {
        let mut stream = TcpStream::connect(receiver.address).await.unwrap();
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it is closed");
        assert!(answer.len() < 64, "an alert, and no more");
    }
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn expect_100_continue_is_answered() {
    let receiver = TestReceiver::new().await;
    let ask = |authorization: &str| {
        let length = STATUS.len();
        head(&format!("expect: 100-continue\r\ncontent-length: {length}\r\n")).replace(RIGHT[0], authorization)
    };
    let mut stream = receiver.sender.connect().await;
    stream.write_all(ask(RIGHT[0]).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(STATUS.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 200);
    let refused = receiver.sender.raw(ask("Basic !")).await;
    assert_eq!(refused.status, 401, "and not 100 first");
    let too_large = ask(RIGHT[0]).replace(&format!("content-length: {}", STATUS.len()), "content-length: 9999999");
    assert_eq!(receiver.sender.raw(too_large).await.status, 413);
    assert_eq!(receiver.stored().await.len(), 1);
    receiver.stop().await;
}

#[tokio::test]
async fn a_compressed_body_is_stored_unchanged() {
    let receiver = TestReceiver::new().await;
    let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00";
    let mut request = head(&format!("content-encoding: gzip\r\ncontent-length: {}\r\n", packed.len())).into_bytes();
    request.extend_from_slice(packed);
    let answer = receiver.sender.raw(request).await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (400, "the body is compressed, which is not supported; the callback was stored")
    );
    assert_eq!(receiver.stored().await, [(answer.id(), packed.to_vec())]);
    let headers: String = sqlx::query_scalar("select convert_from(headers, 'UTF8') from eqp.callback")
        .fetch_one(&receiver.database.pool)
        .await
        .unwrap();
    assert!(headers.contains("content-encoding: gzip"), "{headers}");
    receiver.stop().await;
}

#[tokio::test]
async fn slow_bodies_do_not_delay_other_callbacks() {
    let mut limits = Limits::default();
    limits.body_time = Duration::from_secs(2);
    let receiver = TestReceiver::with(|builder| builder.limits(limits)).await;
    let slow = join_all((0..50).map(|_| async {
        let mut stream = receiver.sender.connect().await;
        let request = post(PATH, RIGHT, STATUS.as_bytes());
        stream.write_all(&request[..request.len() - 1]).await.unwrap();
        read_answer(&mut stream).await.status
    }));
    let well = async {
        for _ in 0..10 {
            neighbours_are_well(&receiver).await;
        }
    };
    let (slow, ()) = tokio::join!(slow, well);
    assert_eq!(slow, [408; 50]);
    assert_eq!(receiver.stored().await.len(), 10);
    receiver.stop().await;
}

#[tokio::test]
async fn ten_thousand_wrong_passwords_are_limited_and_the_right_one_is_still_accepted_from_the_same_address() {
    let receiver = TestReceiver::new().await;
    let wrong = post(PATH, &[&basic("key", "wrong")], b"");
    let wrong = String::from_utf8(wrong).unwrap().replace("connection: close\r\n", "").into_bytes();
    let tries = join_all((0..40).map(|_| async {
        let mut stream = receiver.sender.connect().await;
        let (mut refused, mut told_to_wait) = (0, 0);
        for _ in 0..250 {
            stream.write_all(&wrong).await.unwrap();
            let answer = read_answer(&mut stream).await;
            match answer.status {
                401 => refused += 1,
                429 => {
                    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                    assert!((1..=30).contains(&wait), "{wait}");
                    told_to_wait += 1;
                }
                other => panic!("{other}"),
            }
        }
        (refused, told_to_wait)
    }));
    let well = async {
        for _ in 0..20 {
            neighbours_are_well(&receiver).await;
        }
    };
    let (tries, ()) = tokio::join!(tries, well);
    let (refused, told_to_wait) = tries.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(refused + told_to_wait, 10_000);
    assert!((20..200).contains(&refused), "{refused} were let try");
    // From the same address, a valid credential is never rejected.
    neighbours_are_well(&receiver).await;
    assert_eq!(receiver.sender.raw(wrong).await.status, 429);
    receiver.stop().await;
}

#[tokio::test]
async fn floods_of_every_refusal_are_delayed_and_health_checks_from_the_same_address_are_not() {
    let receiver = TestReceiver::new().await;
    let requests = [
        format!("GET {PATH} HTTP/1.1\r\nhost: x\r\n\r\n"),
        "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ];
    for request in &requests {
        // 40 connections that each send another request as soon as they are answered: together they are answered at a
        // fixed rate.
        let begun = Instant::now();
        let flood = join_all((0..40).map(|_| async {
            let mut stream = receiver.sender.connect().await;
            for _ in 0..50 {
                stream.write_all(request.as_bytes()).await.unwrap();
                let status = read_answer(&mut stream).await.status;
                assert!([401, 404, 405, 429].contains(&status), "{status}");
            }
        }));
        let health = async {
            let mut stream = receiver.sender.connect().await;
            for _ in 0..20 {
                stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
                assert_eq!(read_answer(&mut stream).await.status, 200);
                neighbours_are_well(&receiver).await;
            }
        };
        tokio::join!(flood, health);
        // 2,000 responses, of which about 20 are immediate: one per half millisecond, or one per connection every 100
        // ms.
        assert!(begun.elapsed() >= Duration::from_millis(900), "{request:?}: {:?}", begun.elapsed());
    }
    receiver.stop().await;
}

#[tokio::test]
async fn five_hundred_rejected_bodies_in_one_batch_do_not_affect_the_others() {
    let receiver = TestReceiver::new().await;
    receiver
        .execute(
            "create function eqp.unstorable() returns trigger language plpgsql as $$ begin
                 if new.body = 'unstorable' then raise exception 'unstorable' using errcode = '22000'; end if;
                 return new;
             end $$;
             create trigger unstorable before insert on eqp.callback for each row execute function eqp.unstorable()",
        )
        .await;
    // In a service's own router, because many handshakes would only take time here.
    let embedded = Receiver::builder(receiver.database.pool.clone()).master_key(receiver.key.clone()).accept_only();
    let embedded = embedded.embed().await.unwrap();
    let router = embedded.router();
    let send = |body: &'static str| {
        let request = Request::post(PATH).header("authorization", RIGHT[0]).body(Body::from(body)).unwrap();
        let answered = router.clone().oneshot(request);
        async move { answered.await.unwrap().status().as_u16() }
    };
    let barrier = Barrier::raise(&receiver).await;
    let rest = async {
        until("a write waits", || async { receiver.blocked_writes().await > 0 }).await;
        // Polled in this order, so that all are enqueued before the barrier is lifted.
        tokio::join!(
            join_all((0..512).map(|_| send("unstorable"))),
            join_all((0..64).map(|_| send(STATUS))),
            barrier.lift()
        )
    };
    let (first, (unstorable, good, ())) = tokio::join!(send(STATUS), rest);
    assert_eq!(first, 200);
    assert_eq!(good, [200; 64]);
    // Such a body is answered 503, or stored in quarantine, but never treated as stored in Postgres.
    assert_eq!(unstorable.len(), 512);
    let stored = receiver.stored().await;
    assert_eq!(stored.len(), 65);
    assert!(stored.iter().all(|(_, body)| body == STATUS.as_bytes()));
    embedded.stop().await.unwrap();
    neighbours_are_well(&receiver).await;
    receiver.stop().await;
}
