//! composer.json as it is written: nothing is refused for what it holds, so that each rule can say its own.

mod constraint;
mod lines;
mod ordered;
mod php;
mod version;

use std::cell::OnceCell;

use serde_json::{Map, Value};

pub(crate) use constraint::Constraint;
pub(crate) use php::php_of;
pub(crate) use version::{is_plain, is_version};

use self::lines::Lines;
use self::ordered::Content;
use crate::limits::{DEEPEST_HERE, DEEPEST_JSON};
use crate::report::Package;

/// What Composer installs as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Theme,
    Language,
    Metapackage,
}

/// A composer.json.
#[derive(Debug)]
pub(crate) struct Composer {
    source: String,
    fields: Map<String, Value>,
    namespaces: Vec<(String, Vec<String>)>,
    lines: OnceCell<Lines>,
}

/// Why a composer.json cannot be read.
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
    #[error("composer.json is nested more than {DEEPEST_JSON} levels deep: PHP does not read it")]
    TooDeep,
    #[error("composer.json is nested more than {DEEPEST_HERE} levels deep, which is not read here")]
    TooDeepHere,
    #[error("composer.json is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("composer.json is not a JSON object")]
    NotAnObject,
}

impl Composer {
    /// Reads the bytes of the file.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes {
            [] => return Err(Unreadable::Empty),
            [0xEF, 0xBB, 0xBF, ..] => return Err(Unreadable::ByteOrderMark),
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, b'{', ..] | [b'{', 0, ..] => return Err(Unreadable::Utf16),
            _ => {}
        }
        let source = std::str::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8)?.to_owned();
        let depth = lines::depth(bytes);
        if depth > DEEPEST_JSON {
            return Err(Unreadable::TooDeep);
        }
        if depth > DEEPEST_HERE {
            return Err(Unreadable::TooDeepHere);
        }
        let Value::Object(fields) = serde_json::from_str(&source)? else { return Err(Unreadable::NotAnObject) };
        // Maps of JSON are sorted by their keys; the store's script goes by the order of the file.
        let in_order: Content = serde_json::from_str(&source)?;
        let declared = in_order.get("autoload").and_then(|autoload| autoload.get("psr-4"));
        let namespaces = declared.map(ordered::namespaces).unwrap_or_default();
        Ok(Self { source, fields, namespaces, lines: OnceCell::new() })
    }

    /// A field, whatever it holds.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A field that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// What it is, if it is one of what the store takes.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.text("type")? {
            "magento2-module" => Some(Kind::Module),
            "magento2-theme" => Some(Kind::Theme),
            "magento2-language" => Some(Kind::Language),
            "metapackage" => Some(Kind::Metapackage),
            _ => None,
        }
    }

    /// The required packages, with the versions as they are written.
    pub(crate) fn requires(&self) -> impl Iterator<Item = (&str, &str)> {
        let require = self.field("require").and_then(Value::as_object);
        require.into_iter().flatten().map(|(name, versions)| (name.as_str(), versions.as_str().unwrap_or_default()))
    }

    /// The files that are loaded always; `None` where there is no list, or an empty one.
    pub(crate) fn autoload_files(&self) -> Option<Vec<&str>> {
        let files = self.field("autoload")?.get("files")?;
        let files: Vec<_> = match files {
            Value::Array(files) => files.iter().filter_map(Value::as_str).collect(),
            Value::Object(files) => files.values().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        (!files.is_empty()).then_some(files)
    }

    /// The namespaces with their folders, in the order of the file.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.namespaces.iter().map(|(name, folders)| (name.as_str(), folders.as_slice()))
    }

    /// The licenses by their SPDX names.
    pub(crate) fn licenses(&self) -> Vec<&str> {
        match self.field("license") {
            Some(Value::String(license)) => vec![license],
            Some(Value::Array(licenses)) => licenses.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The line on which a key first stands, counted from 1.
    pub(crate) fn line_of(&self, key: &str) -> Option<u32> {
        self.lines.get_or_init(|| Lines::of(&self.source)).of_key(key)
    }

    /// What it says of the package.
    pub(crate) fn package(&self) -> Package {
        let text = |name| self.text(name).map(str::to_owned);
        Package { name: text("name"), version: text("version"), kind: text("type") }
    }
}

/// What JSON calls a kind of value.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
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
        for (bytes, why) in cases {
            let error = Composer::read(bytes).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
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
    fn json_that_php_reads_and_we_do_not_is_told_apart_from_json_that_nobody_reads() {
        let nested = |levels: usize| format!("{{\"a\": {}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(Composer::read(nested(DEEPEST_HERE).as_bytes()).is_ok());
        assert!(matches!(Composer::read(nested(DEEPEST_JSON).as_bytes()), Err(Unreadable::TooDeepHere)));
        assert!(matches!(Composer::read(nested(DEEPEST_JSON + 1).as_bytes()), Err(Unreadable::TooDeep)));
        assert!(matches!(Composer::read("[".repeat(1_000_000).as_bytes()), Err(Unreadable::TooDeep)));
    }
}
