//! Checks the archive file and its directory.

use std::collections::{HashMap, HashSet};

use super::leftovers;
use crate::archive::{Archive, Damage, Encoding, Entry, EntryKind, NotZip, OpenError, PackageRoot};
use crate::limits::{MAX_ARCHIVE_BYTES, MAX_ENTRIES, MAX_RATIO, MAX_UNPACKED_BYTES, RATIO_CHECKED_FROM};
use crate::registry::archive::{
    ARCHIVE_BOMB, ARCHIVE_COMPRESSION, ARCHIVE_DAMAGED, ARCHIVE_ENCRYPTED, ARCHIVE_IS_ZIP, ARCHIVE_SIZE,
    COMPOSER_PRESENT, COMPOSER_SECOND, ENTRY_LINK, ENTRY_TWICE, NAME_ENCODING, NAME_ESCAPES, NAME_PORTABLE, TOP_FOLDER,
};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

const MEGABYTE: u64 = 1024 * 1024;
/// Files at the top level of an App Builder app.
const APP_BUILDER: [&str; 3] = ["install.yaml", "app.config.yaml", "package.json"];
/// The maximum number of names in a message.
const MAX_NAMES: usize = 5;

/// Checks the size of the file.
pub(crate) fn size(bytes: u64, builder: &mut ReportBuilder) {
    if bytes > MAX_ARCHIVE_BYTES {
        builder.add(&ARCHIVE_SIZE, Location::Archive, format!("it has {}", exact_size(bytes)));
    }
}

/// Formats a rejected size exactly, so that an excess of a few bytes is visible.
fn exact_size(bytes: u64) -> String {
    const SMALL: u64 = 10_000;
    let (whole, rest) = (bytes / MEGABYTE, bytes % MEGABYTE);
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    let rounded = bytes as f64 / MEGABYTE as f64;
    let megabytes = match rest {
        0 => format!("{whole} MB"),
        1 => format!("{whole} MB + 1 byte"),
        2..SMALL => format!("{whole} MB + {} bytes", grouped(rest)),
        _ => format!("{rounded:.2} MB"),
    };
    format!("{} bytes ({megabytes})", grouped(bytes))
}

/// Formats a number with commas as thousands separators.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Reports an archive that was not opened. Returns why the other rules did not run.
pub(crate) fn open_error(error: &OpenError, builder: &mut ReportBuilder) -> &'static str {
    match error {
        OpenError::NotZip(NotZip { what, remedy }) => {
            let remedy = remedy.unwrap_or(ARCHIVE_IS_ZIP.remedy);
            builder.add_with_remedy(&ARCHIVE_IS_ZIP, Location::Archive, what.as_str(), remedy);
            "the archive cannot be read"
        }
        OpenError::TooManyEntries(entries) => {
            builder.add(&ARCHIVE_BOMB, Location::Archive, format!("it declares {entries} entries"));
            "the archive declares too many entries to be opened"
        }
        OpenError::TooLarge => "the archive is too large to be opened",
    }
}

/// Checks the directory. Returns whether the archive is safe to unpack.
pub(crate) fn directory(archive: &Archive, builder: &mut ReportBuilder) -> bool {
    if let PackageRoot::Ambiguous(folders) = &archive.root {
        let (what, remedy) = several(archive, folders);
        builder.add_with_remedy(&TOP_FOLDER, Location::Archive, what, remedy.unwrap_or(TOP_FOLDER.remedy));
    }
    composer_json(archive, builder);
    let mut reported = HashSet::new();
    let mut lower: HashMap<String, &Entry> = HashMap::with_capacity(archive.entries.len());
    for entry in &archive.entries {
        entry_rules(archive, entry, builder);
        leftovers::unwanted(archive.package_path(entry), &mut reported, builder);
        leftovers::secrets(archive, entry, builder);
        if archive.is_shadowed(entry) {
            let message = "its name occurs more than once: PHP reads the first entry, other programs the last";
            builder.add(&ENTRY_TWICE, Location::file(archive.package_path(entry)), message);
            continue;
        }
        if let Some(other) = lower.insert(lower_case(entry.name.trim_end_matches('/')), entry) {
            let message = format!("its name differs from {} only in letter case", archive.package_path(other));
            builder.add(&NAME_PORTABLE, Location::file(archive.package_path(entry)), message);
        }
    }
    has_safe_size(archive, builder)
}

/// Converts a name to lower case, with a fast path for ASCII.
fn lower_case(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.to_lowercase() }
}

/// Reports files that could not be unpacked.
pub(crate) fn damage(archive: &Archive, damaged: &[Damage], builder: &mut ReportBuilder) {
    for Damage { index, reason } in damaged {
        if let Some(entry) = archive.entries.get(*index) {
            builder.add(
                &ARCHIVE_DAMAGED,
                Location::file(archive.package_path(entry)),
                format!("it cannot be unpacked: {reason}"),
            );
        }
    }
}

fn entry_rules(archive: &Archive, entry: &Entry, builder: &mut ReportBuilder) {
    let package_path = archive.package_path(entry);
    let location = || Location::file(package_path);
    if entry.encoding == Encoding::FalseUtf8 {
        builder.add(&NAME_ENCODING, location(), "the name is flagged as UTF-8, but it is not valid UTF-8");
    }
    if entry.escapes() {
        builder.add(&NAME_ESCAPES, location(), "its name is an absolute path or a path outside the target folder");
    } else if let Some(reason) = entry.why_not_portable() {
        builder.add(&NAME_PORTABLE, location(), reason);
    }
    match entry.kind {
        EntryKind::Link => builder.add(&ENTRY_LINK, location(), "it is a symbolic link"),
        EntryKind::Special => builder.add(&ENTRY_LINK, location(), "it is a device, a pipe or a socket"),
        EntryKind::File | EntryKind::Folder => {}
    }
    if entry.is_encrypted {
        builder.add(&ARCHIVE_ENCRYPTED, location(), "it is encrypted");
    } else if let Some(reason) = entry.why_unreadable().filter(|_| entry.kind == EntryKind::File) {
        builder.add(&ARCHIVE_COMPRESSION, location(), format!("{reason}, which not every program supports"));
    }
}

/// A message, and a remedy if that of the rule does not fit.
type Explanation = (String, Option<&'static str>);

const ONE_PACKAGE_EACH: &str = "Create a separate archive for each package, and submit them separately.";

/// Explains that there are several folders at the top level.
fn several(archive: &Archive, folders: &[String]) -> Explanation {
    let mut packages = folders.iter().filter(|folder| archive.find(&format!("{folder}composer.json")).is_some());
    if let (Some(one), Some(other)) = (packages.next(), packages.next()) {
        let what = format!(
            "it contains several packages, such as {one} and {other}, which must be submitted in separate archives"
        );
        return (what, Some(ONE_PACKAGE_EACH));
    }
    let (first, more) = folders.split_at(folders.len().min(MAX_NAMES));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (format!("there are several folders at the top level: {}{more}", first.join(", ")), None)
}

/// Checks that there is one composer.json, and no other that could be confused with it.
fn composer_json(archive: &Archive, builder: &mut ReportBuilder) {
    if matches!(archive.root, PackageRoot::Ambiguous(_)) {
        return builder.not_run(&COMPOSER_PRESENT, "the folder of the package is not known");
    }
    let others = || {
        archive.entries.iter().filter(|entry| {
            let package_path = archive.package_path(entry);
            package_path != "composer.json" && is_composer_json(package_path)
        })
    };
    if archive.find("composer.json").is_some() {
        for other in others().filter(|entry| archive.package_path(entry).matches('/').count() <= 1) {
            builder.add(
                &COMPOSER_SECOND,
                Location::file(archive.package_path(other)),
                "there is a second composer.json",
            );
        }
        return;
    }
    let (what, remedy) = without_composer_json(archive, others());
    builder.add_with_remedy(&COMPOSER_PRESENT, Location::Archive, what, remedy.unwrap_or(COMPOSER_PRESENT.remedy));
}

/// Explains why there is no composer.json at the top level.
fn without_composer_json<'a>(archive: &Archive, mut others: impl Iterator<Item = &'a Entry>) -> Explanation {
    if let Some(entry) = archive.entries.iter().find(|entry| is_composer_json(&entry.name.replace('\\', "/")))
        && entry.name.contains('\\')
    {
        let what = format!("names have \\ as separator, such as {}, so PHP does not recognise folders", entry.name);
        return (what, Some("Create it again with a program that uses / as separator: composer archive --format=zip."));
    }
    if let (Some(one), Some(other)) = (others.next(), others.next()) {
        let (one, other) = (&one.name, &other.name);
        let what =
            format!("it contains several packages ({one}, {other} …), which must be submitted in separate archives");
        return (what, Some(ONE_PACKAGE_EACH));
    }
    if let Some(entry) = archive.entries.iter().find(|entry| is_composer_json(&entry.name)) {
        return (format!("the only composer.json is {}", entry.name), None);
    }
    let is_at_top = |entry: &&Entry| !archive.package_path(entry).contains('/');
    let mut at_top = archive.entries.iter().filter(is_at_top);
    if let Some(inner) = at_top.clone().find(|entry| entry.extension() == "zip") {
        let what = format!("there is no composer.json, but another archive, {}", inner.name);
        return (what, Some("Unpack the archive, then check and submit the archive inside it."));
    }
    if let Some(app) = at_top.find(|entry| APP_BUILDER.contains(&archive.package_path(entry))) {
        let name = &app.name;
        let what = format!(
            "there is no composer.json, but {name}: the API of the Marketplace does not support App Builder apps"
        );
        return (what, Some("Submit a Composer package. App Builder apps cannot be submitted through this API."));
    }
    ("there is no composer.json".to_owned(), None)
}

fn is_composer_json(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|file| file.eq_ignore_ascii_case("composer.json"))
}

fn has_safe_size(archive: &Archive, builder: &mut ReportBuilder) -> bool {
    let sum = |of: fn(&Entry) -> u64| archive.entries.iter().map(of).fold(0_u64, u64::saturating_add);
    let (unpacked, packed) = (sum(|entry| entry.bytes), sum(|entry| entry.packed_bytes));
    let entries = archive.entries.len() as u64;
    let reason = if entries > MAX_ENTRIES {
        format!("it has {entries} entries")
    } else if unpacked > MAX_UNPACKED_BYTES {
        format!("its content has {unpacked} bytes")
    } else if unpacked > RATIO_CHECKED_FROM && unpacked / MAX_RATIO > packed {
        format!("{packed} bytes are unpacked to {unpacked} bytes")
    } else {
        return true;
    };
    builder.add(&ARCHIVE_BOMB, Location::Archive, reason);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_refused_is_exact() {
        assert_eq!(exact_size(MAX_ARCHIVE_BYTES + 1), "31,457,281 bytes (30 MB + 1 byte)");
        assert_eq!(exact_size(MAX_ARCHIVE_BYTES + 1_234), "31,458,514 bytes (30 MB + 1,234 bytes)");
        assert_eq!(exact_size(31 * MEGABYTE), "32,505,856 bytes (31 MB)");
        assert_eq!(exact_size(31 * MEGABYTE + MEGABYTE / 2), "33,030,144 bytes (31.50 MB)");
    }
}
