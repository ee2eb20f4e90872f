//! Validates the JSON that the tool prints against the schemas of the reference.
//!
//! The schemas allow unknown fields, because programs must ignore them. Here they are not allowed, so that every field that is printed
//! has to be documented.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

const ENDING: &str = ".schema.json";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/json")
}

/// The names of all schemas.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(ENDING).map(str::to_owned)).collect()
});

static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());

/// The schema of the output of one run of the tool.
pub(crate) struct OutputSchema {
    /// The name of the command's schema; `None` if the run prints no JSON.
    name: Option<String>,
}

impl OutputSchema {
    /// Selects the schema by the arguments of the tool.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let before_end: Vec<&str> = arguments.iter().copied().take_while(|word| *word != "--").collect();
        let has_pair = |one, other| before_end.windows(2).any(|pair| pair == [one, other]);
        let is_json = before_end.contains(&"--json") || has_pair("--progress", "json") || has_pair("--format", "json");
        let prints_text = has_pair("--output", "-") || before_end.iter().any(|word| ["-h", "--help"].contains(word));
        Self { name: if is_json && !prints_text { name_of(&before_end) } else { None } }
    }

    /// Checks one line of standard output.
    pub(crate) fn check_line(&self, line: &str) {
        let Some(name) = &self.name else { return };
        let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("`{name}` printed {line}: {error}"));
        check(name, &value);
    }

    /// Checks all lines of standard output that are complete, and an error object.
    pub(crate) fn check_output(&self, stdout: &str, stderr: &str) {
        if self.name.is_none() {
            return;
        }
        let complete = stdout.rsplit_once('\n').map_or("", |(lines, _)| lines);
        complete.lines().filter(|line| !line.is_empty()).for_each(|line| self.check_line(line));
        for line in stderr.lines().filter(|line| line.starts_with("{\"error\":")) {
            check("error", &serde_json::from_str(line).unwrap());
        }
    }
}

/// The name of the schema of a command: of `eqp packages list`, `packages-list`.
fn name_of(arguments: &[&str]) -> Option<String> {
    let is_name = |name: &str| NAMES.iter().any(|known| known == name);
    let is_group = |word: &str| NAMES.iter().any(|known| known.starts_with(&format!("{word}-")));
    let (at, first) = arguments.iter().enumerate().find(|(_, word)| is_name(word) || is_group(word))?;
    let second = arguments[at + 1..].iter().map(|word| format!("{first}-{word}")).find(|name| is_name(name));
    second.or_else(|| Some((*first).to_owned()).filter(|name| is_name(name)))
}

/// Returns the violations of a schema, each with its place in the value.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    errors(&jsonschema::validator_for(schema).unwrap(), value)
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn check(name: &str, value: &Value) {
    let errors = errors(&validator(name), value);
    assert!(errors.is_empty(), "{value}\nis not as docs/reference/json/{name}{ENDING} says:\n{}", errors.join("\n"));
}

fn validator(name: &str) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(name.to_owned()).or_insert_with(|| {
        let text = std::fs::read_to_string(folder().join(format!("{name}{ENDING}"))).unwrap();
        let mut schema: Value = serde_json::from_str(&text).unwrap();
        refuse_unknown_fields(schema.as_object_mut().unwrap());
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&schema).unwrap_or_else(|error| panic!("{name}: {error}")))
    });
    Arc::clone(validator)
}

/// Refuses fields without a description in the objects of a schema, unless the schema says that an object has others.
fn refuse_unknown_fields(schema: &mut Map<String, Value>) {
    if schema.contains_key("properties") && !schema.contains_key("additionalProperties") {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    // Alternatives of the same object are not visited: each of them describes only a part of its fields.
    for container in ["$defs", "properties"] {
        for (_, inner) in schema.get_mut(container).and_then(Value::as_object_mut).into_iter().flatten() {
            inner.as_object_mut().into_iter().for_each(refuse_unknown_fields);
        }
    }
    if let Some(items) = schema.get_mut("items").and_then(Value::as_object_mut) {
        refuse_unknown_fields(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_found_among_options() {
        for (arguments, name) in [
            (&["whoami", "--json"][..], Some("whoami")),
            (&["--json", "--profile", "live", "packages", "list", "--limit", "5"], Some("packages-list")),
            (&["spool", "--spool-dir", "/spool", "set-aside", "--json"], Some("spool-set-aside")),
            (&["packages", "init", "a.zip", "--json"], Some("packages-init")),
            (&["release", "a.zip", "--progress", "json"], Some("release")),
            (&["whoami"], None),
            (&["init", "--output", "-", "--json"], None),
            (&["completions", "bash", "--json"], None),
        ] {
            assert_eq!(OutputSchema::of(arguments).name.as_deref(), name, "{arguments:?}");
        }
    }

    #[test]
    #[should_panic(expected = "is not as docs/reference/json/error.schema.json says")]
    fn a_field_that_is_not_documented_is_refused() {
        check("error", &json!({"error": {"what": "a", "why": [], "next": [], "exit_code": 1, "secret": "b"}}));
    }

    #[test]
    fn an_error_object_is_accepted() {
        check("error", &json!({"error": {"what": "a", "why": ["b"], "next": [], "exit_code": 1}}));
    }
}
