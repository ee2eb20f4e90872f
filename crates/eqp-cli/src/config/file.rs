//! `eqp.toml`: where it is found, and how it is read.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{names_of, nearest};
use super::{Absent, DataOptions, DatabaseOptions, FileOptions, Layer, MarketplaceOptions, ReceiverOptions};
use crate::failure::{Failure, Outcome};

pub(super) const FILE_NAME: &str = "eqp.toml";

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    /// The profile that holds where none is asked for.
    profile: Option<String>,
    profiles: BTreeMap<String, Layer>,
    data: DataOptions,
    marketplace: MarketplaceOptions,
    database: DatabaseOptions,
    receiver: ReceiverOptions,
}

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Read {
    /// What it sets at its top level.
    pub(super) base: Layer,
    /// The profile that holds, with what it sets.
    pub(super) profile: Option<(String, Layer)>,
}

/// Finds the file: the named one, the one in this folder, the one of this user.
pub(super) fn find(options: &FileOptions, absent: Absent) -> Outcome<Option<PathBuf>> {
    if let Some(named) = &options.config {
        if named.is_file() || absent == Absent::Allowed {
            return Ok(Some(named.clone()));
        }
        return Err(Failure::usage(format!("there is no configuration file {}", named.display()))
            .next("name another with --config or EQP_CONFIG, or leave both out to go without one"));
    }
    let here = PathBuf::from(FILE_NAME);
    let user = user_folder().map(|folder| folder.join("eqp").join(FILE_NAME));
    Ok([Some(here), user].into_iter().flatten().find(|path| path.is_file()))
}

/// A profile needs a file that holds it.
pub(super) fn without_file(options: &FileOptions) -> Outcome {
    match &options.profile {
        None => Ok(()),
        Some(profile) => {
            Err(Failure::usage(format!("there is no profile `{profile}`: there is no configuration file"))
                .next(format!("write one: {FILE_NAME} here, or name it with --config")))
        }
    }
}

/// Reads the file, and the profile that is asked for or that it names itself.
pub(super) fn read(path: &Path, profile: Option<&str>, absent: Absent) -> Outcome<Read> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if absent == Absent::Allowed && error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| Failure::usage(format!("cannot read {}", path.display())).because(&error))?,
    };
    read_text(path, &text, profile, absent)
}

/// The same of a text that was read already.
pub(super) fn read_text(path: &Path, text: &str, profile: Option<&str>, absent: Absent) -> Outcome<Read> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| source.refuse(&error))?;
    source.check_root(table.get_ref())?;
    let file: File = toml::from_str(text).map_err(|error| source.refuse(&error))?;

    let folder = path.parent().unwrap_or(Path::new(""));
    let base =
        Layer { data: file.data, marketplace: file.marketplace, database: file.database, receiver: file.receiver };
    let mut read = Read { base, profile: None };
    let mut profiles = file.profiles;
    if let Some(wanted) = profile.map(str::to_owned).or(file.profile) {
        if let Some(chosen) = profiles.remove(&wanted) {
            read.profile = Some((wanted, chosen));
        } else if absent == Absent::Refused {
            let known: Vec<_> = profiles.keys().map(String::as_str).collect();
            let failure = Failure::usage(format!("{} has no profile `{wanted}`", path.display()));
            return Err(match known.as_slice() {
                [] => failure.next(format!("write a table [profiles.{wanted}.marketplace] into it")),
                some => failure.next(format!("it has {}", some.join(", "))),
            });
        }
    }
    for layer in [&mut read.base].into_iter().chain(read.profile.as_mut().map(|(_, layer)| layer)) {
        layer.marketplace.check()?;
        layer.database.refuse_open_secret(path)?;
        layer.in_folder(folder);
    }
    Ok(read)
}

/// A path in the file is meant from the folder that the file is in.
pub(super) fn from_folder(path: &mut Option<PathBuf>, folder: &Path) {
    if let Some(path) = path {
        *path = folder.join(&*path);
    }
}

/// The folder of this user's configurations.
pub(super) fn user_folder() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| std::env::home_dir().map(|home| home.join(".config")))
}

/// A message of serde without the text that it found: where a text has no business it may be a URL with a password.
fn without_text(message: &str) -> String {
    let parts = message.split_once("string \"").and_then(|(before, rest)| Some((before, rest.rsplit_once("\", ")?.1)));
    parts.map_or_else(|| message.to_owned(), |(before, after)| format!("{before}text, {after}"))
}

/// The text of a file, to say where in it something is wrong.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn check_root(&self, root: &DeTable<'_>) -> Outcome {
        self.check_names(root, names_of::<File>(), "")?;
        self.check_sections(root, "")?;
        let Some(profiles) = root.get("profiles").and_then(|value| value.get_ref().as_table()) else { return Ok(()) };
        for (name, profile) in profiles {
            let Some(profile) = profile.get_ref().as_table() else { continue };
            let place = format!("profiles.{}.", name.get_ref());
            self.check_names(profile, names_of::<Layer>(), &place)?;
            self.check_sections(profile, &place)?;
        }
        Ok(())
    }

    fn check_sections(&self, table: &DeTable<'_>, place: &str) -> Outcome {
        let sections = [
            ("data", names_of::<DataOptions>()),
            ("marketplace", names_of::<MarketplaceOptions>()),
            ("database", names_of::<DatabaseOptions>()),
            ("receiver", names_of::<ReceiverOptions>()),
        ];
        for (section, names) in sections {
            if let Some(DeValue::Table(table)) = table.get(section).map(Spanned::get_ref) {
                self.check_names(table, names, &format!("{place}{section}."))?;
            }
        }
        Ok(())
    }

    fn check_names(&self, table: &DeTable<'_>, names: &[&str], place: &str) -> Outcome {
        let Some((key, _)) = table.iter().find(|(key, _)| !names.contains(&key.get_ref().as_ref())) else {
            return Ok(());
        };
        let failure = Failure::usage(format!("{}: unknown key `{place}{}`", self.at(&key.span()), key.get_ref()));
        Err(match nearest(key.get_ref(), names.iter().copied()) {
            Some(name) => failure.next(format!("did you mean `{place}{name}`?")),
            None => failure.next(format!("known here: {}", names.join(", "))),
        })
    }

    fn refuse(&self, error: &toml::de::Error) -> Failure {
        let place = error.span().map_or_else(|| self.path.display().to_string(), |span| self.at(&span));
        Failure::usage(format!("{place}: {}", without_text(error.message())))
    }

    /// `eqp.toml:3`, the file and the line.
    fn at(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        format!("{}:{}", self.path.display(), before.matches('\n').count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_wrong_place_is_not_repeated() {
        let text = "database = \"postgres://eqp:hush\\\", x@db/eqp\"\n";
        let refused = read_text(Path::new("eqp.toml"), text, None, Absent::Refused).unwrap_err();
        let told = "eqp.toml:1: invalid type: text, expected struct DatabaseOptions";
        assert!(refused.to_string().ends_with(told), "{refused}");
    }
}
