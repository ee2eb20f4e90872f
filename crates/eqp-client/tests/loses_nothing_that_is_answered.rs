//! Tests that the types read every response of the simulator and write it back without loss, in both variants.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

#[allow(unreachable_pub, reason = "shared with the tests of another crate")]
use std::cell::Cell;
use std::fmt;

use eqp_client::types::{
    BatchItem, ComposerKeys, Environment, FileRecord, Flow, Package, Secret, SubmissionId, TestReport, TestRun,
    UploadedFile, UserProfile,
};
use eqp_simulator::{Decision, Review, Script, Simulator};
use eqp_test_support::one_spelling;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The contents of a Marketplace.
#[derive(Debug)]
struct Filling {
    environment: Environment,
    profile: Map<String, Value>,
    callbacks: Vec<(String, Option<String>)>,
    files: Vec<&'static str>,
    /// Optional fields of packages, and the results of their reviews.
    packages: Vec<(Map<String, Value>, bool)>,
    verdicts: (Decision, Decision),
    is_infected: bool,
    keys: Vec<String>,
}

/// Fields whose values are checked when a package is submitted.
const JUDGED: &[&str] = &[
    "external_services",
    "payment_period",
    "prices",
    "pricing_type",
    "priority",
    "process_as_patch",
    "stability",
    "support_tiers",
];

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(&["", "extension", "M2", "1.0.0", "yes", "2026-01-02 3:04:05", "25.00", "<b>", "007"][..])
            .prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text(), Just(Value::Null), any::<bool>().prop_map(Value::from), Just(json!(12.5))];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z_]{1,12}", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    btree_map("[a-z_]{1,12}", anything(), 0..4).prop_map(|fields| json!(fields))
}

/// Generates some of `fields`, each with a value of its type.
fn fields(
    fields: &'static [&'static str],
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Map<String, Value>> {
    btree_map(select(fields), value, 0..fields.len())
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn package() -> impl Strategy<Value = Map<String, Value>> {
    let texts = fields(
        &[
            "stability",
            "process_as_patch",
            "priority",
            "requested_launch_date",
            "pricing_type",
            "payment_period",
            "custom_license_name",
            "custom_license_url",
            "name",
            "release_notes",
            "long_description",
            "version",
        ],
        text(),
    );
    let lists = fields(
        &["version_compatibility", "shared_packages", "prices", "support_tiers", "browsers"],
        vec(anything(), 0..3).prop_map(Value::from),
    );
    let objects = fields(
        &["technical_options", "external_services", "marketing_options", "browser_os_compatibility"],
        prop_oneof![object(), Just(json!([])), Just(Value::Null)],
    );
    let truths = fields(&["is_patch", "launch_on_approval"], select(vec![json!(true), json!(0), json!("no")]));
    (texts, lists, objects, truths).prop_map(|(texts, lists, objects, truths)| {
        texts.into_iter().chain(lists).chain(objects).chain(truths).collect()
    })
}

fn profile() -> impl Strategy<Value = Map<String, Value>> {
    let texts =
        fields(&["first_name", "last_name", "email", "screen_name", "vendor_name", "locale", "payment_info"], text());
    let objects = fields(&["personal_profile", "company_profile", "profile_image_artifact"], object());
    (texts, objects).prop_map(|(texts, objects)| texts.into_iter().chain(objects).collect())
}

fn filling() -> impl Strategy<Value = Filling> {
    let verdict = || select(&[Decision::Approve, Decision::Reject, Decision::Never][..]);
    (
        select(&[Environment::Production, Environment::Sandbox][..]),
        profile(),
        vec(("[a-z]{1,8}", option::of("\\PC{0,20}")), 0..3),
        vec(select(&["a.zip", "guide.pdf", "icon.png", "ünï cödé.jpg"][..]), 0..4),
        vec((package(), any::<bool>()), 0..4),
        (verdict(), verdict()),
        any::<bool>(),
        vec("\\PC{1,20}", 0..3),
    )
        .prop_map(|(environment, profile, callbacks, files, packages, verdicts, is_infected, keys)| Filling {
            environment,
            profile,
            callbacks,
            files,
            packages,
            verdicts,
            is_infected,
            keys,
        })
}

/// A simulator that is queried without the client.
struct Marketplace {
    simulator: Simulator,
    http: Client,
    token: String,
}

impl Marketplace {
    async fn start(filling: &Filling) -> Self {
        let (technical, marketing) = filling.verdicts;
        let script = Script::new().review("*", Review::default().technical([technical]).marketing([marketing]));
        // So slow that nothing happens automatically.
        let builder = Simulator::builder().environment(filling.environment).speed(0.001).script(script);
        let simulator = builder.start().await.unwrap();
        let ca = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let key = simulator.api_key();
        let url = format!("{}/rest/v1/app/session/token", simulator.base_url());
        let request = http.post(url).basic_auth(&key.application_id, Some(key.application_secret.expose()));
        let granted: Value =
            request.json(&json!({"grant_type": "session"})).send().await.unwrap().json().await.unwrap();
        Self { simulator, http, token: granted["ust"].as_str().unwrap().to_owned() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Value> {
        let url = format!("{}/rest/v1{path}", self.simulator.base_url());
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    async fn get(&self, path: &str) -> Option<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Creates everything, and returns the responses: files and items of batches.
    async fn fill(&self, filling: &Filling) -> (Value, Value) {
        let user = format!("/users/{}", self.simulator.mage_id());
        let callback = |(name, label): &(String, Option<String>)| json!({"name": label, "url": format!("https://127.0.0.1:9/{name}"), "username": name, "password": "hush"});
        let mut profile = filling.profile.clone();
        profile.insert("api_callbacks".to_owned(), filling.callbacks.iter().map(callback).collect());
        self.call(Method::PUT, &user, Some(&Value::Object(profile))).await;
        let keys: Vec<_> = filling.keys.iter().map(|label| json!({"label": label})).collect();
        self.call(Method::POST, &format!("{user}/keys"), Some(&json!({"m2": keys}))).await;

        let mut form = Form::new();
        // These always exist, for packages that are complete.
        for name in ["a.zip", "guide.pdf", "icon.png"].iter().chain(&filling.files) {
            form = form.part("file[]", Part::bytes(name.as_bytes().to_vec()).file_name(*name));
        }
        let url = format!("{}/rest/v1/files/uploads", self.simulator.base_url());
        let answer = self.http.post(url).bearer_auth(&self.token).multipart(form).send().await.unwrap();
        let uploaded: Value = answer.json().await.unwrap();
        // A submission is only accepted after the scans have ended.
        for file in &self.simulator.snapshot().accounts[0].files {
            let is_clean = !(filling.is_infected && file.filename == "a.zip");
            self.simulator.end_scan(&file.file_upload_id, is_clean).unwrap();
        }
        let file = |n: usize| json!({"file_upload_id": uploaded[n]["file_upload_id"]});

        let packages = filling.packages.iter().enumerate().map(|(n, (fields, is_complete))| {
            let mut package = json!({
                "item_id": format!("item {n}/%"), "type": "extension", "platform": "M2", "sku": format!("acme/module-{n}"),
                "name": format!("Name {n}"), "version": "1.0.0", "release_notes": "First", "long_description": "Long",
                "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}], "license_type": "mit",
                "categories": ["Extensions // Content"], "artifact": file(0),
                "documentation_artifacts": {"user": file(1)},
                "media_artifacts": {"icon_image": file(2), "gallery_images": [file(2)]},
                "action": {"technical": "submit", "marketing": "submit"},
            });
            if *is_complete {
                // Required fields are not changed, and fields for which a submission is rejected are removed.
                for (name, value) in fields.iter().filter(|(name, _)| !JUDGED.contains(&name.as_str())) {
                    package.as_object_mut().unwrap().entry(name).or_insert_with(|| value.clone());
                }
            } else {
                package["action"] = json!({"technical": "draft"});
                package["artifact"] = json!([]);
                package.as_object_mut().unwrap().extend(fields.clone());
            }
            package
        });
        let packages: Vec<_> = packages.collect();
        let created = self.call(Method::POST, "/products/packages", Some(&json!(packages))).await.unwrap_or(json!([]));
        self.review(&created);
        (uploaded, created)
    }

    /// Advances every review as far as possible.
    fn review(&self, created: &Value) {
        for item in created.as_array().unwrap() {
            let Some(id) = item["submission_id"].as_str() else { continue };
            let id = SubmissionId::new(id).unwrap();
            for flow in [Flow::Technical, Flow::Marketing] {
                while self.simulator.advance(&id, &flow).is_ok() {}
            }
        }
    }

    /// Returns the response of every read, with its parser.
    async fn answers(&self) -> Vec<(String, Value, Reader)> {
        let user = format!("/users/{}", self.simulator.mage_id());
        let mut asked: Vec<(String, Reader)> = vec![
            (user.clone(), read::<UserProfile>),
            (format!("{user}?style=summary"), read::<UserProfile>),
            (format!("{user}/keys"), read_keys),
            ("/files/uploads?limit=-1".to_owned(), read::<Vec<FileRecord>>),
        ];
        for list in ["", "/skus", "/items"] {
            asked.push((format!("/products/packages{list}?limit=-1"), read::<Vec<Package>>));
        }
        for package in &self.simulator.snapshot().accounts[0].packages {
            let path = format!("/products/packages/{}", package.submission_id);
            asked.push((format!("{path}/status"), read::<Vec<TestRun>>));
            for run in self.get(&format!("{path}/status")).await.unwrap().as_array().unwrap() {
                let (tool, id) = (run["name"].as_str().unwrap(), run["tool_run_id"].as_str().unwrap());
                if tool != "phpcpd" {
                    asked.push((format!("{path}/status/{tool}/{id}"), read::<TestReport>));
                }
            }
            asked.push((path, read::<Package>));
        }
        let mut answers = Vec::new();
        for (path, reader) in asked {
            let answer = self.get(&path).await.unwrap_or_else(|| panic!("{path} is refused"));
            answers.push((path, answer, reader));
        }
        answers
    }
}

/// Parses a response and writes it back.
type Reader = fn(Value) -> Result<Value, serde_json::Error>;

fn read<T: DeserializeOwned + Serialize>(answer: Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(answer)?)
}

/// Keys do not implement `Serialize`, so their fields are collected here.
fn read_keys(answer: Value) -> Result<Value, serde_json::Error> {
    let keys: ComposerKeys = serde_json::from_value(answer)?;
    let expose = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let m2 = keys.m2.iter().map(|key| {
        let mut written = json!({"label": key.label, "user_key": key.user_key, "password_key": expose(&key.password_key),
            "is_enabled": key.is_enabled, "uid": key.uid});
        written.as_object_mut().unwrap().extend(key.extra.clone());
        written
    });
    let m1 = keys.m1.iter().map(|key| {
        let mut written = json!({"product_name": key.product_name, "product_key": expose(&key.product_key)});
        written.as_object_mut().unwrap().extend(key.extra.clone());
        written
    });
    let mut written = json!({"m2": m2.collect::<Vec<_>>(), "m1": m1.collect::<Vec<_>>()});
    written.as_object_mut().unwrap().extend(keys.extra.clone());
    Ok(written)
}

/// Rewrites a response to the other variant of the API: `content-type`, `null` for empty values, unpadded hours, and
/// integers as text.
fn other_form(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let name = if name == "content_type" { "content-type" } else { name };
                let value = match value {
                    Value::Array(items) if items.is_empty() => Value::Null,
                    Value::String(text) if text.is_empty() => json!([]),
                    other => other_form(other),
                };
                (name.to_owned(), value)
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(other_form).collect(),
        Value::String(text) => Value::String(text.replace(" 0", " ")),
        Value::Number(number) if number.is_i64() => Value::String(number.to_string()),
        other => other.clone(),
    }
}

/// Normalises a value: one variant, without empty values, and with the documented name for a file's type.
fn meaning(value: &Value) -> Value {
    fn without_nothing(value: &Value) -> Option<Value> {
        match value {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::Array(items) if items.is_empty() => None,
            // Positions in a list do not change.
            Value::Array(items) => Some(items.iter().map(|item| without_nothing(item).unwrap_or_default()).collect()),
            Value::Object(fields) if fields.is_empty() => None,
            Value::Object(fields) => {
                let name =
                    |name: &String| if name == "content-type" { "content_type".to_owned() } else { name.clone() };
                let fields = fields.iter().filter_map(|(key, value)| Some((name(key), without_nothing(value)?)));
                Some(Value::Object(fields.collect()))
            }
            other => Some(other.clone()),
        }
    }
    one_spelling(&without_nothing(value).unwrap_or_default())
}

fn same(what: &impl fmt::Display, answer: &Value, reader: Reader) -> Result<(), TestCaseError> {
    for form in [answer.clone(), other_form(answer)] {
        match reader(form.clone()) {
            Ok(written) => prop_assert_eq!(meaning(&written), meaning(&form), "{}", what),
            Err(error) => return Err(TestCaseError::fail(format!("{what}: {error} in {form}"))),
        }
    }
    Ok(())
}

#[test]
fn whatever_a_marketplace_answers_is_read_and_written_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reports = Cell::new(0);
    // Each case is a complete Marketplace.
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&filling(), |filling| {
        runtime.block_on(async {
            let marketplace = Marketplace::start(&filling).await;
            let (uploaded, created) = marketplace.fill(&filling).await;
            same(&"the upload", &uploaded, read::<Vec<UploadedFile>>)?;
            same(&"the creation", &created, read::<Vec<BatchItem>>)?;
            for (path, answer, reader) in &marketplace.answers().await {
                same(path, answer, *reader)?;
                reports.set(reports.get() + usize::from(answer.get("reports").is_some()));
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(reports.get() > 10, "no submission came as far as a report: is this test still right?");
}
