//! A simulator with a client that trusts it, and a target for its callbacks.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use eqp_simulator::{Script, Simulator, SimulatorBuilder, Snapshot, Timing};
use eqp_tls::LocalCa;
use eqp_tls::listener::Listener;
use eqp_types::{ApiKey, MageId, Secret};
use http::{HeaderMap, StatusCode};
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The timeout of everything that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct TestMarketplace {
    pub simulator: Simulator,
    pub http: Client,
    pub token: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl TestMarketplace {
    /// Starts a fast simulator.
    pub async fn new() -> Self {
        Self::of(Simulator::builder().speed(600.0)).await
    }

    pub async fn of(builder: SimulatorBuilder) -> Self {
        let simulator = builder.start().await.unwrap();
        let ca = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([ca]).no_proxy().timeout(PATIENCE).build().unwrap();
        let marketplace = Self { simulator, http, token: String::new() };
        let granted = marketplace.new_token(json!({"grant_type": "session"})).await.body;
        Self { token: granted["ust"].as_str().unwrap().to_owned(), ..marketplace }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/rest/v1{path}", self.simulator.base_url())
    }

    pub async fn new_token(&self, body: Value) -> Answer {
        let key = self.simulator.api_key();
        let request = self.http.post(self.url("/app/session/token"));
        let request = request.basic_auth(&key.application_id, Some(key.application_secret.expose()));
        answer(request.json(&body)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, self.url(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub fn user_path(&self) -> String {
        format!("/users/{}", self.simulator.mage_id())
    }

    pub async fn upload(&self, parts: Vec<(&'static str, Part)>) -> Answer {
        let mut form = Form::new();
        for (name, part) in parts {
            form = form.part(name, part);
        }
        answer(self.http.post(self.url("/files/uploads")).bearer_auth(&self.token).multipart(form)).await
    }

    /// Uploads one file and returns its ID.
    pub async fn upload_one(&self, filename: &str, bytes: Vec<u8>) -> String {
        let answer = self.upload(vec![("file[]", part(filename, bytes))]).await;
        answer.body[0]["file_upload_id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    /// Uploads an archive (with this name), a guide and an image, and returns a package with everything that both
    /// reviews require. The package's name and the second part of its SKU are the beginning of the archive's name.
    pub async fn complete_package(&self, item_id: &str, archive: &str) -> Value {
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

    /// Creates a package, after the scans of all files if it is submitted, and returns its submission ID.
    pub async fn create(&self, package: Value) -> String {
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

    /// Ends the scans of all files immediately as passed.
    pub fn pass_scans(&self) {
        for file in self.simulator.snapshot().accounts.iter().flat_map(|account| &account.files) {
            self.simulator.end_scan(&file.file_upload_id, true).unwrap();
        }
    }

    /// Waits until the package has these statuses, as `overall/technical/marketing`.
    pub async fn until(&self, package: &str, status: &str) -> Snapshot {
        let wanted = |snapshot: &Snapshot| snapshot.package(package).is_some_and(|p| p.status.to_string() == status);
        self.simulator
            .wait_until(PATIENCE, wanted)
            .await
            .unwrap_or_else(|_| panic!("{status}: {:?}", self.simulator.snapshot().package(package)))
    }

    /// Registers targets for callbacks.
    pub async fn register(&self, targets: &[&CallbackRecorder]) {
        let entries: Vec<Value> =
            targets.iter().map(|target| json!({"url": target.url, "username": "key", "password": "secret"})).collect();
        for target in targets {
            self.simulator.trust_pem(&target.ca_pem).unwrap();
        }
        assert_eq!(self.put(&self.user_path(), json!({"api_callbacks": entries})).await.status, 200);
    }
}

impl TestMarketplace {
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/simulator/v1{path}", self.simulator.base_url());
        let mut request = self.http.request(method, url).bearer_auth(self.simulator.control_token().expose());
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub async fn admin_get(&self, path: &str) -> Value {
        let answer = self.admin(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn admin_post(&self, path: &str, body: Value) -> Value {
        let answer = self.admin(Method::POST, path, Some(body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }
}

/// Returns a client with the first account's key that trusts the simulator.
pub fn client_of(simulator: &Simulator) -> eqp_client::Client {
    eqp_client::Client::builder(simulator.environment(), simulator.api_key().clone())
        .api_url(simulator.base_url().parse().unwrap())
        .trusted_ca_pem(simulator.ca_pem())
        .build()
        .unwrap()
}

/// Returns a fast Marketplace of one account whose scans take no time.
pub async fn scanning_at_once() -> Simulator {
    let mut timing = Timing::default();
    timing.scan = Duration::ZERO;
    let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new("hush") };
    let builder = Simulator::builder().script(Script::new().timing(timing));
    builder.account(MageId::new("MAG123456789").unwrap(), key).start().await.unwrap()
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}

pub fn part(filename: &str, bytes: Vec<u8>) -> Part {
    let kind = match filename.rsplit('.').next().unwrap() {
        "zip" => "application/zip",
        "pdf" => "application/pdf",
        _ => "image/png",
    };
    Part::bytes(bytes).file_name(filename.to_owned()).mime_str(kind).unwrap()
}

/// Returns an archive with a composer.json.
pub fn zip(name: &str, version: &str) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("composer.json", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(json!({"name": name, "version": version}).to_string().as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// An HTTPS receiver that records the callbacks it gets.
pub struct CallbackRecorder {
    pub url: String,
    pub ca_pem: String,
    received: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    _stop: DropGuard,
}

impl CallbackRecorder {
    pub fn start() -> Self {
        Self::answering(StatusCode::OK)
    }

    pub fn answering(status: StatusCode) -> Self {
        let ca = LocalCa::ephemeral().unwrap();
        let tls = ca.issue(&["127.0.0.1".to_owned()]).unwrap().server_config().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let app = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
            kept.lock().unwrap().push((headers, body));
            status
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/callbacks/test", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(Listener::new(listener).tls(tls).serve(app, shutdown.clone()));
        Self { url, ca_pem: ca.certificate_pem().to_owned(), received, _stop: shutdown.drop_guard() }
    }

    /// Returns everything received so far.
    pub fn received(&self) -> Vec<(HeaderMap, Value)> {
        let received = self.received.lock().unwrap();
        received.iter().map(|(headers, body)| (headers.clone(), serde_json::from_slice(body).unwrap())).collect()
    }

    /// Returns the reported statuses of submissions, as `flow status overall`, in the order of arrival.
    pub fn reported(&self) -> Vec<String> {
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
