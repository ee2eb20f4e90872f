//! The status as Markdown: a heading and a table per group.

use eqp_console::{ProductStatus, Status};

use crate::output::{escaped, utc};

/// Formats a status.
pub(super) fn markdown(status: &Status) -> String {
    let mut blocks = vec![format!("# {}", md(&status.title()))];
    if let (Some(warning), Some(stale)) = (status.warning(), &status.stale) {
        blocks.push(format!("**{}**: {}", md(&warning), md(&stale.cause)));
    }
    let headline = status.headline().replace("   ", ", ");
    blocks.push(format!("{} ({}, {} UTC)", md(&headline), md(&status.source_and_age()), utc(status.at)));
    for (heading, products) in [
        ("Needs you", &status.needs_you),
        ("Stuck", &status.stuck),
        ("In review", &status.in_review),
        ("Fine", &status.fine),
    ] {
        if !products.is_empty() {
            blocks.push(format!("## {heading}\n\n{}", table(status, products)));
        }
    }
    if !status.due.is_empty() {
        let dates = status.due.iter().map(|due| format!("- {} {}", md(&due.sentence), md(&due.products.join(", "))));
        blocks.push(format!("## Due\n\n{}", dates.collect::<Vec<_>>().join("\n")));
    }
    if let Some(channel) = &status.channel {
        let facts = channel.facts(status.at).join(", ");
        blocks.push(format!("## Channel\n\n{}; {}", md(&channel.sentence(status.at)), md(&facts)));
    }
    blocks.join("\n\n")
}

fn table(status: &Status, products: &[ProductStatus]) -> String {
    let mut rows = vec![
        "| product | version | status | since (UTC) | in the store | next |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for product in products {
        let label = md(&status.label_of(product));
        let store = product.store_version.as_deref().map(md).unwrap_or_default();
        let next = product.next.as_ref().map(|next| format!("`{}`", code(&next.command))).unwrap_or_default();
        if product.lines.is_empty() {
            let since = product.since.map(utc).unwrap_or_default();
            rows.push(format!("| {label} | {store} | in the store | {since} | {store} | |"));
        }
        for (number, line) in product.lines.iter().enumerate() {
            let version = line.version.as_deref().map(md).unwrap_or_default();
            let sentence = line.sentences.iter().chain(&line.reason).map(|sentence| md(sentence)).collect::<Vec<_>>();
            let next = if number == 0 { next.as_str() } else { "" };
            let (sentence, since) = (sentence.join("; "), utc(line.since));
            rows.push(format!("| {label} | {version} | {sentence} | {since} | {store} | {next} |"));
        }
    }
    rows.join("\n")
}

/// Escapes a text from outside, so that it is neither markup nor the end of a cell.
pub(in crate::commands) fn md(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in escaped(text).chars() {
        match letter {
            '<' => shown.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '@' | '#' => shown.extend(['\\', letter]),
            letter => shown.push(letter),
        }
    }
    shown
}

/// Escapes a text within backticks.
fn code(text: &str) -> String {
    escaped(text).replace('`', "'").replace('|', "\\|")
}
