//! Runs every target on its corpus and on a fixed number of mutations.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use eqp_fuzzing::{Mutations, TARGETS, Target};

/// The seed of the mutations, fixed so that a failure can be reproduced.
const SEED: u64 = 20_260_101;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        fs::read_dir(fuzz_folder().join("corpus").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn try_all(name: &str, mutations: usize) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() >= 5, "the corpus of {name} is thin");
    for input in corpus.iter().cloned().chain(Mutations::of(&corpus, SEED).take(mutations)) {
        assert!(catch_unwind(|| (target.run)(&input)).is_ok(), "{name} breaks on:\n{}", input.escape_ascii());
    }
}

#[test]
fn archives() {
    try_all("archive", 1500);
}

#[test]
fn basic_headers() {
    try_all("basic", 20_000);
}

#[test]
fn callbacks() {
    try_all("callback", 20_000);
}

#[test]
fn configurations() {
    try_all("config", 5000);
}

#[test]
fn answers_of_the_api() {
    try_all("lenient", 5000);
}

#[test]
fn uploads() {
    try_all("multipart", 3000);
}

#[test]
fn every_target_has_a_fuzzer_and_a_corpus() {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml has no `{name}`");
        let fuzzer = fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(fuzzer.contains(&format!("eqp_fuzzing::{name}")), "fuzz_targets/{name}.rs tries something else");
        assert!(!corpus(name).is_empty());
    }
    assert_eq!(fs::read_dir(fuzz_folder().join("fuzz_targets")).unwrap().count(), TARGETS.len());
}
