//! Enforces the layers of the workspace: which crate may use which, and no cycles between modules.
//!
//! ARCHITECTURE.md explains the layers; the table below defines them.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod manifests;
mod modules;

use std::path::{Path, PathBuf};

use manifests::Manifest;
use modules::Crate;

/// Each crate with its layer. A crate may use crates of lower layers only.
const LAYERS: &[(&str, u8)] = &[
    ("eqp-types", 0),
    ("eqp-check", 1),
    ("eqp-postgres", 1),
    ("eqp-tls", 1),
    ("eqp-client", 2),
    ("eqp-store", 2),
    ("eqp-deliver", 3),
    ("eqp-receiver", 3),
    ("eqp-release", 3),
    ("eqp-simulator", 3),
    ("eqp-sync", 3),
    ("eqp-console", 4),
    ("eqp-cli", 5),
    ("xtask", 6),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn layer(name: &str) -> u8 {
    let found = LAYERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("{name} has no layer; give it one here and in ARCHITECTURE.md")).1
}

fn crates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        workspace().join("crates").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 8, "the crates were not found");
    folders
}

#[test]
fn a_crate_depends_on_crates_of_lower_layers_only() {
    let mut upward = Vec::new();
    for folder in crates() {
        let manifest = Manifest::read(&folder);
        for dependency in &manifest.dependencies {
            if layer(dependency) >= layer(&manifest.name) {
                upward.push(format!("{} uses {dependency}", manifest.name));
            }
        }
    }
    assert_eq!(upward, Vec::<String>::new(), "a crate uses a crate in the same or a higher layer");
}

#[test]
fn every_crate_that_is_used_is_a_declared_dependency() {
    for folder in crates() {
        let manifest = Manifest::read(&folder);
        let used = Crate::read(&folder).crates_used();
        let ours = used.iter().filter(|name| name.starts_with("eqp_")).map(|name| name.replace('_', "-"));
        for name in ours.filter(|name| *name != manifest.name) {
            assert!(manifest.dependencies.contains(&name), "{} uses {name} in its sources", manifest.name);
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_cycle() {
    let mut cycles = Vec::new();
    for folder in crates() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        cycles.extend(Crate::read(&folder).cycles().into_iter().map(|cycle| format!("{name}: {cycle}")));
    }
    assert!(cycles.is_empty(), "modules import each other in cycles:\n{}", cycles.join("\n"));
}

#[test]
fn inside_the_store_each_layer_uses_lower_ones_only() {
    let store = Crate::read(&workspace().join("crates/eqp-store"));
    for (lower, higher) in [("model", "sql"), ("model", "endpoint"), ("sql", "endpoint"), ("sql", "reader")] {
        let upward = store.imports(lower, higher);
        assert_eq!(upward, Vec::<String>::new(), "{lower} must not use {higher}");
    }
}

#[test]
fn only_the_store_holds_sql() {
    for folder in crates() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let macros = Crate::read(&folder).sql_outside("sql");
        // eqp-postgres queries the state of the Postgres that it runs.
        if name != "eqp-postgres" {
            assert_eq!(macros, Vec::<String>::new(), "{name} contains SQL outside the `sql` module of eqp-store");
        }
    }
}
