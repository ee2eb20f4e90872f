//! composer.json by itself: name, version, type, and what must not be there.

use crate::archive::Archive;
use crate::book::Needs;
use crate::book::composer::{
    COMPOSER_EXTRA, COMPOSER_JSON, COMPOSER_NAME, COMPOSER_NAME_CASE, COMPOSER_SIZE, COMPOSER_SOURCE,
    COMPOSER_THEME_NAME, COMPOSER_TYPE, COMPOSER_VERSION, COMPOSER_VERSION_PLAIN,
};
use crate::composer::{Composer, Kind, Unreadable, is_plain, is_version, kind_of};
use crate::ledger::Ledger;
use crate::limits::LARGEST_DESCRIPTION;
use crate::report::Place;

/// Reads the package's composer.json; what is wrong with the file goes into the ledger.
pub(crate) fn read(archive: &Archive, ledger: &mut Ledger) -> Option<Composer> {
    let entry = archive.find("composer.json")?;
    let place = Place::file("composer.json");
    if let Some(why) = entry.why_unreadable() {
        ledger.find(&COMPOSER_JSON, place, format!("{why}: the store cannot unpack it"));
        return None;
    }
    if entry.bytes > LARGEST_DESCRIPTION {
        ledger.find(&COMPOSER_SIZE, place, format!("it has {} bytes", entry.bytes));
        ledger.unmet(Needs::Composer, "composer.json is too large to be read here");
        return None;
    }
    let Some(bytes) = archive.read_whole(entry, LARGEST_DESCRIPTION) else {
        ledger.find(&COMPOSER_JSON, place, "it does not unpack");
        return None;
    };
    match Composer::read(&bytes) {
        Ok(composer) => Some(composer),
        Err(error @ Unreadable::TooDeepHere) => {
            ledger.unmet(Needs::Composer, error.to_string());
            None
        }
        Err(error) => {
            ledger.find(&COMPOSER_JSON, place, error.to_string());
            None
        }
    }
}

/// The rules.
pub(crate) fn check(composer: &Composer, ledger: &mut Ledger) {
    name(composer, ledger);
    version(composer, ledger);
    let at = |key: &str| at(composer, key);
    match composer.text("type") {
        None => ledger.find(&COMPOSER_TYPE, at("type"), missing(composer, "type")),
        Some(kind) if composer.kind().is_none() => {
            ledger.find(&COMPOSER_TYPE, at("type"), format!("the type is `{kind}`"));
        }
        Some(_) => {}
    }
    for key in ["map", "magento-root-dir"] {
        if composer.field("extra").and_then(|extra| extra.get(key)).is_some_and(|value| !value.is_null()) {
            ledger.find(&COMPOSER_EXTRA, at(key), format!("extra.{key} is there"));
        }
    }
    for key in ["source", "dist"] {
        if composer.field(key).is_some() {
            ledger.find(&COMPOSER_SOURCE, at(key), format!("{key} is there"));
        }
    }
}

/// The place of a key in composer.json.
pub(super) fn at(composer: &Composer, key: &str) -> Place {
    Place::File { name: "composer.json".to_owned(), line: composer.line_of(key) }
}

/// Why a field is no text: a version that is written as a number is there, and still no version.
fn missing(composer: &Composer, field: &str) -> String {
    match composer.field(field) {
        None => format!("it has no {field}"),
        Some(value) if value.is_number() => format!("the {field} is the number {value}, not a text: put it in quotes"),
        Some(value) => format!("the {field} is {}, not a text", kind_of(value)),
    }
}

fn name(composer: &Composer, ledger: &mut Ledger) {
    let place = at(composer, "name");
    let Some(name) = composer.text("name") else {
        return ledger.find(&COMPOSER_NAME, place, missing(composer, "name"));
    };
    if !is_package_name(name) {
        return ledger.find(&COMPOSER_NAME, place, format!("the name is `{name}`"));
    }
    if name.chars().any(|letter| letter.is_ascii_uppercase()) {
        ledger.find(&COMPOSER_NAME_CASE, place.clone(), format!("`{name}` has capitals"));
    }
    let package = name.split_once('/').map_or(name, |(_, package)| package).to_ascii_lowercase();
    let is_theme_name = ["theme-frontend-", "theme-adminhtml-"]
        .iter()
        .any(|begin| package.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()));
    if composer.kind() == Some(Kind::Theme) && !is_theme_name {
        ledger.find(&COMPOSER_THEME_NAME, place, format!("the theme is `{name}`"));
    }
}

/// The form that the store makes SKUs of.
pub(super) fn is_package_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    name.split_once('/').is_some_and(|(vendor, package)| is_part(vendor) && is_part(package))
}

fn version(composer: &Composer, ledger: &mut Ledger) {
    match composer.text("version") {
        None => ledger.find(&COMPOSER_VERSION, at(composer, "version"), missing(composer, "version")),
        Some(version) if !is_version(version) => {
            ledger.find(&COMPOSER_VERSION, at(composer, "version"), format!("the version is `{version}`"));
        }
        Some(version) if !is_plain(version) => {
            ledger.find(&COMPOSER_VERSION_PLAIN, at(composer, "version"), format!("the version is `{version}`"));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_name_has_two_parts_of_plain_letters() {
        for name in ["acme/badges", "Acme/module-badges", "a_b/c-9"] {
            assert!(is_package_name(name), "{name}");
        }
        for name in ["", "acme", "acme/", "/x", "a/b/c", "acme/bad ges", "acme/b.c", "é/x"] {
            assert!(!is_package_name(name), "{name}");
        }
    }
}
