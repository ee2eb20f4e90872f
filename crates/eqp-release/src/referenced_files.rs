//! The uploaded files that a package refers to.

use eqp_types::FileUploadId;
use serde::Serialize;
use serde_json::Value;

/// Returns the IDs of all files that a package refers to, in any field.
pub(crate) fn referenced_files(package: &impl Serialize) -> Vec<FileUploadId> {
    fn collect(value: &Value, ids: &mut Vec<FileUploadId>) {
        match value {
            Value::Object(fields) => {
                let id = fields.get("file_upload_id").and_then(Value::as_str);
                ids.extend(id.and_then(|id| FileUploadId::new(id).ok()).filter(|id| !ids.contains(id)));
                fields.values().for_each(|value| collect(value, ids));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, ids)),
            _ => {}
        }
    }
    let mut ids = Vec::new();
    collect(&serde_json::to_value(package).unwrap_or_default(), &mut ids);
    ids
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_file_of_a_package_is_found_once() {
        let package: eqp_types::Package = serde_json::from_value(json!({
            "artifact": {"file_upload_id": "1"}, "documentation_artifacts": {"user": {"file_upload_id": "2"}},
            "media_artifacts": {"icon_image": {"file_upload_id": "3"}, "gallery_images": [{"file_upload_id": "3"}]},
        }))
        .unwrap();
        let ids: Vec<_> = referenced_files(&package).iter().map(ToString::to_string).collect();
        assert_eq!(ids, ["1", "2", "3"]);
    }
}
