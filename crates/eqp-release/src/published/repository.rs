//! Reads the versions that a Composer key can install from repo.magento.com. Only metadata is read, never an archive.

use std::collections::HashMap;

use eqp_types::Sku;
use serde_json::{Map, Value};
use url::Url;

use super::compare::Found;
use super::http::{Answer, Http, RepositoryKey};
use super::versions::{highest, highest_in, named};

/// The maximum number of lists of packages that are read.
const MAX_INCLUDES: usize = 20;
/// The address of a package in version 1, unless the repository says otherwise.
const PROVIDERS_URL: &str = "p/%package%$%hash%.json";

/// A Composer repository, as one key sees it.
#[derive(Debug)]
pub(super) struct Repository<'a> {
    http: &'a Http,
    base: &'a Url,
    key: &'a RepositoryKey,
    index: Index,
}

/// The content of `packages.json`.
#[derive(Debug, PartialEq, Eq)]
enum Index {
    /// The key is not entitled to anything.
    NotEntitled,
    /// It cannot be read, with the reason.
    Unknown(String),
    /// It was read.
    Read {
        /// The packages that it contains itself.
        inline: Map<String, Value>,
        /// The address of a package in version 2.
        metadata_url: Option<String>,
        /// The address of a package in version 1.
        providers_url: String,
        /// The hashes of packages in version 1.
        providers: HashMap<String, String>,
    },
}

impl<'a> Repository<'a> {
    /// Reads what the key can see.
    pub(super) async fn open(http: &'a Http, base: &'a Url, key: &'a RepositoryKey) -> Self {
        let mut repository = Self { http, base, key, index: Index::NotEntitled };
        repository.index = repository.read_index().await.unwrap_or_else(|refusal| refusal);
        repository
    }

    async fn read_index(&self) -> Result<Index, Index> {
        let body = self.content("packages.json").await?;
        let root: Map<String, Value> = object(&body)?;
        let text = |name: &str| root.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut providers = HashMap::new();
        let includes = root.get("provider-includes").and_then(Value::as_object);
        for (template, include) in includes.into_iter().flatten().take(MAX_INCLUDES) {
            let Some(hash) = hash_of(include) else { continue };
            let list = object(&self.content(&template.replace("%hash%", hash)).await?)?;
            let listed = list.get("providers").and_then(Value::as_object).into_iter().flatten();
            let listed = listed.filter_map(|(name, entry)| Some((name.to_lowercase(), hash_of(entry)?.to_owned())));
            providers.extend(listed);
        }
        Ok(Index::Read {
            inline: root.get("packages").and_then(Value::as_object).cloned().unwrap_or_default(),
            metadata_url: text("metadata-url"),
            providers_url: text("providers-url").unwrap_or_else(|| PROVIDERS_URL.to_owned()),
            providers,
        })
    }

    /// Returns the highest stable version of a package that the key can see.
    pub(super) async fn read(&self, sku: &Sku) -> Found {
        let name = sku.as_str().to_lowercase();
        let (inline, metadata_url, providers_url, providers) = match &self.index {
            Index::NotEntitled => return Found::NotEntitled,
            Index::Unknown(reason) => return Found::Unknown(reason.clone()),
            Index::Read { inline, metadata_url, providers_url, providers } => {
                (inline, metadata_url, providers_url, providers)
            }
        };
        if let Some(versions) = named(inline, &name) {
            return highest(versions, false).map_or(Found::Nothing, Found::Version);
        }
        let path = match (metadata_url, providers.get(&name)) {
            (Some(template), _) => template.replace("%package%", &name),
            (None, Some(hash)) => providers_url.replace("%package%", &name).replace("%hash%", hash),
            (None, None) => return Found::NotEntitled,
        };
        match self.content(&path).await {
            Ok(body) => match highest_in(&body, &name) {
                Ok(Some(version)) => Found::Version(version),
                Ok(None) => Found::Nothing,
                Err(reason) => Found::Unknown(reason),
            },
            Err(Index::Unknown(reason)) => Found::Unknown(reason),
            Err(_) => Found::NotEntitled,
        }
    }

    /// Returns the content of a file. The key is only sent to the repository's own host.
    async fn content(&self, path: &str) -> Result<Vec<u8>, Index> {
        let unknown = |reason: &str| Index::Unknown(reason.to_owned());
        let url = self.base.join(path).map_err(|_| unknown("the repository names an address that is not a URL"))?;
        if url.origin() != self.base.origin() {
            return Err(unknown("the repository names an address on another host"));
        }
        match self.http.get(url, Some(self.key), None).await {
            Ok(Answer::Content { body, .. }) => Ok(body),
            Ok(Answer::Status(401 | 403 | 404)) => Err(Index::NotEntitled),
            Ok(Answer::Status(status)) => Err(Index::Unknown(format!("the response was HTTP {status}"))),
            Ok(Answer::NotModified) => Err(unknown("the response was HTTP 304 to a request that was not conditional")),
            Err(reason) => Err(Index::Unknown(reason)),
        }
    }
}

/// Returns the hash of an entry. Hashes become part of a URL.
fn hash_of(entry: &Value) -> Option<&str> {
    let hash = entry.get("sha256").and_then(Value::as_str)?;
    hash.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(hash)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Index> {
    serde_json::from_slice(body).map_err(|_| Index::Unknown("the response is not a JSON object".to_owned()))
}
