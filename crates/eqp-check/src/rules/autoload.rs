//! What composer.json loads.

use super::composer::at;
use crate::book::composer::{AUTOLOAD_FILES, AUTOLOAD_NAMESPACE, AUTOLOAD_NAMESPACE_NEEDLESS, AUTOLOAD_SOURCE_FOLDER};
use crate::composer::{Composer, Kind};
use crate::ledger::Ledger;

/// The rules. A metapackage loads nothing.
pub(crate) fn check(composer: &Composer, ledger: &mut Ledger) {
    let Some(kind @ (Kind::Module | Kind::Theme | Kind::Language)) = composer.kind() else { return };
    match (composer.autoload_files(), registration(composer)) {
        (None, _) => ledger.find(&AUTOLOAD_FILES, at(composer, "autoload"), "autoload.files is missing or empty"),
        (Some(_), None) => {
            ledger.find(&AUTOLOAD_FILES, at(composer, "files"), "autoload.files has no registration.php");
        }
        (Some(_), Some(_)) => {}
    }
    let place = at(composer, "psr-4");
    match (kind, composer.namespaces().next()) {
        (Kind::Module, None) => {
            ledger.find(&AUTOLOAD_NAMESPACE, at(composer, "autoload"), "autoload.psr-4 is missing or empty");
        }
        (Kind::Module, Some((_, folders))) => {
            let is_at_top = |folders: &[String]| {
                folders.is_empty() || folders.iter().any(|folder| matches!(folder.as_str(), "" | "." | "./"))
            };
            if !composer.namespaces().any(|(_, folders)| is_at_top(folders)) {
                let folder = folders.first().map(String::as_str).unwrap_or_default();
                ledger.find(&AUTOLOAD_SOURCE_FOLDER, place, format!("the first namespace is in {folder}"));
            }
        }
        (Kind::Theme | Kind::Language, Some((namespace, _))) => {
            ledger.find(&AUTOLOAD_NAMESPACE_NEEDLESS, place, format!("it declares the namespace {namespace}"));
        }
        (Kind::Theme | Kind::Language, None) => {
            let first = composer
                .autoload_files()
                .and_then(|files| files.first().map(|file| file.trim_start_matches("./").to_owned()));
            if let Some((folder, _)) = first.as_deref().and_then(|file| file.rsplit_once('/')) {
                ledger.find(
                    &AUTOLOAD_SOURCE_FOLDER,
                    at(composer, "files"),
                    format!("the first loaded file is in {folder}/"),
                );
            }
        }
        (Kind::Metapackage, _) => {}
    }
}

/// The file that registers the component: the first of autoload.files with such a name.
pub(super) fn registration(composer: &Composer) -> Option<String> {
    let files = composer.autoload_files()?;
    files.into_iter().find(|file| file.ends_with("registration.php")).map(str::to_owned)
}
