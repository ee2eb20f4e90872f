//! `cargo xtask docs`: pages that are generated from the code. `check` generates them again and fails if one differs.

mod marketplace_api;

use std::fs;
use std::pin::Pin;

use crate::{Result, workspace};

/// The text of a page, or why it could not be generated. A page can be the output of a program of the workspace.
type Text = Pin<Box<dyn Future<Output = Result<String, String>>>>;

/// A generated page.
struct Page {
    /// The path from the workspace's folder.
    path: &'static str,
    text: fn() -> Text,
}

/// Every generated page.
const PAGES: &[Page] = &[
    Page { path: "docs/marketplace-api.md", text: || at_once(marketplace_api::page()) },
    Page { path: "docs/rules.md", text: || at_once(eqp_check::render_markdown()) },
];

/// Returns the text of a page that a function generates.
fn at_once(text: String) -> Text {
    Box::pin(std::future::ready(Ok(text)))
}

/// Writes every page.
pub(crate) async fn write() -> Result {
    for page in PAGES {
        let path = workspace::root().join(page.path);
        let text = (page.text)().await?;
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("{}", page.path);
    }
    Ok(())
}

/// Fails if a page differs from what the code generates.
pub(crate) async fn check() -> Result {
    let mut stale = Vec::new();
    for page in PAGES {
        // A page that does not exist yet counts as different.
        let committed = fs::read_to_string(workspace::root().join(page.path)).unwrap_or_default();
        if committed != (page.text)().await? {
            stale.push(page.path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("{} differ from the code; run `cargo xtask docs` and review the difference", stale.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_committed_pages_are_what_the_code_gives() {
        check().await.unwrap();
    }
}
