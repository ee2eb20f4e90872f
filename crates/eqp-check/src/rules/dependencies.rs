//! What composer.json requires.

use super::composer::at;
use crate::book::composer::{
    DEPENDENCY_ALIAS, DEPENDENCY_FORBIDDEN, DEPENDENCY_PHP, DEPENDENCY_WILDCARD, METAPACKAGE_REQUIRE,
};
use crate::composer::{Composer, Constraint, Kind, php_of};
use crate::ledger::Ledger;
use crate::listing::Listing;

/// What stands for a whole installation: a component cannot require it.
const FORBIDDEN: [&str; 5] = [
    "magento/magento-composer-installer",
    "magento/magento2-base",
    "magento/magento2-ee-base",
    "magento/product-community-edition",
    "magento/product-enterprise-edition",
];

/// The rules.
pub(crate) fn check(composer: &Composer, ledger: &mut Ledger) {
    for (package, versions) in composer.requires() {
        if FORBIDDEN.contains(&package) {
            ledger.find(&DEPENDENCY_FORBIDDEN, at(composer, package), format!("{package} is required"));
        } else if package.starts_with("magento/") && versions == "*" {
            ledger.find(&DEPENDENCY_WILDCARD, at(composer, package), format!("{package} is required as *"));
        }
        if versions.contains(" as ") {
            ledger.find(&DEPENDENCY_ALIAS, at(composer, package), format!("{package} is required as `{versions}`"));
        }
    }
    if composer.kind() == Some(Kind::Metapackage) && composer.requires().next().is_none() {
        ledger.find(&METAPACKAGE_REQUIRE, at(composer, "require"), "it requires nothing");
    }
}

/// The required PHP, against the lines that the listing claims.
pub(crate) fn php(composer: &Composer, listing: &Listing, ledger: &mut Ledger) {
    let Some((_, required)) = composer.requires().find(|(package, _)| *package == "php") else { return };
    let Some(constraint) = Constraint::parse(required) else {
        return ledger.not_run(&DEPENDENCY_PHP, format!("`{required}` is not understood here"));
    };
    let claims = || listing.version_compatibility.iter().flat_map(|claim| &claim.versions);
    let unknown: Vec<_> = claims().filter(|claim| php_of(claim).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        ledger.not_run(&DEPENDENCY_PHP, format!("which PHP {} wants is not known here", unknown.join(", ")));
    }
    let mut lines: Vec<_> = claims().filter_map(|claim| php_of(claim)).collect();
    lines.sort_unstable();
    lines.dedup();
    for (line, versions) in lines {
        for (major, minor) in versions {
            if !constraint.allows(*major, *minor) {
                let message =
                    format!("`{required}` leaves out PHP {major}.{minor}, with which Commerce {line} is tested");
                ledger.find(&DEPENDENCY_PHP, at(composer, "php"), message);
            }
        }
    }
}
