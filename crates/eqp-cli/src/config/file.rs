//! Finds and reads the configuration file, `eqp.toml`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use eqp_release::internal::{Format, ShowValues, describe_type_error};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::names_of;
use super::profile_selection::{ProfileSelector, select};
use super::{
    AlertOptions, ComposerOptions, DataOptions, DatabaseOptions, DeclaredSubscriptions, DeliverOptions, FileOptions,
    IfMissing, Layer, MailOptions, MarketplaceOptions, ProductOptions, Products, ProgramOptions, Programs,
    ReceiverOptions, ServerOptions, SubscriptionOptions,
};
use crate::failure::{Failure, Result};
use crate::text::nearest;

pub(super) const FILE_NAME: &str = "eqp.toml";
/// Maximum size of the file, in bytes. A checkout may contain anything under this name.
const MAX_BYTES: u64 = 1 << 20;

/// The contents of a configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    /// The default profile.
    profile: Option<String>,
    profiles: BTreeMap<String, Layer>,
    products: Products,
    data: DataOptions,
    marketplace: MarketplaceOptions,
    database: DatabaseOptions,
    server: ServerOptions,
    receiver: ReceiverOptions,
    alerts: AlertOptions,
    deliver: DeliverOptions,
    mail: MailOptions,
    composer: ComposerOptions,
    /// Programs that handlers can run. Not in a profile: they belong to this machine.
    exec: Programs,
    /// Subscriptions that a server creates. Not in a profile, either.
    subscriptions: DeclaredSubscriptions,
}

/// A parsed configuration file.
#[derive(Debug, Default)]
pub(super) struct ParsedFile {
    /// The settings at the top level.
    pub(super) base: Layer,
    /// The selected profile and its settings.
    pub(super) profile: Option<(String, Layer)>,
    /// The names of all profiles.
    pub(super) profiles: Vec<String>,
    /// The products of the vendor.
    pub(super) products: Products,
    /// The programs that handlers can run.
    pub(super) programs: Programs,
    /// The declared subscriptions.
    pub(super) subscriptions: DeclaredSubscriptions,
}

/// The configuration files that exist.
#[derive(Debug, Default)]
pub(super) struct ConfigFiles {
    /// The file given by `--config`, or the user's file. It may contain every setting.
    pub(super) trusted: Option<PathBuf>,
    /// A file that was found in the current folder. It may belong to a checkout that someone else controls.
    pub(super) discovered: Option<PathBuf>,
}

/// Finds the files: only the one given by `--config`, or otherwise the user's file and one in the current folder.
pub(super) fn find(options: &FileOptions, if_missing: IfMissing) -> Result<ConfigFiles> {
    if let Some(named) = &options.config {
        if named.is_dir() {
            return Err(Failure::usage(format!("the configuration file {} is a folder", named.display()))
                .next("set --config or EQP_CONFIG to the file in it"));
        }
        if named.exists() || if_missing == IfMissing::Create {
            return Ok(ConfigFiles { trusted: Some(named.clone()), discovered: None });
        }
        return Err(Failure::usage(format!("there is no configuration file {}", named.display()))
            .next("set --config or EQP_CONFIG to an existing file, or omit both"));
    }
    let user = user_folder().map(|folder| folder.join("eqp").join(FILE_NAME)).filter(|path| path.is_file());
    let here = Some(PathBuf::from(FILE_NAME)).filter(|path| path.is_file());
    // In the user's configuration folder, both lookups find the same file.
    let same_file =
        |path: &PathBuf| user.as_ref().is_some_and(|user| path.canonicalize().ok() == user.canonicalize().ok());
    Ok(ConfigFiles { discovered: here.filter(|path| !same_file(path)), trusted: user })
}

/// Fails if a profile was requested, which requires a configuration file.
pub(super) fn without_file(options: &FileOptions) -> Result {
    match &options.profile {
        None => Ok(()),
        Some(profile) => Err(Failure::usage(format!("profile `{profile}` not found: there is no configuration file"))
            .next("create a profile with eqp login, or set --config to an existing file")),
    }
}

/// Reads a file, and selects a profile in it.
pub(super) fn read(path: &Path, selector: ProfileSelector<'_>, if_missing: IfMissing) -> Result<ParsedFile> {
    let text = match text_of(path) {
        Err(error) if if_missing == IfMissing::Create && error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| Failure::usage(format!("cannot read {}", path.display())).because(&error))?,
    };
    read_text(path, &text, selector, if_missing)
}

/// Reads the text of a file, up to the maximum size.
fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

/// Reads a file that was found in the current folder, which may contain only the settings in `DISCOVERED`. Returns the
/// settings and their names.
pub(super) fn read_discovered(path: &Path) -> Result<(Layer, Vec<&'static str>)> {
    let text =
        text_of(path).map_err(|error| Failure::usage(format!("cannot read {}", path.display())).because(&error))?;
    let source = Source { path, text: &text };
    let (table, file) = source.parse()?;
    let set = source.check_discovered(table.get_ref())?;
    Ok((Layer { receiver: file.receiver, ..Layer::default() }, set))
}

/// Parses text that was already read.
pub(super) fn read_text(
    path: &Path,
    text: &str,
    selector: ProfileSelector<'_>,
    if_missing: IfMissing,
) -> Result<ParsedFile> {
    let source = Source { path, text };
    let (_, mut file) = source.parse()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let base = Layer {
        data: file.data,
        marketplace: file.marketplace,
        database: file.database,
        server: file.server,
        receiver: file.receiver,
        alerts: file.alerts,
        deliver: file.deliver,
        mail: file.mail,
        composer: file.composer,
    };
    file.products.values_mut().for_each(|product| product.in_folder(folder));
    let profiles = file.profiles.keys().cloned().collect();
    file.subscriptions.values_mut().for_each(|subscription| subscription.in_folder(folder));
    let mut read = ParsedFile {
        base,
        profile: None,
        profiles,
        products: file.products,
        programs: file.exec,
        subscriptions: file.subscriptions,
    };
    read.profile = select(path, file.profile.as_deref(), file.profiles, selector, if_missing)?;
    for layer in [&mut read.base].into_iter().chain(read.profile.as_mut().map(|(_, layer)| layer)) {
        layer.marketplace.check().map_err(|failure| failure.why(format!("it is set in {}", path.display())))?;
        layer.database.refuse_open_secret(path)?;
        layer.in_folder(folder);
    }
    Ok(read)
}

/// Returns the configuration folder of this user.
pub(super) fn user_folder() -> Option<PathBuf> {
    let named = super::variable("XDG_CONFIG_HOME").map(PathBuf::from);
    named.or_else(|| std::env::home_dir().map(|home| home.join(".config")))
}

/// The text of a file, for errors that name a position in it.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

/// The settings that a file in the current folder may contain. A pull request can change such a file, so it must not
/// decide where credentials are sent (Marketplace, database, plain HTTP) or read from (files, profiles, data folder),
/// nor what is deleted.
pub(super) const DISCOVERED: [&str; 3] = ["receiver.listen", "receiver.spool_bytes", "receiver.tls_names"];

impl<'a> Source<'a> {
    fn parse(&self) -> Result<(Spanned<DeTable<'a>>, File)> {
        let table = DeTable::parse(self.text).map_err(|error| self.refuse(&error))?;
        self.check_root(table.get_ref())?;
        let file = toml::from_str(self.text).map_err(|error| self.refuse(&error))?;
        Ok((table, file))
    }

    /// Rejects settings that a file in the current folder must not contain. Returns the names of the settings in it.
    fn check_discovered(&self, root: &DeTable<'_>) -> Result<Vec<&'static str>> {
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
        .why("a file in the current folder may come from someone else, so it cannot redirect credentials or data")
        .why(format!("it may set {}", DISCOVERED.join(", ")))
        .next(format!("if you trust the file, pass --config {}", self.path.display()))
    }

    fn check_root(&self, root: &DeTable<'_>) -> Result {
        self.check_names(root, names_of::<File>(), "")?;
        self.check_sections(root, "")?;
        self.check_named(root, "products", names_of::<ProductOptions>())?;
        self.check_named(root, "exec", names_of::<ProgramOptions>())?;
        self.check_named(root, "subscriptions", names_of::<SubscriptionOptions>())?;
        let Some(profiles) = root.get("profiles").and_then(|value| value.get_ref().as_table()) else { return Ok(()) };
        for (name, profile) in profiles {
            if profile.get_ref().is_array() {
                return Err(self.array(&profile.span()));
            }
            let Some(profile) = profile.get_ref().as_table() else { continue };
            let place = format!("profiles.{}.", name.get_ref());
            self.check_names(profile, names_of::<Layer>(), &place)?;
            self.check_sections(profile, &place)?;
        }
        Ok(())
    }

    fn check_sections(&self, table: &DeTable<'_>, place: &str) -> Result {
        let sections = [
            ("data", names_of::<DataOptions>()),
            ("marketplace", names_of::<MarketplaceOptions>()),
            ("database", names_of::<DatabaseOptions>()),
            ("server", names_of::<ServerOptions>()),
            ("receiver", names_of::<ReceiverOptions>()),
            ("alerts", names_of::<AlertOptions>()),
            ("deliver", names_of::<DeliverOptions>()),
            ("mail", names_of::<MailOptions>()),
            ("composer", names_of::<ComposerOptions>()),
        ];
        for (section, names) in sections {
            let Some(value) = table.get(section) else { continue };
            match value.get_ref() {
                DeValue::Table(table) => self.check_names(table, names, &format!("{place}{section}."))?,
                DeValue::Array(_) => return Err(self.array(&value.span())),
                // The deserializer rejects it.
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks the tables in a table whose entries have names that the user chooses.
    fn check_named(&self, root: &DeTable<'_>, table: &str, names: &[&str]) -> Result {
        let Some(entries) = root.get(table).and_then(|value| value.get_ref().as_table()) else { return Ok(()) };
        for (name, entry) in entries {
            match entry.get_ref() {
                DeValue::Table(keys) => self.check_names(keys, names, &format!("{table}.{}.", name.get_ref()))?,
                DeValue::Array(_) => return Err(self.array(&entry.span())),
                // The deserializer rejects it.
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the error for an array instead of a table. serde would accept it, and use its items as the values of the
    /// keys in order.
    fn array(&self, place: &Range<usize>) -> Failure {
        Failure::usage(format!("{}: expected a table, found an array", self.named(place)))
    }

    fn check_names(&self, table: &DeTable<'_>, names: &[&str], place: &str) -> Result {
        let Some((key, _)) = table.iter().find(|(key, _)| !names.contains(&key.get_ref().as_ref())) else {
            return Ok(());
        };
        let failure = Failure::usage(format!("{}: unknown key `{place}{}`", self.at(&key.span()), key.get_ref()));
        Err(match nearest(key.get_ref(), names.iter().copied()) {
            Some(name) => failure.next(format!("did you mean `{place}{name}`?")),
            None => failure.next(format!("known keys: {}", names.join(", "))),
        })
    }

    fn refuse(&self, error: &toml::de::Error) -> Failure {
        let place = error.span().map_or_else(|| self.path.display().to_string(), |span| self.named(&span));
        Failure::usage(format!("{place}: {}", describe_type_error(error.message(), Format::Toml, ShowValues::No)))
    }

    /// Formats a position with the key whose value is there: ``eqp.toml:3: `receiver.listen` ``.
    fn named(&self, span: &Range<usize>) -> String {
        let table = DeTable::parse(self.text).ok();
        match table.and_then(|table| key_of(table.get_ref(), span)) {
            Some(key) => format!("{}: `{key}`", self.at(span)),
            None => self.at(span),
        }
    }

    /// Formats a position as file and line: `eqp.toml:3`.
    fn at(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        format!("{}:{}", self.path.display(), before.matches('\n').count() + 1)
    }
}

/// Returns the dotted name of the innermost key whose value contains this position.
fn key_of(table: &DeTable<'_>, place: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        match value.get_ref().as_table().and_then(|inner| key_of(inner, place)) {
            Some(inner) => Some(format!("{name}.{inner}")),
            None => (value.span() == *place || value.span().contains(&place.start)).then(|| name.to_string()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_wrong_place_is_not_repeated() {
        let text = "database = \"postgres://eqp:hush\\\", x@db/eqp\"\n";
        let refused = read_text(Path::new("eqp.toml"), text, ProfileSelector::default(), IfMissing::Fail).unwrap_err();
        let shown = "eqp.toml:1: `database`: expected a table, found a string";
        assert!(refused.to_string().ends_with(shown), "{refused}");
    }
}
