//! The manifest against the archive. The store reads SKU and version from composer.json.

use super::super::composer::is_package_name;
use crate::book::listing::{SKU_FORM, SKU_IS_NAME, TYPE_FITS, VERSION_IS_SAME};
use crate::composer::{Composer, Kind};
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::report::Place;

/// Rules that compare.
const COMPARING: [&crate::book::Rule; 3] = [&SKU_IS_NAME, &VERSION_IS_SAME, &TYPE_FITS];

/// The rules.
pub(super) fn check(listing: &Listing, composer: Option<&Composer>, ledger: &mut Ledger) {
    if let Some(sku) = listing.sku.as_deref().filter(|sku| !is_package_name(sku)) {
        ledger.find(&SKU_FORM, Place::field("sku"), format!("it is `{sku}`"));
    }
    let Some(composer) = composer else {
        for rule in COMPARING {
            ledger.not_run(rule, "composer.json could not be read");
        }
        return;
    };
    for (field, rule, ours, theirs) in [
        ("sku", &SKU_IS_NAME, &listing.sku, composer.text("name")),
        ("version", &VERSION_IS_SAME, &listing.version, composer.text("version")),
    ] {
        if let (Some(ours), Some(theirs)) = (ours.as_deref(), theirs)
            && !is_same(field, ours, theirs)
            && (field != "sku" || is_package_name(ours))
        {
            ledger.find(rule, Place::field(field), format!("it is {ours}, in composer.json {theirs}"));
        }
    }
    let allowed: &[Kind] = match listing.kind.as_deref() {
        Some("extension") => &[Kind::Module, Kind::Language, Kind::Metapackage],
        Some("theme") => &[Kind::Theme],
        Some("shared_package") => &[Kind::Module, Kind::Theme, Kind::Language],
        _ => return,
    };
    if let (Some(kind), Some(written)) = (composer.kind(), composer.text("type"))
        && !allowed.contains(&kind)
    {
        let submitted = listing.kind.as_deref().unwrap_or_default();
        ledger.find(&TYPE_FITS, Place::field("type"), format!("a {written} is submitted as {submitted}"));
    }
}

/// Whether both say the same. The v before a version of composer.json is one that another rule warns of.
fn is_same(field: &str, ours: &str, theirs: &str) -> bool {
    let plain = |version: &str| version.strip_prefix(['v', 'V']).map_or_else(|| version.to_owned(), str::to_owned);
    if field == "version" { plain(ours) == plain(theirs) } else { ours == theirs }
}
