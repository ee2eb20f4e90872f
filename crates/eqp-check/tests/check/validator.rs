//! The rules against an oracle: what the store's published validator script decides, written down apart from the rules. What
//! it refuses is refused here (or, for folders inside a package, warned of), and what it passes is refused only for what the
//! guidelines add to it.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::io::Write;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::scene::{Scene, broken};

/// What the guidelines and our own safety refuse and the script does not look at.
const BEYOND_THE_SCRIPT: [&str; 4] = ["component-xml", "dependency-alias", "dependency-forbidden", "composer-size"];

/// What the script makes of an archive: its errors, one word each.
fn script(files: &[(String, String)], composer: &str) -> BTreeSet<&'static str> {
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
    if size("composer.json").is_none() {
        return BTreeSet::from(["no composer.json"]);
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
        if size(required).unwrap_or(0) == 0 {
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

/// Mostly right, so that whole archives pass as often as they are refused.
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
    /// A composer.json in which each field is right, wrong or missing.
    fn composers()(
        name in mostly(&["acme/badges", "Acme/Badges_2"], &["acme", "acme/b.c", "a/b/c", ""]),
        version in mostly(&["1.2.0", "v1.2.0", "1.2.0-p1", "1.2.0-RC"], &["1.2", "1.2.0-final", "1.2.0.1", "1.2.x"]),
        kind in mostly(&["magento2-module", "magento2-theme", "magento2-language", "metapackage"], &["library"]),
        loaded in prop_oneof![
            8 => Just(Some(vec!["registration.php"])),
            1 => prop::option::of(prop::collection::vec(prop::sample::select(&["registration.php", "boot.php"][..]), 0..3)),
        ],
        has_namespace in prop::bool::weighted(0.9),
        require in prop::collection::btree_map(
            prop::sample::select(&["php", "magento/framework", "acme/x", "acme/y", "acme/z", "magento/magento2-base"][..]),
            prop::sample::select(&["^103.0", "^103.0", "^103.0", "*"][..]), 0..3),
        extra in mostly(&["other"], &["map", "magento-root-dir"]),
    ) -> String {
        let mut composer = json!({"name": name, "version": version, "type": kind, "require": require, "autoload": {}});
        if let Some(loaded) = loaded {
            composer["autoload"]["files"] = json!(loaded);
        }
        if has_namespace {
            composer["autoload"]["psr-4"] = json!({"Acme\\Badges\\": ""});
        }
        if let Some(extra) = extra {
            composer["extra"] = json!({extra: "x"});
        }
        composer.to_string()
    }
}

/// Names and texts of the other files.
fn others() -> impl Strategy<Value = Vec<(String, String)>> {
    let file = |name: &'static str, text: &'static str| prop_oneof![20 => Just(Some((name.to_owned(), text.to_owned()))), 1 => Just(Some((name.to_owned(), String::new()))), 1 => Just(None)];
    let files = (
        file("registration.php", "<?php // Acme_Badges\n"),
        file("etc/module.xml", "<config><module name=\"Acme_Badges\"/></config>"),
        file("theme.xml", "<theme/>"),
        file("language.xml", "<language/>"),
    );
    files.prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
}

fn archive(files: &[(String, String)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_the_script_refuses_is_refused_and_nothing_else(
        composer in composers(),
        others in others(),
        folder in prop::sample::select(&["", "", "acme-badges/"][..]),
        beside in prop::option::weighted(0.1, prop::sample::select(&["other/LICENSE", "LICENSE"][..])),
    ) {
        let mut files = vec![(format!("{folder}composer.json"), composer.clone())];
        files.extend(others.into_iter().map(|(name, text)| (format!("{folder}{name}"), text)));
        files.extend(beside.map(|name| (name.to_owned(), "x".to_owned())));
        let errors = script(&files, &composer);
        let report = Scene::new().check_bytes(&archive(&files));
        let blocking: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.tier == eqp_check::Tier::Blocks)
            .map(|finding| finding.rule.id)
            .filter(|rule| errors.is_empty() && !BEYOND_THE_SCRIPT.contains(rule) || !errors.is_empty())
            .collect();
        prop_assert_eq!(errors.is_empty(), blocking.is_empty(), "script: {:?}, ours: {:?}", errors, broken(&report));
    }
}
