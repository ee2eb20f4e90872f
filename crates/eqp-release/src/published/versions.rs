//! The versions in the metadata of Composer repositories. No I/O.

use eqp_check::internal::Version;
use serde_json::{Map, Value};

/// The value with which minified metadata removes a key.
const UNSET: &str = "__unset";

/// Returns the highest stable version of a package in metadata, or the reason why it cannot be read. `None` if it has no stable version, or
/// if the metadata does not contain the package.
pub(super) fn highest_in(body: &[u8], package: &str) -> Result<Option<Version>, String> {
    let metadata: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "the response is not JSON metadata of Composer".to_owned())?;
    let packages = metadata.get("packages").and_then(Value::as_object);
    let packages = packages.ok_or("the response is not metadata of Composer: it has no `packages`")?;
    let is_minified = metadata.get("minified").and_then(Value::as_str).is_some();
    Ok(named(packages, package).and_then(|versions| highest(versions, is_minified)))
}

/// Returns the package with a name, whose case does not matter.
pub(super) fn named<'a>(packages: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    packages
        .get(name)
        .or_else(|| packages.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, versions)| versions))
}

/// Returns the highest stable version. Repositories list versions as an object (version 1) or as a list (version 2).
pub(super) fn highest(versions: &Value, is_minified: bool) -> Option<Version> {
    let names: Vec<String> = match versions {
        Value::Object(versions) => {
            versions.iter().map(|(name, version)| name_of(version).unwrap_or(name).into()).collect()
        }
        Value::Array(versions) if is_minified => expanded(versions),
        Value::Array(versions) => versions.iter().filter_map(name_of).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    names.iter().filter_map(|name| Version::parse(name)).filter(Version::is_stable).max()
}

fn name_of(version: &Value) -> Option<&str> {
    version.get("version").and_then(Value::as_str)
}

/// Returns the version names of minified metadata, in which each entry contains only what differs from the previous one.
fn expanded(versions: &[Value]) -> Vec<String> {
    let mut names = Vec::new();
    let mut current: Option<&str> = None;
    for entry in versions {
        match name_of(entry) {
            Some(UNSET) => current = None,
            Some(name) => current = Some(name),
            None => {}
        }
        names.extend(current.map(str::to_owned));
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn highest_of(metadata: &Value) -> Result<Option<String>, String> {
        Ok(highest_in(metadata.to_string().as_bytes(), "acme/badges")?.map(|version| version.to_string()))
    }

    #[test]
    fn the_highest_stable_version_is_found_in_every_form() {
        let found = |metadata| highest_of(&metadata).unwrap();
        let plain = json!({"packages": {"acme/badges": [
            {"version": "v2.1.0"}, {"version": "2.10.0-beta1"}, {"version": "dev-main"}, {"version": "2.9.1"},
        ]}});
        assert_eq!(found(plain).as_deref(), Some("2.9.1"));
        let minified = json!({"minified": "composer/2.0", "packages": {"acme/badges": [
            {"version": "2.1.1", "license": ["OSL-3.0"]}, {"version": "2.1.0", "license": "__unset"}, {"time": "2026"},
        ]}});
        assert_eq!(found(minified).as_deref(), Some("2.1.1"));
        let version_1 = json!({"packages": {"Acme/Badges": {"1.5.0": {"version": "1.5.0"}, "1.10.0": {}}}});
        assert_eq!(found(version_1).as_deref(), Some("1.10.0"));
        assert_eq!(found(json!({"packages": {"acme/badges": [{"version": "1.0.0-RC1"}]}})), None);
        assert_eq!(found(json!({"packages": {"acme/other": [{"version": "1.0.0"}]}})), None);
    }

    #[test]
    fn other_documents_are_not_read_as_metadata() {
        assert!(highest_in(b"<html>maintenance</html>", "acme/badges").unwrap_err().contains("not JSON"));
        assert!(highest_of(&json!({"status": "error"})).unwrap_err().contains("no `packages`"));
        assert_eq!(highest_of(&json!({"packages": {"acme/badges": 7}})), Ok(None));
    }
}
