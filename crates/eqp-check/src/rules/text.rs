//! Scans text files for unfinished work, secrets, and layout blocks that prevent caching.

use memchr::memchr_iter;
use memchr::memmem::Finder;

use super::secret::Secrets;
use crate::archive::{Entry, Visitor};
use crate::registry::Rule;
use crate::registry::package::{LAYOUT_UNCACHEABLE, SECRET_TEXT, UNFINISHED};
use crate::report::Location;
use crate::report_builder::ReportBuilder;
use crate::todo_comments::{Language, OpenLine, TodoComments};

/// A file with a zero byte within this many bytes is a binary file.
const BINARY_CHECK_BYTES: usize = 1024;
/// Prefixes of the handles of pages that are never cached.
const UNCACHED_PAGES: [&str; 13] = [
    "checkout_",
    "onestepcheckout",
    "customer_",
    "vault_",
    "sales_",
    "multishipping_",
    "wishlist_",
    "paypal_",
    "review_customer_",
    "downloadable_customer_",
    "newsletter_manage_",
    "persistent_",
    "catalog_product_compare_",
];
/// Parts of the handles of pages that are never cached, for pages of modules.
const UNCACHED_PARTS: [&str; 6] = ["account", "checkout", "print", "success", "vault", "payment"];

/// Scans every text file.
pub(crate) struct TextScanner {
    uncacheable: Finder<'static>,
    comment_opens: Finder<'static>,
    comment_closes: Finder<'static>,
    secrets: Secrets,
}

/// The state while a file is scanned.
pub(crate) struct FileState {
    language: Option<Language>,
    is_layout: bool,
    lines_before: u32,
    started: bool,
    /// The line that continues in the next chunk.
    open_line: Option<OpenLine>,
    unfinished: Option<Tally>,
    secret: Option<(u32, &'static str)>,
    uncacheable: Option<u32>,
}

/// Occurrences in one file: the first line and the number.
#[derive(Clone, Copy)]
struct Tally {
    line: u32,
    count: usize,
}

/// A finding in a text file.
pub(crate) struct TextFinding {
    rule: &'static Rule,
    line: u32,
    message: String,
}

impl TextScanner {
    /// Creates a scanner, which is shared by all files of an archive.
    pub(crate) fn new() -> Self {
        Self {
            uncacheable: Finder::new("cacheable"),
            comment_opens: Finder::new("<!--"),
            comment_closes: Finder::new("-->"),
            secrets: Secrets::new(),
        }
    }

    /// Returns the line of the first block that is not cacheable, ignoring comments.
    fn uncacheable_line(&self, bytes: &[u8]) -> Option<u32> {
        let mut comment_ends = 0;
        let mut comments = self.comment_opens.find_iter(bytes).peekable();
        let at = self.uncacheable.find_iter(bytes).find(|at| {
            while let Some(open) = comments.next_if(|open| open < at) {
                if open >= comment_ends {
                    let closes = self.comment_closes.find(&bytes[open..]);
                    comment_ends = closes.map_or(bytes.len(), |closes| open + closes);
                }
            }
            *at >= comment_ends && is_false(bytes, *at, self.uncacheable.needle().len())
        })?;
        Some(line_in(bytes, at))
    }
}

/// Returns whether an attribute with this name begins here and is false.
fn is_false(bytes: &[u8], at: usize, length: usize) -> bool {
    const MAX_BYTES: usize = 64;
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    let value = &bytes[at + length..bytes.len().min(at + length + MAX_BYTES)];
    let value = value.trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
    before.is_some_and(u8::is_ascii_whitespace)
        && value.is_some_and(|value| value.starts_with(b"\"false\"") || value.starts_with(b"'false'"))
}

impl Visitor for TextScanner {
    type State = FileState;
    type Output = (usize, Vec<TextFinding>);

    fn begin(&self, entry: &Entry) -> Option<FileState> {
        let extension = entry.extension();
        Some(FileState {
            language: Language::of(&extension),
            is_layout: is_cached_layout(&entry.name, &extension),
            lines_before: 0,
            started: false,
            open_line: None,
            unfinished: None,
            secret: None,
            uncacheable: None,
        })
    }

    fn chunk(&self, state: &mut FileState, bytes: &[u8]) -> bool {
        if !state.started {
            state.started = true;
            if bytes[..bytes.len().min(BINARY_CHECK_BYTES)].contains(&0) {
                return false;
            }
            // A layout file is small, so only its first chunk is searched.
            if state.is_layout {
                state.uncacheable = self.uncacheable_line(bytes);
            }
        }
        if let Some(language) = state.language {
            for line in TodoComments::of(bytes, language, state.open_line) {
                let line = state.lines_before.saturating_add(line).saturating_add(1);
                let tally = state.unfinished.get_or_insert(Tally { line, count: 0 });
                tally.line = tally.line.min(line);
                tally.count += 1;
            }
            state.open_line = OpenLine::after(bytes, state.open_line);
        }
        if state.secret.is_none() {
            let found = self.secrets.find(bytes);
            state.secret = found.map(|(at, what)| (state.lines_before + line_in(bytes, at), what));
        }
        state.lines_before = state.lines_before.saturating_add(line_in(bytes, bytes.len()) - 1);
        true
    }

    fn end(&self, entry: &Entry, state: FileState) -> Option<Self::Output> {
        let mut found = Vec::new();
        if let Some(Tally { line, count }) = state.unfinished {
            let message = match count {
                1 => "a comment marks unfinished work".to_owned(),
                _ => format!("{count} comments mark unfinished work"),
            };
            found.push(TextFinding { rule: &UNFINISHED, line, message });
        }
        if let Some((line, what)) = state.secret {
            found.push(TextFinding { rule: &SECRET_TEXT, line, message: format!("this looks like {what}") });
        }
        if let Some(line) = state.uncacheable {
            let message = "a block has cacheable=\"false\"".to_owned();
            found.push(TextFinding { rule: &LAYOUT_UNCACHEABLE, line, message });
        }
        (!found.is_empty()).then_some((entry.index, found))
    }
}

/// Reports the findings in a text file.
pub(crate) fn record(name: &str, found: Vec<TextFinding>, builder: &mut ReportBuilder) {
    for TextFinding { rule, line, message } in found {
        builder.add(rule, Location::File { name: name.to_owned(), line: Some(line) }, message);
    }
}

/// Returns whether the file is a layout of cached storefront pages.
fn is_cached_layout(name: &str, extension: &str) -> bool {
    let is_layout = name.contains("/layout/") || name.starts_with("layout/");
    if extension != "xml" || !is_layout || name.contains("/adminhtml/") {
        return false;
    }
    let handle = name.rsplit('/').next().expect("a split has at least one part").to_ascii_lowercase();
    !UNCACHED_PAGES.iter().any(|begin| handle.starts_with(begin))
        && !UNCACHED_PARTS.iter().any(|part| handle.split(['_', '.']).any(|word| word == *part))
}

/// Returns the line of a position, starting at 1.
fn line_in(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(memchr_iter(b'\n', &bytes[..at]).count()).unwrap_or(u32::MAX - 1).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_counts_and_a_comment_about_one_does_not() {
        let texts = TextScanner::new();
        let layout = |inside: &str| texts.uncacheable_line(format!("<page>\n<body>{inside}</body></page>").as_bytes());
        assert_eq!(layout("\n<block name=\"a\" cacheable='false'/>"), Some(3));
        assert_eq!(layout("<!-- <block cacheable=\"false\"/> -->"), None);
        assert_eq!(layout("<block cacheable=\"true\"/>"), None);
        assert_eq!(layout("<!-- a --><!-- b -->\n<block cacheable = \"false\"/>"), Some(3));
        assert_eq!(layout("<block xcacheable=\"false\"/>"), None);
    }

    #[test]
    fn pages_that_are_not_cached_anyway_do_not_matter() {
        for name in
            ["default", "catalog_product_view", "acme_blog_post_view", "cms_index_index", "catalog_category_view"]
        {
            assert!(is_cached_layout(&format!("view/frontend/layout/{name}.xml"), "xml"), "{name}");
        }
        for name in [
            "checkout_onepage_success",
            "customer_account",
            "vault_cards_listaction",
            "acme_account_index",
            "acme_invoice_print",
            "sales_order_view",
        ] {
            assert!(!is_cached_layout(&format!("view/frontend/layout/{name}.xml"), "xml"), "{name}");
        }
        assert!(!is_cached_layout("view/adminhtml/layout/default.xml", "xml"));
    }
}
