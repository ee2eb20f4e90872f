//! The wording of everything that people read: help, errors, log messages, rustdoc and Markdown pages.
//!
//! [`phrases`] lists phrases that make a sentence hard to read, with what to write instead. `exceptions.txt` has the number
//! of phrases that each file still contains; the numbers can only shrink.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod phrases;
mod texts;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use phrases::PHRASES;
use texts::Text;

/// If this environment variable is set, the test writes smaller numbers into `exceptions.txt` itself.
const SHRINK: &str = "EQP_SHRINK_EXCEPTIONS";

/// Path of a file, from the root of the workspace, to its phrases.
type Found = BTreeMap<String, Vec<String>>;

#[test]
fn no_file_has_more_phrases_to_avoid_than_before() {
    let exceptions_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/exceptions.txt");
    let exceptions = exceptions(&fs::read_to_string(&exceptions_file).unwrap());
    let found = found();
    let allowed = |path: &str| exceptions.get(path).copied().unwrap_or(0);
    let count = |path: &str| found.get(path).map_or(0, Vec::len);

    let mut excess = String::new();
    for (path, phrases) in found.iter().filter(|(path, phrases)| phrases.len() > allowed(path)) {
        writeln!(excess, "{path}: {} instead of at most {}", phrases.len(), allowed(path)).unwrap();
        for phrase in phrases {
            writeln!(excess, "    {phrase}").unwrap();
        }
    }
    assert!(excess.is_empty(), "phrases to avoid:\n{excess}");

    let shrunk: Vec<&String> = exceptions.keys().filter(|path| count(path) < allowed(path)).collect();
    if !shrunk.is_empty() && std::env::var_os(SHRINK).is_some() {
        let lines = found.iter().map(|(path, phrases)| format!("{} {path}\n", phrases.len()));
        fs::write(&exceptions_file, lines.collect::<String>()).unwrap();
        return;
    }
    let lines: Vec<_> = shrunk.iter().map(|path| format!("{} {path}", count(path))).collect();
    assert!(
        lines.is_empty(),
        "fewer phrases to avoid than before: lower these numbers in exceptions.txt, or set {SHRINK}=1\n{}",
        lines.join("\n")
    );
}

/// Reads `exceptions.txt`: a number and a path on each line.
fn exceptions(text: &str) -> BTreeMap<String, usize> {
    let entry = |line: &str| {
        let (count, path) = line.split_once(' ').expect("a line is a number and a path");
        (path.to_owned(), count.parse().expect("a line begins with a number"))
    };
    text.lines().map(entry).collect()
}

/// Searches every file; files without a phrase are omitted.
fn found() -> Found {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md", "CHANGELOG.md"];
    let mut files: Vec<PathBuf> = pages.map(|name| root.join(name)).to_vec();
    files.extend(files_below(&root.join("docs"), "md"));
    for folder in ["xtask/src", "xtask/bench/src", "xtask/faults/src"] {
        files.extend(files_below(&root.join(folder), "rs"));
    }
    for folder in entries(&root.join("crates")) {
        files.extend(entries(&folder).into_iter().filter(|file| file.ends_with("README.md")));
        files.extend(files_below(&folder.join("src"), "rs"));
    }
    let mut found = Found::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let is_rust = file.extension().is_some_and(|extension| extension == "rs");
        let texts = if is_rust { texts::of_rust(&source) } else { texts::of_markdown(&source) };
        let phrases: Vec<String> = texts.iter().flat_map(phrases_in).collect();
        if !phrases.is_empty() {
            let path = file.strip_prefix(root).unwrap();
            found.insert(path.to_str().unwrap().replace('\\', "/"), phrases);
        }
    }
    found
}

/// Returns each phrase of a text with its line and what to write instead.
fn phrases_in(text: &Text) -> Vec<String> {
    let small = text.content.to_ascii_lowercase();
    let mut hits = Vec::new();
    for phrase in PHRASES {
        for found in phrase.find_in(&small) {
            let words = &text.content[found.clone()];
            hits.push(format!("line {}: \"{words}\" (better: {})", text.line(found.start), phrase.instead));
        }
    }
    hits
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Returns the files of a folder and its subfolders, without unit tests.
fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in entries(folder) {
        if entry.is_dir() {
            files.extend(files_below(&entry, extension));
        } else if entry.extension().is_some_and(|found| found == extension) && !entry.ends_with("tests.rs") {
            files.push(entry);
        }
    }
    files
}
