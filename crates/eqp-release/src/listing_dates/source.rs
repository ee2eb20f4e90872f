//! Reads the requirements of a product from its source code.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The maximum size of composer.json.
const MAX_BYTES: u64 = 1024 * 1024;

/// The reason why the requirements of a product are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequiresError {
    /// The source code is not known.
    #[error("no source code is configured")]
    NoSource,
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] eqp_check::Error),
    /// composer.json cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// composer.json is too large.
    #[error("{} is larger than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// composer.json is not a JSON object.
    #[error("{} is not a JSON object", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
    },
}

/// Returns the requirements in the composer.json of a folder or archive.
///
/// # Errors
/// [`RequiresError`] if composer.json cannot be read.
pub fn read_requires(source: &Path) -> Result<Vec<(String, String)>, RequiresError> {
    if !source.is_dir() {
        return Ok(eqp_check::read_metadata(source)?.requires);
    }
    let path = source.join("composer.json");
    let mut text = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text));
    if let Err(source) = read {
        return Err(RequiresError::Unreadable { path, source });
    }
    if text.len() as u64 > MAX_BYTES {
        return Err(RequiresError::TooLarge { path });
    }
    let Ok(composer) = serde_json::from_slice::<Map<String, Value>>(&text) else {
        return Err(RequiresError::NotJson { path });
    };
    let requires = composer.get("require").and_then(Value::as_object).into_iter().flatten();
    Ok(requires.filter_map(|(name, versions)| Some((name.clone(), versions.as_str()?.to_owned()))).collect())
}
