//! Checks the fields of composer.json: name, version, type, and keys that are not allowed.

use crate::archive::Archive;
use crate::composer::{ComponentKind, Composer, Unreadable, is_plain, is_version, json_type};
use crate::limits::MAX_METADATA_BYTES;
use crate::registry::Requirement;
use crate::registry::package::{
    COMPOSER_EXTRA, COMPOSER_JSON, COMPOSER_NAME, COMPOSER_NAME_CASE, COMPOSER_SIZE, COMPOSER_SOURCE,
    COMPOSER_THEME_NAME, COMPOSER_TYPE, COMPOSER_VERSION, COMPOSER_VERSION_PLAIN,
};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// Reads composer.json and reports problems of the file.
pub(crate) fn read(archive: &Archive, builder: &mut ReportBuilder) -> Option<Composer> {
    let entry = archive.find("composer.json")?;
    let location = Location::file("composer.json");
    if let Some(reason) = entry.why_unreadable() {
        builder.add(&COMPOSER_JSON, location, format!("{reason}, so the store cannot unpack it"));
        return None;
    }
    if entry.bytes > MAX_METADATA_BYTES {
        builder.add(&COMPOSER_SIZE, location, format!("it has {} bytes", entry.bytes));
        builder.unavailable(Requirement::Composer, "composer.json is too large to be read");
        return None;
    }
    let Some(bytes) = archive.read_whole(entry, MAX_METADATA_BYTES) else {
        builder.add(&COMPOSER_JSON, location, "it cannot be unpacked");
        return None;
    };
    match Composer::read(&bytes) {
        Ok(composer) => Some(composer),
        Err(error @ Unreadable::TooDeepHere) => {
            builder.unavailable(Requirement::Composer, error.to_string());
            None
        }
        Err(error) => {
            builder.add(&COMPOSER_JSON, location, error.to_string());
            None
        }
    }
}

/// Checks the rules of this module.
pub(crate) fn check(composer: &Composer, builder: &mut ReportBuilder) {
    name(composer, builder);
    version(composer, builder);
    let at = |key: &str| at(composer, key);
    match composer.text("type") {
        None => builder.add(&COMPOSER_TYPE, at("type"), missing(composer, "type")),
        Some(kind) if composer.kind().is_none() => {
            builder.add(&COMPOSER_TYPE, at("type"), format!("the type is `{kind}`"));
        }
        Some(_) => {}
    }
    for key in ["map", "magento-root-dir"] {
        if composer.field("extra").and_then(|extra| extra.get(key)).is_some_and(|value| !value.is_null()) {
            builder.add(&COMPOSER_EXTRA, at(key), format!("it has extra.{key}"));
        }
    }
    for key in ["source", "dist"] {
        if composer.field(key).is_some() {
            builder.add(&COMPOSER_SOURCE, at(key), format!("it has {key}"));
        }
    }
}

/// Returns the location of a key in composer.json.
pub(super) fn at(composer: &Composer, key: &str) -> Location {
    Location::File { name: "composer.json".to_owned(), line: composer.line_of(key) }
}

/// Describes why a field is not text. A version can be written as a number by mistake.
fn missing(composer: &Composer, field: &str) -> String {
    match composer.field(field) {
        None => format!("it has no {field}"),
        Some(value) if value.is_number() => {
            format!("the {field} is the number {value}, not a string; put it in quotes")
        }
        Some(value) => format!("the {field} is {}, not a string", json_type(value)),
    }
}

fn name(composer: &Composer, builder: &mut ReportBuilder) {
    let location = at(composer, "name");
    let Some(name) = composer.text("name") else {
        return builder.add(&COMPOSER_NAME, location, missing(composer, "name"));
    };
    if !is_package_name(name) {
        return builder.add(&COMPOSER_NAME, location, format!("the name is `{name}`"));
    }
    if name.chars().any(|letter| letter.is_ascii_uppercase()) {
        builder.add(&COMPOSER_NAME_CASE, location.clone(), format!("`{name}` has capital letters"));
    }
    let package = name.split_once('/').map_or(name, |(_, package)| package).to_ascii_lowercase();
    let is_theme_name = ["theme-frontend-", "theme-adminhtml-"]
        .iter()
        .any(|begin| package.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()));
    if composer.kind() == Some(ComponentKind::Theme) && !is_theme_name {
        builder.add(&COMPOSER_THEME_NAME, location, format!("the name of the theme is `{name}`"));
    }
}

/// Returns whether the name has the form of a SKU.
pub(super) fn is_package_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    name.split_once('/').is_some_and(|(vendor, package)| is_part(vendor) && is_part(package))
}

fn version(composer: &Composer, builder: &mut ReportBuilder) {
    match composer.text("version") {
        None => builder.add(&COMPOSER_VERSION, at(composer, "version"), missing(composer, "version")),
        Some(version) if !is_version(version) => {
            builder.add(&COMPOSER_VERSION, at(composer, "version"), format!("the version is `{version}`"));
        }
        Some(version) if !is_plain(version) => {
            builder.add(&COMPOSER_VERSION_PLAIN, at(composer, "version"), format!("the version is `{version}`"));
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
