//! Reads the highest versions in the store from the Marketplace.

use std::collections::BTreeMap;

use eqp_check::internal::Version;
use eqp_client::Client;
use eqp_types::Sku;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::MAX_REQUESTS;
use crate::products::read_packages;
use crate::release::{is_live, versions};

/// The maximum number of products that are read by their SKU, instead of reading the whole list.
const MAX_BY_SKU: usize = 10;

/// Returns the highest stable version in the store of each of these products, or of all that are in the store. Products that the account
/// does not have are missing.
pub(super) async fn store_versions(
    client: &Client,
    skus: &[Sku],
) -> Result<BTreeMap<Sku, Option<Version>>, eqp_client::Error> {
    let is_selected = |sku: &Sku| skus.iter().any(|selected| selected.as_str().eq_ignore_ascii_case(sku.as_str()));
    let packages = if skus.is_empty() || skus.len() > MAX_BY_SKU {
        read_packages(client).await?
    } else {
        // Owned, so that the future can be sent to another thread.
        let read = stream::iter(skus.to_vec()).map(|sku| async move { versions(client, &sku).await });
        let read = read.buffered(MAX_REQUESTS);
        read.try_concat().await?
    };
    let mut products: BTreeMap<Sku, Option<Version>> = BTreeMap::new();
    for package in packages {
        let Some(sku) = package.sku.filter(|sku| skus.is_empty() || is_selected(sku)) else { continue };
        let is_live = package.eqp_status.as_ref().is_some_and(is_live);
        let version =
            package.version.as_deref().and_then(Version::parse).filter(|version| is_live && version.is_stable());
        let highest = products.entry(sku).or_default();
        *highest = version.max(highest.take());
    }
    products.retain(|_, version| !skus.is_empty() || version.is_some());
    Ok(products)
}
