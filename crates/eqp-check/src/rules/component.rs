//! Checks the files that describe and register a component.

use super::autoload::registration;
use crate::archive::{Archive, Entry, EntryKind};
use crate::composer::{ComponentKind, Composer};
use crate::limits::MAX_METADATA_BYTES;
use crate::registry::Rule;
use crate::registry::package::{
    COMPONENT_XML, LANGUAGE_XML, METAPACKAGE_ALONE, MODULE_XML, REGISTRATION, REGISTRATION_NAME, THEME_XML,
};
use crate::report::Location;
use crate::report_builder::ReportBuilder;
use crate::xml;

/// Checks the rules of this module.
pub(crate) fn check(archive: &Archive, composer: &Composer, builder: &mut ReportBuilder) {
    let Some(kind) = composer.kind() else { return };
    let (rule, name, root): (&'static Rule, _, _) = match kind {
        ComponentKind::Module => (&MODULE_XML, "etc/module.xml", "config"),
        ComponentKind::Theme => (&THEME_XML, "theme.xml", "theme"),
        ComponentKind::Language => (&LANGUAGE_XML, "language.xml", "language"),
        ComponentKind::Metapackage => return alone(archive, builder),
    };
    let described = description(archive, composer, name);
    let module = match described {
        None => {
            builder.add(rule, Location::file(name), missing(archive, name));
            None
        }
        Some(entry) => match entry.why_unreadable() {
            Some(reason) => {
                let location = Location::file(archive.package_path(entry));
                builder.add(rule, location, format!("{reason}, so the store cannot unpack it"));
                None
            }
            None if entry.bytes == 0 => {
                builder.add(rule, Location::file(name), "it is empty");
                None
            }
            None => well_formed(archive, entry, root, builder),
        },
    };
    registered(archive, composer, module.as_deref(), builder);
}

/// Describes a missing file. Its name may have another separator.
fn missing(archive: &Archive, name: &str) -> String {
    let other = name.replace('/', "\\");
    match archive.find(&other) {
        Some(entry) if other != name => {
            format!("the file is missing: {} exists, but PHP does not recognise its folder", entry.name)
        }
        _ => "the file is missing".to_owned(),
    }
}

/// Finds the file that describes the component: in the root folder, in the folder of a namespace (in the order of composer.json), or
/// next to registration.php.
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

/// Parses the file as XML. Returns the module name, if it has one.
fn well_formed(archive: &Archive, entry: &Entry, root: &str, builder: &mut ReportBuilder) -> Option<String> {
    let location = |line| Location::File { name: archive.package_path(entry).to_owned(), line };
    let Some(bytes) = archive.read_whole(entry, MAX_METADATA_BYTES) else {
        builder.not_run(
            &COMPONENT_XML,
            format!("{} cannot be unpacked or is larger than 1 MiB", archive.package_path(entry)),
        );
        return None;
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        builder.not_run(&COMPONENT_XML, format!("{} is not UTF-8", archive.package_path(entry)));
        return None;
    };
    let text = text.trim_start_matches('\u{feff}');
    if let Some(reason) = xml::why_not_parsed(text) {
        builder.not_run(&COMPONENT_XML, format!("{} {reason}", archive.package_path(entry)));
        return None;
    }
    match xml::parse(text) {
        Err(roxmltree::Error::NodesLimitReached) => {
            builder
                .not_run(&COMPONENT_XML, format!("{} has too many nodes to be checked", archive.package_path(entry)));
            None
        }
        Err(roxmltree::Error::DtdDetected) => {
            builder.not_run(&COMPONENT_XML, format!("{} has a document type declaration", archive.package_path(entry)));
            None
        }
        // Some programs accept an undeclared prefix, so it is not reported as a violation.
        Err(roxmltree::Error::UnknownNamespace(prefix, _)) => {
            let file = archive.package_path(entry);
            builder.not_run(&COMPONENT_XML, format!("{file} does not declare the prefix {prefix}"));
            None
        }
        Err(error) => {
            builder.add(&COMPONENT_XML, location(Some(error.pos().row)), format!("it is not well-formed: {error}"));
            None
        }
        Ok(document) if document.root_element().tag_name().name() != root => {
            let name = document.root_element().tag_name().name();
            builder.add(&COMPONENT_XML, location(None), format!("it is a <{name}>, not a <{root}>"));
            None
        }
        Ok(document) => {
            let module = document.descendants().find(|node| node.has_tag_name("module"));
            module.and_then(|module| module.attribute("name")).map(str::to_owned)
        }
    }
}

fn registered(archive: &Archive, composer: &Composer, module: Option<&str>, builder: &mut ReportBuilder) {
    let name = registration(composer).unwrap_or_else(|| "registration.php".to_owned());
    let name = name.trim_start_matches("./");
    let Some(entry) = archive.find(name) else {
        return builder.add(&REGISTRATION, Location::file(name), missing(archive, name));
    };
    if let Some(reason) = entry.why_unreadable() {
        return builder.add(&REGISTRATION, Location::file(name), format!("{reason}, so the store cannot unpack it"));
    }
    if entry.bytes == 0 {
        return builder.add(&REGISTRATION, Location::file(name), "it is empty");
    }
    let (Some(module), Some(bytes)) = (module, archive.read_whole(entry, MAX_METADATA_BYTES)) else { return };
    if memchr::memmem::find(&bytes, module.as_bytes()).is_none() {
        builder.add(
            &REGISTRATION_NAME,
            Location::file(name),
            format!("it does not contain {module}, the name in module.xml"),
        );
    }
}

fn alone(archive: &Archive, builder: &mut ReportBuilder) {
    let others: Vec<_> = archive
        .entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::File && archive.package_path(entry) != "composer.json")
        .collect();
    if let [first, ..] = others[..] {
        let message = format!("there are {} other files, such as this one", others.len());
        builder.add(&METAPACKAGE_ALONE, Location::file(archive.package_path(first)), message);
    }
}
