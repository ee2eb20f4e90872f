//! Products, as configured and as the database knows them: `/products`.

use std::collections::BTreeMap;

use axum::Json;
use eqp_store::internal::{ANSWER, ProductFilter, ProductVersion, canonical_status, product_list, within};
use eqp_types::{Environment, Flow, MageId};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{Query, checked_limit};
use crate::problem::Problem;
use crate::process_facts::ProductSettings;
use crate::status::compare_versions;

/// Returns the route of products.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Selects products.
///
/// ```
/// let next = eqp_console::ProductQuery { after_sku: Some("acme/checkout".into()), ..Default::default() };
/// assert_eq!(next.limit, 50);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ProductQuery {
    /// Only the submissions of this environment.
    pub environment: Option<Environment>,
    /// Only the submissions of this account.
    pub mage_id: Option<MageId>,
    /// Only products after this SKU, for requesting the next page.
    pub after_sku: Option<String>,
    /// The maximum number of products: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for ProductQuery {
    fn default() -> Self {
        Self { environment: None, mage_id: None, after_sku: None, limit: 50 }
    }
}

/// A list of products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProductList {
    /// The products, by SKU: those in the configuration of the server, and those with a submission in the database.
    pub products: Vec<Product>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Product {
    /// The SKU.
    pub sku: String,
    /// The settings in the configuration of the server; null if the product is not configured.
    pub configured: Option<ProductSettings>,
    /// The product in each account that has submissions of it. The server knows the submissions that reconciliation has read.
    pub submitted: Vec<SubmittedProduct>,
}

/// The versions of a product in one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmittedProduct {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The title of the newest version that has one.
    pub name: Option<String>,
    /// The highest version in the store.
    pub in_store: Option<String>,
    /// The versions that are in review, or approved and not in the store yet.
    pub in_review: Vec<VersionInReview>,
    /// The number of versions.
    pub versions: u64,
}

/// A version that is not in the store yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct VersionInReview {
    /// The version, if it is known.
    pub version: Option<String>,
    /// Its overall status.
    pub status: String,
}

/// List products, as configured on the server and as submitted
#[utoipa::path(
    get,
    path = "/products",
    operation_id = "listProducts",
    tag = "products",
    params(QueryOf<ProductQuery>),
    responses((status = 200, description = "The products", body = ProductList))
)]
async fn list(operator: Authorized<Read>, Query(query): Query<ProductQuery>) -> Result<Json<ProductList>, Problem> {
    checked_limit(query.limit)?;
    let configured = &operator.process().products;
    let ProductQuery { environment, mage_id, after_sku, limit } = query;
    let known = configured.keys().cloned().collect();
    let filter = ProductFilter { environment, mage_id, configured: known, after_sku, limit };
    let (skus, versions) = within(ANSWER, product_list::list(operator.pool(), &filter)).await?;
    let mut submitted = submitted(versions);
    let products = skus.into_iter().map(|sku| Product {
        configured: configured.get(&sku).cloned(),
        submitted: submitted.remove(&sku).unwrap_or_default(),
        sku,
    });
    Ok(Json(ProductList { products: products.collect() }))
}

/// Puts the versions of each product and account together. They are in the order in which they were first reported.
fn submitted(versions: Vec<ProductVersion>) -> BTreeMap<String, Vec<SubmittedProduct>> {
    let mut products: BTreeMap<String, BTreeMap<(Environment, MageId), SubmittedProduct>> = BTreeMap::new();
    for version in versions {
        let ProductVersion { environment, mage_id, sku, version, name, overall } = version;
        let accounts = products.entry(sku).or_default();
        let product = accounts.entry((environment, mage_id.clone())).or_insert_with(|| SubmittedProduct {
            environment,
            mage_id,
            name: None,
            in_store: None,
            in_review: Vec::new(),
            versions: 0,
        });
        product.versions += 1;
        product.name = name.or(product.name.take());
        let Some(status) = overall.map(|status| canonical_status(&Flow::Overall, &status).clone()) else { continue };
        match status.as_str() {
            "released_to_store" => {
                let highest = [product.in_store.take(), version].into_iter().flatten();
                product.in_store = highest.max_by(|one, other| compare_versions(one, other));
            }
            "in_progress" | "approved" => product.in_review.push(VersionInReview { version, status }),
            _ => {}
        }
    }
    products.into_iter().map(|(sku, accounts)| (sku, accounts.into_values().collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_the_highest_version_in_the_store_and_those_in_review_per_account() {
        let version = |account: &str, version: &str, overall: Option<&str>| ProductVersion {
            environment: Environment::Production,
            mage_id: account.parse().unwrap(),
            sku: "acme/a".into(),
            version: Some(version.into()),
            name: Some(format!("A {version}")),
            overall: overall.map(Into::into),
        };
        let products = submitted(vec![
            version("MAG1", "1.10.0", Some("released_to_store")),
            version("MAG1", "1.9.0", Some("released_to_store")),
            version("MAG1", "1.11.0", Some("canceled_by_developer")),
            version("MAG1", "2.0.0", Some("in_progress")),
            version("MAG2", "1.0.0", None),
        ]);
        let [one, two] = &products["acme/a"][..] else { panic!("{products:?}") };
        assert_eq!((one.in_store.as_deref(), one.versions, one.name.as_deref()), (Some("1.10.0"), 4, Some("A 2.0.0")));
        let in_review: Vec<_> = one.in_review.iter().map(|one| (one.version.as_deref(), one.status.as_str())).collect();
        assert_eq!(in_review, [(Some("2.0.0"), "in_progress")]);
        assert_eq!((two.mage_id.as_str(), two.in_store.as_deref(), two.versions), ("MAG2", None, 1));
    }
}
