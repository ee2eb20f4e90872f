//! The JSON schema of `eqp.toml`, with which editors complete and check the file.

use serde_json::{Map, Value, json};

use super::catalog::{DescribedKey, Kind, described};
use super::named_tables::{NAMED_TABLES, described_entry};

/// The name of the file that `eqp init` writes beside the configuration.
pub(crate) const FILE_NAME: &str = "eqp.schema.json";

/// Returns the schema as formatted JSON.
pub(crate) fn render(definition: &clap::Command) -> String {
    let keys = described(definition);
    let top = properties(&keys, "");
    let sections = sections(&keys);
    let mut properties = Map::new();
    properties.extend(top);
    properties.extend(sections.clone());
    let profile = json!({
        "type": "object",
        "description": "An access key, and any other settings, for one environment",
        "additionalProperties": false,
        "properties": sections,
    });
    properties.insert(
        "profiles".to_owned(),
        json!({
            "type": "object",
            "description": "Profiles by name; eqp login writes them",
            "additionalProperties": profile,
        }),
    );
    for table in NAMED_TABLES {
        let keys = described_entry(table, definition);
        let entry =
            json!({"type": "object", "additionalProperties": false, "properties": self::properties(&keys, table.name)});
        let named = json!({"type": "object", "description": table.text, "additionalProperties": entry});
        properties.insert(table.name.to_owned(), named);
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "eqp.toml",
        "description": "Configuration of eqp, the tool of the EQP Integration Platform",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

/// Returns the sections as properties.
fn sections(keys: &[DescribedKey]) -> Map<String, Value> {
    let mut names: Vec<&str> = keys.iter().map(|described| described.key.section).collect();
    names.dedup();
    let section = |name: &&str| {
        let properties = properties(keys, name);
        ((*name).to_owned(), json!({"type": "object", "additionalProperties": false, "properties": properties}))
    };
    names.iter().filter(|name| !name.is_empty()).map(section).collect()
}

/// Returns the keys of a section as properties.
fn properties(keys: &[DescribedKey], section: &str) -> Map<String, Value> {
    let keys = keys.iter().filter(|described| described.key.section == section);
    keys.map(|described| (described.key.name.to_owned(), property(described))).collect()
}

fn property(described: &DescribedKey) -> Value {
    let DescribedKey { key, meaning, default, .. } = described;
    let mut property = match key.kind {
        Kind::Text | Kind::Path => json!({"type": "string"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Bytes => json!({"type": "integer", "minimum": 0}),
        Kind::Port => json!({"type": "integer", "minimum": 1, "maximum": 65535}),
        Kind::List => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Table => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Choice(words) => json!({"enum": words}),
    };
    let default = default.as_ref().map(|default| format!(" (default: {default})")).unwrap_or_default();
    property["description"] = format!("{meaning}{default}").into();
    property
}
