//! The implementation of the rules. Findings are added to a [`ReportBuilder`].

pub(crate) mod archive;
mod autoload;
mod component;
mod composer;
pub(crate) mod dependencies;
mod leftovers;
pub(crate) mod listing;
mod secret;
pub(crate) mod text;

use crate::archive::Archive;
use crate::composer::Composer;
use crate::report_builder::ReportBuilder;

/// Checks composer.json and the component that it describes. Returns composer.json, if it could be read.
pub(crate) fn package(archive: &Archive, builder: &mut ReportBuilder) -> Option<Composer> {
    let composer = composer::read(archive, builder)?;
    composer::check(&composer, builder);
    dependencies::check(&composer, builder);
    autoload::check(&composer, builder);
    component::check(archive, &composer, builder);
    Some(composer)
}
