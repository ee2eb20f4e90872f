//! Compares the manifest with the archive. The store reads SKU and version from composer.json.

use super::super::composer::is_package_name;
use eqp_types::{PackageType, Sku};

use crate::composer::{ComponentKind, Composer};
use crate::listing::Listing;
use crate::registry::submission::{SKU_FORM, SKU_IS_NAME, TYPE_FITS, VERSION_IS_SAME};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// The rules that need composer.json.
const COMPARISON_RULES: [&crate::registry::Rule; 3] = [&SKU_IS_NAME, &VERSION_IS_SAME, &TYPE_FITS];

/// Checks the rules of this module.
pub(super) fn check(listing: &Listing, composer: Option<&Composer>, builder: &mut ReportBuilder) {
    if let Some(sku) = listing.sku.as_ref().map(Sku::as_str).filter(|sku| !is_package_name(sku)) {
        builder.add(&SKU_FORM, Location::field("sku"), format!("the SKU is `{sku}`"));
    }
    let Some(composer) = composer else {
        for rule in COMPARISON_RULES {
            builder.not_run(rule, "composer.json could not be read");
        }
        return;
    };
    for (field, rule, ours, theirs) in [
        ("sku", &SKU_IS_NAME, listing.sku.as_ref().map(Sku::as_str), composer.text("name")),
        ("version", &VERSION_IS_SAME, listing.version.as_deref(), composer.text("version")),
    ] {
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && !is_same(field, ours, theirs)
            && (field != "sku" || is_package_name(ours))
        {
            builder.add(rule, Location::field(field), format!("it is {ours}, but {theirs} in composer.json"));
        }
    }
    let allowed: &[ComponentKind] = match &listing.kind {
        Some(PackageType::Extension) => &[ComponentKind::Module, ComponentKind::Language, ComponentKind::Metapackage],
        Some(PackageType::Theme) => &[ComponentKind::Theme],
        Some(PackageType::SharedPackage) => &[ComponentKind::Module, ComponentKind::Theme, ComponentKind::Language],
        _ => return,
    };
    if let (Some(kind), Some(written)) = (composer.kind(), composer.text("type"))
        && !allowed.contains(&kind)
    {
        let submitted = listing.kind.as_ref().map_or("", AsRef::as_ref);
        builder.add(&TYPE_FITS, Location::field("type"), format!("a {written} is submitted as {submitted}"));
    }
}

/// Returns whether both values are the same. The prefix v of a version is ignored, because another rule warns about it.
fn is_same(field: &str, ours: &str, theirs: &str) -> bool {
    let plain = |version: &str| version.strip_prefix(['v', 'V']).map_or_else(|| version.to_owned(), str::to_owned);
    if field == "version" { plain(ours) == plain(theirs) } else { ours == theirs }
}
