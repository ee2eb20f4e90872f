//! Where things are.

use std::path::{Path, PathBuf};

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The query data that are committed.
pub(crate) fn query_data() -> PathBuf {
    root().join("crates/eqp-receiver/.sqlx")
}

/// The numbered migrations.
pub(crate) fn migrations() -> PathBuf {
    root().join("migrations")
}
