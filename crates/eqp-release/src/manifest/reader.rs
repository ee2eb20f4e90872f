//! Deserializes values of a manifest, with errors that contain the path of the wrong value.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// An error with its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub(super) struct ReadError {
    /// The path, such as `package.prices[1].edition`.
    pub(super) path: String,
    /// The problem.
    pub(super) problem: Problem,
}

/// The kind of problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// An unknown key.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known keys.
        known: Vec<String>,
    },
    /// A wrong value, with the message of serde.
    #[error("{0}")]
    Value(String),
}

/// Deserializes `value`, which is at `path`.
pub(super) fn read<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, ReadError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let message = error.into_inner().to_string();
        match unknown_key(&message) {
            Some((key, known)) => {
                // serde_path_to_error may include the unknown key in the path; the path of its object is needed.
                let outer = inner.strip_suffix(&key).map(|outer| outer.trim_end_matches('.'));
                let path = joined(path, outer.unwrap_or(&inner));
                ReadError { path, problem: Problem::UnknownKey { key, known } }
            }
            None => ReadError { path: joined(path, &inner), problem: Problem::Value(message) },
        }
    })
}

/// Appends a path to the path of the value that it is relative to. `.` is the value itself.
pub(super) fn joined(outer: &str, inner: &str) -> String {
    match inner {
        "" | "." => outer.to_owned(),
        inner if outer.is_empty() || inner.starts_with('[') => format!("{outer}{inner}"),
        inner => format!("{outer}.{inner}"),
    }
}

/// Extracts the unknown key and the known keys from serde's message, because serde offers no other way.
fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let mut names = message.strip_prefix("unknown field `")?.split('`').step_by(2).map(str::to_owned);
    Some((names.next()?, names.filter(|name| !name.is_empty()).collect()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        name: Option<String>,
        inner: Vec<Inner>,
        one: Option<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        price: Option<f64>,
    }

    fn error(value: &Value) -> (String, Problem) {
        let error = read::<Outer>(value, "package").unwrap_err();
        (error.path, error.problem)
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_path_and_what_is_known() {
        let unknown = |key: &str, known: &[&str]| Problem::UnknownKey {
            key: key.to_owned(),
            known: known.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (path, problem) = error(&json!({"nmae": 1}));
        assert_eq!((path.as_str(), problem), ("package", unknown("nmae", &["name", "inner", "one"])));
        let (path, problem) = error(&json!({"inner": [{"price": 1}, {"prise": 2}]}));
        assert_eq!((path.as_str(), problem), ("package.inner[1]", unknown("prise", &["price"])));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_reported_with_its_path() {
        let (path, problem) = error(&json!({"inner": [{"price": "free"}]}));
        assert_eq!(path, "package.inner[0].price");
        assert!(matches!(problem, Problem::Value(text) if text.contains("free")));
        assert_eq!(error(&json!(7)).0, "package");
    }
}
