//! A badge about one product, as SVG.

use eqp_console::{Status, VersionState};

use crate::output::escaped;

/// The height, the space beside texts, and the estimated width of a character, in pixels.
const HEIGHT: usize = 20;
const PADDING: usize = 8;
const CHARACTER: usize = 7;
/// The longest text, in characters.
const LONGEST: usize = 120;

/// Draws the badge of the only product of a status. The same status always results in the same badge.
pub(super) fn svg(status: &Status) -> String {
    let product = status.products().next();
    let label = product.map(|product| status.label_of(product)).unwrap_or_default();
    let message = product.map(|product| status.badge_of(product)).unwrap_or_default();
    let color = match product.and_then(|product| product.lines.iter().map(|line| line.state).min()) {
        Some(
            VersionState::Rejected
            | VersionState::OnlyAtPackagist
            | VersionState::RemovalDue
            | VersionState::RemovedByAdobe
            | VersionState::CanceledByAdobe,
        ) => "#b3261e",
        Some(VersionState::Stuck) => "#8a5300",
        Some(VersionState::InReview | VersionState::Approved) => "#0b57d0",
        _ => "#146c2e",
    };
    let (label, message) = (shortened(&label), shortened(&message));
    let [left, right] = [&label, &message].map(|text| text.chars().count() * CHARACTER + 2 * PADDING);
    let width = left + right;
    let (label, message) = (xml(&label), xml(&message));
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" role="img" aria-label="{label}: {message}">
  <title>{label}: {message}</title>
  <rect width="{left}" height="{HEIGHT}" fill="#444"/>
  <rect x="{left}" width="{right}" height="{HEIGHT}" fill="{color}"/>
  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{PADDING}" y="14" textLength="{}">{label}</text>
    <text x="{}" y="14" textLength="{}">{message}</text>
  </g>
</svg>"##,
        left - 2 * PADDING,
        left + PADDING,
        right - 2 * PADDING,
    )
}

/// Makes control characters visible, which XML does not allow, and limits the length.
fn shortened(text: &str) -> String {
    let text = escaped(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn xml(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&#39;"),
            // Not a character of XML.
            '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            letter => xml.push(letter),
        }
    }
    xml
}
