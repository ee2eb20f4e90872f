//! The files that make a package a component.

use roxmltree::Document;

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
            ledger.find(rule, Place::file(name), "it is missing");
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

/// The file that describes the component: at the package's top, or in the folder of the first namespace.
fn description<'a>(archive: &'a Archive, composer: &Composer, name: &str) -> Option<&'a Entry> {
    let in_source = || {
        let (_, folder) = composer.namespaces().into_iter().next()?;
        archive.find(&format!("{}/{name}", folder.trim_matches('/')))
    };
    archive.find(name).or_else(in_source)
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
    match Document::parse(text) {
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
        return ledger.find(&REGISTRATION, Place::file(name), "it is missing");
    };
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
