//! The products of an account, as its list of packages shows them.

use std::collections::BTreeMap;

use eqp_client::{Client, PackageField, PackageFilter};
use eqp_types::{OverallStatus, Package, Sku};

/// The number of packages that are read at a time.
const PAGE_SIZE: u64 = 100;

/// The versions of one product at the Marketplace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarketplaceProduct {
    /// The title of the newest version that has one.
    pub name: Option<String>,
    /// The version in the store that was created last.
    pub in_store: Option<String>,
    /// The versions that are in review, or approved and not in the store yet, with their overall status.
    pub in_review: Vec<(String, OverallStatus)>,
    /// The number of versions, whatever their status.
    pub versions: usize,
}

/// Groups packages by product. `packages` are in the order of their creation. Packages without a SKU, whose archive was not read yet, are
/// omitted.
///
/// ```
/// use eqp_release::products_of;
/// use eqp_types::Package;
///
/// let packages: Vec<Package> = serde_json::from_str(
///     r#"[{"sku": "acme/checkout", "version": "1.4.2", "eqp_status": {"overall": "released_to_store"}},
///         {"sku": "acme/checkout", "version": "1.5.0", "eqp_status": {"overall": "in_progress"}}]"#,
/// )?;
/// let products = products_of(packages);
/// let checkout = products.values().next().expect("there is one product");
/// assert_eq!(checkout.in_store.as_deref(), Some("1.4.2"));
/// assert_eq!(checkout.in_review[0].0, "1.5.0");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn products_of(packages: impl IntoIterator<Item = Package>) -> BTreeMap<Sku, MarketplaceProduct> {
    let mut products: BTreeMap<Sku, MarketplaceProduct> = BTreeMap::new();
    for package in packages {
        let Some(sku) = package.sku else { continue };
        let product = products.entry(sku).or_default();
        product.versions += 1;
        product.name = package.name.or(product.name.take());
        let version = package.version.unwrap_or_else(|| "(no version)".to_owned());
        match package.eqp_status.and_then(|status| status.overall) {
            Some(OverallStatus::ReleasedToStore) => product.in_store = Some(version),
            Some(status @ (OverallStatus::InProgress | OverallStatus::Approved)) => {
                product.in_review.push((version, status));
            }
            _ => {}
        }
    }
    products
}

/// Reads all packages of the account, in the order of their creation.
///
/// # Errors
/// The [errors of every call](eqp_client::Error#errors-of-every-call).
pub async fn read_packages(client: &Client) -> Result<Vec<Package>, eqp_client::Error> {
    let filter = PackageFilter::new().ascending(PackageField::CreatedAt).limit(PAGE_SIZE);
    let (mut packages, mut next) = (Vec::new(), Some(0));
    while let Some(offset) = next {
        let mut page = client.packages().list(&filter.clone().offset(offset)).await?;
        next = page.next_offset(PAGE_SIZE);
        packages.append(&mut page.items);
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: &str, overall: &str) -> Package {
        let json = format!(
            r#"{{"sku": "acme/a", "name": "A {version}", "version": "{version}", "eqp_status": {{"overall": "{overall}"}}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_product_has_a_version_in_the_store_and_versions_in_review() {
        let packages = [
            package("1.0.0", "released_to_store"),
            package("1.1.0", "released_to_store"),
            package("1.1.1", "canceled_by_developer"),
            package("1.2.0", "approved"),
            package("2.0.0", "in_progress"),
            Package::default(),
        ];
        let products = products_of(packages);
        let product = &products[&Sku::new("acme/a").unwrap()];
        assert_eq!((products.len(), product.versions), (1, 5));
        assert_eq!((product.name.as_deref(), product.in_store.as_deref()), (Some("A 2.0.0"), Some("1.1.0")));
        let in_review: Vec<_> = product.in_review.iter().map(|(version, _)| version.as_str()).collect();
        assert_eq!(in_review, ["1.2.0", "2.0.0"]);
    }
}
