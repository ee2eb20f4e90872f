//! What texts hold: work that is not done, secrets, blocks that keep pages out of the cache.

use memchr::memchr_iter;
use memchr::memmem::Finder;

use super::secret::Secrets;
use crate::archive::{Entry, Visitor};
use crate::book::Rule;
use crate::book::code::{LAYOUT_UNCACHEABLE, SECRET_TEXT, UNFINISHED};
use crate::comment::{Language, Words};
use crate::ledger::Ledger;
use crate::report::Place;

/// A file with a zero byte so near its start is no text.
const SHOWS_ITSELF_WITHIN: usize = 1024;
/// Handles of pages that are not cached anyway, by how they begin.
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
/// The same by what is in them: pages of a module's own.
const UNCACHED_PARTS: [&str; 6] = ["account", "checkout", "print", "success", "vault", "payment"];

/// Looks through every text.
pub(crate) struct Texts {
    uncacheable: Finder<'static>,
    comment_opens: Finder<'static>,
    comment_closes: Finder<'static>,
    secrets: Secrets,
}

/// What is known of a text so far.
pub(crate) struct Reading {
    language: Option<Language>,
    is_layout: bool,
    lines_before: u32,
    begun: bool,
    unfinished: Option<Tally>,
    secret: Option<(u32, &'static str)>,
    uncacheable: Option<u32>,
}

/// Places in one file: the first, and how many.
#[derive(Clone, Copy)]
struct Tally {
    line: u32,
    count: usize,
}

/// What was found in one text.
pub(crate) struct Found {
    rule: &'static Rule,
    line: u32,
    message: String,
}

impl Texts {
    /// Made once for an archive.
    pub(crate) fn new() -> Self {
        Self {
            uncacheable: Finder::new("cacheable"),
            comment_opens: Finder::new("<!--"),
            comment_closes: Finder::new("-->"),
            secrets: Secrets::new(),
        }
    }

    /// The line of the first block that is not cacheable; comments do not count.
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

/// Whether an attribute of this name begins here and is false.
fn is_false(bytes: &[u8], at: usize, length: usize) -> bool {
    const LONGEST: usize = 64;
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    let value = &bytes[at + length..bytes.len().min(at + length + LONGEST)];
    let value = value.trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
    before.is_some_and(u8::is_ascii_whitespace)
        && value.is_some_and(|value| value.starts_with(b"\"false\"") || value.starts_with(b"'false'"))
}

impl Visitor for Texts {
    type State = Reading;
    type Found = (usize, Vec<Found>);

    fn begin(&self, entry: &Entry) -> Option<Reading> {
        let extension = entry.extension();
        Some(Reading {
            language: Language::of(&extension),
            is_layout: is_cached_layout(&entry.name, &extension),
            lines_before: 0,
            begun: false,
            unfinished: None,
            secret: None,
            uncacheable: None,
        })
    }

    fn piece(&self, reading: &mut Reading, bytes: &[u8]) -> bool {
        if !reading.begun {
            reading.begun = true;
            if bytes[..bytes.len().min(SHOWS_ITSELF_WITHIN)].contains(&0) {
                return false;
            }
            // A layout is small: it is in the first piece, or it is none.
            if reading.is_layout {
                reading.uncacheable = self.uncacheable_line(bytes);
            }
        }
        if let Some(language) = reading.language {
            for line in Words::of(bytes, language) {
                let line = reading.lines_before.saturating_add(line).saturating_add(1);
                let tally = reading.unfinished.get_or_insert(Tally { line, count: 0 });
                tally.line = tally.line.min(line);
                tally.count += 1;
            }
        }
        if reading.secret.is_none() {
            let found = self.secrets.find(bytes);
            reading.secret = found.map(|(at, what)| (reading.lines_before + line_in(bytes, at), what));
        }
        reading.lines_before = reading.lines_before.saturating_add(line_in(bytes, bytes.len()) - 1);
        true
    }

    fn end(&self, entry: &Entry, reading: Reading) -> Option<Self::Found> {
        let mut found = Vec::new();
        if let Some(Tally { line, count }) = reading.unfinished {
            let message = match count {
                1 => "a comment says that something is not done".to_owned(),
                _ => format!("{count} comments say that something is not done"),
            };
            found.push(Found { rule: &UNFINISHED, line, message });
        }
        if let Some((line, what)) = reading.secret {
            found.push(Found { rule: &SECRET_TEXT, line, message: format!("it looks as if {what} stands here") });
        }
        if let Some(line) = reading.uncacheable {
            let message = "a block is cacheable=\"false\"".to_owned();
            found.push(Found { rule: &LAYOUT_UNCACHEABLE, line, message });
        }
        (!found.is_empty()).then_some((entry.index, found))
    }
}

/// Writes down what was found in one text.
pub(crate) fn record(name: &str, found: Vec<Found>, ledger: &mut Ledger) {
    for Found { rule, line, message } in found {
        ledger.find(rule, Place::File { name: name.to_owned(), line: Some(line) }, message);
    }
}

/// Whether it is a layout of a storefront's pages that are cached.
fn is_cached_layout(name: &str, extension: &str) -> bool {
    let is_layout = name.contains("/layout/") || name.starts_with("layout/");
    if extension != "xml" || !is_layout || name.contains("/adminhtml/") {
        return false;
    }
    let handle = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    !UNCACHED_PAGES.iter().any(|begin| handle.starts_with(begin))
        && !UNCACHED_PARTS.iter().any(|part| handle.split(['_', '.']).any(|word| word == *part))
}

/// The line of a place, counted from 1 at the start of the bytes.
fn line_in(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(memchr_iter(b'\n', &bytes[..at]).count()).unwrap_or(u32::MAX - 1).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_counts_and_a_comment_about_one_does_not() {
        let texts = Texts::new();
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
