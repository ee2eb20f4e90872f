//! What a package takes from its archive.

use serde_json::{Map, Value};

use super::Account;

/// The fields with SKU and version as the archive's composer.json says, where the package has none and the archive
/// is found clean already.
pub(super) fn with_archive(owner: &Account, mut fields: Map<String, Value>) -> Map<String, Value> {
    let id = fields.get("artifact").and_then(|artifact| artifact.get("file_upload_id")).and_then(Value::as_str);
    let file = id.and_then(|id| owner.file(id)).filter(|file| file.malware_status.has_passed());
    let Some(composer) = file.and_then(|file| file.file.composer.clone()) else { return fields };
    for (field, value) in [("sku", composer.name), ("version", composer.version)] {
        let is_missing = fields.get(field).and_then(Value::as_str).is_none_or(str::is_empty);
        if let Some(value) = value.filter(|_| is_missing) {
            fields.insert(field.to_owned(), Value::String(value));
        }
    }
    fields
}
