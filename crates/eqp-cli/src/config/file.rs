//! `eqp.toml`: where it is found, and how it is read.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use eqp_types::Environment;
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
#[derive(Debug, Default)]
pub(super) struct Read {
    /// What it sets at its top level.
    pub(super) base: Layer,
    /// The profile that is used, with what it sets.
    pub(super) profile: Option<(String, Layer)>,
    /// The names of all profiles.
    pub(super) profiles: Vec<String>,
}

/// The files that are there.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The named one, or the one of this user: it may set everything.
    pub(super) trusted: Option<PathBuf>,
    /// One that was only found in the current folder. It may be part of a checkout, and thus be anybody's.
    pub(super) discovered: Option<PathBuf>,
}

/// Finds the files: the named one alone, else the one of this user and one in the current folder.
pub(super) fn find(options: &FileOptions, absent: Absent) -> Outcome<Found> {
    if let Some(named) = &options.config {
        if named.is_dir() {
            return Err(Failure::usage(format!("the configuration file {} is a folder", named.display()))
                .next("name the file in it with --config or EQP_CONFIG"));
        }
        if named.exists() || absent == Absent::Allowed {
            return Ok(Found { trusted: Some(named.clone()), discovered: None });
        }
        return Err(Failure::usage(format!("there is no configuration file {}", named.display()))
            .next("name another with --config or EQP_CONFIG, or leave both out to go without one"));
    }
    let user = user_folder().map(|folder| folder.join("eqp").join(FILE_NAME)).filter(|path| path.is_file());
    let here = Some(PathBuf::from(FILE_NAME)).filter(|path| path.is_file());
    // Whoever stands in the folder of the user's configuration finds it twice.
    let same_file =
        |path: &PathBuf| user.as_ref().is_some_and(|user| path.canonicalize().ok() == user.canonicalize().ok());
    Ok(Found { discovered: here.filter(|path| !same_file(path)), trusted: user })
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

/// Reads the file, and the profile that is wanted.
pub(super) fn read(path: &Path, wanted: Wanted<'_>, absent: Absent) -> Outcome<Read> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if absent == Absent::Allowed && error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| Failure::usage(format!("cannot read {}", path.display())).because(&error))?,
    };
    read_text(path, &text, wanted, absent)
}

/// Reads a file that was only discovered: it may set nothing that decides where credentials go or come from, or what is
/// stored where. Answers what it sets, and the names of that.
pub(super) fn read_discovered(path: &Path) -> Outcome<(Layer, Vec<&'static str>)> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}", path.display())).because(&error))?;
    let source = Source { path, text: &text };
    let (table, file) = source.parse()?;
    let set = source.check_discovered(table.get_ref())?;
    Ok((Layer { receiver: file.receiver, ..Layer::default() }, set))
}

/// The same of a text that was read already.
pub(super) fn read_text(path: &Path, text: &str, wanted: Wanted<'_>, absent: Absent) -> Outcome<Read> {
    let source = Source { path, text };
    let (_, file) = source.parse()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let base =
        Layer { data: file.data, marketplace: file.marketplace, database: file.database, receiver: file.receiver };
    let mut read = Read { base, profile: None, profiles: file.profiles.keys().cloned().collect() };
    read.profile = select(path, file.profile.as_deref(), file.profiles, wanted, absent)?;
    for layer in [&mut read.base].into_iter().chain(read.profile.as_mut().map(|(_, layer)| layer)) {
        layer.marketplace.check().map_err(|failure| failure.why(format!("it is set in {}", path.display())))?;
        layer.database.refuse_open_secret(path)?;
        layer.in_folder(folder);
    }
    Ok(read)
}

/// Which profile is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted<'a> {
    /// The one with this name.
    pub(super) name: Option<&'a str>,
    /// One of this environment.
    pub(super) environment: Option<Environment>,
}

/// The profile to use. An environment that was asked for selects the profile of that environment: the key of another one
/// must never be sent there.
fn select(
    path: &Path,
    default: Option<&str>,
    mut profiles: BTreeMap<String, Layer>,
    wanted: Wanted<'_>,
    absent: Absent,
) -> Outcome<Option<(String, Layer)>> {
    let fits = |layer: &Layer| match (layer.marketplace.environment, wanted.environment) {
        (Some(its), Some(asked)) => its == asked,
        _ => true,
    };
    let Some(name) = wanted.name.map(str::to_owned).or_else(|| default.map(str::to_owned)) else {
        return of_environment(path, profiles, wanted.environment);
    };
    let Some(chosen) = profiles.remove(&name) else {
        if absent == Absent::Allowed {
            return Ok(None);
        }
        let known: Vec<_> = profiles.keys().map(String::as_str).collect();
        let failure = Failure::usage(format!("{} has no profile `{name}`", path.display()));
        return Err(match known.as_slice() {
            [] => failure.next(format!("write a table [profiles.{name}.marketplace] into it")),
            some => failure.next(format!("it has {}", some.join(", "))),
        });
    };
    if fits(&chosen) {
        return Ok(Some((name, chosen)));
    }
    // Whoever logs in makes the profile anew.
    if absent == Absent::Allowed {
        return Ok(None);
    }
    match (wanted.name, chosen.marketplace.environment, wanted.environment) {
        (Some(name), Some(its), Some(asked)) => {
            Err(Failure::usage(format!("the profile `{name}` is for {its}, and {asked} was asked for"))
                .next(format!("leave out --environment and EQP_ENVIRONMENT, or use a profile for {asked}")))
        }
        _ => of_environment(path, profiles, wanted.environment),
    }
}

/// The only profile of an environment, if there is one.
fn of_environment(
    path: &Path,
    mut profiles: BTreeMap<String, Layer>,
    environment: Option<Environment>,
) -> Outcome<Option<(String, Layer)>> {
    let Some(environment) = environment else { return Ok(None) };
    profiles.retain(|_, layer| layer.marketplace.environment == Some(environment));
    if profiles.len() > 1 {
        let names: Vec<_> = profiles.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("{} has several profiles for {environment}", path.display()))
            .next(format!("name one with --profile: {}", names.join(", "))));
    }
    Ok(profiles.pop_first())
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

/// What a file in the current folder may set. Whoever sends a change to a repository writes it too, so it must not decide
/// where credentials go (Marketplace, database, plain HTTP) or come from (files, profiles, data folder), nor what is deleted.
const DISCOVERED: [&str; 3] = ["receiver.listen", "receiver.spool_bytes", "receiver.tls_names"];

impl<'a> Source<'a> {
    fn parse(&self) -> Outcome<(Spanned<DeTable<'a>>, File)> {
        let table = DeTable::parse(self.text).map_err(|error| self.refuse(&error))?;
        self.check_root(table.get_ref())?;
        let file = toml::from_str(self.text).map_err(|error| self.refuse(&error))?;
        Ok((table, file))
    }

    /// Refuses what a discovered file must not set; answers the names of what it sets.
    fn check_discovered(&self, root: &DeTable<'_>) -> Outcome<Vec<&'static str>> {
        let mut set = Vec::new();
        for (section, value) in root {
            let Some(table) = value.get_ref().as_table() else {
                return Err(self.not_discovered(section.get_ref(), &section.span()));
            };
            for (key, _) in table {
                let name = format!("{}.{}", section.get_ref(), key.get_ref());
                let known = DISCOVERED.into_iter().find(|allowed| *allowed == name);
                set.push(known.ok_or_else(|| self.not_discovered(&name, &key.span()))?);
            }
        }
        Ok(set)
    }

    fn not_discovered(&self, name: &str, place: &Range<usize>) -> Failure {
        Failure::usage(format!(
            "{}: `{name}` cannot be set by a file that was found in the current folder",
            self.at(place)
        ))
        .why("such a file may come from somebody else, and must not decide where credentials and data go")
        .why(format!("it may set {}", DISCOVERED.join(", ")))
        .next(format!("if you trust the file, name it: --config {}", self.path.display()))
    }

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
        let refused = read_text(Path::new("eqp.toml"), text, Wanted::default(), Absent::Refused).unwrap_err();
        let told = "eqp.toml:1: invalid type: text, expected struct DatabaseOptions";
        assert!(refused.to_string().ends_with(told), "{refused}");
    }
}
