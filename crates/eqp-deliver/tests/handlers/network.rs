//! Servers that cannot be reached, do not follow the protocol, or may not be called.

use std::process::Command;
use std::time::Duration;

use eqp_deliver::{AddressGuard, AttemptOutcome, AttemptResult, HandlerEnvironment, HandlerSecrets};
use eqp_test_support::api_server::ApiServer;
use eqp_tls::LocalCa;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::messages;
use crate::server::{DEADLINE, RecordingServer, handler, local, webhook};

const DOWN: AttemptOutcome = AttemptOutcome::HandlerDown { retry_after: None };
/// The deadline of attempts that are meant to reach it.
const SHORT: Duration = Duration::from_millis(500);

async fn deliver(url: &str, environment: &HandlerEnvironment, deadline: Duration) -> AttemptResult {
    handler(&webhook(url), &HandlerSecrets::default(), environment).deliver(&messages::rejection(), deadline).await
}

/// Starts a server without TLS that runs `serve` for each connection.
async fn raw_server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?token=in-the-query", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    url
}

#[tokio::test]
async fn a_closed_port_is_a_handler_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook?token=in-the-query", listener.local_addr().unwrap());
    drop(listener);
    let result = deliver(&url, &local(), DEADLINE).await;
    assert_eq!((&result.outcome, result.status), (&DOWN, None));
    assert!(result.note.starts_with("cannot connect to https://127.0.0.1:"), "{}", result.note);
    assert!(!result.note.contains("in-the-query"), "{}", result.note);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_for_another_host_is_rejected() {
    let server = RecordingServer::accepting();
    let result = deliver(&server.url("/"), &local(), DEADLINE).await;
    assert_eq!(result.outcome, DOWN);
    assert!(result.note.contains("TLS certificate of https://127.0.0.1:"), "{}", result.note);

    let ca = LocalCa::ephemeral().unwrap();
    let identity = ca.issue(&["other.example.com".to_owned()]).unwrap();
    let server = ApiServer::start_as(axum::Router::new(), &identity, ca.certificate_pem());
    let environment = local().trusting_ca_pem(&server.ca_pem).unwrap();
    let result = deliver(server.url.as_str(), &environment, DEADLINE).await;
    assert_eq!(result.outcome, DOWN);
    assert!(result.note.contains("other.example.com"), "{}", result.note);
}

#[tokio::test]
async fn a_server_without_tls_is_a_handler_that_is_down() {
    let url = raw_server(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let result = deliver(&url.replace("http://", "https://"), &local(), DEADLINE).await;
    assert_eq!(result.outcome, DOWN, "{}", result.note);
}

#[tokio::test]
async fn a_server_that_does_not_respond_is_given_up_at_the_deadline() {
    let silent = raw_server(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    // One byte at a time: each arrives in time, but not the response.
    let slow = raw_server(|mut stream| async move {
        while stream.write_all(b"H").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let handshake = silent.replace("http://", "https://");
    for url in [silent, handshake] {
        let result = deliver(&url, &local(), SHORT).await;
        assert_eq!(result.outcome, DOWN, "{url}");
        assert!(result.note.contains("timed out after 0.5 s"), "{}", result.note);
        assert!(result.duration >= SHORT && result.duration < DEADLINE, "{:?}", result.duration);
    }
    let result = deliver(&slow, &local(), SHORT).await;
    assert_eq!(result.outcome, DOWN);
    assert!(result.duration < DEADLINE, "{:?}", result.duration);
}

#[tokio::test]
async fn a_connection_that_is_lost_or_a_response_that_is_not_http_is_a_handler_that_is_down() {
    let resetting = raw_server(|mut stream| async move {
        let _ = stream.read(&mut [0; 10]).await;
        #[expect(deprecated, reason = "it resets the connection, and the stream has nothing to wait for")]
        let _ = stream.set_linger(Some(Duration::ZERO));
    })
    .await;
    let garbage = raw_server(|mut stream| async move {
        let _ = stream.read(&mut [0; 10]).await;
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    })
    .await;
    // Endless headers.
    let headers = raw_server(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(format!("x: {}\r\n", "y".repeat(4096)).as_bytes()).await.is_ok() {}
    })
    .await;
    for url in [resetting, garbage, headers] {
        let result = deliver(&url, &local(), DEADLINE).await;
        assert_eq!((&result.outcome, result.status), (&DOWN, None), "{}", result.note);
        assert!(result.note.contains("was lost"), "{}", result.note);
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_not_called() {
    let server = RecordingServer::accepting();
    let url = server.url("/").replace("127.0.0.1", "localhost");
    for (networks, is_called) in [(vec![], false), (vec!["10.0.0.0/8"], false), (vec!["127.0.0.0/8", "::1"], true)] {
        let environment = HandlerEnvironment::new(AddressGuard::allowing(networks).unwrap());
        let result = deliver(&url, &environment, DEADLINE).await;
        if is_called {
            // The certificate is not trusted here, so the server was reached.
            assert_eq!(result.outcome, DOWN, "{}", result.note);
        } else {
            let AttemptOutcome::Misconfigured(reason) = &result.outcome else { panic!("{result:?}") };
            assert!(reason.contains("is not a public address, and `allow_networks` does not include it"), "{reason}");
            assert!(reason.contains("https://localhost:"), "{reason}");
        }
    }
    let public_only = HandlerEnvironment::new(AddressGuard::default());
    let result = deliver(&url.replace("localhost", "LOCALHOST"), &public_only, DEADLINE).await;
    assert!(matches!(result.outcome, AttemptOutcome::Misconfigured(_)), "{result:?}");
    // Not every system resolves this form.
    let result = deliver(&url.replace("localhost", "localhost."), &public_only, DEADLINE).await;
    assert!(matches!(result.outcome, AttemptOutcome::Misconfigured(_)) || result.note.contains("dns"), "{result:?}");
    assert_eq!(server.arrived().len(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_handler_that_is_down() {
    let result = deliver("https://no-such-host.invalid/", &local(), DEADLINE).await;
    assert_eq!(result.outcome, DOWN);
    assert!(result.note.starts_with("cannot connect to https://no-such-host.invalid"), "{}", result.note);
}

/// The environment variable with which the next test runs itself in a process whose environment names proxies.
const INNER: &str = "EQP_TEST_INNER_URL";

#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    if let Ok(url) = std::env::var(INNER) {
        assert_eq!(deliver(&url, &local(), DEADLINE).await.outcome, AttemptOutcome::Delivered);
        return;
    }
    let url = raw_server(|mut stream| async move {
        let _ = stream.read(&mut [0; 16_384]).await;
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let mut inner = Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", "network::proxies_of_the_environment_are_ignored"]).env(INNER, url);
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        inner.env(variable, "http://127.0.0.1:9");
    }
    let output = tokio::task::spawn_blocking(move || inner.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn a_configured_proxy_is_used() {
    let proxy = raw_server(|mut stream| async move {
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let connects = request[..length].starts_with(b"CONNECT hooks.invalid:443 ");
        let status = if connects { "418 Used" } else { "400 Bad Request" };
        let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await;
    })
    .await;
    let environment = HandlerEnvironment::default().through_proxy(proxy.split_once("/hook").unwrap().0).unwrap();
    let result = deliver("https://hooks.invalid/", &environment, DEADLINE).await;
    assert_eq!(result.outcome, DOWN);
    assert!(result.note.contains("unsuccessful") || result.note.contains("418"), "{}", result.note);
}
