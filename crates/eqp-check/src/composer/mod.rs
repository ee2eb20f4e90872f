//! Reads composer.json without validating its fields, so that each rule can report its own findings.

mod constraint;
mod lines;
mod source;
mod version;
mod versions;

use std::cell::OnceCell;

use serde_json::{Map, Value};

pub use constraint::Constraint;
pub use version::Version;
pub(crate) use versions::is_plain;
pub use versions::{is_version, php_versions};

use self::lines::Lines;
use self::source::OrderedValue;
use crate::limits::{MAX_JSON_DEPTH, MAX_JSON_DEPTH_PHP};
use crate::report::Package;

/// The kind of component, from the package type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComponentKind {
    Module,
    Theme,
    Language,
    Metapackage,
}

/// A parsed composer.json.
#[derive(Debug)]
pub(crate) struct Composer {
    source: String,
    fields: Map<String, Value>,
    namespaces: Vec<(String, Vec<String>)>,
    lines: OnceCell<Lines>,
}

/// The reason why a composer.json cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("composer.json begins with a byte order mark")]
    ByteOrderMark,
    #[error("composer.json is in UTF-16")]
    Utf16,
    #[error("composer.json is not in UTF-8")]
    NotUtf8,
    #[error("composer.json is empty")]
    Empty,
    #[error("composer.json is nested more than {MAX_JSON_DEPTH_PHP} levels deep, which PHP cannot read")]
    TooDeep,
    #[error("composer.json is nested more than {MAX_JSON_DEPTH} levels deep, which this check does not support")]
    TooDeepHere,
    #[error("composer.json is not JSON: {}", describe(.0))]
    NotJson(#[from] serde_json::Error),
    #[error("composer.json is not a JSON object")]
    NotAnObject,
}

/// Describes an error of the JSON library in plain terms.
fn describe(error: &serde_json::Error) -> String {
    if error.is_eof() { format!("unexpected end of file in line {}", error.line()) } else { error.to_string() }
}

impl Composer {
    /// Parses the content of the file.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes {
            [] => return Err(Unreadable::Empty),
            [0xEF, 0xBB, 0xBF, ..] => return Err(Unreadable::ByteOrderMark),
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, b'{', ..] | [b'{', 0, ..] => return Err(Unreadable::Utf16),
            _ => {}
        }
        let source = std::str::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8)?.to_owned();
        let depth = lines::depth(bytes);
        if depth > MAX_JSON_DEPTH_PHP {
            return Err(Unreadable::TooDeep);
        }
        if depth > MAX_JSON_DEPTH {
            return Err(Unreadable::TooDeepHere);
        }
        let Value::Object(fields) = serde_json::from_str(&source)? else { return Err(Unreadable::NotAnObject) };
        // `serde_json` sorts the keys of maps, but the validator script depends on the order in the file.
        let in_order: OrderedValue = serde_json::from_str(&source)?;
        let declared = in_order.get("autoload").and_then(|autoload| autoload.get("psr-4"));
        let namespaces = declared.map(source::namespaces).unwrap_or_default();
        Ok(Self { source, fields, namespaces, lines: OnceCell::new() })
    }

    /// Returns a field that is not `null`.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Returns a field that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// Returns the kind of component, if the store accepts the package type.
    pub(crate) fn kind(&self) -> Option<ComponentKind> {
        match self.text("type")? {
            "magento2-module" => Some(ComponentKind::Module),
            "magento2-theme" => Some(ComponentKind::Theme),
            "magento2-language" => Some(ComponentKind::Language),
            "metapackage" => Some(ComponentKind::Metapackage),
            _ => None,
        }
    }

    /// Iterates over the required packages and their version constraints.
    pub(crate) fn requires(&self) -> impl Iterator<Item = (&str, &str)> {
        let require = self.field("require").and_then(Value::as_object);
        require.into_iter().flatten().map(|(name, versions)| (name.as_str(), versions.as_str().unwrap_or("")))
    }

    /// Returns the files in `autoload.files`, or `None` if there are none.
    pub(crate) fn autoload_files(&self) -> Option<Vec<&str>> {
        let files = self.field("autoload")?.get("files")?;
        let files: Vec<_> = match files {
            Value::Array(files) => files.iter().filter_map(Value::as_str).collect(),
            Value::Object(files) => files.values().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        (!files.is_empty()).then_some(files)
    }

    /// Iterates over the namespaces in `autoload.psr-4` and their folders, in the order of the file.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.namespaces.iter().map(|(name, folders)| (name.as_str(), folders.as_slice()))
    }

    /// Returns the SPDX identifiers of the licenses.
    pub(crate) fn licenses(&self) -> Vec<&str> {
        match self.field("license") {
            Some(Value::String(license)) => vec![license],
            Some(Value::Array(licenses)) => licenses.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the line of the first occurrence of a key, starting at 1.
    pub(crate) fn line_of(&self, key: &str) -> Option<u32> {
        self.lines.get_or_init(|| Lines::of(&self.source)).of_key(key)
    }

    /// Returns name, version and type of the package.
    pub(crate) fn package(&self) -> Package {
        let text = |name| self.text(name).map(str::to_owned);
        Package { name: text("name"), version: text("version"), kind: text("type") }
    }
}

/// Returns the name of a JSON type for messages.
pub(crate) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_that_php_would_not_read_is_named() {
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: [(&[u8], &str); 7] = [
            (b"\xEF\xBB\xBF{}", "byte order mark"),
            (b"\xFF\xFE{\0}\0", "UTF-16"),
            (&utf16, "UTF-16"),
            (b"{\"name\": \"\xE9\"}", "not in UTF-8"),
            (b"", "empty"),
            (b"{", "not JSON"),
            (b"[]", "not a JSON object"),
        ];
        for (bytes, reason) in cases {
            let error = Composer::read(bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn lists_and_maps_are_read_as_php_reads_them() {
        let composer = Composer::read(
            br#"{"autoload": {"files": {"a": "registration.php"}, "psr-4": {"A\\": ["src/", "lib/"]}},
                "require": {"php": ">=8.1"}, "license": ["OSL-3.0"]}"#,
        )
        .unwrap();
        assert_eq!(composer.autoload_files(), Some(vec!["registration.php"]));
        let namespaces: Vec<_> = composer.namespaces().collect();
        assert_eq!(namespaces, [("A\\", &["src/".to_owned(), "lib/".to_owned()][..])]);
        assert_eq!(composer.requires().collect::<Vec<_>>(), [("php", ">=8.1")]);
        assert_eq!((composer.licenses(), composer.line_of("require")), (vec!["OSL-3.0"], Some(2)));
    }
    #[test]
    fn namespaces_keep_the_order_of_the_file() {
        let composer = Composer::read(br#"{"autoload": {"psr-4": {"Z\\": "z", "A\\": "a", "Z\\": "last"}}}"#).unwrap();
        let namespaces: Vec<_> = composer.namespaces().map(|(name, folders)| (name, folders[0].as_str())).collect();
        assert_eq!(namespaces, [("Z\\", "last"), ("A\\", "a")]);
    }

    #[test]
    fn json_that_only_php_reads_is_distinguished_from_invalid_json() {
        let nested = |levels: usize| format!("{{\"a\": {}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(Composer::read(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert!(matches!(Composer::read(nested(MAX_JSON_DEPTH_PHP).as_bytes()), Err(Unreadable::TooDeepHere)));
        assert!(matches!(Composer::read(nested(MAX_JSON_DEPTH_PHP + 1).as_bytes()), Err(Unreadable::TooDeep)));
        assert!(matches!(Composer::read("[".repeat(1_000_000).as_bytes()), Err(Unreadable::TooDeep)));
    }
}
