//! `eqp packages init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_check::Facts;
use eqp_types::ItemId;
use serde_json::{Value, json};

use super::own_id;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{escaped_json, screened, visible};

/// Begin a manifest for an archive, with a comment on each field
///
/// What the archive says of itself is filled in; the rest is there to be filled in, or to be left out.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages init acme-badges-1.2.0.zip                  # writes release.toml
  eqp packages init acme-badges-1.2.0.zip --output - > badges.toml
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml")]
pub(crate) struct Init {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
    /// The manifest to write; - writes it to standard output
    #[arg(long, short, value_name = "FILE", default_value = "release.toml")]
    output: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let facts = eqp_check::facts(&self.archive)?;
        let manifest = manifest(&facts, &self.path_of_archive());
        if self.output.as_os_str() == "-" {
            return context.output.bytes(manifest.as_bytes());
        }
        self.write(&manifest)?;
        let written = self.output.display();
        if context.output.is_json() {
            return context.output.json(&json!({"manifest": self.output, "sku": facts.package.name}));
        }
        context.output.line(format_args!("{written}"))?;
        context
            .output
            .note(format_args!("fill it in, then: eqp packages check {} --manifest {written}", self.archive.display()));
        Ok(())
    }

    /// Paths of a manifest start from its folder.
    fn path_of_archive(&self) -> PathBuf {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            None => self.archive.clone(),
            Some(folder) => match self.archive.strip_prefix(folder) {
                Ok(inside) => inside.to_owned(),
                Err(_) => std::path::absolute(&self.archive).unwrap_or_else(|_| self.archive.clone()),
            },
        }
    }

    fn write(&self, manifest: &str) -> Outcome {
        let mut options = OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let named = self.output.display();
        options.open(&self.output).and_then(|mut file| file.write_all(manifest.as_bytes())).map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                return Failure::usage(format!("{named} is there already"))
                    .next("name another file with --output, or write over it with --force");
            }
            Failure::new(Exit::Failed, format!("cannot write {named}")).because(&error)
        })
    }
}

/// What the comments say depends on what is submitted.
struct Comments {
    kind: &'static str,
    categories: &'static str,
    /// Whether it can be connected to a service, or be supported for money.
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
                kind: "extension, which a language package is; or shared_package, if only your own packages use it",
                categories: extension,
                has_services: false,
            },
            Some("metapackage") => Self {
                kind: "extension, which a metapackage is: it cannot be a shared package",
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

/// The text, in TOML.
fn manifest(facts: &Facts, archive: &Path) -> String {
    let or_empty = |text: Option<&str>| quoted(text.unwrap_or_default());
    let license = match facts.license_type {
        Some(license) => format!("license_type = {}", quoted(license)),
        None => "license_type = \"custom\"".to_owned(),
    };
    let description = screened(&visible(facts.description.as_deref().unwrap_or("What it does.")));
    // The API knows versions without a v before them.
    let version = facts.package.version.as_deref().map(|version| version.strip_prefix(['v', 'V']).unwrap_or(version));
    let item = facts.package.name.as_deref().zip(version).map(|(name, version)| own_id(name, version));
    let item = match item.filter(|item| ItemId::new(item.as_str()).is_ok()) {
        Some(item) => format!("item_id = {}", quoted(&item)),
        None => "# item_id = \"acme-badges-1.0.0\"".to_owned(),
    };
    let comments = Comments::of(facts.package.kind.as_deref());
    let services = if comments.has_services { SERVICES } else { "" };
    TEMPLATE
        .replace("{services}\n", services)
        .replace("{type_comment}", comments.kind)
        .replace("{categories_comment}", comments.categories)
        .replace("{type}", &quoted(facts.submitted_as))
        .replace("{item}", &item)
        .replace("{sku}", &or_empty(facts.package.name.as_deref()))
        .replace("{version}", &or_empty(version))
        .replace("{archive}", &quoted(&archive.to_string_lossy()))
        .replace("{license}", &license)
        .replace("{description}", &description)
}

/// A text in TOML, in which nothing is hidden: the escapes of TOML are those of JSON, as far as they are used here.
fn quoted(text: &str) -> String {
    escaped_json(&Value::from(text).to_string())
}

const TEMPLATE: &str = include_str!("release.toml");
/// What only some kinds of packages have.
const SERVICES: &str = "\
# Support that can be bought, at most three tiers for each edition, for 1, 3, 6, 9 or 12 months. A subscription has none.
# [[package.support_tiers]]
# tier = 1
# edition = \"CE\"
# monthly_period = 12
# prices = [{ currency_code = \"USD\", price = 75 }]

# A service that it is connected to, if any. The description then has a heading Account and Pricing.
# [package.external_services]
# is_saas = true
# items = [{ name = \"…\", url = \"https://…\", owner = \"self\", pay_to = \"self\" }]

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_archive_says_breaks_the_manifest() {
        let mut facts = Facts {
            package: eqp_check::Package { name: Some("acme/\"x\"\n".into()), version: None, kind: None },
            submitted_as: "extension",
            description: Some("ends\n[package]\nname = \"'''\"\u{7}".into()),
            license_type: None,
        };
        for description in [facts.description.clone(), None] {
            facts.description = description;
            let table: toml::Table = toml::from_str(&manifest(&facts, Path::new("a \"b\".zip"))).unwrap();
            assert_eq!(table["package"]["sku"].as_str(), Some("acme/\"x\"\n"));
            assert_eq!(table["package"]["artifact"]["file"].as_str(), Some("a \"b\".zip"));
        }
    }

    fn begun(kind: &str, version: &str) -> String {
        let package = eqp_check::Package {
            name: Some("acme/module-badges".into()),
            version: Some(version.into()),
            kind: Some(kind.into()),
        };
        let submitted_as = if kind == "magento2-theme" { "theme" } else { "extension" };
        let facts = Facts { package, submitted_as, description: None, license_type: None };
        manifest(&facts, Path::new("a.zip"))
    }

    #[test]
    fn it_has_an_id_of_its_own_and_says_what_is_submitted() {
        let table: toml::Table = toml::from_str(&begun("magento2-module", "v1.2.0")).unwrap();
        let package = &table["package"];
        assert_eq!(package["version"].as_str(), Some("1.2.0"));
        assert_eq!(package["item_id"].as_str(), Some("acme-module-badges-1.2.0"));
        assert_eq!(package["action"]["technical"].as_str(), Some("submit"));
        assert_eq!(package["action"]["marketing"].as_str(), Some("submit"));
    }

    #[test]
    fn its_comments_are_about_the_kind_of_package() {
        let (module, theme) = (begun("magento2-module", "1.0.0"), begun("magento2-theme", "1.0.0"));
        assert!(module.contains("external_services") && module.contains("//Extensions//"));
        assert!(!theme.contains("external_services") && theme.contains("//Themes//") && theme.contains("# theme; or"));
        assert!(begun("metapackage", "1.0.0").contains("cannot be a shared package"));
        for text in [&module, &theme] {
            assert!(!text.contains('{') || toml::from_str::<toml::Table>(text).is_ok());
            assert!(!text.contains("_comment}") && !text.contains("{services}"));
        }
    }
}
