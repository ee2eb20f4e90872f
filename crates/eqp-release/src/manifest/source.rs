//! Reads a manifest file (TOML or JSON) and splits it into packages, without interpreting their fields.

use std::io::Read;
use std::path::{Path, PathBuf};

use eqp_types::Timestamp;
use serde_json::Value;

use super::error::{ManifestError, ManifestProblem};

/// The maximum size of a manifest, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The key of the packages.
const PACKAGE: &str = "package";
/// Keys that are allowed next to the packages, for other commands.
const OTHER_KEYS: &[&str] = &["build", "check", "release"];
/// Fields that the API returns but no request can set. They are ignored, so that the JSON of a package can be used as a manifest.
const READ_ONLY: &[&str] = &[
    "actions_now_available",
    "created_at",
    "eqp_status",
    "latest_launch_date",
    "mage_id",
    "max_version_launched",
    "modified_at",
    "original_launch_date",
    "short_description",
    "submission_counts",
    "url_key",
];

/// A manifest, split into its parts.
#[derive(Debug)]
pub(super) struct Document {
    /// The name of the file, for messages.
    pub(super) name: String,
    /// The folder that relative paths refer to.
    pub(super) folder: PathBuf,
    /// The packages, each with its path in the manifest.
    pub(super) packages: Vec<(String, Value)>,
    /// The table `build`, if there is one.
    pub(super) build: Option<Value>,
    /// The table `check`, if there is one.
    pub(super) check: Option<Value>,
}

impl Document {
    /// Reads the file, or standard input if `path` is `-`.
    pub(super) fn read(path: &Path) -> Result<Self, ManifestError> {
        let is_input = path.as_os_str() == "-";
        let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
        let text = if is_input { bounded(std::io::stdin()) } else { std::fs::File::open(path).and_then(bounded) };
        let text = text.map_err(|error| ManifestError::new(&name, "", ManifestProblem::Unreadable(error)))?;
        let folder = path.parent().filter(|_| !is_input).unwrap_or(Path::new("")).to_owned();
        let root = value_of(path, &text).map_err(|problem| malformed(&name, &problem))?;
        let beside = |key: &str| root.get(PACKAGE).and_then(|_| root.get(key)).cloned();
        let (build, check) = (beside("build"), beside("check"));
        Ok(Self { packages: packages(&name, root)?, name, folder, build, check })
    }
}

fn bounded(reader: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    let read = reader.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// Parses the text. The file extension determines the format; for standard input it is detected.
fn value_of(path: &Path, text: &str) -> Result<Value, String> {
    let looks_like_json =
        text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(text).map_err(|error| error.to_string()),
        Some("toml") => of_toml(text),
        _ if looks_like_json => serde_json::from_str(text).map_err(|error| error.to_string()),
        _ => of_toml(text),
    }
}

fn of_toml(text: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    plain(toml::Value::Table(table))
}

/// Converts TOML to JSON. Times are converted to the format of the API.
fn plain(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).ok_or("a number is not finite")?.into(),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => {
            let text = time.to_string();
            // A time of day without a date is not a timestamp and is sent unchanged.
            Value::String(text.parse::<Timestamp>().map_or(text, |time| time.to_string()))
        }
        toml::Value::Array(items) => Value::Array(items.into_iter().map(plain).collect::<Result<_, _>>()?),
        toml::Value::Table(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| Ok((key, plain(value)?))).collect::<Result<_, String>>()?,
        ),
    })
}

/// Returns the packages of a manifest in one of the forms `{"package": {…}}`, `{"package": [{…}]}`, `[{…}]` and `{…}`.
fn packages(name: &str, root: Value) -> Result<Vec<(String, Value)>, ManifestError> {
    let indexed = |path: &str, items: Vec<Value>| {
        items.into_iter().enumerate().map(|(at, item)| (format!("{path}[{at}]"), writable(item))).collect()
    };
    match root {
        Value::Array(items) => Ok(indexed("", items)),
        Value::Object(mut fields) => match fields.remove(PACKAGE) {
            Some(inner) => {
                if let Some(key) = fields.keys().find(|key| !OTHER_KEYS.contains(&key.as_str())) {
                    return Err(outside_package(name, key));
                }
                Ok(match inner {
                    Value::Array(items) => indexed(PACKAGE, items),
                    one => vec![(PACKAGE.to_owned(), writable(one))],
                })
            }
            None => Ok(vec![(PACKAGE.to_owned(), writable(Value::Object(fields)))]),
        },
        _ => Err(malformed(name, "it is neither an object nor a list")),
    }
}

/// Removes the fields that no request can set.
fn writable(mut package: Value) -> Value {
    if let Value::Object(fields) = &mut package {
        fields.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    }
    package
}

fn outside_package(name: &str, key: &str) -> ManifestError {
    let known = OTHER_KEYS.iter().copied().chain([PACKAGE]).collect();
    ManifestError::new(name, "", ManifestProblem::OutsidePackage { key: key.to_owned(), known })
}

fn malformed(name: &str, problem: &str) -> ManifestError {
    ManifestError::new(name, "", ManifestProblem::Malformed(problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(file: &str, text: &str) -> Result<Vec<(String, Value)>, ManifestError> {
        packages(file, value_of(Path::new(file), text).map_err(|problem| malformed(file, &problem))?)
    }

    #[test]
    fn one_package_or_many_in_either_format() {
        let one = [("package".to_owned(), json!({"name": "a"}))];
        let many =
            |path: &str| [(format!("{path}[0]"), json!({"name": "a"})), (format!("{path}[1]"), json!({"name": "b"}))];
        for (file, text) in [
            ("a.toml", "[package]\nname = \"a\""),
            ("a.toml", "name = \"a\""),
            ("-", "[package]\nname = \"a\""),
            ("a.json", r#"{"name": "a"}"#),
            ("-", r#" {"name": "a"}"#),
            ("a.json", r#"{"package": {"name": "a", "eqp_status": {"overall": "draft"}}}"#),
        ] {
            assert_eq!(read(file, text).unwrap(), one, "{text}");
        }
        for (file, text, path) in [
            ("a.toml", "[[package]]\nname = \"a\"\n[[package]]\nname = \"b\"", "package"),
            ("a.json", r#"[{"name": "a"}, {"name": "b"}]"#, ""),
            ("-", r#"{"package": [{"name": "a"}, {"name": "b"}]}"#, "package"),
        ] {
            assert_eq!(read(file, text).unwrap(), many(path), "{text}");
        }
    }

    #[test]
    fn a_time_is_sent_as_the_api_writes_it() {
        let text = "[package]\nrequested_launch_date = 2026-02-01T10:00:00+01:00\nday = 2026-02-01";
        let read = read("a.toml", text).unwrap();
        assert_eq!(read[0].1["requested_launch_date"], "2026-02-01 09:00:00");
        assert_eq!(read[0].1["day"], "2026-02-01 00:00:00");
    }

    #[test]
    fn what_is_no_manifest_says_where() {
        let problem = read("a.toml", "[package]\nname = \n").unwrap_err().problem;
        assert!(matches!(&problem, ManifestProblem::Malformed(text) if text.contains("line 2")), "{problem}");
        assert!(read("a.json", "7").is_err());
        let beside = read("a.toml", "[packages]\nx = 1\n[package]\nname = \"a\"").unwrap_err();
        assert_eq!((beside.file.as_str(), beside.path.as_str()), ("a.toml", ""));
        let ManifestProblem::OutsidePackage { key, known } = beside.problem else { panic!("{beside}") };
        assert!(key == "packages" && known.contains(&"package"));
    }
}
