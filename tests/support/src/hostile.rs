//! Hostile archives: each is small enough to be uploaded, but slow or large for a careless reader.

use std::io::{Cursor, Write};

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::submission::Submission;

const MEGABYTE: usize = 1024 * 1024;

/// Returns the archives with their names. `scale` changes their size: 1 is the largest that the store accepts, and a
/// test without optimisation uses a smaller one, such as 0.05.
///
/// # Panics
///
/// Never: writing to memory does not fail.
pub fn archives(scale: f64) -> Vec<(&'static str, Vec<u8>)> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers of files and bytes"
    )]
    let scaled = |number: usize| ((number as f64 * scale) as usize).max(1);
    let module = Submission::module;
    let text = |name: &str, text: String| module().file(name, text).bytes();
    vec![
        ("100,000 words in one line", text("Model/Line.php", format!("<?php // {}", "TODO ".repeat(scaled(100_000))))),
        ("a line of 40 MB", text("Model/Line.php", "TODO // ".repeat(scaled(5 * MEGABYTE)))),
        ("a word in each of a million lines", text("Model/Lines.php", "// TODO\n".repeat(scaled(1_000_000)))),
        ("60 MB of a rare letter", text("Model/Rare.php", "d".repeat(scaled(60 * MEGABYTE)))),
        (
            "60 MB of spaces before a word",
            text("Model/Blank.php", format!("{}TODO", " ".repeat(scaled(60 * MEGABYTE)))),
        ),
        (
            "tokens that begin anew in each other",
            text("Model/Token.php", "-glpat-EXAMPLE".repeat(scaled(3 * MEGABYTE))),
        ),
        ("heads of private keys", text("Model/Keys.php", "-----BEGIN PRIVATE KEY-----     ".repeat(scaled(MEGABYTE)))),
        (
            "comments that never end",
            text("view/frontend/layout/default.xml", "<!-- cacheable=\"false\" ".repeat(scaled(500_000))),
        ),
        ("a tag with many attributes", module().file("etc/module.xml", attributes(scaled(80_000))).bytes()),
        ("namespaces in namespaces", module().file("etc/module.xml", namespaces(scaled(30_000))).bytes()),
        ("elements in elements", module().file("etc/module.xml", "<a>".repeat(scaled(300_000))).bytes()),
        ("many forbidden dependencies", module().composer(|composer| dependencies(composer, scaled(20_000))).bytes()),
        (
            "many namespaces",
            module().without("etc/module.xml").composer(|composer| folders(composer, scaled(20_000))).bytes(),
        ),
        ("deep JSON", module().file("composer.json", format!("{{\"a\": {}", "[".repeat(scaled(900_000)))).bytes()),
        (
            "a long constraint",
            module().composer(|composer| composer["require"]["php"] = json!(">= ".repeat(scaled(200_000)))).bytes(),
        ),
        ("many entries, all unwanted", entries(scaled(65_000), |number| format!("Model/{number}/.gitignore"))),
        ("many entries, all with findings", entries(scaled(65_000), |number| format!("Model/{number}.php"))),
        ("many second composer.jsons", entries(scaled(65_000), |number| format!("{number}/composer.json"))),
        ("names of many folders", entries(scaled(400), |number| format!("{}{number}", "a/".repeat(30_000)))),
        ("one name again and again", doubled(scaled(60_000))),
        ("a file that is larger than it says", understated(scaled(300 * MEGABYTE))),
        ("many end records", ends(scaled(2_900))),
    ]
}

fn attributes(number: usize) -> String {
    let attributes: Vec<_> = (0..number).map(|number| format!("a{number}=\"\"")).collect();
    format!("<config {}><module name=\"Acme_Badges\"/></config>", attributes.join(" "))
}

fn namespaces(number: usize) -> String {
    let elements: Vec<_> = (0..number).map(|number| format!("<a xmlns:n{number}=\"urn:{number}\">")).collect();
    elements.concat()
}

fn dependencies(composer: &mut serde_json::Value, number: usize) {
    for number in 0..number {
        composer["require"][format!("magento/module-{number}")] = json!("*");
    }
}

fn folders(composer: &mut serde_json::Value, number: usize) {
    for number in 0..number {
        composer["autoload"]["psr-4"][format!("Acme\\N{number}\\")] = json!(format!("src/{number}/"));
    }
}

/// Returns a module with many small files.
fn entries(number: usize, name: impl Fn(usize) -> String) -> Vec<u8> {
    let mut archive = ZipWriter::new_append(Cursor::new(Submission::module().bytes())).expect("it is a zip");
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for number in 0..number {
        archive.start_file(name(number), stored).expect("memory does not fail");
        archive.write_all(b"// TODO\n").expect("memory does not fail");
    }
    archive.finish().expect("memory does not fail").into_inner()
}

/// Returns a module in which one name occurs many times. Zip writers do not allow it, so the names are made equal
/// afterwards.
fn doubled(number: usize) -> Vec<u8> {
    const MARK: &[u8] = b"Model/Same";
    const DIGITS: usize = 5;
    let mut bytes = entries(number, |number| format!("Model/Same{number:05}.php"));
    let places: Vec<_> = memchr::memmem::find_iter(&bytes, MARK).collect();
    for at in places {
        bytes[at + MARK.len()..at + MARK.len() + DIGITS].fill(b'0');
    }
    bytes
}

/// Returns a module with a file whose size in the directory is wrong (100 bytes).
fn understated(length: usize) -> Vec<u8> {
    const NAME: &[u8] = b"Model/Large.php";
    /// The offsets of the size and the name in an entry of the directory.
    const SIZE_AT: usize = 24;
    const NAME_AT: usize = 46;
    let mut archive = ZipWriter::new_append(Cursor::new(Submission::module().bytes())).expect("it is a zip");
    archive.start_file("Model/Large.php", SimpleFileOptions::default()).expect("memory does not fail");
    let piece = vec![b' '; MEGABYTE];
    for _ in 0..length.div_ceil(MEGABYTE) {
        archive.write_all(&piece).expect("memory does not fail");
    }
    let mut bytes = archive.finish().expect("memory does not fail").into_inner();
    if let Some(name) = memchr::memmem::rfind(&bytes, NAME) {
        let at = name - NAME_AT + SIZE_AT;
        bytes[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    bytes
}

/// Returns a module whose comment contains many records that look like the end of the directory.
fn ends(number: usize) -> Vec<u8> {
    let mut archive = ZipWriter::new_append(Cursor::new(Submission::module().bytes())).expect("it is a zip");
    let record = [&b"PK\x05\x06"[..], &[0; 4], &[1, 0, 1, 0], &[46, 0, 0, 0], &[0; 4], &[0; 2]].concat();
    archive.set_raw_comment(record.repeat(number).into_boxed_slice()).expect("the comment is short enough");
    archive.finish().expect("memory does not fail").into_inner()
}
