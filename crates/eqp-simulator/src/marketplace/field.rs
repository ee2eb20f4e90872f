//! The fields of a package: their JSON types, the review that each belongs to, and those that a submission requires.

use eqp_types::Sku;
use serde_json::{Map, Value};

use crate::error_response::ErrorResponse;

/// The JSON type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Truth,
    List,
    Object,
}

/// The review that a field belongs to; the field can be changed while that review is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    Technical,
    Marketing,
    /// Can be changed while either review is open.
    Either,
    /// Can only be set when the package is created.
    CreateOnly,
}

/// Every field that a request can set; other fields are ignored.
const FIELDS: &[(&str, Kind, Review)] = &[
    ("type", Kind::Text, Review::Technical),
    ("platform", Kind::Text, Review::Technical),
    ("sku", Kind::Text, Review::CreateOnly),
    ("version", Kind::Text, Review::CreateOnly),
    ("pricing_model", Kind::Object, Review::CreateOnly),
    ("artifact", Kind::Object, Review::Technical),
    ("version_compatibility", Kind::List, Review::Technical),
    ("release_notes", Kind::Text, Review::Technical),
    ("stability", Kind::Text, Review::Technical),
    ("is_patch", Kind::Truth, Review::Technical),
    ("process_as_patch", Kind::Text, Review::Technical),
    ("priority", Kind::Text, Review::Technical),
    ("shared_packages", Kind::List, Review::Technical),
    ("technical_options", Kind::Object, Review::Technical),
    ("documentation_artifacts", Kind::Object, Review::Either),
    ("requested_launch_date", Kind::Text, Review::Either),
    ("launch_on_approval", Kind::Truth, Review::Either),
    ("external_services", Kind::Object, Review::Either),
    ("name", Kind::Text, Review::Marketing),
    ("long_description", Kind::Text, Review::Marketing),
    ("categories", Kind::List, Review::Marketing),
    ("media_artifacts", Kind::Object, Review::Marketing),
    ("license_type", Kind::Text, Review::Marketing),
    ("custom_license_name", Kind::Text, Review::Marketing),
    ("custom_license_url", Kind::Text, Review::Marketing),
    ("prices", Kind::List, Review::Marketing),
    ("support_tiers", Kind::List, Review::Marketing),
    ("marketing_options", Kind::Object, Review::Marketing),
    ("browsers", Kind::List, Review::Marketing),
    ("browser_os_compatibility", Kind::Object, Review::Marketing),
];

/// The fields that refer to files.
pub(super) const ARTIFACTS: [&str; 4] = ["artifact", "documentation_artifacts", "media_artifacts", "shared_packages"];

/// Returns the names of the fields that a request can set.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, ..)| *name)
}

/// Reads the fields of a request, each with the review that it belongs to, and checks their JSON types.
///
/// # Errors
/// Returns a 400 if a field has a wrong type or the SKU has a wrong format.
pub(crate) fn read(body: &Map<String, Value>) -> Result<Vec<(&'static str, Review, Value)>, ErrorResponse> {
    let body = &with_pricing_model(body)?;
    let mut fields = Vec::new();
    for (name, kind, review) in FIELDS {
        let Some(value) = body.get(*name) else { continue };
        let fits = match (kind, value) {
            (_, Value::Null)
            | (Kind::Text, Value::String(_) | Value::Number(_))
            | (Kind::Truth, Value::Bool(_))
            | (Kind::List, Value::Array(_))
            | (Kind::Object, Value::Object(_)) => true,
            // Responses contain `[]` for an empty object, so clients may send it back.
            (Kind::Object, Value::Array(items)) => items.is_empty(),
            (Kind::Truth, Value::Number(number)) => matches!(number.as_u64(), Some(0 | 1)),
            (Kind::Truth, Value::String(text)) => matches!(text.as_str(), "yes" | "no" | "true" | "false" | "0" | "1"),
            _ => false,
        };
        if !fits {
            return Err(ErrorResponse::bad_request(format!("`{name}` has a wrong type")));
        }
        let mut value = value.clone();
        if ARTIFACTS.contains(name) {
            only_file_ids(&mut value);
        }
        fields.push((*name, *review, value));
    }
    if body.get("browser_os_compatibility").is_some_and(|browsers| !is_empty(browsers)) {
        fields.retain(|(name, ..)| *name != "browsers");
    }
    match body.get("sku") {
        Some(Value::String(sku)) if !sku.is_empty() && !is_sku(sku) => Err(ErrorResponse::invalid_sku()),
        _ => Ok(fields),
    }
}

/// Removes all members of a file except its ID: they are read-only, but clients that read a package, change it and send
/// it include them.
fn only_file_ids(value: &mut Value) {
    match value {
        Value::Object(members) if members.contains_key("file_upload_id") => {
            members.retain(|name, _| name == "file_upload_id");
        }
        Value::Object(members) => members.values_mut().for_each(only_file_ids),
        Value::Array(items) => items.iter_mut().for_each(only_file_ids),
        _ => {}
    }
}

/// Returns the body with the pricing model as one object; a request can also have its two members as separate fields.
fn with_pricing_model(body: &Map<String, Value>) -> Result<Map<String, Value>, ErrorResponse> {
    let mut body = body.clone();
    for name in ["pricing_type", "payment_period"] {
        let Some(value) = body.remove(name).filter(|value| !value.is_null()) else { continue };
        if !matches!(value, Value::String(_) | Value::Number(_)) {
            return Err(ErrorResponse::bad_request(format!("`{name}` has a wrong type")));
        }
        let model = body.entry("pricing_model").or_insert(Value::Null);
        if is_empty(model) {
            *model = Value::Object(Map::new());
        }
        if let Value::Object(model) = model {
            model.entry(name).or_insert(value);
        }
    }
    Ok(body)
}

fn is_sku(text: &str) -> bool {
    let is_half = |half: &str| {
        !half.is_empty() && half.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    Sku::new(text).is_ok() && text.split_once('/').is_some_and(|(vendor, package)| is_half(vendor) && is_half(package))
}

/// Checks that all fields are set that `technical: submit` requires.
pub(crate) fn check_technical(fields: &Map<String, Value>) -> Result<(), ErrorResponse> {
    let mut missing = missing(fields, &["type", "platform", "version_compatibility", "release_notes", "version"]);
    if !names_a_file(fields.get("artifact")) {
        missing.push("artifact");
    }
    if !is_shared_package(fields) && !is_documented(fields) {
        missing.push("documentation_artifacts");
    }
    refuse("Technical", &missing)
}

/// Checks that all fields are set and consistent that `marketing: submit` requires.
pub(crate) fn check_marketing(fields: &Map<String, Value>) -> Result<(), ErrorResponse> {
    let mut missing = missing(fields, &["name", "long_description", "categories", "license_type"]);
    if !is_shared_package(fields) {
        if !is_documented(fields) {
            missing.push("documentation_artifacts");
        }
        let media = fields.get("media_artifacts");
        if !names_a_file(media.and_then(|media| media.get("icon_image"))) {
            missing.push("media_artifacts.icon_image");
        }
        let gallery = media.and_then(|media| media.get("gallery_images")).and_then(Value::as_array);
        if !gallery.is_some_and(|images| images.iter().any(|image| names_a_file(Some(image)))) {
            missing.push("media_artifacts.gallery_images");
        }
    }
    if fields.get("license_type").and_then(Value::as_str) == Some("custom") {
        missing.extend(self::missing(fields, &["custom_license_name", "custom_license_url"]));
    }
    refuse("Marketing", &missing)?;
    check_categories(fields)
}

/// Checks for one to three categories with the same main category: the first part of a path, which may start with `//`.
fn check_categories(fields: &Map<String, Value>) -> Result<(), ErrorResponse> {
    let categories: Vec<&str> =
        fields.get("categories").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let main = |category: &str| {
        let mut parts = category.split("//").map(str::trim).filter(|part| !part.is_empty());
        parts.next().unwrap_or_default().to_owned()
    };
    let one_main = categories.iter().all(|category| main(category) == main(categories[0]));
    if (1..=3).contains(&categories.len()) && one_main {
        Ok(())
    } else {
        Err(ErrorResponse::bad_request("`categories` must have one to three entries of the same main category"))
    }
}

/// Returns the ID of every file that the fields refer to.
pub(crate) fn file_ids(fields: &Map<String, Value>) -> Vec<String> {
    fn walk(value: &Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                ids.extend(object.get("file_upload_id").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| walk(value, ids));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, ids)),
            _ => {}
        }
    }
    let mut ids = Vec::new();
    for name in ARTIFACTS {
        if let Some(value) = fields.get(name) {
            walk(value, &mut ids);
        }
    }
    ids
}

/// Returns whether the fields refer to at least one document.
///
/// The table of required parameters lists a user guide, but the description of the field and the guide to technical
/// review accept any of the three.
fn is_documented(fields: &Map<String, Value>) -> bool {
    let documents = fields.get("documentation_artifacts");
    let document = |kind: &str| documents.and_then(|documents| documents.get(kind));
    ["user", "installation", "reference"].iter().any(|kind| names_a_file(document(kind)))
}

fn is_shared_package(fields: &Map<String, Value>) -> bool {
    fields.get("type").and_then(Value::as_str) == Some("shared_package")
}

fn missing<'a>(fields: &Map<String, Value>, names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| fields.get(*name).is_none_or(is_empty)).collect()
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns whether a value is an object with the ID of a file, or a list that contains one.
fn names_a_file(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(object)) => object.get("file_upload_id").is_some_and(|id| !is_empty(id)),
        Some(Value::Array(items)) => items.iter().any(|item| names_a_file(Some(item))),
        _ => false,
    }
}

fn refuse(what: &str, missing: &[&str]) -> Result<(), ErrorResponse> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(ErrorResponse::insufficient(format!("Insufficient information for {what} Submission: {}", missing.join(", "))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!() };
        object
    }

    #[test]
    fn the_fields_are_those_of_a_request() {
        let mut known = eqp_types::PackageDraft::<eqp_types::FileReference>::field_names().to_vec();
        // Read apart from the fields that are stored.
        known.retain(|name| !["item_id", "action"].contains(name));
        known.sort_unstable();
        let mut read: Vec<_> = names().collect();
        read.sort_unstable();
        assert_eq!(read, known);
    }

    #[test]
    fn types_are_checked_and_unknown_fields_are_not_read() {
        let read_names = |value| read(&object(value)).map(|f| f.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
        assert_eq!(read_names(json!({"name": "A", "colour": 7, "eqp_status": {}})), Ok(vec!["name"]));
        assert_eq!(read_names(json!({"media_artifacts": [], "name": null})), Ok(vec!["name", "media_artifacts"]));
        for wrong in [json!({"name": []}), json!({"categories": "A"}), json!({"artifact": "1.2.0"})] {
            assert!(read(&object(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sku_has_a_vendor_and_a_package() {
        for (sku, fits) in [("acme/badges", true), ("acme", false), ("a/b/c", false), ("/b", false), ("a b/c", false)] {
            assert_eq!(read(&object(json!({"sku": sku}))).is_ok(), fits, "{sku}");
        }
    }

    #[test]
    fn categories_share_one_main_category() {
        for (categories, fits) in [
            (json!(["Extensions//Content"]), true),
            (json!(["Extensions//Content", "Extensions//Sales"]), true),
            (json!(["Extensions//Content", "Themes//Dark"]), false),
            (json!(["//Extensions//Content", "//Extensions//Sales", "Extensions//Search"]), true),
            (json!(["//Extensions//Content", "//Themes//Dark"]), false),
            (json!([]), false),
            (json!(["A//1", "A//2", "A//3", "A//4"]), false),
        ] {
            assert_eq!(check_categories(&object(json!({"categories": categories}))).is_ok(), fits, "{categories}");
        }
    }

    #[test]
    fn a_shared_package_needs_no_documentation_and_no_gallery() {
        let fields = |kind| {
            object(json!({"type": kind, "name": "A", "long_description": "B", "categories": ["A//1"],
                "license_type": "mit"}))
        };
        assert!(check_marketing(&fields("shared_package")).is_ok());
        assert!(check_marketing(&fields("extension")).is_err());
    }
}
