//! The archive as a file, and its directory.

use std::collections::HashSet;

use crate::archive::{Archive, Damage, Entry, Nature, Refused, Top};
use crate::book::archive::{
    ARCHIVE_BOMB, ARCHIVE_COMPRESSION, ARCHIVE_DAMAGED, ARCHIVE_ENCRYPTED, ARCHIVE_IS_ZIP, ARCHIVE_SIZE, CLUTTER,
    COMPOSER_PRESENT, COMPOSER_SECOND, ENTRY_LINK, ENTRY_TWICE, NAME_ESCAPES, NAME_PORTABLE, TOP_FOLDER, VCS_FILES,
};
use crate::book::code::SECRET_FILE;
use crate::ledger::Ledger;
use crate::limits::{HIGHEST_RATIO, LARGEST_ARCHIVE, MOST_ENTRIES, MOST_UNPACKED, RATIO_COUNTS_FROM};
use crate::report::Place;

/// Names of version control systems, as files or folders.
const VCS_NAMES: [&str; 12] = [
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".gitkeep",
    ".mailmap",
    ".svn",
    ".hg",
    ".hgignore",
    ".hgtags",
    ".bzr",
    "CVS",
];
/// Names that belong to a workplace.
const WORKPLACE_NAMES: [&str; 9] = [
    ".DS_Store",
    "__MACOSX",
    ".idea",
    ".vscode",
    "node_modules",
    "Thumbs.db",
    ".phpunit.result.cache",
    ".vagrant",
    ".history",
];
/// Names of files that keep secrets.
const SECRET_NAMES: [&str; 7] = [".env", "auth.json", ".npmrc", "id_rsa", "id_ed25519", ".netrc", ".htpasswd"];
/// Ends of the names of files that keep secrets.
const SECRET_EXTENSIONS: [&str; 4] = ["p12", "pfx", "jks", "ppk"];

/// The size of the file.
pub(crate) fn size(bytes: u64, ledger: &mut Ledger) {
    if bytes > LARGEST_ARCHIVE {
        #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
        let megabytes = bytes as f64 / (1024.0 * 1024.0);
        ledger.find(&ARCHIVE_SIZE, Place::Archive, format!("it has {megabytes:.1} MB"));
    }
}

/// An archive that was not opened. Why nothing of it could be looked at.
pub(crate) fn refused(refused: &Refused, ledger: &mut Ledger) -> &'static str {
    match refused {
        Refused::NoZip(why) => {
            ledger.find(&ARCHIVE_IS_ZIP, Place::Archive, format!("it cannot be read as a zip: {why}"));
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
        let (shown, more) = folders.split_at(folders.len().min(5));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        ledger.find(
            &TOP_FOLDER,
            Place::Archive,
            format!("there are several folders at the top: {}{more}", shown.join(", ")),
        );
    }
    composer_json(archive, ledger);
    if archive.has_twice {
        ledger.find(&ENTRY_TWICE, Place::Archive, "at least one name is in its directory more than once");
    }
    let mut named = HashSet::new();
    for entry in &archive.entries {
        entry_rules(archive, entry, ledger);
        unwanted(archive.short(entry), &mut named, ledger);
    }
    is_no_bomb(archive, ledger)
}

/// Files that did not unpack.
pub(crate) fn damage(archive: &Archive, damaged: &[Damage], ledger: &mut Ledger) {
    for Damage { index, why } in damaged {
        if let Some(entry) = archive.entries.iter().find(|entry| entry.index == *index) {
            ledger.find(&ARCHIVE_DAMAGED, Place::file(archive.short(entry)), format!("it does not unpack: {why}"));
        }
    }
}

fn entry_rules(archive: &Archive, entry: &Entry, ledger: &mut Ledger) {
    let short = archive.short(entry);
    let place = || Place::file(short);
    if entry.escapes() {
        ledger.find(&NAME_ESCAPES, place(), "its name is absolute, or leads out of the folder it is unpacked to");
    } else if !entry.has_utf8_name {
        ledger.find(&NAME_PORTABLE, place(), "its name is not UTF-8");
    } else if entry.name.contains('\\') {
        ledger.find(&NAME_PORTABLE, place(), "its name has \\ between folders");
    } else if entry.name.chars().any(char::is_control) {
        ledger.find(&NAME_PORTABLE, place(), "its name has a control character");
    }
    match entry.nature {
        Nature::Link => ledger.find(&ENTRY_LINK, place(), "it is a symbolic link"),
        Nature::Special => ledger.find(&ENTRY_LINK, place(), "it is a device, a pipe or a socket"),
        Nature::File | Nature::Folder => {}
    }
    if entry.is_encrypted {
        ledger.find(&ARCHIVE_ENCRYPTED, place(), "it is encrypted");
    } else if entry.nature == Nature::File && !entry.is_common {
        ledger.find(&ARCHIVE_COMPRESSION, place(), "it is packed in a way that not every program knows");
    }
    let file = short.rsplit('/').next().unwrap_or_default();
    let keeps_secrets = SECRET_NAMES.contains(&file) || SECRET_EXTENSIONS.contains(&entry.extension().as_str());
    if entry.nature == Nature::File && keeps_secrets {
        ledger.find(&SECRET_FILE, place(), "files of this name keep secrets");
    }
}

/// The package's composer.json, and others that could be taken for it.
fn composer_json(archive: &Archive, ledger: &mut Ledger) {
    if matches!(archive.top, Top::Several(_)) {
        return ledger.not_run(&COMPOSER_PRESENT, "which folder is the package is not known");
    }
    let others = archive.entries.iter().filter(|entry| {
        let short = archive.short(entry);
        short != "composer.json" && is_composer_json(short)
    });
    if archive.find("composer.json").is_some() {
        for other in others.filter(|entry| archive.short(entry).matches('/').count() <= 1) {
            ledger.find(&COMPOSER_SECOND, Place::file(archive.short(other)), "there is a second composer.json");
        }
        return;
    }
    let message = match others.into_iter().next() {
        Some(entry) => format!("the only composer.json is {}", entry.name),
        None => "there is no composer.json".to_owned(),
    };
    ledger.find(&COMPOSER_PRESENT, Place::Archive, message);
}

/// Files and folders that do not belong into a package; a folder is named once, whatever lies in it.
fn unwanted(short: &str, named: &mut HashSet<String>, ledger: &mut Ledger) {
    for (names, rule, of_what) in [
        (&VCS_NAMES[..], &VCS_FILES, "it belongs to a version control system"),
        (&WORKPLACE_NAMES[..], &CLUTTER, "it belongs to a workplace"),
    ] {
        let mut end = 0;
        for part in short.split_inclusive('/') {
            end += part.len();
            if names.contains(&part.trim_end_matches('/')) {
                let path = short[..end].trim_end_matches('/');
                if named.insert(path.to_owned()) {
                    ledger.find(rule, Place::file(path), of_what);
                }
                break;
            }
        }
    }
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
