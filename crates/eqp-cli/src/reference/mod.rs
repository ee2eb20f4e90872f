//! The generated pages of `docs/reference`.

mod commands;
mod configuration;
mod exit_codes;
#[cfg(feature = "schema")]
mod json;

use crate::cli::Cli;
use crate::config::editor_schema;

/// A generated file.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path from the root of the workspace.
    pub path: String,
    /// The content.
    pub text: String,
}

/// Returns every page that is generated from the tool.
pub fn pages() -> Vec<Page> {
    let definition = Cli::definition();
    let page = |name: &str, text: String| Page { path: format!("docs/reference/{name}"), text };
    let pages = vec![
        page("commands.md", commands::page(&definition)),
        page("configuration.md", configuration::page(&definition)),
        page(editor_schema::FILE_NAME, editor_schema::render(&definition)),
        page("exit-codes.md", exit_codes::page()),
    ];
    #[cfg(feature = "schema")]
    let pages = pages.into_iter().chain(json::pages()).chain(openapi()).collect();
    pages
}

/// Returns the OpenAPI document of the operator service: the page, and the copy that the service contains.
#[cfg(feature = "schema")]
fn openapi() -> [Page; 2] {
    // A value is always serializable.
    let text = serde_json::to_string_pretty(&eqp_console::openapi()).unwrap_or_default() + "\n";
    ["docs/reference/openapi.json", "crates/eqp-console/openapi.json"]
        .map(|path| Page { path: path.to_owned(), text: text.clone() })
}

/// Escapes text for a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_pages_are_those_that_the_code_generates() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for Page { path, text } in pages() {
            let committed = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
            assert!(committed == text, "{path} differs; run `cargo xtask docs`");
        }
    }
}
