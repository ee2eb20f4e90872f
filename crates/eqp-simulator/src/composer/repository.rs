//! A local replacement for the store's Composer repository, in the forms in which such repositories exist.

use std::collections::BTreeMap;
use std::io::Write;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::Hosts;
use crate::routes::basic;

/// The form of the Composer repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepositoryForm {
    /// Version 1: lists of packages, and one compressed file per package. Public programs read the store's repository in this form.
    #[default]
    Version1,
    /// Version 2: one file per package, at an address that `metadata-url` describes.
    MetadataUrl,
    /// All packages in `packages.json`.
    Inline,
    /// The key is rejected with this status.
    Refused(u16),
}

/// The hash in the names of files, which do not change.
const HASH: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

pub(super) async fn get(State(hosts): State<Hosts>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let form = hosts.hosts.state().form;
    let response = match form {
        RepositoryForm::Refused(status) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        form => match visible(&hosts, &headers) {
            None => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic")]).into_response(),
            Some(packages) => file(form, &path, &packages).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response()),
        },
    };
    hosts.hosts.state().requests.push(format!("composer/{path} {}", response.status().as_u16()));
    response
}

/// The versions of packages, by name.
type Packages = BTreeMap<String, Map<String, Value>>;

/// Returns the packages that a key can see: those of its account that are in the store. `None` if no enabled key was sent.
fn visible(hosts: &Hosts, headers: &HeaderMap) -> Option<Packages> {
    let (user, password) = basic(headers)?;
    let marketplace = hosts.shared.marketplace();
    let owner = marketplace.accounts.iter().find(|account| {
        account.keys.iter().any(|key| key.is_enabled && key.user == user && key.password == password.expose())
    })?;
    let mut packages = Packages::new();
    for package in owner.packages.iter().filter(|package| package.status.is_live()) {
        let (name, version) = (package.text("sku"), package.text("version"));
        let full = format!("{version}.0");
        let content = json!({
            "name": name, "version": version, "version_normalized": full, "require": {},
            "dist": {"type": "zip", "url": format!("/composer/archives/{name}/{full}.zip"), "shasum": ""},
        });
        packages.entry(name.to_owned()).or_default().insert(version.to_owned(), content);
    }
    Some(packages)
}

/// Returns a file of the repository.
fn file(form: RepositoryForm, path: &str, packages: &Packages) -> Option<Response> {
    let json = |value: Value| ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response();
    let of = |name: &str| Some(json!({"packages": {name: packages.get(name)?}}));
    match (form, path) {
        (RepositoryForm::Inline, "packages.json") => Some(json(json!({"packages": packages}))),
        (RepositoryForm::MetadataUrl, "packages.json") => {
            Some(json(json!({"packages": [], "metadata-url": "/composer/p2/%package%.json"})))
        }
        (RepositoryForm::MetadataUrl, path) => {
            let name = path.strip_prefix("p2/")?.strip_suffix(".json")?;
            let versions: Vec<&Value> = packages.get(name)?.values().collect();
            Some(json(json!({"packages": {name: versions}})))
        }
        (_, "packages.json") => Some(json(json!({
            "packages": [],
            "provider-includes": {
                "p/provider-ce$%hash%.json": {"sha256": HASH},
                "p/provider-ext$%hash%.json": {"sha256": HASH},
            },
        }))),
        (_, path) => {
            let name = path.strip_prefix("p/")?.strip_suffix(".json")?.strip_suffix(HASH)?.strip_suffix('$')?;
            match name {
                "provider-ce" => Some(json(json!({"providers": {"magento/framework": {"sha256": HASH}}}))),
                "provider-ext" => {
                    let hashes: Map<String, Value> =
                        packages.keys().map(|name| (name.clone(), json!({"sha256": HASH}))).collect();
                    Some(json(json!({"providers": hashes})))
                }
                // Compressed, without a header that says so.
                name => Some(compressed(&of(name)?.to_string()).into_response()),
            }
        }
    }
}

fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}
