//! `cargo xtask docs`: pages that are made from the code. `check` makes them again, and fails where one differs.

mod marketplace_api;

use std::fs;
use std::pin::Pin;

use crate::{Outcome, workspace};

/// The text of a page, or why it could not be made. A page may be what a program of the workspace prints.
type Text = Pin<Box<dyn Future<Output = Result<String, String>>>>;

/// A page that is made.
struct Page {
    /// Where it lies, from the workspace's folder.
    path: &'static str,
    text: fn() -> Text,
}

/// Every page that is made.
const PAGES: &[Page] = &[
    Page { path: "docs/marketplace-api.md", text: || at_once(marketplace_api::page()) },
    Page { path: "docs/rules.md", text: || at_once(eqp_check::render_markdown()) },
];

/// The text of a page that a function gives.
fn at_once(text: String) -> Text {
    Box::pin(std::future::ready(Ok(text)))
}

/// Writes every page.
pub(crate) async fn write() -> Outcome {
    for page in PAGES {
        let path = workspace::root().join(page.path);
        let text = (page.text)().await?;
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("{}", page.path);
    }
    Ok(())
}

/// Fails if a page is not what the code gives.
pub(crate) async fn check() -> Outcome {
    let mut stale = Vec::new();
    for page in PAGES {
        // A page that cannot be read is one that is not there yet.
        let committed = fs::read_to_string(workspace::root().join(page.path)).unwrap_or_default();
        if committed != (page.text)().await? {
            stale.push(page.path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("{} not as the code gives; run `cargo xtask docs` and look at the difference", stale.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_committed_pages_are_what_the_code_gives() {
        check().await.unwrap();
    }
}
