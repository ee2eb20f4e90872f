//! What buyers read, and what a submission has to carry.

mod commerce;
mod description;
mod files;
mod sameness;
mod submit;
mod title;
mod values;

use crate::composer::Composer;
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::tracks::Tracks;

/// The rules. What is in the archive is compared with it as far as it could be read.
pub(crate) fn check(listing: &Listing, composer: Option<&Composer>, tracks: Tracks, ledger: &mut Ledger) {
    title::check(listing, composer, ledger);
    description::check(listing, ledger);
    files::check(listing, ledger);
    commerce::check(listing, ledger);
    values::check(listing, ledger);
    sameness::check(listing, composer, ledger);
    if tracks.technical() {
        submit::technical(listing, composer, ledger);
    }
    if tracks.marketing() {
        submit::marketing(listing, ledger);
    }
}
