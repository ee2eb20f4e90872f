//! Checks the autoload section of composer.json.

use super::composer::at;
use crate::composer::{ComponentKind, Composer};
use crate::registry::package::{
    AUTOLOAD_FILES, AUTOLOAD_NAMESPACE, AUTOLOAD_NAMESPACE_NEEDLESS, AUTOLOAD_SOURCE_FOLDER,
};
use crate::report_builder::ReportBuilder;

/// Checks the rules of this module. A metapackage has no autoload section.
pub(crate) fn check(composer: &Composer, builder: &mut ReportBuilder) {
    let Some(kind @ (ComponentKind::Module | ComponentKind::Theme | ComponentKind::Language)) = composer.kind() else {
        return;
    };
    match (composer.autoload_files(), registration(composer)) {
        (None, _) => builder.add(&AUTOLOAD_FILES, at(composer, "autoload"), "autoload.files is missing or empty"),
        (Some(_), None) => {
            builder.add(&AUTOLOAD_FILES, at(composer, "files"), "autoload.files has no registration.php");
        }
        (Some(_), Some(_)) => {}
    }
    let location = at(composer, "psr-4");
    match (kind, composer.namespaces().next()) {
        (ComponentKind::Module, None) => {
            builder.add(&AUTOLOAD_NAMESPACE, at(composer, "autoload"), "autoload.psr-4 is missing or empty");
        }
        (ComponentKind::Module, Some((_, folders))) => {
            let is_at_top = |folders: &[String]| {
                folders.is_empty() || folders.iter().any(|folder| matches!(folder.as_str(), "" | "." | "./"))
            };
            if !composer.namespaces().any(|(_, folders)| is_at_top(folders)) {
                let folder = folders.first().map_or("", String::as_str);
                builder.add(
                    &AUTOLOAD_SOURCE_FOLDER,
                    location,
                    format!("the folder of the first namespace is {folder}"),
                );
            }
        }
        (ComponentKind::Theme | ComponentKind::Language, Some((namespace, _))) => {
            builder.add(&AUTOLOAD_NAMESPACE_NEEDLESS, location, format!("it declares the namespace {namespace}"));
        }
        (ComponentKind::Theme | ComponentKind::Language, None) => {
            let first = composer
                .autoload_files()
                .and_then(|files| files.first().map(|file| file.trim_start_matches("./").to_owned()));
            if let Some((folder, _)) = first.as_deref().and_then(|file| file.rsplit_once('/')) {
                builder.add(
                    &AUTOLOAD_SOURCE_FOLDER,
                    at(composer, "files"),
                    format!("the first autoloaded file is in {folder}/"),
                );
            }
        }
        (ComponentKind::Metapackage, _) => {}
    }
}

/// Returns the first file in autoload.files whose name ends with registration.php.
pub(super) fn registration(composer: &Composer) -> Option<String> {
    let files = composer.autoload_files()?;
    files.into_iter().find(|file| file.ends_with("registration.php")).map(str::to_owned)
}
