//! `cargo xtask docs`: pages that are generated from the code. `check` generates them again and fails if one differs.

mod database_privileges;
mod marketplace_api;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, process, workspace};

/// A generated page.
struct Page {
    /// The path from the workspace's folder.
    path: &'static str,
    text: fn() -> String,
}

/// The pages that functions of this workspace's libraries generate.
const PAGES: &[Page] = &[
    Page { path: "docs/marketplace-api.md", text: marketplace_api::page },
    Page { path: "docs/reference/database-privileges.md", text: database_privileges::page },
    Page { path: "docs/rejections.md", text: eqp_check::render_reasons },
    Page { path: "docs/rules.md", text: eqp_check::render_markdown },
];

/// The folder of the pages that the tool generates about itself. The other pages in it are listed in `PAGES` and `WRITTEN_BY_HAND`.
const REFERENCE: &str = "docs/reference";
/// The pages of the reference that are not generated.
const WRITTEN_BY_HAND: &[&str] = &["docs/reference/README.md"];

/// Writes every page.
pub(crate) async fn write() -> Result {
    for page in PAGES {
        let path = workspace::root().join(page.path);
        fs::write(&path, (page.text)()).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("{}", page.path);
    }
    write_reference(&workspace::root()).await?;
    println!("{REFERENCE}");
    let generated = tempfile::tempdir().map_err(|error| format!("cannot create a folder: {error}"))?;
    write_reference(generated.path()).await?;
    // A page about something that was removed.
    for path in files(&workspace::root())?.difference(&files(generated.path())?) {
        if !is_written_elsewhere(path) {
            let path = workspace::root().join(path);
            fs::remove_file(&path).map_err(|error| format!("cannot remove {}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// Fails if a page differs from what the code generates.
pub(crate) async fn check() -> Result {
    let mut stale = stale_pages();
    let generated = tempfile::tempdir().map_err(|error| format!("cannot create a folder: {error}"))?;
    write_reference(generated.path()).await?;
    let (new, committed) = (files(generated.path())?, files(&workspace::root())?);
    for path in new.union(&committed) {
        let text = |root: &Path| fs::read(root.join(path)).ok();
        if !is_written_elsewhere(path) && text(generated.path()) != text(&workspace::root()) {
            stale.push(path.display().to_string());
        }
    }
    report(&stale)
}

/// The pages of `PAGES` that differ from what the code generates.
fn stale_pages() -> Vec<String> {
    // A page that does not exist yet counts as different.
    let is_stale = |page: &&Page| fs::read_to_string(workspace::root().join(page.path)).ok() != Some((page.text)());
    PAGES.iter().filter(is_stale).map(|page| page.path.to_owned()).collect()
}

fn report(stale: &[String]) -> Result {
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("{} differ from the code; run `cargo xtask docs` and review the difference", stale.join(", ")))
}

/// Has the tool write the pages about itself below a folder. It is built with the schemas of its output, which no other build needs.
async fn write_reference(root: &Path) -> Result {
    let run = ["run", "--quiet", "--package", "eqp-cli", "--features", "schema", "--example", "reference", "--"];
    let mut command = process::cargo(run);
    command.arg(root);
    process::run(command).await
}

/// Returns the paths of all files of the reference below a root.
fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                collect(root, &path, found)?;
            } else {
                found.insert(path);
            }
        }
        Ok(())
    }
    let mut found = BTreeSet::new();
    collect(root, Path::new(REFERENCE), &mut found).map_err(|error| format!("cannot read {REFERENCE}: {error}"))?;
    Ok(found)
}

/// Returns whether the tool does not generate this page of the reference.
fn is_written_elsewhere(path: &Path) -> bool {
    PAGES.iter().map(|page| page.path).chain(WRITTEN_BY_HAND.iter().copied()).any(|other| Path::new(other) == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_are_those_that_the_code_generates() {
        // Those of the tool are compared by its own tests and by `cargo xtask check`.
        report(&stale_pages()).unwrap();
    }
}
