//! A local replacement for the static metadata files of Packagist.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, IF_MODIFIED_SINCE, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Hosts;

/// The response of Packagist about a package. A package that is not set is answered 404.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackagistPackage {
    /// Versions, each as a complete entry.
    Plain(Vec<String>),
    /// Versions in Composer's minified form, in which each entry contains only what differs from the previous one.
    Minified(Vec<String>),
    /// A page in HTML, such as that of a proxy.
    Html,
    /// A response without content.
    Status(u16),
}

/// The packages by name, each with the number of its last change.
#[derive(Default)]
pub(super) struct Packages {
    by_name: HashMap<String, (PackagistPackage, u32)>,
    changes: u32,
}

impl Packages {
    pub(super) fn set(&mut self, name: &str, package: PackagistPackage) {
        self.changes += 1;
        self.by_name.insert(name.to_lowercase(), (package, self.changes));
    }
}

pub(super) async fn get(State(hosts): State<Hosts>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let mut state = hosts.hosts.state();
    let name = path.strip_prefix("p2/").and_then(|file| file.strip_suffix(".json")).unwrap_or_default();
    let response = match state.packagist.by_name.get(name) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some((package, change)) => respond(name, package, *change, &headers),
    };
    state.requests.push(format!("packagist/{path} {}", response.status().as_u16()));
    response
}

fn respond(name: &str, package: &PackagistPackage, change: u32, headers: &HeaderMap) -> Response {
    // Each change is a second later.
    let modified = format!("Sun, 29 Nov 2026 {:02}:{:02}:{:02} GMT", change / 3600 % 24, change / 60 % 60, change % 60);
    if headers.get(IF_MODIFIED_SINCE).is_some_and(|since| since.as_bytes() == modified.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let body = match package {
        PackagistPackage::Html => return ([(CONTENT_TYPE, "text/html")], "<html>Maintenance</html>").into_response(),
        PackagistPackage::Status(status) => {
            return StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        }
        PackagistPackage::Plain(versions) => json!({"packages": {name: entries(name, versions)}}),
        PackagistPackage::Minified(versions) => {
            let mut entries = entries(name, versions);
            for entry in entries.iter_mut().skip(1).filter_map(Value::as_object_mut) {
                entry.remove("name");
                entry.insert("type".to_owned(), json!("__unset"));
            }
            json!({"packages": {name: entries}, "minified": "composer/2.0"})
        }
    };
    ([(LAST_MODIFIED, modified.as_str()), (CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn entries(name: &str, versions: &[String]) -> Vec<Value> {
    versions.iter().map(|version| json!({"name": name, "version": version, "type": "magento2-module"})).collect()
}
