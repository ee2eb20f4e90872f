//! Reads the dependencies that a manifest declares.

use std::fs;
use std::path::Path;

/// The name of a crate, and the crates of this workspace that it depends on, without dev-dependencies.
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<String>,
}

impl Manifest {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let mut dependencies = Vec::new();
        let tables = [manifest.get("dependencies"), manifest.get("build-dependencies")];
        for table in tables.into_iter().flatten() {
            dependencies.extend(table.as_table().unwrap().keys().filter(|name| name.starts_with("eqp-")).cloned());
        }
        Self { name: manifest["package"]["name"].as_str().unwrap().to_owned(), dependencies }
    }
}
