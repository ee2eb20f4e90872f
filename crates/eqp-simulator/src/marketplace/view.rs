//! The JSON of packages, files and test results.

use eqp_types::{EqpStatus, JsonObject, LaunchedVersion};
use serde_json::{Value, json};

use super::Marketplace;
use super::field::ARTIFACTS;
use super::state::{Account, AccountIndex, FileEntry, PackageEntry, PackageIndex, TestRunEntry, Track};
use crate::review::request::{marketing_is_open, technical_is_open};
use crate::review::{ReviewStatus, Step};

impl Account {
    /// Returns the JSON of a package. Empty objects are written as `[]`, as in the API.
    pub(crate) fn view(&self, package: &PackageEntry) -> Value {
        let mut view = package.fields.clone();
        for name in ARTIFACTS {
            if let Some(value) = view.get_mut(name) {
                self.fill_in_files(value);
            }
        }
        view.insert("submission_id".into(), json!(package.submission_id));
        view.insert("item_id".into(), json!(package.item_id));
        view.insert("mage_id".into(), json!(self.mage_id));
        view.insert("short_description".into(), json!(""));
        view.insert("eqp_status".into(), json!(EqpStatus::from(&package.status)));
        view.insert("actions_now_available".into(), actions_now_available(&package.status));
        view.insert("submission_counts".into(), json!({
            "technical": package.round(Track::Technical).attempt, "marketing": package.round(Track::Marketing).attempt,
        }));
        view.insert("url_key".into(), json!(url_key(package.text("name"))));
        view.insert("max_version_launched".into(), self.max_version_launched(package));
        view.insert("created_at".into(), json!(package.created_at));
        view.insert("modified_at".into(), json!(package.modified_at));
        for name in ["browser_os_compatibility", "media_artifacts", "documentation_artifacts"] {
            view.entry(name).or_insert_with(|| json!([]));
        }
        view.values_mut().for_each(empty_objects_as_lists);
        Value::Object(view)
    }

    /// Returns the JSON of a file.
    pub(crate) fn file_record(&self, file: &FileEntry, base_url: &str) -> Value {
        let submissions: Vec<_> =
            file.packages.iter().filter_map(|index| self.packages.get(*index)).map(|p| &p.submission_id).collect();
        json!({
            "file_upload_id": file.id,
            "filename": file.file.filename,
            "content_type": file.file.content_type,
            "size": file.file.size,
            "malware_status": file.malware_status,
            "file_hash": file.malware_status.has_passed().then_some(&file.file.md5),
            "submission_ids": submissions,
            "is_profile_image": false,
            "url": format!("{base_url}/rest/v1/files/uploads/{}", file.id),
        })
    }

    /// Adds name, type, size and scan status to every reference to a file.
    fn fill_in_files(&self, value: &mut Value) {
        match value {
            Value::Object(object) => {
                let file = object.get("file_upload_id").and_then(Value::as_str).and_then(|id| self.file(id));
                if let Some(file) = file {
                    object.insert("filename".into(), json!(file.file.filename));
                    object.insert("content_type".into(), json!(file.file.content_type));
                    object.insert("size".into(), json!(file.file.size));
                    object.insert("malware_status".into(), json!(file.malware_status));
                    object
                        .insert("file_hash".into(), json!(file.malware_status.has_passed().then_some(&file.file.md5)));
                }
                object.values_mut().for_each(|value| self.fill_in_files(value));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| self.fill_in_files(value)),
            _ => {}
        }
    }

    fn max_version_launched(&self, package: &PackageEntry) -> Value {
        match self.launched.get(package.text("sku")).and_then(|index| self.packages.get(*index)) {
            None => json!([]),
            Some(launched) => json!(LaunchedVersion {
                submission_id: Some(launched.submission_id.clone()),
                version: Some(launched.text("version").to_owned()),
                eqp_status: Some(EqpStatus::from(&launched.status)),
                extra: JsonObject::new(),
            }),
        }
    }
}

impl Marketplace {
    /// Returns the JSON of a package for the control API.
    pub(crate) fn admin_view(&self, account: AccountIndex, package: PackageIndex) -> Value {
        let owner = &self.accounts[account];
        let entry = &owner.packages[package];
        let next = |track| self.next_step(account, package, track).map(Step::as_str);
        json!({
            "mage_id": owner.mage_id,
            "submission_id": entry.submission_id,
            "item_id": entry.item_id,
            "sku": entry.text("sku"),
            "name": entry.text("name"),
            "version": entry.text("version"),
            "eqp_status": EqpStatus::from(&entry.status),
            "next_step": {"technical": next(Track::Technical), "marketing": next(Track::Marketing)},
            "modified_at": entry.modified_at,
        })
    }
}

/// Returns the test results of a package.
pub(crate) fn test_results(package: &PackageEntry) -> Value {
    package.test_runs.iter().map(TestRunEntry::as_summary).collect()
}

/// Returns the report of one run of one tool.
pub(crate) fn test_report(package: &PackageEntry, tool: &str, run: &str) -> Option<Value> {
    let entry = package.test_runs.iter().find(|entry| entry.tool == tool && entry.id.as_str() == run)?;
    entry.as_report(package.text("sku"), package.text("version"))
}

/// Returns the name of a product as it appears in the store's URLs.
fn url_key(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Returns the possible actions, as a list for each flow.
fn actions_now_available(status: &ReviewStatus) -> Value {
    use eqp_types::OverallStatus as O;
    let review = |is_open: bool, runs: bool| match (is_open, runs) {
        (true, _) => json!(["draft", "submit"]),
        (false, true) => json!(["recall"]),
        (false, false) => json!([]),
    };
    let overall = match status.overall {
        O::ReleasedToStore => json!(["remove"]),
        O::Draft | O::InProgress | O::Approved => json!(["cancel"]),
        _ => json!([]),
    };
    let ended = status.is_at_its_end();
    json!({
        "overall": overall,
        "technical": review(technical_is_open(status), status.technical_runs() && !ended),
        "marketing": review(marketing_is_open(status), status.marketing_runs() && !ended),
    })
}

fn empty_objects_as_lists(value: &mut Value) {
    match value {
        Value::Object(object) if object.is_empty() => *value = json!([]),
        Value::Object(object) => object.values_mut().for_each(empty_objects_as_lists),
        Value::Array(items) => items.iter_mut().for_each(empty_objects_as_lists),
        _ => {}
    }
}
