//! The text of a manifest, TOML or JSON, as a list of packages that are not read yet.

use std::io::Read;
use std::path::{Path, PathBuf};

use eqp_types::Timestamp;
use serde_json::Value;

use crate::config::nearest;
use crate::failure::{Failure, Outcome};

/// The largest manifest that is read, in bytes: far more than a hundred packages have.
const LARGEST: u64 = 16 * 1024 * 1024;
/// What stands around packages.
const PACKAGE: &str = "package";
/// What may stand beside them: it is for other commands.
const BESIDE: &[&str] = &["check", "release"];
/// What the API shows of a package and no request sets: a package that was shown can be sent back.
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

/// A manifest in pieces.
#[derive(Debug)]
pub(super) struct Document {
    /// Its name, for messages.
    pub(super) name: String,
    /// The folder that its paths start from.
    pub(super) folder: PathBuf,
    /// Its packages, each with the place where it stands.
    pub(super) packages: Vec<(String, Value)>,
    /// What it says to `packages check`, if anything.
    pub(super) check: Option<Value>,
}

impl Document {
    /// Reads the file, or standard input where `path` is `-`.
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let is_input = path.as_os_str() == "-";
        let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
        let text = if is_input { bounded(std::io::stdin()) } else { std::fs::File::open(path).and_then(bounded) };
        let text = text.map_err(|error| {
            Failure::usage(format!("cannot read {name}"))
                .because(&error)
                .next("name a manifest that is there, or begin one: eqp packages init ARCHIVE")
        })?;
        let folder = path.parent().filter(|_| !is_input).unwrap_or(Path::new("")).to_owned();
        let root = value_of(path, &text).map_err(|problem| refused(&name, &problem))?;
        let check = root.get(PACKAGE).and_then(|_| root.get("check")).cloned();
        Ok(Self { packages: packages(&name, root)?, name, folder, check })
    }
}

fn bounded(reader: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    let read = reader.take(LARGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LARGEST {
        return Err(std::io::Error::other(format!("it has more than {LARGEST} bytes")));
    }
    Ok(text)
}

/// The extension tells the format; standard input may be either.
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

/// TOML as JSON: times become the text that the API writes.
fn plain(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).ok_or("a number is not finite")?.into(),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(time) => {
            let text = time.to_string();
            // A time of day alone is no moment; it is sent as it stands.
            Value::String(text.parse::<Timestamp>().map_or(text, |time| time.to_string()))
        }
        toml::Value::Array(items) => Value::Array(items.into_iter().map(plain).collect::<Result<_, _>>()?),
        toml::Value::Table(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| Ok((key, plain(value)?))).collect::<Result<_, String>>()?,
        ),
    })
}

/// `{"package": {…}}`, `{"package": [{…}]}`, `[{…}]`, `{…}`.
fn packages(name: &str, root: Value) -> Outcome<Vec<(String, Value)>> {
    let numbered = |place: &str, items: Vec<Value>| {
        items.into_iter().enumerate().map(|(at, item)| (format!("{place}[{at}]"), writable(item))).collect()
    };
    match root {
        Value::Array(items) => Ok(numbered("", items)),
        Value::Object(mut fields) => match fields.remove(PACKAGE) {
            Some(inner) => {
                if let Some(key) = fields.keys().find(|key| !BESIDE.contains(&key.as_str())) {
                    return Err(beside_package(name, key));
                }
                Ok(match inner {
                    Value::Array(items) => numbered(PACKAGE, items),
                    one => vec![(PACKAGE.to_owned(), writable(one))],
                })
            }
            None => Ok(vec![(PACKAGE.to_owned(), writable(Value::Object(fields)))]),
        },
        _ => Err(refused(name, "it is neither an object nor a list")),
    }
}

/// The package without what no request sets.
fn writable(mut package: Value) -> Value {
    if let Value::Object(fields) = &mut package {
        fields.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    }
    package
}

fn beside_package(name: &str, key: &str) -> Failure {
    let failure = Failure::usage(format!("{name}: unknown key `{key}`"));
    match nearest(key, BESIDE.iter().copied().chain([PACKAGE])) {
        Some(right) => failure.next(format!("did you mean `{right}`?")),
        None => failure.next(format!("move it into [{PACKAGE}]")),
    }
}

fn refused(name: &str, problem: &str) -> Failure {
    Failure::usage(format!("{name} holds no packages")).why_in_lines(problem)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(file: &str, text: &str) -> Outcome<Vec<(String, Value)>> {
        packages(file, value_of(Path::new(file), text).map_err(|problem| refused(file, &problem))?)
    }

    #[test]
    fn one_package_or_many_in_either_format() {
        let one = [("package".to_owned(), json!({"name": "a"}))];
        let many = |place: &str| {
            [(format!("{place}[0]"), json!({"name": "a"})), (format!("{place}[1]"), json!({"name": "b"}))]
        };
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
        for (file, text, place) in [
            ("a.toml", "[[package]]\nname = \"a\"\n[[package]]\nname = \"b\"", "package"),
            ("a.json", r#"[{"name": "a"}, {"name": "b"}]"#, ""),
            ("-", r#"{"package": [{"name": "a"}, {"name": "b"}]}"#, "package"),
        ] {
            assert_eq!(read(file, text).unwrap(), many(place), "{text}");
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
        let failure = read("a.toml", "[package]\nname = \n").unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("line 2"), "{failure}");
        assert!(read("a.json", "7").is_err());
        let beside = read("a.toml", "[packages]\nx = 1\n[package]\nname = \"a\"").unwrap_err();
        assert!(beside.to_string().contains("did you mean `package`?"), "{beside}");
    }
}
