//! Generates the OpenAPI document from the routes and from the schemas of their types.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;

use crate::api;
use crate::api::bodies::{register_queries, register_requests, register_responses};
use crate::described::QUERY;
use crate::problem::Problem;

/// Where the document contains the schemas.
const SCHEMAS: &str = "/components/schemas";

const DESCRIPTION: &str = "\
Reads and administers the database of a receiver. Each request needs a token in the header `Authorization: Bearer …`, which \
`eqp token create` creates. Times are written by RFC 3339, except for those of the Marketplace (`2022-08-25 19:20:21`, UTC). \
Unknown parameters are errors. Responses can get new fields.";

/// Returns the OpenAPI document of the operator service.
pub fn openapi() -> Value {
    let (_, routes) = OpenApiRouter::new().nest(api::BASE, api::routes()).split_for_parts();
    let mut document = serde_json::to_value(routes).expect("the document has only texts as keys");
    document["info"] = json!({
        "title": "EQP operator API",
        "description": DESCRIPTION,
        "version": "1",
        "license": { "name": "MIT OR Apache-2.0" },
    });
    // A field with a default can be omitted in a request, but is always in a response.
    let mut requests = generator(SchemaSettings::draft2020_12().for_deserialize());
    register_requests(&mut requests);
    register_queries(&mut requests);
    let mut responses = generator(SchemaSettings::draft2020_12().for_serialize());
    register_responses(&mut responses);
    responses.subschema_for::<Problem>();
    let mut schemas = requests.take_definitions(true);
    schemas.extend(responses.take_definitions(true));
    for operation in operations(&mut document) {
        expand_queries(operation, &schemas);
        add_problem(operation);
    }
    document["components"] = json!({
        "schemas": schemas,
        "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
    });
    document["security"] = json!([{ "token": [] }]);
    document
}

fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    SCHEMAS.clone_into(settings.definitions_path.to_mut());
    settings.into_generator()
}

/// Returns every operation of every path.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter();
    let items = paths.flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut);
    items.flat_map(|item| item.values_mut()).filter(|operation| operation.get("operationId").is_some())
}

/// Replaces the parameter that represents a query by one for each property of its schema.
fn expand_queries(operation: &mut Value, schemas: &Map<String, Value>) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let mut expanded = Vec::new();
    for mut parameter in parameters.drain(..) {
        if parameter["name"] != QUERY {
            without_null(&mut parameter["schema"]);
            expanded.push(parameter);
            continue;
        }
        let name = parameter["schema"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let schema = &schemas[name.expect("a query refers to a schema")];
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            without_null(&mut schema);
            expanded.push(json!({
                "name": property,
                "in": "query",
                "required": required.iter().any(|required| required == property),
                "description": description,
                "schema": schema,
            }));
        }
    }
    *parameters = expanded;
}

/// Removes null from a schema: a parameter is omitted instead.
fn without_null(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.get("default") == Some(&Value::Null) {
        fields.remove("default");
    }
    if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    let only = match fields.get("type").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only, null]) if null == "null" => only.clone(),
        _ => Value::Null,
    };
    if only.is_string() {
        fields.insert("type".to_owned(), only);
    }
    let choice = fields.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
    if let [only, Value::Object(null)] = &choice[..]
        && null.get("type").is_some_and(|kind| kind == "null")
    {
        *schema = only.clone();
    }
}

/// Adds the response of every error.
fn add_problem(operation: &mut Value) {
    let content = json!({
        "description": "An error; its code identifies the reason",
        "content": { crate::problem::MEDIA_TYPE: { "schema": { "$ref": format!("#{SCHEMAS}/Problem") } } },
    });
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses.insert("default".to_owned(), content);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema_and_every_schema_is_used() {
        let document = openapi();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            // Only the properties of a query are used.
            let is_query = name.ends_with("Filter") || name.ends_with("Query");
            assert!(is_query || found.contains(format!("#{SCHEMAS}/{name}").as_str()), "{name} is not used");
        }
    }

    #[test]
    fn every_operation_has_a_name_a_summary_and_described_parameters() {
        let mut document = openapi();
        let mut names = BTreeSet::new();
        for operation in operations(&mut document) {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
            assert!(operation["summary"].is_string(), "{operation}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{parameter}");
                assert!(!parameter.to_string().contains("null"), "{parameter}");
                assert_eq!(
                    parameter["required"] == true,
                    parameter["in"] == "path" || parameter["name"] == "before" || parameter["name"] == "text",
                    "{parameter}"
                );
            }
        }
        assert!(names.len() >= 14, "{names:?}");
        assert_eq!(document["openapi"], "3.1.0");
    }

    #[test]
    fn the_served_document_is_the_generated_one() {
        let served: Value = serde_json::from_str(api::SERVED).unwrap();
        assert!(served == openapi(), "openapi.json differs; run `cargo xtask docs`");
    }
}
