//! The folder of a listing: two files to edit, and one with what the Marketplace had.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use eqp_types::{JsonObject, Sku, SubmissionId};
use serde::{Deserialize, Serialize};

use super::error::ListingError;
use super::fields::{FIELDS, Listing, set};
use super::json_text::pretty;

/// The file with all fields except the description.
const FIELDS_FILE: &str = "listing.json";
/// The file with the description, as HTML.
const DESCRIPTION_FILE: &str = "long_description.html";
/// The field of that file.
const DESCRIPTION: &str = "long_description";
/// The file with the fields that the Marketplace had when they were last read.
const PULLED_FILE: &str = "pulled.json";
/// The maximum size of a file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The folder of one listing.
#[derive(Clone, Debug)]
pub struct ListingFolder {
    path: PathBuf,
}

/// A listing in a folder.
#[derive(Clone, Debug)]
pub struct StoredListing {
    /// The fields as they were edited.
    pub(super) edited: JsonObject,
    /// The fields as the Marketplace had them when they were last read.
    pub(super) pulled: JsonObject,
    pub(super) submission_id: SubmissionId,
}

impl StoredListing {
    /// Returns the fields as they were edited.
    pub fn fields(&self) -> &JsonObject {
        &self.edited
    }

    /// Returns the submission that they were read from.
    pub fn submission_id(&self) -> &SubmissionId {
        &self.submission_id
    }
}

/// The state at the Marketplace when it was last read.
#[derive(Deserialize, Serialize)]
struct Pulled {
    submission_id: SubmissionId,
    #[serde(default)]
    version: Option<String>,
    fields: JsonObject,
}

impl ListingFolder {
    /// Returns the folder of a product below `root`: `root/VENDOR/NAME`.
    ///
    /// # Errors
    /// [`ListingError::Folder`] if the SKU has other characters than letters, digits, `.`, `_` and `-`.
    pub fn new(root: &Path, sku: &Sku) -> Result<Self, ListingError> {
        let mut path = root.to_owned();
        for part in sku.as_str().split('/') {
            let is_plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
            if part.is_empty() || part.starts_with('.') || !is_plain {
                return Err(ListingError::Folder { sku: sku.clone() });
            }
            path.push(part);
        }
        Ok(Self { path })
    }

    /// Returns the products that have a folder below `root`, sorted.
    ///
    /// # Errors
    /// [`ListingError::File`] if a folder cannot be read. A missing root has no products.
    pub fn skus(root: &Path) -> Result<Vec<Sku>, ListingError> {
        let mut skus = Vec::new();
        for vendor in folders(root)? {
            for name in folders(&vendor)? {
                let parts = [&vendor, &name].map(|path| path.file_name().and_then(|name| name.to_str()));
                let [Some(vendor), Some(product)] = parts else { continue };
                if [PULLED_FILE, FIELDS_FILE].iter().any(|file| name.join(file).is_file()) {
                    skus.extend(Sku::new(format!("{vendor}/{product}")));
                }
            }
        }
        skus.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(skus)
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the listing. `None` if it was never written.
    ///
    /// # Errors
    /// [`ListingError::File`] if a file cannot be read, and [`ListingError::Invalid`] if it has a wrong content.
    pub fn read(&self) -> Result<Option<StoredListing>, ListingError> {
        let (pulled, fields) = (self.text(PULLED_FILE)?, self.text(FIELDS_FILE)?);
        let Some(pulled) = pulled else {
            // Without it, edits look like changes at the Marketplace, and would be lost.
            let is_edited = fields.is_some() || self.text(DESCRIPTION_FILE)?.is_some();
            let missing = "it is missing, so edits in the folder cannot be recognized; restore it";
            return if is_edited { Err(self.invalid(PULLED_FILE, missing)) } else { Ok(None) };
        };
        let pulled: Pulled = self.parsed(PULLED_FILE, &pulled)?;
        let fields =
            fields.ok_or_else(|| self.invalid(FIELDS_FILE, "it is missing; restore it, or delete the folder"))?;
        let mut edited: JsonObject = self.parsed(FIELDS_FILE, &fields)?;
        if let Some(name) = edited.names().find(|name| !FIELDS.contains(name)) {
            return Err(self.invalid(FIELDS_FILE, format!("{name} is not a field of a listing")));
        }
        if let Some(mut description) = self.text(DESCRIPTION_FILE)? {
            if edited.contains(DESCRIPTION) {
                return Err(self.invalid(FIELDS_FILE, format!("{DESCRIPTION} is in {DESCRIPTION_FILE} as well")));
            }
            if description.ends_with('\n') {
                description.pop();
            }
            edited.insert(DESCRIPTION, &description).expect("text can be written as JSON");
        }
        Ok(Some(StoredListing { edited, pulled: pulled.fields, submission_id: pulled.submission_id }))
    }

    /// Writes a listing: `edited` to the files for people, and what the Marketplace has. Files that do not change are not touched.
    ///
    /// # Errors
    /// [`ListingError::File`] if a file cannot be written.
    pub fn write(&self, live: &Listing, edited: &JsonObject) -> Result<(), ListingError> {
        std::fs::create_dir_all(&self.path).map_err(|source| self.failed("write", "", source))?;
        let mut fields = edited.clone();
        let description = fields.get::<String>(DESCRIPTION);
        if description.is_some() {
            fields.remove(DESCRIPTION);
        }
        let pulled = Pulled {
            submission_id: live.submission_id().clone(),
            version: live.version().map(str::to_owned),
            fields: live.fields().clone(),
        };
        let pulled = serde_json::to_string(&pulled).expect("fields of JSON values can be written");
        let pulled = serde_json::from_str(&pulled).expect("a written object can be read");
        match description {
            Some(text) => self.store(DESCRIPTION_FILE, &format!("{text}\n"))?,
            None => self.remove(DESCRIPTION_FILE)?,
        }
        self.store(FIELDS_FILE, &pretty(&fields))?;
        // Last: without it, nothing is known about edits in the other files.
        self.store(PULLED_FILE, &pretty(&pulled))
    }

    fn text(&self, name: &str) -> Result<Option<String>, ListingError> {
        let file = match std::fs::File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.failed("read", name, source)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|source| self.failed("read", name, source))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(self.invalid(name, format!("it is larger than {MAX_BYTES} bytes")));
        }
        String::from_utf8(bytes).map(Some).map_err(|_| self.invalid(name, "it is not UTF-8"))
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, name: &str, text: &str) -> Result<T, ListingError> {
        serde_json::from_str(text).map_err(|error| self.invalid(name, error.to_string()))
    }

    /// Replaces a file completely or not at all.
    fn store(&self, name: &str, text: &str) -> Result<(), ListingError> {
        if self.text(name).ok().flatten().as_deref() == Some(text) {
            return Ok(());
        }
        let write = || {
            let mut file = tempfile::Builder::new().permissions(permissions()).tempfile_in(&self.path)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(self.path.join(name)).map_err(|error| error.error)
        };
        write().map(drop).map_err(|source| self.failed("write", name, source))
    }

    fn remove(&self, name: &str) -> Result<(), ListingError> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(self.failed("write", name, source)),
            _ => Ok(()),
        }
    }

    fn failed(&self, action: &'static str, name: &str, source: std::io::Error) -> ListingError {
        ListingError::File { action, path: self.path.join(name), source }
    }

    fn invalid(&self, name: &str, reason: impl Into<String>) -> ListingError {
        ListingError::Invalid { path: self.path.join(name), reason: reason.into() }
    }
}

/// Files in a repository can be read by everyone, as far as the umask permits.
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// Returns the folders in a folder.
fn folders(path: &Path) -> Result<Vec<PathBuf>, ListingError> {
    let failed = |source| ListingError::File { action: "read", path: path.to_owned(), source };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// Sets the value of a field in the files for people, or removes it.
pub(super) fn take(edited: &mut JsonObject, from: &JsonObject, name: &str) {
    match from.json(name) {
        Some(json) => set(edited, name, json),
        None => {
            edited.remove(name);
        }
    }
}
