//! The public items of each library crate, listed in its `public-items.txt`. `check` lists them again and fails where a
//! file differs, so that a change of the public interface is noticed by its author and in a review.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::process::{cargo, output, program, run as run_program};
use crate::{Result, workspace};

/// The release of Rust whose description of items this build of `public-api` reads. The format changes between releases.
const RUST_RELEASE: &str = "1.95.";

/// The folder names of the library crates.
const CRATES: &[&str] = &[
    "eqp-check",
    "eqp-client",
    "eqp-console",
    "eqp-deliver",
    "eqp-postgres",
    "eqp-receiver",
    "eqp-release",
    "eqp-simulator",
    "eqp-store",
    "eqp-sync",
    "eqp-tls",
    "eqp-types",
];

/// Returns whether the installed compiler is the one whose items can be read.
pub(crate) async fn can_be_listed() -> bool {
    let version = output(program("rustc", ["--version"])).await;
    version.is_some_and(|version| version.starts_with(&format!("rustc {RUST_RELEASE}")))
}

/// Writes the list of each crate.
pub(crate) async fn write() -> Result {
    if !can_be_listed().await {
        println!("public items are not listed, because this requires Rust {RUST_RELEASE}*");
        return Ok(());
    }
    describe().await?;
    for name in CRATES {
        let path = committed(name);
        fs::write(&path, list(name)?).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Fails if a list differs from the public items of its crate.
pub(crate) async fn check() -> Result {
    describe().await?;
    let mut changed = Vec::new();
    for name in CRATES {
        // A list that cannot be read does not exist yet.
        if fs::read_to_string(committed(name)).unwrap_or_default() != list(name)? {
            changed.push(*name);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public items of {} have changed; run `cargo xtask docs` and review the difference",
        changed.join(", ")
    ))
}

fn committed(name: &str) -> PathBuf {
    workspace::root().join("crates").join(name).join("public-items.txt")
}

/// Lets rustdoc write a description of the items of each crate to a file. The unstable option is enabled for rustdoc
/// only, by a wrapper program: in the environment of cargo, it would cause every dependency to be built again.
async fn describe() -> Result {
    let rustdoc = workspace::target().join("rustdoc-json");
    let write = || {
        fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
        fs::set_permissions(&rustdoc, fs::Permissions::from_mode(0o755))
    };
    write().map_err(|error| format!("cannot write {}: {error}", rustdoc.display()))?;
    let mut describe = cargo(["doc", "--quiet", "--workspace", "--lib", "--no-deps"]);
    describe.env("RUSTDOC", &rustdoc).env("RUSTDOCFLAGS", "-Zunstable-options --output-format json");
    run_program(describe).await
}

/// Lists one crate's items, one per line.
fn list(name: &str) -> Result<String> {
    let described = workspace::target().join("doc").join(name.replace('-', "_")).with_extension("json");
    let items = public_api::Builder::from_rustdoc_json(described)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("cannot read the description of {name}: {error}"))?;
    Ok(items.items().fold(String::new(), |list, item| list + &item.to_string() + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error types of other projects that an item mentions. Their next major version would be a breaking change of ours.
    fn foreign_errors(item: &str) -> impl Iterator<Item = &str> {
        let paths = item.split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | ':')));
        paths.map(|path| path.trim_matches(':')).filter(|path| {
            let segments: Vec<&str> = path.split("::").collect();
            let [first, .., module, last] = segments[..] else { return false };
            let is_ours = first.starts_with("eqp_") || ["core", "std", "alloc"].contains(&first);
            // Below a type is the error that one of our traits has for it.
            let is_associated = module.starts_with(char::is_uppercase);
            !is_ours && !is_associated && last.ends_with("Error")
        })
    }

    #[test]
    fn a_foreign_error_type_is_recognised() {
        let foreign = |item| foreign_errors(item).collect::<Vec<_>>();
        assert_eq!(foreign("pub eqp_a::Error::Setup(reqwest::error::Error)"), ["reqwest::error::Error"]);
        assert_eq!(
            foreign(
                "pub fn eqp_a::f(&x::y::Row) -> core::result::Result<Self, sqlx_core::migrate::error::MigrateError>"
            ),
            ["sqlx_core::migrate::error::MigrateError"]
        );
        assert_eq!(foreign("pub eqp_a::Error::Read::source: std::io::error::Error"), [""; 0]);
        assert_eq!(foreign("pub type axum::routing::Router::Error = core::convert::Infallible"), [""; 0]);
        assert_eq!(foreign("pub fn eqp_a::A::f(Error) -> core::result::Result<(), eqp_b::Error>"), [""; 0]);
    }

    #[test]
    fn no_public_item_mentions_an_error_type_of_another_project() {
        let mut found = Vec::new();
        for name in CRATES {
            let items = fs::read_to_string(committed(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(items.contains(&name.replace('-', "_")), "the list of {name} is empty");
            found.extend(items.lines().filter(|item| foreign_errors(item).next().is_some()).map(str::to_owned));
        }
        assert!(found.is_empty(), "wrap these in an opaque type:\n{}", found.join("\n"));
    }
}
