//! Completes the fields of a package: from the version in the store, from its archive, and with launch dates.
//!
//! Inheritance is not documented, but programs have released new versions for years with only a few fields and without
//! a listing.

use std::time::Duration;

use eqp_types::Timestamp;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::field;
use super::state::Account;

/// The treatment of fields that a new version of a released product lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewVersions {
    /// It inherits them from the version in the store when it is submitted.
    #[default]
    Inherit,
    /// It does not inherit: a required field that is missing is an error.
    Strict,
}

/// Fields that are not inherited.
const OWN: [&str; 6] = ["sku", "version", "artifact", "shared_packages", "requested_launch_date", "launch_on_approval"];
/// Objects whose members are inherited one by one.
const BY_MEMBER: [&str; 2] = ["documentation_artifacts", "media_artifacts"];

/// Adds the fields that are missing from the version of the same SKU in the store.
pub(super) fn from_the_store(owner: &Account, fields: &mut Map<String, Value>) {
    let sku = fields.get("sku").and_then(Value::as_str).unwrap_or_default();
    let Some(earlier) = owner.launched.get(sku).and_then(|package| owner.packages.get(*package)) else { return };
    let names = field::names().filter(|name| !OWN.contains(name));
    for (name, known) in names.filter_map(|name| earlier.fields.get(name).map(|value| (name, value))) {
        match (fields.get_mut(name), known) {
            (Some(Value::Object(members)), Value::Object(known)) if BY_MEMBER.contains(&name) => {
                for (member, value) in known {
                    if members.get(member).is_none_or(field::is_empty) {
                        members.insert(member.clone(), value.clone());
                    }
                }
            }
            (own, known) if own.as_deref().is_none_or(field::is_empty) => {
                fields.insert(name.to_owned(), known.clone());
            }
            _ => {}
        }
    }
}

/// Returns the fields with SKU and version from the archive's composer.json if its scan has passed. Until then those of
/// the request are used.
pub(super) fn with_archive(owner: &Account, mut fields: Map<String, Value>) -> Map<String, Value> {
    let id = fields.get("artifact").and_then(|artifact| artifact.get("file_upload_id")).and_then(Value::as_str);
    let file = id.and_then(|id| owner.file(id)).filter(|file| file.malware_status.has_passed());
    let Some(composer) = file.and_then(|file| file.file.composer.clone()) else { return fields };
    for (field, value) in [("sku", composer.name), ("version", composer.version)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(field.to_owned(), Value::String(value));
        }
    }
    fields
}

/// Sets the requested date to the past if `launch_on_approval` is set.
pub(super) fn date_on_approval(fields: &mut Map<String, Value>, now: OffsetDateTime) {
    if is_on_approval(fields) {
        let past = now.checked_sub(time::Duration::DAY).unwrap_or(now);
        let is_past = requested(fields).is_some_and(|date| date < now);
        if !is_past {
            fields.insert("requested_launch_date".to_owned(), json!(Timestamp::of(past)));
        }
    }
}

/// Returns the time from `now` to the requested date.
pub(super) fn wait_for_launch(fields: &Map<String, Value>, now: OffsetDateTime) -> Duration {
    requested(fields).and_then(|date| Duration::try_from(date - now).ok()).unwrap_or(Duration::ZERO)
}

/// Records a launch as the latest, and as the original one if it is the first.
pub(super) fn record_launch(fields: &mut Map<String, Value>, at: Timestamp) {
    fields.entry("original_launch_date").or_insert_with(|| json!(at));
    fields.insert("latest_launch_date".to_owned(), json!(at));
}

fn requested(fields: &Map<String, Value>) -> Option<OffsetDateTime> {
    let text = fields.get("requested_launch_date")?.as_str()?;
    text.parse::<Timestamp>().ok().map(Timestamp::to_utc)
}

fn is_on_approval(fields: &Map<String, Value>) -> bool {
    match fields.get("launch_on_approval") {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "yes" | "true"),
        _ => false,
    }
}
