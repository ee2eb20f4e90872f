//! Creates a manifest with a comment on each field, filled in from an archive.

use std::fmt::Write as _;
use std::path::Path;

use eqp_check::Metadata;
use eqp_types::ItemId;
use serde_json::Value;

const TEMPLATE: &str = include_str!("template.toml");
/// The part about services, which only some kinds of packages can have.
const SERVICES: &str = "\
# Support that can be bought, at most three tiers for each edition, for 1, 3, 6, 9 or 12 months. A subscription has none.
# [[package.support_tiers]]
# tier = 1
# edition = \"CE\"
# monthly_period = 12
# prices = [{ currency_code = \"USD\", price = 75 }]

# External service that the extension connects to, if any. The description then has a heading Account and Pricing.
# [package.external_services]
# is_saas = true
# items = [{ name = \"…\", url = \"https://…\", owner = \"self\", pay_to = \"self\" }]

";

/// The comments that depend on the kind of package.
struct Comments {
    kind: &'static str,
    categories: &'static str,
    /// Whether the package can be connected to a service, or have paid support.
    has_services: bool,
}

impl Comments {
    fn of(kind: Option<&str>) -> Self {
        let extension = "//Extensions//Payments & Security//Checkout Enhancements";
        match kind {
            Some("magento2-theme") => Self {
                kind: "theme; or shared_package, if only your own packages use it",
                categories: "//Themes//…",
                has_services: false,
            },
            Some("magento2-language") => Self {
                kind: "a language package is an extension; or shared_package, if only your own packages use it",
                categories: extension,
                has_services: false,
            },
            Some("metapackage") => Self {
                kind: "a metapackage is an extension; it cannot be a shared package",
                categories: extension,
                has_services: true,
            },
            _ => Self {
                kind: "extension; or shared_package, if only your own packages use it (then documents and images may be missing)",
                categories: extension,
                has_services: true,
            },
        }
    }
}

/// Returns a manifest, in TOML, for the archive at this path, relative to the manifest's folder. Fields that cannot be derived from
/// the archive are left empty.
///
/// ```
/// use eqp_check::{Metadata, Package};
///
/// let metadata = Metadata {
///     package: Package { name: Some("acme/badges".into()), version: Some("1.2.0".into()), kind: None },
///     package_type: "extension",
///     description: None,
///     license_type: None,
///     requires: Vec::new(),
/// };
/// let text = eqp_release::manifest::template(&metadata, "badges.zip".as_ref());
/// assert!(text.contains("sku = \"acme/badges\""));
/// ```
pub fn template(metadata: &Metadata, archive: &Path) -> String {
    let or_empty = |text: Option<&str>| quoted(text.unwrap_or_default());
    let license = quoted(metadata.license_type.unwrap_or("custom"));
    let description = visible(metadata.description.as_deref().unwrap_or("Describe the extension here."));
    // The API expects versions without a leading `v`.
    let version =
        metadata.package.version.as_deref().map(|version| version.strip_prefix(['v', 'V']).unwrap_or(version));
    let item = metadata.package.name.as_deref().zip(version).map(|(name, version)| default_item_id(name, version));
    let item = match item.filter(|item| ItemId::new(item.as_str()).is_ok()) {
        Some(item) => format!("item_id = {}", quoted(&item)),
        None => "# item_id = \"acme-badges-1.0.0\"".to_owned(),
    };
    let comments = Comments::of(metadata.package.kind.as_deref());
    let services = if comments.has_services { SERVICES } else { "" };
    TEMPLATE
        .replace("{services}\n", services)
        .replace("{type_comment}", comments.kind)
        .replace("{categories_comment}", comments.categories)
        .replace("{type}", &quoted(metadata.package_type))
        .replace("{item}", &item)
        .replace("{sku}", &or_empty(metadata.package.name.as_deref()))
        .replace("{version}", &or_empty(version))
        .replace("{archive}", &quoted(&archive.to_string_lossy()))
        .replace("{license}", &format!("license_type = {license}"))
        .replace("{description}", &description)
}

/// Returns a short manifest, in TOML, for the next version of a product in the store. It is completed from that version when it is
/// released. `archive` is relative to the manifest's folder.
///
/// ```
/// let text = eqp_release::manifest::short_template("acme/badges", Some("1.4.0"), Some("badges.zip".as_ref()));
/// assert!(text.ends_with("[package]\nsku = \"acme/badges\"\nartifact = { file = \"badges.zip\" }\n"));
/// ```
pub fn short_template(sku: &str, live: Option<&str>, archive: Option<&Path>) -> String {
    let live = live.map(|version| format!(", {}", visible(version))).unwrap_or_default();
    let mut text = format!(
        "# The version comes from the archive. Fields that are missing are taken from the version in the store{live}:\n\
         # eqp release --from-previous --notes-from changelog\n[package]\nsku = {}\n",
        quoted(sku)
    );
    if let Some(archive) = archive {
        writeln!(text, "artifact = {{ file = {} }}", quoted(&archive.to_string_lossy()))
            .expect("a string takes any text");
    }
    text
}

/// Returns a default item ID, which lets a repeated run find the existing submission. It contains no characters that are special in a
/// URL path.
pub(crate) fn default_item_id(sku: &str, version: &str) -> String {
    format!("{sku}-{version}").replace(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter), "-")
}

/// Quotes text as a TOML string. TOML has all escapes of JSON that occur here.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    let json = Value::from(text).to_string();
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_unsafe(letter, letters.peek().copied()) {
            write!(quoted, "\\u{:04x}", u32::from(letter)).expect("a string takes any text");
        } else {
            quoted.push(letter);
        }
    }
    quoted
}

/// Returns text as part of a comment, on one line.
fn visible(text: &str) -> String {
    let mut visible = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => visible.push_str("\\n"),
            '\r' => visible.push_str("\\r"),
            '\t' => visible.push_str("\\t"),
            letter if is_unsafe(letter, letters.peek().copied()) => visible.extend(letter.escape_unicode()),
            letter => visible.push(letter),
        }
    }
    visible
}

/// Returns whether a character is invisible, changes how others are displayed, or could start a command of a CI service
/// (`##[`), if the manifest is printed to its log.
fn is_unsafe(letter: char, next: Option<char>) -> bool {
    letter.is_control()
        || (letter == '#' && next == Some('#'))
        || matches!(
            letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fdd0}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_archive_says_breaks_the_manifest() {
        let mut metadata = Metadata {
            package: eqp_check::Package { name: Some("acme/\"x\"\n".into()), version: None, kind: None },
            package_type: "extension",
            description: Some("ends\n[package]\nname = \"'''\"\u{7}".into()),
            license_type: None,
            requires: Vec::new(),
        };
        for description in [metadata.description.clone(), None] {
            metadata.description = description;
            let table: toml::Table = toml::from_str(&template(&metadata, Path::new("a \"b\".zip"))).unwrap();
            assert_eq!(table["package"]["sku"].as_str(), Some("acme/\"x\"\n"));
            assert_eq!(table["package"]["artifact"]["file"].as_str(), Some("a \"b\".zip"));
        }
    }

    fn template_of(kind: &str, version: &str) -> String {
        let package = eqp_check::Package {
            name: Some("acme/module-badges".into()),
            version: Some(version.into()),
            kind: Some(kind.into()),
        };
        let package_type = if kind == "magento2-theme" { "theme" } else { "extension" };
        let metadata = Metadata { package, package_type, description: None, license_type: None, requires: Vec::new() };
        template(&metadata, Path::new("a.zip"))
    }

    #[test]
    fn it_has_an_id_of_its_own_and_says_what_is_submitted() {
        let table: toml::Table = toml::from_str(&template_of("magento2-module", "v1.2.0")).unwrap();
        let package = &table["package"];
        assert_eq!(package["version"].as_str(), Some("1.2.0"));
        assert_eq!(package["item_id"].as_str(), Some("acme-module-badges-1.2.0"));
        assert_eq!(package["action"]["technical"].as_str(), Some("submit"));
        assert_eq!(package["action"]["marketing"].as_str(), Some("submit"));
    }

    #[test]
    fn its_comments_are_about_the_kind_of_package() {
        let (module, theme) = (template_of("magento2-module", "1.0.0"), template_of("magento2-theme", "1.0.0"));
        assert!(module.contains("external_services") && module.contains("//Extensions//"));
        assert!(!theme.contains("external_services") && theme.contains("//Themes//") && theme.contains("# theme; or"));
        assert!(template_of("metapackage", "1.0.0").contains("cannot be a shared package"));
        for text in [&module, &theme] {
            assert!(!text.contains('{') || toml::from_str::<toml::Table>(text).is_ok());
            assert!(!text.contains("_comment}") && !text.contains("{services}"));
        }
    }
}
