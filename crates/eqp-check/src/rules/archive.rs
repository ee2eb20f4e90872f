//! The archive as a file, and its directory.

use std::collections::{HashMap, HashSet};

use super::leftovers;
use crate::archive::{Archive, Damage, Encoding, Entry, Nature, Refused, Top};
use crate::book::archive::{
    ARCHIVE_BOMB, ARCHIVE_COMPRESSION, ARCHIVE_DAMAGED, ARCHIVE_ENCRYPTED, ARCHIVE_IS_ZIP, ARCHIVE_SIZE,
    COMPOSER_PRESENT, COMPOSER_SECOND, ENTRY_LINK, ENTRY_TWICE, NAME_ENCODING, NAME_ESCAPES, NAME_PORTABLE, TOP_FOLDER,
};
use crate::ledger::Ledger;
use crate::limits::{HIGHEST_RATIO, LARGEST_ARCHIVE, MOST_ENTRIES, MOST_UNPACKED, RATIO_COUNTS_FROM};
use crate::report::Place;

const MEGABYTE: u64 = 1024 * 1024;
/// Files at the top of an App Builder app.
const APP_BUILDER: [&str; 3] = ["install.yaml", "app.config.yaml", "package.json"];
/// So many names of several are shown.
const MOST_NAMED: usize = 5;

/// The size of the file.
pub(crate) fn size(bytes: u64, ledger: &mut Ledger) {
    if bytes > LARGEST_ARCHIVE {
        ledger.find(&ARCHIVE_SIZE, Place::Archive, format!("it has {}", exact_size(bytes)));
    }
}

/// A size that is refused, exactly: one byte too many is still one too many.
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

/// A number with commas between its thousands.
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

/// An archive that was not opened. Why nothing of it could be looked at.
pub(crate) fn refused(refused: &Refused, ledger: &mut Ledger) -> &'static str {
    match refused {
        Refused::NoZip(what) => {
            ledger.find(&ARCHIVE_IS_ZIP, Place::Archive, what.as_str());
            "the archive cannot be read"
        }
        Refused::TooMany(entries) => {
            ledger.find(&ARCHIVE_BOMB, Place::Archive, format!("its end promises {entries} entries"));
            "the archive promises too many entries to be opened"
        }
        Refused::TooLarge => "the archive is too large to be opened",
    }
}

/// The directory as a whole. Whether the archive may be unpacked.
pub(crate) fn directory(archive: &Archive, ledger: &mut Ledger) -> bool {
    if let Top::Several(folders) = &archive.top {
        ledger.find(&TOP_FOLDER, Place::Archive, several(archive, folders));
    }
    composer_json(archive, ledger);
    let mut named = HashSet::new();
    let mut lower: HashMap<String, &Entry> = HashMap::with_capacity(archive.entries.len());
    for entry in &archive.entries {
        entry_rules(archive, entry, ledger);
        leftovers::unwanted(archive.short(entry), &mut named, ledger);
        leftovers::secrets(archive, entry, ledger);
        if archive.is_later_copy(entry) {
            let message = "its name is there more than once: PHP reads the first, other programs the last";
            ledger.find(&ENTRY_TWICE, Place::file(archive.short(entry)), message);
            continue;
        }
        if let Some(other) = lower.insert(lower_case(entry.name.trim_end_matches('/')), entry) {
            let message = format!("it differs from {} by letter case only", archive.short(other));
            ledger.find(&NAME_PORTABLE, Place::file(archive.short(entry)), message);
        }
    }
    is_no_bomb(archive, ledger)
}

/// A name in lower case; most are ASCII, for which that is much faster.
fn lower_case(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.to_lowercase() }
}

/// Files that did not unpack.
pub(crate) fn damage(archive: &Archive, damaged: &[Damage], ledger: &mut Ledger) {
    for Damage { index, why } in damaged {
        if let Some(entry) = archive.entries.get(*index) {
            ledger.find(&ARCHIVE_DAMAGED, Place::file(archive.short(entry)), format!("it does not unpack: {why}"));
        }
    }
}

fn entry_rules(archive: &Archive, entry: &Entry, ledger: &mut Ledger) {
    let short = archive.short(entry);
    let place = || Place::file(short);
    if entry.encoding == Encoding::FalseUtf8 {
        ledger.find(&NAME_ENCODING, place(), "the archive says that this name is UTF-8, and it is not");
    }
    if entry.escapes() {
        ledger.find(&NAME_ESCAPES, place(), "its name is absolute, or leads out of the folder it is unpacked to");
    } else if let Some(why) = entry.why_not_portable() {
        ledger.find(&NAME_PORTABLE, place(), why);
    }
    match entry.nature {
        Nature::Link => ledger.find(&ENTRY_LINK, place(), "it is a symbolic link"),
        Nature::Special => ledger.find(&ENTRY_LINK, place(), "it is a device, a pipe or a socket"),
        Nature::File | Nature::Folder => {}
    }
    if entry.is_encrypted {
        ledger.find(&ARCHIVE_ENCRYPTED, place(), "it is encrypted");
    } else if let Some(why) = entry.why_unreadable().filter(|_| entry.nature == Nature::File) {
        ledger.find(&ARCHIVE_COMPRESSION, place(), format!("{why}, which not every program unpacks"));
    }
}

/// What it means that there are several folders at the top.
fn several(archive: &Archive, folders: &[String]) -> String {
    let mut packages = folders.iter().filter(|folder| archive.find(&format!("{folder}composer.json")).is_some());
    if let (Some(one), Some(other)) = (packages.next(), packages.next()) {
        return format!(
            "it holds several packages, such as {one} and {other}: each is submitted in an archive of its own"
        );
    }
    let (shown, more) = folders.split_at(folders.len().min(MOST_NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("there are several folders at the top: {}{more}", shown.join(", "))
}

/// The package's composer.json, and others that could be taken for it.
fn composer_json(archive: &Archive, ledger: &mut Ledger) {
    if matches!(archive.top, Top::Several(_)) {
        return ledger.not_run(&COMPOSER_PRESENT, "which folder is the package is not known");
    }
    let others = || {
        archive.entries.iter().filter(|entry| {
            let short = archive.short(entry);
            short != "composer.json" && is_composer_json(short)
        })
    };
    if archive.find("composer.json").is_some() {
        for other in others().filter(|entry| archive.short(entry).matches('/').count() <= 1) {
            ledger.find(&COMPOSER_SECOND, Place::file(archive.short(other)), "there is a second composer.json");
        }
        return;
    }
    ledger.find(&COMPOSER_PRESENT, Place::Archive, without_composer_json(archive, others()));
}

/// What an archive without composer.json at its top is.
fn without_composer_json<'a>(archive: &Archive, mut others: impl Iterator<Item = &'a Entry>) -> String {
    if let Some(entry) = archive.entries.iter().find(|entry| is_composer_json(&entry.name.replace('\\', "/")))
        && entry.name.contains('\\')
    {
        return format!(
            "names are written with \\ between folders, such as {}: PHP sees no folders in them",
            entry.name
        );
    }
    if let (Some(one), Some(other)) = (others.next(), others.next()) {
        let (one, other) = (&one.name, &other.name);
        return format!("it holds several packages ({one}, {other} …): each is submitted in an archive of its own");
    }
    if let Some(entry) = archive.entries.iter().find(|entry| is_composer_json(&entry.name)) {
        return format!("the only composer.json is {}", entry.name);
    }
    let is_at_top = |entry: &&Entry| !archive.short(entry).contains('/');
    let mut at_top = archive.entries.iter().filter(is_at_top);
    if let Some(inner) = at_top.clone().find(|entry| entry.extension() == "zip") {
        return format!("there is no composer.json, but another archive, {}: submit that one", inner.name);
    }
    if let Some(app) = at_top.find(|entry| APP_BUILDER.contains(&archive.short(entry))) {
        let name = &app.name;
        return format!(
            "there is no composer.json, but {name}: the Marketplace's API has no type for App Builder apps"
        );
    }
    "there is no composer.json".to_owned()
}

fn is_composer_json(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|file| file.eq_ignore_ascii_case("composer.json"))
}

fn is_no_bomb(archive: &Archive, ledger: &mut Ledger) -> bool {
    let sum = |of: fn(&Entry) -> u64| archive.entries.iter().map(of).fold(0_u64, u64::saturating_add);
    let (unpacked, packed) = (sum(|entry| entry.bytes), sum(|entry| entry.packed_bytes));
    let entries = archive.entries.len() as u64;
    let why = if entries > MOST_ENTRIES {
        format!("it holds {entries} entries")
    } else if unpacked > MOST_UNPACKED {
        format!("it would unpack to {unpacked} bytes")
    } else if unpacked > RATIO_COUNTS_FROM && unpacked / HIGHEST_RATIO > packed {
        format!("{packed} bytes would unpack to {unpacked}")
    } else {
        return true;
    };
    ledger.find(&ARCHIVE_BOMB, Place::Archive, why);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_refused_is_exact() {
        assert_eq!(exact_size(LARGEST_ARCHIVE + 1), "31,457,281 bytes (30 MB + 1 byte)");
        assert_eq!(exact_size(LARGEST_ARCHIVE + 1_234), "31,458,514 bytes (30 MB + 1,234 bytes)");
        assert_eq!(exact_size(31 * MEGABYTE), "32,505,856 bytes (31 MB)");
        assert_eq!(exact_size(31 * MEGABYTE + MEGABYTE / 2), "33,030,144 bytes (31.50 MB)");
    }
}
