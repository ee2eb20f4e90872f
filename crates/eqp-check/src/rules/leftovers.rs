//! Files that are left over from a workplace, a build or a code host, and files that store secrets.

use std::collections::HashSet;

use crate::archive::{Archive, Entry, Nature};
use crate::book::archive::{CLUTTER, VCS_FILES};
use crate::book::code::SECRET_FILE;
use crate::ledger::Ledger;
use crate::limits::LARGEST_DESCRIPTION;
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
/// Names of what belongs to a workplace, a build or a code host, at any depth.
const LEFTOVERS: [(&str, &str); 20] = [
    (".DS_Store", "it belongs to a workplace"),
    ("__MACOSX", "it belongs to a workplace"),
    (".idea", "it belongs to a workplace"),
    (".vscode", "it belongs to a workplace"),
    ("Thumbs.db", "it belongs to a workplace"),
    (".vagrant", "it belongs to a workplace"),
    (".history", "it belongs to a workplace"),
    ("node_modules", "npm installs it"),
    ("composer.lock", "Composer does not read it in a package"),
    ("auth.json", "it belongs to a workplace: it is where Composer looks for access keys"),
    (".github", "it belongs to a code host"),
    (".travis.yml", "it belongs to a CI service"),
    (".gitlab-ci.yml", "it belongs to a CI service"),
    (".circleci", "it belongs to a CI service"),
    ("bitbucket-pipelines.yml", "it belongs to a CI service"),
    ("phpunit.xml.dist", "it belongs to the tests of a workplace"),
    (".phpunit.result.cache", "it belongs to the tests of a workplace"),
    ("Makefile", "it belongs to a build"),
    ("error_log", "it is a log"),
    ("npm-debug.log", "it is a log"),
];
/// Ends of names that editors, merges and databases leave behind.
const LEFTOVER_ENDS: [(&str, &str); 5] = [
    (".sql", "it is a dump or a script of a database: Commerce runs none"),
    (".orig", "a merge left it"),
    ("~", "an editor left it"),
    (".swp", "an editor left it"),
    (".swo", "an editor left it"),
];
/// Folders that lie deeper than this are not looked at: no package has such, and a name has room for thousands.
const DEEPEST: usize = 64;
/// Where Composer installs; a folder of this name deeper in the package may be anything.
const VENDOR: &str = "vendor";

/// Names of files that store secrets.
const SECRET_NAMES: [&str; 6] = [".env", ".npmrc", "id_rsa", "id_ed25519", ".netrc", ".htpasswd"];
/// Ends of the names of files that store secrets.
const SECRET_EXTENSIONS: [&str; 4] = ["p12", "pfx", "jks", "ppk"];
/// Parts of what is written where a secret is to go.
const PLACEHOLDERS: [&str; 14] = [
    "xxx",
    "your",
    "change",
    "example",
    "placeholder",
    "username",
    "password",
    "public",
    "private",
    "secret",
    "token",
    "insert",
    "todo",
    "dummy",
];

/// Files and folders that do not belong into a package; a folder is named once, whatever lies in it.
pub(super) fn unwanted<'a>(short: &'a str, named: &mut HashSet<&'a str>, ledger: &mut Ledger) {
    let mut end = 0;
    for part in short.split_inclusive('/').take(DEEPEST) {
        let is_top = end == 0;
        end += part.len();
        let (part, is_folder) = part.strip_suffix('/').map_or((part, false), |part| (part, true));
        let (rule, why) = if VCS_NAMES.contains(&part) {
            (&VCS_FILES, "it belongs to a version control system")
        } else if let Some((_, why)) = LEFTOVERS.iter().find(|(name, _)| *name == part) {
            (&CLUTTER, *why)
        } else if is_top && is_folder && part == VENDOR {
            (&CLUTTER, "Composer installs it")
        } else if let Some((_, why)) = LEFTOVER_ENDS.iter().find(|(ends, _)| !is_folder && part.ends_with(ends)) {
            (&CLUTTER, *why)
        } else {
            continue;
        };
        let path = short[..end].trim_end_matches('/');
        if named.insert(path) {
            ledger.find(rule, Place::file(path), why);
        }
        return;
    }
}

/// Files that store secrets. One of Composer's counts only if there is more in it than placeholders.
pub(super) fn secrets(archive: &Archive, entry: &Entry, ledger: &mut Ledger) {
    if entry.nature != Nature::File {
        return;
    }
    let short = archive.short(entry);
    let file = short.rsplit('/').next().unwrap_or_default();
    if SECRET_NAMES.contains(&file) || SECRET_EXTENSIONS.contains(&entry.extension().as_str()) {
        ledger.find(&SECRET_FILE, Place::file(short), "files of this name store secrets");
    }
    if file == "auth.json"
        && let Some(bytes) = archive.read_whole(entry, LARGEST_DESCRIPTION)
        && has_access_key(&bytes)
    {
        ledger.find(&SECRET_FILE, Place::file(short), "it holds an access key of Composer");
    }
}

/// Whether an auth.json has a value that is not a placeholder.
fn has_access_key(bytes: &[u8]) -> bool {
    fn is_key(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => !is_placeholder(text),
            serde_json::Value::Array(items) => items.iter().any(is_key),
            serde_json::Value::Object(fields) => fields.values().any(is_key),
            _ => false,
        }
    }
    serde_json::from_slice(bytes).is_ok_and(|value| is_key(&value))
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    let mut letters = lower.chars();
    let first = letters.next();
    lower.len() < 8
        || letters.all(|letter| Some(letter) == first)
        || lower.starts_with(['<', '{', '[', '%', '$'])
        || PLACEHOLDERS.iter().any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_not_access_keys() {
        let auth = |name: &str, key: &str| {
            format!(r#"{{"http-basic": {{"repo.magento.com": {{"username": "{name}", "password": "{key}"}}}}}}"#)
        };
        for (name, key) in [
            ("", ""),
            ("<public-key>", "<private-key>"),
            ("YOUR_PUBLIC_KEY", "your-private-key"),
            ("${KEY}", "%KEY%"),
            ("00000000000000000000", "xxxxxxxxxxxxxxxxxxxx"),
        ] {
            assert!(!has_access_key(auth(name, key).as_bytes()), "{name}");
        }
        assert!(has_access_key(auth("0f9c2b7d81e64a35b2c8d4e6f1a09b37", "<private-key>").as_bytes()));
        assert!(!has_access_key(b"not json"));
    }
}
