//! `eqp packages init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_check::Facts;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

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

/// The text, in TOML.
fn manifest(facts: &Facts, archive: &Path) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let or_empty = |text: Option<&str>| quoted(text.unwrap_or_default());
    let license = match facts.license_type {
        Some(license) => format!("license_type = {}", quoted(license)),
        None => "license_type = \"custom\"".to_owned(),
    };
    // A comment holds neither line ends nor other control characters.
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let description: String = facts.description.as_deref().unwrap_or("What it does.").chars().map(plain).collect();
    TEMPLATE
        .replace("{type}", &quoted(facts.submitted_as))
        .replace("{sku}", &or_empty(facts.package.name.as_deref()))
        .replace("{version}", &or_empty(facts.package.version.as_deref()))
        .replace("{archive}", &quoted(&archive.to_string_lossy()))
        .replace("{license}", &license)
        .replace("{description}", &description)
}

const TEMPLATE: &str = include_str!("release.toml");

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
}
