//! Compares the rules with an oracle: an independent implementation of the store's published validator script. What the
//! script rejects must be blocked (or, for folders inside a package, cause a warning). What it passes may only be
//! blocked by rules from the guidelines.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::io::Write;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::fixture::{Fixture, broken};
use crate::odd_archives::{changed, replaced};

/// Rules from the guidelines and for our own safety, which the script does not check.
const BEYOND_THE_SCRIPT: [&str; 4] = ["component-xml", "dependency-alias", "dependency-forbidden", "composer-size"];

/// The files of an archive in the order of its directory, in which names can be duplicated.
#[derive(Debug)]
struct Made {
    files: Vec<(String, String)>,
    /// The compression method of composer.json.
    method: u16,
    /// The bytes before the zip.
    leading: &'static str,
}

/// Returns the decision of the script about an archive. Other programs read the last of two files with the same name,
/// so both readings count.
fn script(made: &Made) -> BTreeSet<&'static str> {
    if !made.leading.is_empty() {
        return BTreeSet::from(["no zip"]);
    }
    let mut last = made.files.clone();
    last.reverse();
    [&made.files, &last].into_iter().flat_map(|files| reading(files, made.method)).collect()
}

/// Returns the decision of the script about the files, of which the first with each name counts.
fn reading(files: &[(String, String)], method: u16) -> BTreeSet<&'static str> {
    let mut errors = BTreeSet::new();
    let mut folders = BTreeSet::new();
    let mut has_top_file = false;
    for (name, _) in files {
        match name.find('/') {
            None => has_top_file = true,
            Some(at) => {
                folders.insert(&name[..=at]);
            }
        }
    }
    let top = match (has_top_file, folders.len()) {
        (false, 1) => folders.first().copied().unwrap_or_default(),
        (false, more) if more > 1 => return BTreeSet::from(["folders"]),
        _ => "",
    };
    let size =
        |name: &str| files.iter().find(|(other, _)| *other == format!("{top}{name}")).map(|(_, text)| text.len());
    let Some((_, composer)) = files.iter().find(|(other, _)| *other == format!("{top}composer.json")) else {
        return BTreeSet::from(["no composer.json"]);
    };
    if !matches!(method, 0 | 8) {
        return BTreeSet::from(["no composer.json that can be read"]);
    }
    let Ok(composer) = serde_json::from_str::<Value>(composer) else { return BTreeSet::from(["no json"]) };
    let text = |field: &str| composer[field].as_str().unwrap_or_default().to_owned();
    let (name, kind, version) = (text("name"), text("type"), text("version").to_lowercase());

    let letters =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let parts: Vec<_> = name.split('/').collect();
    if parts.len() != 2 || !parts.iter().all(|part| letters(part)) {
        errors.insert("name");
    }
    let (numbers, suffix) = version.split_once('-').map_or((version.as_str(), None), |(n, s)| (n, Some(s)));
    let numbers: Vec<_> = numbers.strip_prefix('v').unwrap_or(numbers).split('.').collect();
    let digits = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let known = ["patch", "p", "dev", "a", "alpha", "b", "beta", "rc"];
    let suffix_fits = suffix.is_none_or(|s| known.contains(&s.trim_end_matches(|c: char| c.is_ascii_digit())));
    if numbers.len() != 3 || !numbers.iter().all(digits) || !suffix_fits {
        errors.insert("version");
    }
    let required = match kind.as_str() {
        "magento2-module" => Some("etc/module.xml"),
        "magento2-theme" => Some("theme.xml"),
        "magento2-language" => Some("language.xml"),
        "metapackage" => None,
        _ => {
            errors.insert("type");
            None
        }
    };
    let loaded: Vec<&str> = composer["autoload"]["files"]
        .as_array()
        .map(|l| l.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let registration = loaded.iter().find(|file| file.ends_with("registration.php"));
    if let Some(required) = required {
        if registration.is_none() {
            errors.insert("autoload");
        }
        let namespaces = composer["autoload"]["psr-4"].as_object().map_or(0, Map::len);
        if kind == "magento2-module" && namespaces == 0 {
            errors.insert("autoload");
        }
        // At the top level, in the folder of a namespace (in the order of the file), or next to registration.php.
        let declared = composer["autoload"]["psr-4"].as_object().cloned().unwrap_or_default();
        let beside = registration.and_then(|file| file.rsplit_once('/')).map(|(folder, _)| folder.to_owned());
        let folders = declared.values().filter_map(Value::as_str).map(|folder| folder.trim_matches('/').to_owned());
        let locations = folders.chain(beside).filter(|folder| !folder.is_empty());
        let mut locations =
            std::iter::once(required.to_owned()).chain(locations.map(|folder| format!("{folder}/{required}")));
        if locations.find_map(|location| size(&location)).unwrap_or(0) == 0 {
            errors.insert("file");
        }
        if size(registration.copied().unwrap_or("registration.php")).unwrap_or(0) == 0 {
            errors.insert("registration");
        }
    }
    let require = composer["require"].as_object().cloned().unwrap_or_default();
    let forbidden = [
        "magento/magento2-base",
        "magento/magento2-ee-base",
        "magento/product-community-edition",
        "magento/product-enterprise-edition",
    ];
    for (package, versions) in &require {
        if forbidden.contains(&package.as_str()) || package.starts_with("magento/") && versions == "*" {
            errors.insert("dependency");
        }
    }
    if kind == "metapackage" && require.is_empty() {
        errors.insert("dependency");
    }
    if ["map", "magento-root-dir"].iter().any(|key| !composer["extra"][*key].is_null()) {
        errors.insert("extra");
    }
    errors
}

/// Generates values that are mostly valid, so that archives pass about as often as they are rejected.
fn mostly(
    right: &'static [&'static str],
    wrong: &'static [&'static str],
) -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        16 => prop::sample::select(right).prop_map(Some),
        2 => prop::sample::select(wrong).prop_map(Some),
        1 => Just(None),
    ]
}

prop_compose! {
    /// Generates a composer.json in which each field is valid, invalid or missing.
    fn composers()(
        name in mostly(&["acme/badges", "Acme/Badges_2"], &["acme", "acme/b.c", "a/b/c", ""]),
        version in mostly(&["1.2.0", "v1.2.0", "1.2.0-p1", "1.2.0-RC"], &["1.2", "1.2.0-final", "1.2.0.1", "1.2.x"]),
        kind in mostly(&["magento2-module", "magento2-theme", "magento2-language", "metapackage"], &["library"]),
        loaded in prop_oneof![
            8 => Just(Some(vec!["registration.php"])),
            1 => Just(Some(vec!["src/registration.php"])),
            1 => prop::option::of(prop::collection::vec(prop::sample::select(&["registration.php", "boot.php"][..]), 0..3)),
        ],
        namespaces in prop_oneof![
            1 => Just(Vec::new()),
            9 => prop::collection::vec(prop::sample::select(&["", "", "", "src/", "Test", "lib"][..]), 1..4),
        ],
        require in prop::collection::btree_map(
            prop::sample::select(&["php", "magento/framework", "acme/x", "acme/y", "acme/z", "magento/magento2-base"][..]),
            prop::sample::select(&["^103.0", "^103.0", "^103.0", "*"][..]), 0..3),
        extra in mostly(&["other"], &["map", "magento-root-dir"]),
    ) -> String {
        let mut composer = json!({"name": name, "version": version, "type": kind, "require": require, "autoload": {}});
        if let Some(loaded) = loaded {
            composer["autoload"]["files"] = json!(loaded);
        }
        composer["autoload"]["psr-4"] = json!("NAMESPACES");
        if let Some(extra) = extra {
            composer["extra"] = json!({extra: "x"});
        }
        // A JSON map would sort them.
        let declared: Vec<_> =
            namespaces.iter().enumerate().map(|(at, folder)| format!("\"{}\\\\\": \"{folder}\"", 9 - at)).collect();
        composer.to_string().replace("\"NAMESPACES\"", &format!("{{{}}}", declared.join(", ")))
    }
}

/// Generates names and contents of the other files.
fn others() -> impl Strategy<Value = Vec<(String, String)>> {
    let file = |names: &'static [&'static str], text: &'static str| {
        let name = prop_oneof![12 => Just(names[0]), 1 => prop::sample::select(names)];
        (name, 0..22).prop_map(move |(name, chance)| match chance {
            0 => None,
            1 => Some((name.to_owned(), String::new())),
            _ => Some((name.to_owned(), text.to_owned())),
        })
    };
    let files = (
        file(&["registration.php", "src/registration.php"], "<?php // Acme_Badges\n"),
        file(
            &["etc/module.xml", "src/etc/module.xml", "lib/etc/module.xml"],
            "<config><module name=\"Acme_Badges\"/></config>",
        ),
        file(&["theme.xml", "src/theme.xml"], "<theme/>"),
        file(&["language.xml", "lib/language.xml"], "<language/>"),
    );
    files.prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let mut renamed = Vec::new();
        for (at, (name, text)) in self.files.iter().enumerate() {
            // Zip writers do not allow duplicate names, so the later entry is written with another name, which is
            // replaced afterwards.
            let is_copy = self.files[..at].iter().any(|(other, _)| other == name);
            let written = if is_copy { format!("{}%", &name[..name.len() - 1]) } else { name.clone() };
            archive.start_file(written.as_str(), SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
            if is_copy {
                renamed.push((written, name));
            }
        }
        let mut bytes = archive.finish().unwrap().into_inner();
        if let Some((composer, _)) = self.files.iter().find(|(name, _)| name.ends_with("composer.json")) {
            bytes = changed(bytes, composer.as_bytes(), 10, &self.method.to_le_bytes());
        }
        for (written, name) in renamed {
            bytes = replaced(bytes, written.as_bytes(), name.as_bytes());
        }
        [self.leading.as_bytes(), &bytes].concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_the_script_refuses_is_refused_and_nothing_else(
        composer in composers(),
        others in others(),
        folder in prop::sample::select(&["", "", "acme-badges/"][..]),
        beside in prop::option::weighted(0.1, prop::sample::select(&["other/LICENSE", "LICENSE"][..])),
        copy in prop::option::weighted(0.2, prop_oneof![
            composers().prop_map(|composer| ("composer.json", composer)),
            prop::sample::select(&["registration.php", "etc/module.xml"][..]).prop_map(|name| (name, String::new())),
            Just(("etc/module.xml", "<config><module name=\"Acme_Badges\"/></config>".to_owned())),
        ]),
        method in prop_oneof![20 => Just(8_u16), 1 => prop::sample::select(&[9_u16, 14, 93][..])],
        leading in prop_oneof![20 => Just(""), 1 => prop::sample::select(&["\n", "PHP Warning: x in y\n", "<br />"][..])],
    ) {
        let mut files = vec![(format!("{folder}composer.json"), composer)];
        files.extend(others.into_iter().map(|(name, text)| (format!("{folder}{name}"), text)));
        files.extend(beside.map(|name| (name.to_owned(), "x".to_owned())));
        files.extend(copy.map(|(name, text)| (format!("{folder}{name}"), text)));
        // Only the first composer.json has another compression method, because PHP would not read the second one.
        let has_two = files.iter().filter(|(name, _)| name.ends_with("composer.json")).count() > 1;
        let made = Made { files, method: if has_two { 8 } else { method }, leading };
        let errors = script(&made);
        let report = Fixture::new().check_bytes(&made.bytes());
        let blocking: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.severity == eqp_check::Severity::Blocking)
            .map(|finding| finding.rule.id)
            .filter(|rule| errors.is_empty() && !BEYOND_THE_SCRIPT.contains(rule) || !errors.is_empty())
            .collect();
        prop_assert_eq!(errors.is_empty(), blocking.is_empty(), "script: {:?}, ours: {:?}", errors, broken(&report));
    }
}
