//! What a new version of a product takes over from the version in the store.
//!
//! No documentation says so, but programs have released versions for years with a few fields and no listing.

use serde_json::{Map, Value};

use super::{Account, field};

/// What a new version does with fields that it lacks and the version in the store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewVersions {
    /// It takes them over when it is submitted.
    #[default]
    Inherit,
    /// It lacks them: a field that is needed is missing.
    Strict,
}

/// What belongs to one version alone.
const OWN: [&str; 6] = ["sku", "version", "artifact", "shared_packages", "requested_launch_date", "launch_on_approval"];
/// Objects of which single members are taken over.
const BY_MEMBER: [&str; 2] = ["documentation_artifacts", "media_artifacts"];

/// Adds to `fields` what they lack and the version of the same SKU in the store has.
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
