//! Finds files of development environments, builds and code hosts, and files with secrets.

use std::collections::HashSet;

use crate::archive::{Archive, Entry, EntryKind};
use crate::limits::MAX_METADATA_BYTES;
use crate::registry::archive::{CLUTTER, VCS_FILES};
use crate::registry::package::SECRET_FILE;
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// Files and folders of version control systems.
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
/// Files and folders of development environments, builds and code hosts, at any depth.
const LEFTOVERS: [(&str, &str); 20] = [
    (".DS_Store", "it belongs to a development environment"),
    ("__MACOSX", "it belongs to a development environment"),
    (".idea", "it belongs to a development environment"),
    (".vscode", "it belongs to a development environment"),
    ("Thumbs.db", "it belongs to a development environment"),
    (".vagrant", "it belongs to a development environment"),
    (".history", "it belongs to a development environment"),
    ("node_modules", "it is installed by npm"),
    ("composer.lock", "Composer ignores it in a package"),
    ("auth.json", "it contains access keys for Composer"),
    (".github", "it belongs to a code host"),
    (".travis.yml", "it belongs to a CI service"),
    (".gitlab-ci.yml", "it belongs to a CI service"),
    (".circleci", "it belongs to a CI service"),
    ("bitbucket-pipelines.yml", "it belongs to a CI service"),
    ("phpunit.xml.dist", "it belongs to a test environment"),
    (".phpunit.result.cache", "it belongs to a test environment"),
    ("Makefile", "it belongs to a build"),
    ("error_log", "it is a log file"),
    ("npm-debug.log", "it is a log file"),
];
/// Suffixes of files from editors, merges and databases.
const LEFTOVER_SUFFIXES: [(&str, &str); 5] = [
    (".sql", "it is a database dump or script, which Commerce does not run"),
    (".orig", "it was created by a merge"),
    ("~", "it was created by an editor"),
    (".swp", "it was created by an editor"),
    (".swo", "it was created by an editor"),
];
/// Deeper folders are not checked, because a name can contain thousands of them.
const MAX_DEPTH: usize = 64;
/// The folder into which Composer installs packages. At a deeper level, a folder with this name can be part of the package.
const VENDOR: &str = "vendor";

/// Names of files with secrets.
const SECRET_NAMES: [&str; 6] = [".env", ".npmrc", "id_rsa", "id_ed25519", ".netrc", ".htpasswd"];
/// Extensions of files with secrets.
const SECRET_EXTENSIONS: [&str; 4] = ["p12", "pfx", "jks", "ppk"];
/// Parts of placeholders for secrets.
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

/// Reports files and folders that do not belong in a package. A folder is reported once, regardless of its content.
pub(super) fn unwanted<'a>(package_path: &'a str, reported: &mut HashSet<&'a str>, builder: &mut ReportBuilder) {
    let mut end = 0;
    for part in package_path.split_inclusive('/').take(MAX_DEPTH) {
        let is_top = end == 0;
        end += part.len();
        let (part, is_folder) = part.strip_suffix('/').map_or((part, false), |part| (part, true));
        let (rule, reason) = if VCS_NAMES.contains(&part) {
            (&VCS_FILES, "it belongs to a version control system")
        } else if let Some((_, reason)) = LEFTOVERS.iter().find(|(name, _)| *name == part) {
            (&CLUTTER, *reason)
        } else if is_top && is_folder && part == VENDOR {
            (&CLUTTER, "it is installed by Composer")
        } else if let Some((_, reason)) =
            LEFTOVER_SUFFIXES.iter().find(|(suffix, _)| !is_folder && part.ends_with(suffix))
        {
            (&CLUTTER, *reason)
        } else {
            continue;
        };
        let path = package_path[..end].trim_end_matches('/');
        if reported.insert(path) {
            builder.add(rule, Location::file(path), reason);
        }
        return;
    }
}

/// Returns whether a file contains the settings of one environment, such as `.env.local`. Templates contain none.
fn is_environment(file: &str) -> bool {
    file.strip_prefix(".env.").is_some_and(|kind| !["dist", "example", "sample", "template"].contains(&kind))
}

/// Reports files with secrets. An auth.json of Composer is only reported if it contains more than placeholders.
pub(super) fn secrets(archive: &Archive, entry: &Entry, builder: &mut ReportBuilder) {
    if entry.kind != EntryKind::File {
        return;
    }
    let package_path = archive.package_path(entry);
    let file = package_path.rsplit('/').next().expect("a split has at least one part");
    let is_secret = SECRET_NAMES.contains(&file) || is_environment(file) || package_path.ends_with("etc/env.php");
    if is_secret || SECRET_EXTENSIONS.contains(&entry.extension().as_str()) {
        builder.add(&SECRET_FILE, Location::file(package_path), "files with this name contain secrets");
    }
    if file == "auth.json"
        && let Some(bytes) = archive.read_whole(entry, MAX_METADATA_BYTES)
        && has_access_key(&bytes)
    {
        builder.add(&SECRET_FILE, Location::file(package_path), "it contains an access key for Composer");
    }
}

/// Returns whether an auth.json has a value that is not a placeholder.
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
