//! A simulator with a client that trusts it, and a target for its callbacks.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use eqp_simulator::{Simulator, SimulatorBuilder, Snapshot};
use eqp_tls::LocalCa;
use http::{HeaderMap, StatusCode};
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};

/// Longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) http: Client,
    pub(crate) token: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl World {
    /// A fast simulator.
    pub(crate) async fn new() -> Self {
        Self::of(Simulator::builder().speed(600.0)).await
    }

    pub(crate) async fn of(builder: SimulatorBuilder) -> Self {
        let simulator = builder.start().await.unwrap();
        let ca = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([ca]).no_proxy().timeout(PATIENCE).build().unwrap();
        let world = Self { simulator, http, token: String::new() };
        let granted = world.new_token(json!({"grant_type": "session"})).await.body;
        Self { token: granted["ust"].as_str().unwrap().to_owned(), ..world }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/rest/v1{path}", self.simulator.base_url())
    }

    pub(crate) async fn new_token(&self, body: Value) -> Answer {
        let key = self.simulator.api_key();
        let request = self.http.post(self.url("/app/session/token"));
        let request = request.basic_auth(&key.application_id, Some(key.application_secret.expose()));
        answer(request.json(&body)).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, self.url(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) fn user_path(&self) -> String {
        format!("/users/{}", self.simulator.mage_id())
    }

    pub(crate) async fn upload(&self, parts: Vec<(&'static str, Part)>) -> Answer {
        let mut form = Form::new();
        for (name, part) in parts {
            form = form.part(name, part);
        }
        answer(self.http.post(self.url("/files/uploads")).bearer_auth(&self.token).multipart(form)).await
    }

    /// Uploads one file; answers its id.
    pub(crate) async fn upload_one(&self, filename: &str, bytes: Vec<u8>) -> String {
        let answer = self.upload(vec![("file[]", part(filename, bytes))]).await;
        answer.body[0]["file_upload_id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    /// Uploads an archive (under this name), a guide and a picture; a package with everything that both reviews need.
    /// Its name, and the package's part of its SKU, are what the archive's name begins with.
    pub(crate) async fn complete_package(&self, item_id: &str, archive: &str) -> Value {
        let name = archive.split(['-', '.']).next().unwrap();
        let archive = self.upload_one(archive, zip(&format!("acme/{name}"), "1.2.0")).await;
        let guide = self.upload_one("guide.pdf", b"%PDF".to_vec()).await;
        let image = self.upload_one("icon.png", b"PNG".to_vec()).await;
        json!({
            "item_id": item_id, "type": "extension", "platform": "M2", "name": name, "version": "1.2.0",
            "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}], "release_notes": "First",
            "artifact": {"file_upload_id": archive}, "documentation_artifacts": {"user": {"file_upload_id": guide}},
            "long_description": "Badges", "categories": ["Extensions//Content"], "license_type": "mit",
            "media_artifacts": {
                "icon_image": {"file_upload_id": image}, "gallery_images": [{"file_upload_id": image}],
            },
            "action": {"technical": "submit", "marketing": "submit"},
        })
    }

    /// Creates a package, one that is submitted once the scans of all files have ended; answers its submission id.
    pub(crate) async fn create(&self, package: Value) -> String {
        let is_scanned = |snapshot: &Snapshot| {
            let mut files = snapshot.accounts.iter().flat_map(|account| &account.files);
            files.all(|file| file.malware_status.has_passed() || file.malware_status.has_failed())
        };
        if package.get("action").is_some() {
            self.simulator.wait_until(PATIENCE, is_scanned).await.unwrap();
        }
        let answer = self.post("/products/packages", json!([package])).await;
        answer.body[0]["submission_id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    /// Ends the scans of all files, now and well.
    pub(crate) fn pass_scans(&self) {
        for file in self.simulator.snapshot().accounts.iter().flat_map(|account| &account.files) {
            self.simulator.end_scan(&file.file_upload_id, true).unwrap();
        }
    }

    /// Waits until the package's flows read so, as `overall/technical/marketing`.
    pub(crate) async fn until(&self, package: &str, status: &str) -> Snapshot {
        let wanted = |snapshot: &Snapshot| snapshot.package(package).is_some_and(|p| p.status.to_string() == status);
        self.simulator
            .wait_until(PATIENCE, wanted)
            .await
            .unwrap_or_else(|_| panic!("{status}: {:?}", self.simulator.snapshot().package(package)))
    }

    /// Registers targets for callbacks.
    pub(crate) async fn register(&self, targets: &[&Target]) {
        let entries: Vec<Value> =
            targets.iter().map(|target| json!({"url": target.url, "username": "key", "password": "secret"})).collect();
        for target in targets {
            self.simulator.trust_pem(&target.ca_pem).unwrap();
        }
        assert_eq!(self.put(&self.user_path(), json!({"api_callbacks": entries})).await.status, 200);
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}

pub(crate) fn part(filename: &str, bytes: Vec<u8>) -> Part {
    let kind = match filename.rsplit('.').next().unwrap() {
        "zip" => "application/zip",
        "pdf" => "application/pdf",
        _ => "image/png",
    };
    Part::bytes(bytes).file_name(filename.to_owned()).mime_str(kind).unwrap()
}

/// An archive with a composer.json.
pub(crate) fn zip(name: &str, version: &str) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("composer.json", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(json!({"name": name, "version": version}).to_string().as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A receiver of callbacks over HTTPS that keeps what it gets.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    received: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    handle: Handle<SocketAddr>,
}

impl Target {
    pub(crate) fn new() -> Self {
        Self::answering(StatusCode::OK)
    }

    pub(crate) fn answering(status: StatusCode) -> Self {
        let ca = LocalCa::ephemeral().unwrap();
        let tls = ca.issue(&["127.0.0.1".to_owned()]).unwrap().server_config().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let app = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
            kept.lock().unwrap().push((headers, body));
            status
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}/callbacks/test", listener.local_addr().unwrap());
        let handle = Handle::new();
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls)).unwrap();
        tokio::spawn(server.handle(handle.clone()).serve(app.into_make_service()));
        Self { url, ca_pem: ca.certificate_pem().to_owned(), received, handle }
    }

    /// Everything received so far.
    pub(crate) fn received(&self) -> Vec<(HeaderMap, Value)> {
        let received = self.received.lock().unwrap();
        received.iter().map(|(headers, body)| (headers.clone(), serde_json::from_slice(body).unwrap())).collect()
    }

    /// What was said of submissions, as `flow status overall`, in the order of arrival.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        self.received()
            .iter()
            .map(|(_, body)| &body["update_info"])
            .filter(|info| info["submission_id"].is_string())
            .map(|info| {
                let overall = text(&info["eqp_status"]["overall"]);
                format!("{} {} {overall}", text(&info["eqp_flow"]), text(&info["current_status"]))
            })
            .collect()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}
