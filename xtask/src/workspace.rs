//! Where things are.

use std::path::{Path, PathBuf};

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The query data that are committed.
pub(crate) fn query_data() -> PathBuf {
    root().join("crates/eqp-store/.sqlx")
}

/// The numbered migrations.
pub(crate) fn migrations() -> PathBuf {
    root().join("crates/eqp-store/migrations")
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
