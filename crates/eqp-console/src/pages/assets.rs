//! The style sheet, the script and the icon, which are part of the program. Their paths contain a hash of their content, so browsers can
//! store them forever.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// A file.
pub(super) struct Asset {
    path: String,
    media_type: &'static str,
    content: &'static str,
}

pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("pages", "css", "text/css; charset=utf-8", include_str!("assets/pages.css")));
pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("pages", "js", "text/javascript; charset=utf-8", include_str!("assets/pages.js")));
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let digest = digest(&SHA256, content.as_bytes());
        let start = digest.as_ref().first_chunk().expect("a SHA-256 has 32 bytes");
        let hash = format!("{:016x}", u64::from_be_bytes(*start));
        Self { path: format!("/assets/{name}.{hash}.{extension}"), media_type, content }
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn respond(&self) -> impl IntoResponse + use<> {
        let headers = [(CONTENT_TYPE, self.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
        (headers, self.content)
    }
}

/// Returns the routes of all files, which need no session.
pub(super) fn routes() -> Router {
    let serve = |asset: &'static LazyLock<Asset>| get(move || async move { asset.respond() });
    Router::new()
        .route(STYLE.path(), serve(&STYLE))
        .route(SCRIPT.path(), serve(&SCRIPT))
        .route(ICON.path(), serve(&ICON))
}
