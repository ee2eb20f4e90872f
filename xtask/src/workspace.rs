//! The paths of the workspace.

use std::path::{Path, PathBuf};

/// Returns the root folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Returns the folder of the committed query data.
pub(crate) fn query_data() -> PathBuf {
    root().join("crates/eqp-store/.sqlx")
}

/// Returns the folder of the migrations.
pub(crate) fn migrations() -> PathBuf {
    root().join("crates/eqp-store/migrations")
}

/// Returns cargo's target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
