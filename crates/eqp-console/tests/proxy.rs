//! The stream of events through nginx with its default settings, which buffer responses and speak HTTP/1.0 to the server.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eqp_console::{NewToken, OperatorClient, OperatorListener, OperatorService, Principal, Scope};
use eqp_store::Store;
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The time within which a proxied event must arrive.
const SOON: Duration = Duration::from_secs(2);

/// A running nginx, which is killed when it is dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Nginx {
    /// Starts nginx in front of a server. Returns `None` if it is not installed.
    async fn start(folder: &Path, upstream: &str) -> Option<(Self, String)> {
        let programs = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let program = programs.into_iter().find(|path| Path::new(path).exists())?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let here = folder.display();
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {here}/{of};"));
        let configuration = format!(
            "daemon off; master_process off; pid {here}/pid; error_log stderr; events {{}}
             http {{
                 access_log off; {}
                 server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {upstream}; }} }}
             }}",
            temporary.concat()
        );
        std::fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.join("nginx.conf")).arg("-p").arg(folder).stdout(Stdio::null());
        let nginx = Self(command.spawn().unwrap());
        let address = format!("127.0.0.1:{port}");
        timeout(PATIENCE, async {
            while tokio::net::TcpStream::connect(&address).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("nginx listens");
        Some((nginx, format!("http://{address}")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_at_once_through_a_proxy_that_buffers_responses() {
    let database = CallbackDatabase::new().await;
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let service = OperatorService::new(Store::new(database.pool.clone())).shutdown(shutdown.clone());
    let listener = OperatorListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let upstream = format!("http://{}", listener.local_addr());
    tokio::spawn(listener.serve(service.network_router(&[]), shutdown.clone()));
    let folder = tempfile::tempdir().unwrap();
    let Some((_nginx, url)) = Nginx::start(folder.path(), &upstream).await else {
        eprintln!("not run: no nginx");
        return;
    };
    let local = OperatorClient::in_process(&service, Principal::Local);
    let token = local.create_token(&NewToken::new("reader", [Scope::Read])).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("{url}/api/v1/events/stream?after_seq=0")).bearer_auth(token.secret.expose());
    // The headers arrive before there is any event.
    let mut stream = timeout(SOON, request.send()).await.unwrap().unwrap();
    assert_eq!(stream.status(), 200);
    let (mut text, mut expected) = (String::new(), 0);
    for file in ["f1", "f2", "f3"] {
        database.callback(scan(file, "pass")).await;
        database.project().await;
        expected += 1;
        let recorded = Instant::now();
        timeout(SOON, async {
            while text.matches("\ndata: {").count() < expected {
                text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{file} has not arrived after {:?}: {text}", recorded.elapsed()));
    }
}
