//! Describes what has changed between two statuses.

use std::collections::BTreeMap;

use super::model::{ProductStatus, Status, VersionLine, VersionState};

impl Status {
    /// Describes what has changed since an earlier status, one line per change, such as `acme/checkout 1.5.0: rejected by technical review
    /// 0 min ago`. Sentences that differ only because time has passed are not changes.
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let (before, after) = (earlier.by_label(), self.by_label());
        let mut changes = Vec::new();
        for (label, product) in &after {
            // A product with a date was in no group, and was in the store without anything under way.
            let was_due = earlier.is_due(label).then(|| ProductStatus { lines: Vec::new(), ..(*product).clone() });
            changes.extend(changes_of(label, before.get(label).copied().or(was_due.as_ref()), product));
        }
        let gone = before.keys().filter(|label| !after.contains_key(*label) && !self.is_due(label));
        changes.extend(gone.map(|label| format!("{label}: neither in the store nor in review")));
        changes.extend(self.due.iter().filter_map(|due| {
            let is_known = |product: &&String| {
                earlier.due.iter().any(|known| known.due_at == due.due_at && known.products.contains(product))
            };
            let new: Vec<_> = due.products.iter().filter(|product| !is_known(product)).cloned().collect();
            (!new.is_empty()).then(|| format!("{}: {}", new.join(", "), due.sentence))
        }));
        let is_without = |product: &&String| {
            let now = after.get(*product);
            !self.is_due(product) && now.is_some_and(|now| !now.lines.iter().any(is_about_listing))
        };
        let ended = earlier.due.iter().flat_map(|due| &due.products).filter(is_without);
        changes.extend(ended.map(|product| format!("{product}: no date of the listing is due")));
        match (&earlier.stale, &self.stale) {
            (None, Some(_)) => changes.extend(self.warning()),
            (Some(_), None) => changes.push("up to date again".to_owned()),
            _ => {}
        }
        changes
    }

    /// Returns whether a date of a product is due, so that it is in no other group.
    fn is_due(&self, label: &str) -> bool {
        self.due.iter().flat_map(|due| &due.products).any(|product| product == label)
    }

    fn by_label(&self) -> BTreeMap<String, &ProductStatus> {
        self.products().map(|product| (self.label_of(product), product)).collect()
    }
}

fn changes_of(label: &str, before: Option<&ProductStatus>, after: &ProductStatus) -> Vec<String> {
    let lines_before = before.map_or(&[][..], |before| &before.lines);
    let mut changes = Vec::new();
    for line in &after.lines {
        let known = lines_before.iter().find(|known| subject(known) == subject(line));
        if known.is_none_or(|known| is_other(known, line)) {
            changes.push(format!("{}: {}", named(label, line.version.as_deref()), line.sentences.join(", ")));
        }
    }
    let store_before = before.map(|before| (before.is_in_store, &before.store_version));
    if after.is_in_store && store_before != Some((true, &after.store_version)) {
        changes.push(format!("{}: in the store", named(label, after.store_version.as_deref())));
    }
    let is_listed = |line: &VersionLine| after.lines.iter().any(|listed| subject(listed) == subject(line));
    let is_released =
        |line: &VersionLine| !is_about_listing(line) && line.version.is_some() && line.version == after.store_version;
    for line in lines_before.iter().filter(|line| !is_listed(line) && !is_released(line)) {
        let ended = if is_about_listing(line) { "resolved" } else { "no longer in review" };
        changes.push(format!("{}: {ended}", named(label, line.version.as_deref())));
    }
    changes
}

/// Returns the subject of a line: a submission, or what was found about the listing, which refers to the submission in the store.
fn subject(line: &VersionLine) -> (&str, Option<VersionState>) {
    (&line.resource_id, is_about_listing(line).then_some(line.state))
}

fn is_about_listing(line: &VersionLine) -> bool {
    matches!(line.state, VersionState::OnlyAtPackagist | VersionState::RemovalDue)
}

fn named(label: &str, version: Option<&str>) -> String {
    version.map_or_else(|| label.to_owned(), |version| format!("{label} {version}"))
}

/// Returns whether a version has changed.
fn is_other(one: &VersionLine, other: &VersionLine) -> bool {
    let statuses =
        |line: &VersionLine| line.flows.iter().map(|flow| (flow.flow.clone(), flow.status.clone())).collect::<Vec<_>>();
    (one.state, &one.version, one.is_unconfirmed) != (other.state, &other.version, other.is_unconfirmed)
        || statuses(one) != statuses(other)
}
