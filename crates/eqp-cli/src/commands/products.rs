//! `eqp products`: the products of the vendor, as configured and as the Marketplace has them.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use eqp_release::{MarketplaceProduct, products_of, read_packages};
use eqp_types::{Environment, Sku};
use serde::Serialize;

use crate::compose::client::client;
use crate::config::ProductOptions;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, escaped, or_dash};

/// Compare the configured products with those at the Marketplace
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp products list
  eqp products list --environment production --json")]
pub(crate) enum Products {
    List(List),
}

impl Products {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
        }
    }
}

/// List the products in eqp.toml and at the Marketplace, and those missing on either side
///
/// A product is configured by a table such as [products."acme/checkout"] with the keys repository, tag, channel, owner
/// and source. `eqp init` writes an example.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp products list
  eqp products list --json \\
      | jq '.products[] | select(.marketplace == null) | .sku'")]
pub(crate) struct List {}

/// The products as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ProductList<'a> {
    /// The environment.
    environment: Environment,
    /// The products, by SKU.
    products: Vec<Product<'a>>,
}

/// A product.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Product<'a> {
    /// The SKU.
    sku: &'a Sku,
    /// The settings in `eqp.toml`; null if the product is not configured.
    configured: Option<ConfiguredProduct<'a>>,
    /// The product at the Marketplace; null if it has no package of this SKU.
    marketplace: Option<ListedProduct<'a>>,
    /// The keys that are not configured. All of them if the product is not configured.
    missing: Vec<&'static str>,
}

/// The settings of a product. A key that is not set is null.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ConfiguredProduct<'a> {
    /// The URL of the git repository.
    repository: Option<&'a str>,
    /// The git tag of the version in the store.
    tag_in_store: Option<String>,
    /// The chat channel.
    channel: Option<&'a str>,
    /// The person or team that is responsible.
    owner: Option<&'a str>,
    /// The folder or archive with the source code.
    source: Option<String>,
}

/// A product at the Marketplace.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListedProduct<'a> {
    /// The title.
    name: Option<&'a str>,
    /// The version in the store.
    in_store: Option<&'a str>,
    /// The versions that are in review, or approved and not in the store yet.
    in_review: Vec<VersionInReview<'a>>,
    /// The number of versions.
    versions: usize,
}

/// A version that is not in the store yet.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct VersionInReview<'a> {
    /// The version.
    version: &'a str,
    /// Its overall status.
    status: &'a str,
}

impl List {
    async fn run(self, context: &Context) -> Result {
        let options = &context.settings.marketplace;
        let configured = &context.loaded.products;
        let at_marketplace = products_of(read_packages(&client(options)?).await?);
        let skus: BTreeSet<&Sku> = configured.keys().chain(at_marketplace.keys()).collect();
        let products: Vec<_> =
            skus.into_iter().map(|sku| product(sku, configured.get(sku), at_marketplace.get(sku))).collect();
        let environment = options.environment();
        if context.output.is_json() {
            return context.output.json(&ProductList { environment, products });
        }
        if products.is_empty() {
            context.output.note(format_args!("no products in {environment}, and none configured"));
            return Ok(());
        }
        let mut table = Table::new(&["product", "in the store", "in review", "repository", "missing"]);
        for product in &products {
            table.row(row(product));
        }
        context.output.line(table)
    }
}

fn product<'a>(
    sku: &'a Sku,
    configured: Option<&'a ProductOptions>,
    at_marketplace: Option<&'a MarketplaceProduct>,
) -> Product<'a> {
    let in_store = at_marketplace.and_then(|product| product.in_store.as_deref());
    let settings = configured.map(|product| ConfiguredProduct {
        repository: product.repository.as_deref(),
        tag_in_store: product.tag.as_ref().zip(in_store).map(|(tag, version)| tag.tag_of(version)),
        channel: product.channel.as_deref(),
        owner: product.owner.as_deref(),
        source: product.source.as_ref().map(|source| source.display().to_string()),
    });
    let listed = at_marketplace.map(|product| ListedProduct {
        name: product.name.as_deref(),
        in_store,
        in_review: product
            .in_review
            .iter()
            .map(|(version, status)| VersionInReview { version, status: status.as_ref() })
            .collect(),
        versions: product.versions,
    });
    let missing = configured.map_or_else(|| ProductOptions::default().missing(), ProductOptions::missing);
    Product { sku, configured: settings, marketplace: listed, missing }
}

fn row(product: &Product<'_>) -> [String; 5] {
    let Product { sku, configured, marketplace, missing } = product;
    let in_review = marketplace.iter().flat_map(|listed| &listed.in_review).map(|version| escaped(version.version));
    let in_review: Vec<_> = in_review.collect();
    let missing = match (configured, marketplace) {
        (None, _) => "not configured".to_owned(),
        (Some(_), None) => "not at the Marketplace".to_owned(),
        (Some(_), Some(_)) => or_dash(Some(missing.join(", ")).filter(|keys| !keys.is_empty())),
    };
    [
        sku.to_string(),
        or_dash(marketplace.as_ref().and_then(|listed| listed.in_store).map(escaped)),
        or_dash(Some(in_review.join(", ")).filter(|versions| !versions.is_empty())),
        or_dash(configured.as_ref().and_then(|product| product.repository).map(escaped)),
        missing,
    ]
}
