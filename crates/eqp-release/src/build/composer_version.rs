//! The version in composer.json: it is compared with that of the tag, and inserted or replaced without touching any other byte.

use std::fmt;
use std::ops::Range;

use eqp_check::internal::is_version;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::BuildError;
use crate::release::is_same;

/// The place that the version is taken from, if tag and composer.json differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VersionFrom {
    /// The tag. composer.json is changed.
    Tag,
    /// composer.json, which is not changed.
    Composer,
}

/// The version of a built archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct BuiltVersion {
    /// The version in the archive's composer.json.
    pub version: String,
    /// Where it comes from.
    pub from: VersionFrom,
    /// The version in composer.json that it replaces, if any.
    pub replaces: Option<String>,
}

/// The version, and the change of composer.json.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) version: Option<BuiltVersion>,
    /// The new content, if it changes.
    pub(super) content: Option<Vec<u8>>,
}

/// Decides on the version. A composer.json that cannot be read is not changed, because the check reports what is wrong with it.
pub(super) fn decide(content: &[u8], tag: Option<&str>, from: Option<VersionFrom>) -> Result<Decided, BuildError> {
    let unchanged = |version| Ok(Decided { version, content: None });
    let Some(source) = std::str::from_utf8(content).ok() else { return unchanged(None) };
    let Some(members) = Members::of(source) else { return unchanged(None) };
    let own = members.version(source);
    let of_composer =
        |version: &str| Some(BuiltVersion { version: version.to_owned(), from: VersionFrom::Composer, replaces: None });
    let Some(tag) = tag else { return unchanged(own.as_ref().and_then(|own| of_composer(own.text.as_deref()?))) };
    let of_tag = version_in(tag);
    match own {
        // A version that is not a text is left to the check.
        Some(Own { text: None, .. }) => unchanged(None),
        Some(Own { text: Some(own), span }) => match (of_tag, from) {
            (_, Some(VersionFrom::Composer)) | (None, None) => unchanged(of_composer(&own)),
            (Some(version), _) if is_same(version, &own) => unchanged(of_composer(&own)),
            (Some(version), Some(VersionFrom::Tag)) => {
                let content = [&source[..span.start], &quoted(version), &source[span.end..]].concat();
                let version = BuiltVersion { version: version.to_owned(), from: VersionFrom::Tag, replaces: Some(own) };
                Ok(Decided { version: Some(version), content: Some(content.into_bytes()) })
            }
            (Some(version), None) => {
                Err(BuildError::OtherVersion { tag: tag.to_owned(), of_tag: version.to_owned(), of_composer: own })
            }
            (None, Some(VersionFrom::Tag)) => Err(BuildError::NoVersionInTag { tag: tag.to_owned() }),
        },
        None => {
            let version = of_tag.ok_or_else(|| BuildError::NoVersionInTag { tag: tag.to_owned() })?;
            let content = members.with_version(source, version).into_bytes();
            let version = BuiltVersion { version: version.to_owned(), from: VersionFrom::Tag, replaces: None };
            Ok(Decided { version: Some(version), content: Some(content) })
        }
    }
}

/// Returns the name of the package in composer.json.
pub(super) fn name(content: &[u8]) -> Option<String> {
    let source = std::str::from_utf8(content).ok()?;
    let members = Members::of(source)?;
    let at = members.0.iter().rposition(|member| member.name == "name")?;
    serde_json::from_str(&source[members.0[at].value.clone()]).ok()
}

/// Returns the version in the name of a tag, such as `1.5.0` in `v1.5.0` and `badges/1.5.0`.
fn version_in(tag: &str) -> Option<&str> {
    let last = tag.rsplit('/').next()?;
    let version = last.strip_prefix(['v', 'V']).unwrap_or(last);
    is_version(version).then_some(version).filter(|version| version.starts_with(|letter: char| letter.is_ascii_digit()))
}

fn quoted(version: &str) -> String {
    serde_json::Value::from(version).to_string()
}

/// The version in composer.json.
struct Own {
    /// The text, if it is one.
    text: Option<String>,
    span: Range<usize>,
}

/// A member of the outermost object, with the positions of its key and its value.
struct Member {
    name: String,
    key: Range<usize>,
    value: Range<usize>,
}

/// The members of the outermost object, in the order of the file.
struct Members(Vec<Member>);

impl Members {
    fn of(source: &str) -> Option<Self> {
        let raw: RawMembers<'_> = serde_json::from_str(source).ok()?;
        let span = |raw: &RawValue| {
            // Raw values are parts of the source.
            let start = raw.get().as_ptr().addr() - source.as_ptr().addr();
            start..start + raw.get().len()
        };
        let members = raw.0.into_iter().map(|(key, value)| {
            Some(Member { name: serde_json::from_str(key.get()).ok()?, key: span(key), value: span(value) })
        });
        members.collect::<Option<_>>().map(Self)
    }

    /// Returns the version. PHP reads the last of several.
    fn version(&self, source: &str) -> Option<Own> {
        let member = self.0.iter().rfind(|member| member.name == "version")?;
        let span = member.value.clone();
        Some(Own { text: serde_json::from_str(&source[span.clone()]).ok(), span })
    }

    /// Returns the source with a version after the name, or after the first member, in the format of that member.
    fn with_version(&self, source: &str, version: &str) -> String {
        let version = quoted(version);
        let named = self.0.iter().position(|member| member.name == "name").unwrap_or(0);
        let Some(member) = self.0.get(named) else {
            let at = source.find('{').map_or(0, |at| at + 1);
            return format!("{}\"version\": {version}{}", &source[..at], &source[at..]);
        };
        let before = source[..member.key.start].rfind(|letter: char| !letter.is_ascii_whitespace());
        let space = &source[before.map_or(0, |at| at + 1)..member.key.start];
        let colon = &source[member.key.end..member.value.start];
        let (head, tail) = source.split_at(member.value.end);
        format!("{head},{space}\"version\"{colon}{version}{tail}")
    }
}

/// The keys and values of an object as they are written.
struct RawMembers<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(source: &str) -> String {
        let decided = decide(source.as_bytes(), Some("v1.5.0"), None).unwrap();
        assert_eq!(decided.version.unwrap().from, VersionFrom::Tag);
        String::from_utf8(decided.content.unwrap()).unwrap()
    }

    #[test]
    fn a_missing_version_is_inserted_in_the_format_of_the_file() {
        for (source, expected) in [
            (
                "{\n    \"name\": \"a/b\",\n    \"type\":\"x\"\n}\n",
                "{\n    \"name\": \"a/b\",\n    \"version\": \"1.5.0\",\n    \"type\":\"x\"\n}\n",
            ),
            ("{\r\n\t\"name\" : \"a/b\"\r\n}", "{\r\n\t\"name\" : \"a/b\",\r\n\t\"version\" : \"1.5.0\"\r\n}"),
            ("{\"name\":\"a/b\",\"é\":1e5}", "{\"name\":\"a/b\",\"version\":\"1.5.0\",\"é\":1e5}"),
            (
                "{ \"type\": {\"name\": 1},\n\"name\": \"a\\\"}b\" }",
                "{ \"type\": {\"name\": 1},\n\"name\": \"a\\\"}b\",\n\"version\": \"1.5.0\" }",
            ),
            ("{\"extra\": {\"version\": \"9\"}}", "{\"extra\": {\"version\": \"9\"},\"version\": \"1.5.0\"}"),
            ("{}", "{\"version\": \"1.5.0\"}"),
        ] {
            assert_eq!(inserted(source), expected);
            assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok());
        }
    }

    #[test]
    fn another_version_is_an_error_unless_one_of_them_is_chosen() {
        let source = b"{\"version\" : \"1.4.0\" , \"name\": \"a/b\"}";
        let error = decide(source, Some("v1.5.0"), None).unwrap_err();
        assert!(
            matches!(error, BuildError::OtherVersion { of_tag, of_composer, .. } if of_tag == "1.5.0" && of_composer == "1.4.0")
        );
        let decided = decide(source, Some("v1.5.0"), Some(VersionFrom::Tag)).unwrap();
        assert_eq!(decided.content.unwrap(), b"{\"version\" : \"1.5.0\" , \"name\": \"a/b\"}");
        assert_eq!(decided.version.unwrap().replaces.as_deref(), Some("1.4.0"));
        let decided = decide(source, Some("v1.5.0"), Some(VersionFrom::Composer)).unwrap();
        assert_eq!((decided.content, decided.version.unwrap().version), (None, "1.4.0".to_owned()));
    }

    #[test]
    fn what_is_right_or_unreadable_stays_as_it_is() {
        for source in ["{\"version\": \"v1.5.0\"}", "{\"version\": 1}", "[]", "{", "", "\u{feff}{}"] {
            assert_eq!(decide(source.as_bytes(), Some("v1.5.0"), None).unwrap().content, None, "{source}");
            assert_eq!(decide(source.as_bytes(), None, None).unwrap().content, None, "{source}");
        }
        let error = decide(b"{\"name\": \"a/b\"}", Some("latest"), None).unwrap_err();
        assert!(matches!(error, BuildError::NoVersionInTag { .. }));
        // A tag that is not a version says nothing about the one in composer.json.
        assert!(decide(b"{\"version\": \"1.5.0\"}", Some("latest"), None).is_ok());
    }

    #[test]
    fn a_tag_has_a_version_with_or_without_v_and_folder() {
        for (tag, version) in [
            ("v1.5.0", Some("1.5.0")),
            ("1.5.0-beta1", Some("1.5.0-beta1")),
            ("acme/badges/v1.5.0", Some("1.5.0")),
            ("vv1.5.0", None),
            ("1.5", None),
            ("latest", None),
        ] {
            assert_eq!(version_in(tag), version, "{tag}");
        }
    }
}
