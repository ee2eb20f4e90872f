//! Compares the versions of products at Packagist, in the store and at repo.magento.com.
//!
//! If Packagist has a higher version than the store, Magento's Composer plugin refuses the installation in customers' shops.

mod compare;
mod http;
mod packagist;
mod repository;
mod store;
mod versions;

use std::path::PathBuf;

use eqp_client::Client;
use eqp_types::Sku;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use url::Url;

use self::compare::{Found, compare};
pub use self::compare::{Installable, Standing};
use self::http::Http;
pub use self::http::RepositoryKey;
use self::packagist::Cache;
use self::repository::Repository;
use self::store::store_versions;

/// The maximum number of concurrent requests, which Packagist asks for.
const MAX_REQUESTS: usize = 10;

/// The sources to compare with the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublishedSources {
    /// The metadata of Packagist. The URL ends with `/`.
    pub packagist: Url,
    /// The store's Composer repository. The URL ends with `/`.
    pub repository: Url,
    /// The key for the repository. Without it, it is unknown what can be installed.
    pub key: Option<RepositoryKey>,
    /// A CA certificate (PEM) to trust in addition to those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// The folder for what Packagist returned, so that unchanged files are not sent again.
    pub cache: Option<PathBuf>,
}

impl PublishedSources {
    /// The metadata of Packagist.
    pub const PACKAGIST: &str = "https://repo.packagist.org/";
    /// The store's Composer repository.
    pub const REPOSITORY: &str = "https://repo.magento.com/";

    /// Selects the sources, without a key and a cache.
    pub fn new(packagist: Url, repository: Url) -> Self {
        Self { packagist, repository, key: None, ca_pem: None, cache: None }
    }
}

/// The reason why products could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishedError {
    /// A request to the Marketplace failed.
    #[error(transparent)]
    Marketplace(#[from] eqp_client::Error),
    /// The account has no submission of these products.
    #[error("there is no submission of {}", .0.join(", "))]
    UnknownProducts(Vec<String>),
    /// The HTTP client cannot be set up.
    #[error("{0}")]
    Setup(String),
}

/// The version that a source has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SourceVersion {
    /// The highest stable version. Null if there is none, or if it is not known.
    pub version: Option<String>,
    /// The reason why it is not known. Null if the source was read.
    pub problem: Option<String>,
}

/// The highest stable versions of a product, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PublishedProduct {
    /// The SKU.
    pub sku: Sku,
    /// The version at Packagist.
    pub packagist: SourceVersion,
    /// The version in the store. Null if none is in the store.
    pub store: Option<String>,
    /// The version at repo.magento.com, as the account's Composer key sees it.
    pub repository: SourceVersion,
    /// How Packagist relates to the store.
    pub standing: Standing,
    /// Whether Composer refuses the installation in customers' shops, because Packagist has a higher version.
    pub breaks_shops: bool,
    /// Whether the account's Composer key can install the version in the store.
    pub installable: Installable,
    /// A sentence for customers. Null unless shops break.
    pub sentence: Option<String>,
}

/// Compares the products with these SKUs, or all that are in the store. `program` names the caller to the hosts.
///
/// ```no_run
/// use eqp_release::published::{PublishedSources, compare_published};
///
/// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let sources =
///     PublishedSources::new(PublishedSources::PACKAGIST.parse()?, PublishedSources::REPOSITORY.parse()?);
/// for product in compare_published(&client, &sources, &[], "my-tool/1.0 (mailto=me@example.com)").await? {
///     println!("{} {}", product.sku, product.standing);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`PublishedError::Marketplace`] if the store's versions cannot be read; [`PublishedError::UnknownProducts`] if the account does not have a
/// product; [`PublishedError::Setup`] if the CA certificate cannot be used. Failures of the other sources are part of the result.
pub async fn compare_published(
    client: &Client,
    sources: &PublishedSources,
    skus: &[Sku],
    program: &str,
) -> Result<Vec<PublishedProduct>, PublishedError> {
    let http = Http::new(program, sources.ca_pem.as_deref()).map_err(PublishedError::Setup)?;
    let products = store_versions(client, skus).await?;
    let is_known = |sku: &&Sku| products.keys().any(|known| known.as_str().eq_ignore_ascii_case(sku.as_str()));
    let unknown: Vec<String> = skus.iter().filter(|sku| !is_known(sku)).map(ToString::to_string).collect();
    if !unknown.is_empty() {
        return Err(PublishedError::UnknownProducts(unknown));
    }
    let repository = match &sources.key {
        Some(key) => Some(Repository::open(&http, &sources.repository, key).await),
        None => None,
    };
    let cache = sources.cache.as_deref().map(Cache::new);
    let compared = stream::iter(products).map(|(sku, store)| {
        let (http, cache, repository) = (&http, cache.as_ref(), repository.as_ref());
        async move {
            let packagist = packagist::read(http, &sources.packagist, &sku, cache).await;
            let private = match repository {
                Some(repository) => repository.read(&sku).await,
                None => Found::NotEntitled,
            };
            let result = compare(sku.as_str(), &packagist, store.as_ref(), &private);
            PublishedProduct {
                packagist: packagist.into(),
                store: store.map(|version| version.to_string()),
                repository: private.into(),
                standing: result.standing,
                breaks_shops: result.breaks_shops,
                installable: result.installable,
                sentence: result.sentence,
                sku,
            }
        }
    });
    Ok(compared.buffered(MAX_REQUESTS).collect().await)
}

impl From<Found> for SourceVersion {
    fn from(found: Found) -> Self {
        match found {
            Found::Version(version) => Self { version: Some(version.to_string()), problem: None },
            Found::Nothing => Self { version: None, problem: None },
            Found::NotEntitled => Self { version: None, problem: Some("the Composer key is not entitled".to_owned()) },
            Found::Unknown(reason) => Self { version: None, problem: Some(reason) },
        }
    }
}
