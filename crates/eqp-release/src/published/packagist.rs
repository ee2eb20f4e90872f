//! Reads the versions of a package from Packagist, with a cache for conditional requests.

use std::path::{Path, PathBuf};

use eqp_check::internal::Version;
use eqp_types::Sku;
use serde::{Deserialize, Serialize};
use url::Url;

use super::compare::Found;
use super::http::{Answer, Http};
use super::versions::highest_in;

/// The maximum size of a cached entry.
const MAX_ENTRY_BYTES: u64 = 4096;

/// The version of one package, as it was last read.
#[derive(Debug, Deserialize, Serialize)]
struct CachedVersion {
    /// The time that Packagist returned for the file.
    last_modified: String,
    /// The highest stable version, if there is one.
    version: Option<String>,
}

/// A folder with one small file per package, so that an unchanged file of Packagist is not sent again.
#[derive(Debug)]
pub(super) struct Cache(PathBuf);

impl Cache {
    /// Uses a folder, which is created when it is first written to.
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn path(&self, sku: &Sku) -> PathBuf {
        self.0.join(format!("{}.json", sku.as_str().replace('/', "~")))
    }

    fn read(&self, sku: &Sku) -> Option<CachedVersion> {
        let path = self.path(sku);
        let is_small = std::fs::metadata(&path).ok()?.len() <= MAX_ENTRY_BYTES;
        serde_json::from_slice(&std::fs::read(path).ok().filter(|_| is_small)?).ok()
    }

    /// Writes an entry. Without it, the next request is not conditional, so failures are only logged.
    fn write(&self, sku: &Sku, entry: &CachedVersion) {
        let written = std::fs::create_dir_all(&self.0).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            serde_json::to_writer(&mut file, entry)?;
            Ok(file.persist(self.path(sku))?)
        });
        if let Err(error) = written {
            tracing::debug!(%error, "cannot write the cache of Packagist");
        }
    }
}

/// Returns the highest stable version at Packagist.
pub(super) async fn read(http: &Http, base: &Url, sku: &Sku, cache: Option<&Cache>) -> Found {
    let Ok(url) = base.join(&format!("p2/{}.json", sku.as_str().to_lowercase())) else {
        return Found::Unknown("the URL of Packagist cannot be used".to_owned());
    };
    let cached = cache.and_then(|cache| cache.read(sku));
    match http.get(url, None, cached.as_ref().map(|entry| entry.last_modified.as_str())).await {
        Err(reason) => Found::Unknown(reason),
        Ok(Answer::NotModified) => found(cached.and_then(|entry| Version::parse(entry.version.as_deref()?))),
        Ok(Answer::Status(404)) => Found::Nothing,
        Ok(Answer::Status(status)) => Found::Unknown(format!("the response was HTTP {status}")),
        Ok(Answer::Content { body, last_modified }) => match highest_in(&body, sku.as_str()) {
            Err(reason) => Found::Unknown(reason),
            Ok(version) => {
                if let (Some(cache), Some(last_modified)) = (cache, last_modified) {
                    let version = version.as_ref().map(ToString::to_string);
                    cache.write(sku, &CachedVersion { last_modified, version });
                }
                found(version)
            }
        },
    }
}

fn found(version: Option<Version>) -> Found {
    version.map_or(Found::Nothing, Found::Version)
}
