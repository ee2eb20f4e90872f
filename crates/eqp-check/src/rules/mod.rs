//! What each rule of the book looks for. Pure functions over what was read; findings go into the ledger.

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
use crate::ledger::Ledger;

/// The rules for composer.json and for what it describes; composer.json, if it could be read.
pub(crate) fn package(archive: &Archive, ledger: &mut Ledger) -> Option<Composer> {
    let composer = composer::read(archive, ledger)?;
    composer::check(&composer, ledger);
    dependencies::check(&composer, ledger);
    autoload::check(&composer, ledger);
    component::check(archive, &composer, ledger);
    Some(composer)
}
