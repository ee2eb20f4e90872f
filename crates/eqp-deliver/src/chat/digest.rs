//! The text of weekly digests.

use eqp_types::Environment;

use super::line::{Line, one_line};
use super::text::{Text, is_decisive, reminded};
use super::words::{current, day, described, reviews};
use crate::{DigestChange, DigestData, DigestProduct, DigestSubmission};

impl Text {
    pub(super) fn of_digest(data: &DigestData) -> Self {
        let title = one_line(&data.title);
        let mut lines = vec![Line::bold(title.clone())];
        for product in &data.products {
            lines.extend(product.submissions.iter().map(|submission| described_submission(product, submission)));
        }
        if !data.alerts.is_empty() {
            lines.push(Line::bold("Open alerts"));
            lines.extend(data.alerts.iter().map(reminded));
        }
        if data.omitted > 0 {
            lines.push(Line::plain(format!("and {} more", data.omitted)));
        }
        Self::without_subject(title, lines, true)
    }
}

/// Describes a submission: its current state, and what has changed.
fn described_submission(product: &DigestProduct, submission: &DigestSubmission) -> Line {
    let sandbox = if product.environment == Environment::Sandbox { "[sandbox] " } else { "" };
    let version = submission.version.as_deref().map(|version| format!(" {}", one_line(version))).unwrap_or_default();
    let name = match &product.sku {
        Some(sku) => format!("{sandbox}{}{version}", one_line(sku)),
        None => format!("{sandbox}submission {}", one_line(&submission.resource_id)),
    };
    let state = current(&submission.statuses);
    let reviews = reviews(&submission.statuses).filter(|_| submission.in_review);
    let store = product.store_version.as_deref().filter(|version| submission.version.as_deref() != Some(*version));
    let store = store.map(|version| format!("store has {}", one_line(version)));
    let parts: Vec<String> = state.into_iter().chain(reviews).chain(store).collect();
    let changes = submission.changes.iter().filter(|change| is_listed(change)).map(|change| {
        format!("{} {}", day(change.at), described(&change.flow, &change.status, change.previous_status.as_deref()))
    });
    let changes: Vec<String> = changes.collect();
    let changes = if changes.is_empty() { String::new() } else { format!(" ({})", changes.join(", ")) };
    Line::plain(format!("{name}: {}{changes}", parts.join(" · ")))
}

/// Returns whether a change is listed. The steps of a review are not.
fn is_listed(change: &DigestChange) -> bool {
    is_decisive(&change.flow, &change.status, change.previous_status.as_deref()) || change.status == "approved"
}
