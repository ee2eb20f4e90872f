//! Checks the requirements in composer.json.

use super::composer::at;
use crate::composer::{ComponentKind, Composer, Constraint, php_versions};
use crate::listing::Listing;
use crate::registry::package::{
    DEPENDENCY_ALIAS, DEPENDENCY_FORBIDDEN, DEPENDENCY_PHP, DEPENDENCY_WILDCARD, METAPACKAGE_REQUIRE,
};
use crate::report_builder::ReportBuilder;

/// Packages that represent a complete installation, which a component must not require.
const FORBIDDEN: [&str; 5] = [
    "magento/magento-composer-installer",
    "magento/magento2-base",
    "magento/magento2-ee-base",
    "magento/product-community-edition",
    "magento/product-enterprise-edition",
];

/// Checks the rules of this module.
pub(crate) fn check(composer: &Composer, builder: &mut ReportBuilder) {
    for (package, versions) in composer.requires() {
        if FORBIDDEN.contains(&package) {
            builder.add(&DEPENDENCY_FORBIDDEN, at(composer, package), format!("{package} is required"));
        } else if package.starts_with("magento/") && versions == "*" {
            builder.add(&DEPENDENCY_WILDCARD, at(composer, package), format!("{package} is required as *"));
        }
        if versions.contains(" as ") {
            builder.add(&DEPENDENCY_ALIAS, at(composer, package), format!("{package} is required as `{versions}`"));
        }
    }
    if composer.kind() == Some(ComponentKind::Metapackage) && composer.requires().next().is_none() {
        builder.add(&METAPACKAGE_REQUIRE, at(composer, "require"), "it has no requirements");
    }
}

/// Compares the required PHP version with the Commerce versions in the listing.
pub(crate) fn php(composer: &Composer, listing: &Listing, builder: &mut ReportBuilder) {
    let Some((_, required)) = composer.requires().find(|(package, _)| *package == "php") else { return };
    let Some(constraint) = Constraint::parse(required) else {
        return builder.not_run(&DEPENDENCY_PHP, format!("the constraint `{required}` is not supported by this check"));
    };
    let claims = || listing.version_compatibility.iter().flatten().flat_map(|claim| claim.versions.iter().flatten());
    let unknown: Vec<_> = claims().filter(|claim| php_versions(claim).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        builder.not_run(&DEPENDENCY_PHP, format!("the PHP versions of Commerce {} are not known", unknown.join(", ")));
    }
    let mut lines: Vec<_> = claims().filter_map(|claim| php_versions(claim)).collect();
    lines.sort_unstable();
    lines.dedup();
    for (line, versions) in lines {
        for (major, minor) in versions {
            if !constraint.allows_minor(*major, *minor) {
                let message = format!("`{required}` excludes PHP {major}.{minor}, which Commerce {line} supports");
                builder.add(&DEPENDENCY_PHP, at(composer, "php"), message);
            }
        }
    }
}
