//! The files that make a package a component.

use super::autoload::registration;
use crate::archive::{Archive, Entry, Nature};
use crate::book::Rule;
use crate::book::component::{
    COMPONENT_XML, LANGUAGE_XML, METAPACKAGE_ALONE, MODULE_XML, REGISTRATION, REGISTRATION_NAME, THEME_XML,
};
use crate::composer::{Composer, Kind};
use crate::ledger::Ledger;
use crate::limits::LARGEST_DESCRIPTION;
use crate::report::Place;
use crate::xml;

/// The rules.
pub(crate) fn check(archive: &Archive, composer: &Composer, ledger: &mut Ledger) {
    let Some(kind) = composer.kind() else { return };
    let (rule, name, root): (&'static Rule, _, _) = match kind {
        Kind::Module => (&MODULE_XML, "etc/module.xml", "config"),
        Kind::Theme => (&THEME_XML, "theme.xml", "theme"),
        Kind::Language => (&LANGUAGE_XML, "language.xml", "language"),
        Kind::Metapackage => return alone(archive, ledger),
    };
    let described = description(archive, composer, name);
    let module = match described {
        None => {
            ledger.find(rule, Place::file(name), missing(archive, name));
            None
        }
        Some(entry) if entry.why_unreadable().is_some() => {
            let why = entry.why_unreadable().unwrap_or_default();
            ledger.find(rule, Place::file(archive.short(entry)), format!("{why}: the store cannot unpack it"));
            None
        }
        Some(entry) if entry.bytes == 0 => {
            ledger.find(rule, Place::file(name), "it is empty");
            None
        }
        Some(entry) => well_formed(archive, entry, root, ledger),
    };
    registered(archive, composer, module.as_deref(), ledger);
}

/// Why a file is not found: perhaps only its name is spelled in another way.
fn missing(archive: &Archive, name: &str) -> String {
    let other = name.replace('/', "\\");
    match archive.find(&other) {
        Some(entry) if other != name => {
            format!("it is missing: {} is there, but PHP sees no folder in that", entry.name)
        }
        _ => "it is missing".to_owned(),
    }
}

/// The file that describes the component: at the package's top, in the folder of any namespace, in the order of
/// composer.json, or in the folder of the registration.php that is loaded.
fn description<'a>(archive: &'a Archive, composer: &Composer, name: &str) -> Option<&'a Entry> {
    let in_folder = |folder: &str| {
        let folder = folder.trim_start_matches("./").trim_matches('/');
        if folder.is_empty() { None } else { archive.find(&format!("{folder}/{name}")) }
    };
    let in_sources = || composer.namespaces().flat_map(|(_, folders)| folders).find_map(|folder| in_folder(folder));
    let beside_registration = || {
        let file = registration(composer)?;
        let (folder, _) = file.rsplit_once('/')?;
        in_folder(folder)
    };
    archive.find(name).or_else(in_sources).or_else(beside_registration)
}

/// Reads the file as XML; the module's name, where it gives one.
fn well_formed(archive: &Archive, entry: &Entry, root: &str, ledger: &mut Ledger) -> Option<String> {
    let place = |line| Place::File { name: archive.short(entry).to_owned(), line };
    let Some(bytes) = archive.read_whole(entry, LARGEST_DESCRIPTION) else {
        ledger.not_run(&COMPONENT_XML, format!("{} does not unpack, or is larger than 1 MiB", archive.short(entry)));
        return None;
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        ledger.not_run(&COMPONENT_XML, format!("{} is in another encoding than UTF-8", archive.short(entry)));
        return None;
    };
    let text = text.trim_start_matches('\u{feff}');
    if let Some(why) = xml::why_not_parsed(text) {
        ledger.not_run(&COMPONENT_XML, format!("{} {why}", archive.short(entry)));
        return None;
    }
    match xml::parse(text) {
        Err(roxmltree::Error::NodesLimitReached) => {
            ledger.not_run(&COMPONENT_XML, format!("{} has too many nodes to be read here", archive.short(entry)));
            None
        }
        Err(roxmltree::Error::DtdDetected) => {
            ledger.not_run(&COMPONENT_XML, format!("{} has a document type of its own", archive.short(entry)));
            None
        }
        // Programs differ on whether that matters.
        Err(roxmltree::Error::UnknownNamespace(prefix, _)) => {
            let file = archive.short(entry);
            ledger.not_run(&COMPONENT_XML, format!("{file} does not declare its prefix {prefix}"));
            None
        }
        Err(error) => {
            ledger.find(&COMPONENT_XML, place(Some(error.pos().row)), format!("it is not well-formed: {error}"));
            None
        }
        Ok(document) if document.root_element().tag_name().name() != root => {
            let name = document.root_element().tag_name().name();
            ledger.find(&COMPONENT_XML, place(None), format!("it is a <{name}>, not a <{root}>"));
            None
        }
        Ok(document) => {
            let module = document.descendants().find(|node| node.has_tag_name("module"));
            module.and_then(|module| module.attribute("name")).map(str::to_owned)
        }
    }
}

fn registered(archive: &Archive, composer: &Composer, module: Option<&str>, ledger: &mut Ledger) {
    let name = registration(composer).unwrap_or_else(|| "registration.php".to_owned());
    let name = name.trim_start_matches("./");
    let Some(entry) = archive.find(name) else {
        return ledger.find(&REGISTRATION, Place::file(name), missing(archive, name));
    };
    if let Some(why) = entry.why_unreadable() {
        return ledger.find(&REGISTRATION, Place::file(name), format!("{why}: the store cannot unpack it"));
    }
    if entry.bytes == 0 {
        return ledger.find(&REGISTRATION, Place::file(name), "it is empty");
    }
    let (Some(module), Some(bytes)) = (module, archive.read_whole(entry, LARGEST_DESCRIPTION)) else { return };
    if memchr::memmem::find(&bytes, module.as_bytes()).is_none() {
        ledger.find(&REGISTRATION_NAME, Place::file(name), format!("it does not name {module}, as module.xml does"));
    }
}

fn alone(archive: &Archive, ledger: &mut Ledger) {
    let others: Vec<_> = archive
        .entries
        .iter()
        .filter(|entry| entry.nature == Nature::File && archive.short(entry) != "composer.json")
        .collect();
    if let [first, ..] = others[..] {
        let message = format!("{} files lie beside composer.json, such as this one", others.len());
        ledger.find(&METAPACKAGE_ALONE, Place::file(archive.short(first)), message);
    }
}
