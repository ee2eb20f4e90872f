//! Packages as they are read.

use eqp_types::EqpStatus;
use serde_json::{Map, Value, json};

use super::Market;
use super::account::{Account, AccountIndex, PackageIndex};
use super::field::ARTIFACTS;
use super::package::{PackageEntry, Track};
use super::test_run::TestRunEntry;
use crate::review::request::{marketing_is_open, technical_is_open};
use crate::review::{ReviewStatus, Step};

impl Account {
    /// The whole package. An empty object is spelled `[]`, as the API does.
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

    /// A few facts of every file beside its id.
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
            Some(launched) => json!({
                "submission_id": launched.submission_id,
                "version": launched.text("version"),
                "eqp_status": EqpStatus::from(&launched.status),
            }),
        }
    }
}

impl Market {
    /// A package, as the control API tells of it.
    pub(crate) fn told(&self, account: AccountIndex, package: PackageIndex) -> Value {
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

/// The results of the tests of a package.
pub(crate) fn test_results(package: &PackageEntry) -> Value {
    package.test_runs.iter().map(TestRunEntry::as_summary).collect()
}

/// The report of one run of one tool.
pub(crate) fn test_report(package: &PackageEntry, tool: &str, run: &str) -> Option<Value> {
    let entry = package.test_runs.iter().find(|entry| entry.tool == tool && entry.id.as_str() == run)?;
    entry.as_report(package.text("sku"), package.text("version"))
}

/// The name of a product as the store's addresses spell it.
fn url_key(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// What may be asked for now, as a list per flow.
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

/// The text by which a package is filtered and sorted in one field.
pub(super) fn text_of(package: &PackageEntry, name: &str) -> String {
    let status = &package.status;
    match name {
        "submission_id" => package.submission_id.to_string(),
        "item_id" => package.item_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        "eqp_status.overall" => status.overall.to_string(),
        "eqp_status.technical" => status.technical.to_string(),
        "eqp_status.marketing" => status.marketing.to_string(),
        "created_at" => package.created_at.to_string(),
        "modified_at" => package.modified_at.to_string(),
        _ => scalar(&package.fields, name),
    }
}

fn scalar(fields: &Map<String, Value>, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        _ => String::new(),
    }
}
