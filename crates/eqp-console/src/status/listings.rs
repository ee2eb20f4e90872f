//! Adds what was found about the listings in the store to the status of products. No I/O.

use std::collections::{HashMap, HashSet};

use eqp_sync::{ListingFindings, ListingsDue, PackagistConflict, due_together};
use eqp_types::{Environment, MageId};
use time::OffsetDateTime;

use super::facts::{ListingState, VersionFacts};
use super::model::{DueDate, NextStep, ProductStatus, Status, StatusAccount, VersionState};
use super::version::compare;

/// The findings about the listings of all accounts, by product.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    conflicts: HashMap<(&'a StatusAccount, String), &'a PackagistConflict>,
    /// The removals within seven days.
    removals: HashMap<(&'a StatusAccount, String), ListingState>,
    due: Vec<(&'a StatusAccount, ListingsDue)>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(listings: &'a [(StatusAccount, ListingFindings)], now: OffsetDateTime) -> Self {
        let mut by_product = Self::default();
        for (account, findings) in listings {
            let conflicts = findings.conflicts.iter().map(|one| ((account, one.sku.to_lowercase()), one));
            by_product.conflicts.extend(conflicts);
            for due in due_together(&findings.dates) {
                if due.is_urgent(now) {
                    let mut own = due.clone();
                    own.skus.truncate(1);
                    let (state, since, reason) = (VersionState::RemovalDue, due.since, Some(own.sentence(now)));
                    let removal = ListingState { state, since, reason };
                    let removals = due.skus.iter().map(|sku| ((account, sku.to_lowercase()), removal.clone()));
                    by_product.removals.extend(removals);
                }
                by_product.due.push((account, due));
            }
        }
        by_product.due.sort_by_key(|(_, due)| due.due_at);
        by_product
    }

    /// Returns a line for each finding about a product that needs the vendor. The lines refer to the submission of the version in the store.
    pub(super) fn lines_of(&self, account: &StatusAccount, versions: &[VersionFacts]) -> Vec<VersionFacts> {
        let Some(sku) = versions.first().and_then(|first| first.sku.as_ref()) else { return Vec::new() };
        let in_store = || versions.iter().filter(|one| one.is_in_store());
        let highest = in_store().max_by(|one, other| match (&one.version, &other.version) {
            (Some(one), Some(other)) => compare(one, other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        });
        // A product that is not in the store any more has no listing.
        let Some(current) = highest else { return Vec::new() };
        let key = (account, sku.to_lowercase());
        let line = |version: Option<&String>, listing: ListingState| VersionFacts {
            version: version.cloned(),
            order: i64::MIN,
            overall: None,
            technical: None,
            marketing: None,
            scan: None,
            archive_id: None,
            reason: listing.reason.clone(),
            listing: Some(listing),
            ..current.clone()
        };
        // The version may have come to the store since the check.
        let is_ahead = |conflict: &&&PackagistConflict| {
            current.version.as_ref().is_none_or(|version| compare(&conflict.packagist, version).is_gt())
        };
        let conflict = self.conflicts.get(&key).filter(is_ahead).map(|conflict| {
            let (state, reason) = (VersionState::OnlyAtPackagist, Some(conflict.consequence.clone()));
            line(Some(&conflict.packagist), ListingState { state, since: conflict.since, reason })
        });
        let removal = self.removals.get(&key).map(|removal| line(current.version.as_ref(), removal.clone()));
        conflict.into_iter().chain(removal).collect()
    }

    /// Lists the dates of products that are otherwise fine. These products are then not listed as fine, unless they were selected.
    pub(super) fn add_due(self, status: &mut Status, is_selection: bool) {
        let fine: HashMap<_, _> = status.fine.iter().filter_map(|product| Some((key_of(product)?, product))).collect();
        let mut listed = HashSet::new();
        for (account, mut due) in self.due {
            let key = |sku: &String| (account.environment, account.mage_id.clone(), sku.to_lowercase());
            due.skus.retain(|sku| fine.contains_key(&key(sku)) && listed.insert(key(sku)));
            if due.skus.is_empty() {
                continue;
            }
            let products = due.skus.iter().filter_map(|sku| fine.get(&key(sku)));
            let products: Vec<_> = products.map(|product| status.label_of(product)).collect();
            let next = NextStep { text: "see the dates".to_owned(), command: "eqp listings due".to_owned() };
            let sentence = due.sentence(status.at);
            status.due.push(DueDate { sentence, due_at: due.due_at, products, next: Some(next) });
        }
        drop(fine);
        if !is_selection {
            status.fine.retain(|product| key_of(product).is_none_or(|key| !listed.contains(&key)));
        }
    }
}

/// Returns the account and the SKU of a product.
fn key_of(product: &ProductStatus) -> Option<(Environment, MageId, String)> {
    Some((product.environment, product.mage_id.clone(), product.sku.as_ref()?.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use eqp_sync::{ListingDue, ListingRule};
    use time::Duration;

    use super::super::facts::Facts;
    use super::super::group::group;
    use super::super::group::tests::{IN_QA, IN_STORE, NOW, account, facts, labels, sentences, version};
    use super::*;

    fn findings() -> ListingFindings {
        let due = |sku: &str, rule, line: Option<&str>, days| {
            let due_at = (NOW + Duration::days(days)).date().midnight().assume_utc();
            ListingDue::new(format!("acme/{sku}"), rule, line.map(str::to_owned), due_at, NOW - Duration::days(3))
        };
        let mut findings = ListingFindings::default();
        let since = NOW - Duration::days(6);
        let consequence = "customers who require ^2.1 get \"Higher matching version\" from Composer";
        findings.conflicts =
            vec![PackagistConflict::new("acme/wishlist", "2.1.1", Some("2.1.0".to_owned()), consequence, since)];
        findings.dates = vec![
            due("blog", ListingRule::Compatibility, Some("2.4.9"), -171),
            due("ship", ListingRule::Compatibility, Some("2.4.9"), -171),
            due("search", ListingRule::Compatibility, Some("2.4.9"), -171),
            due("blog", ListingRule::EndOfLife, Some("2.4.6"), 20),
            due("old", ListingRule::NoUpdate, None, 5),
        ];
        findings
    }

    #[test]
    fn a_conflict_and_a_near_removal_need_the_vendor_and_other_dates_are_due() {
        let in_store = |sku, number| version(sku, number, IN_STORE, Duration::days(90));
        let versions = vec![
            in_store("wishlist", "2.1.0"),
            in_store("blog", "1.0.0"),
            in_store("ship", "1.0.0"),
            in_store("old", "1.0.0"),
            in_store("faq", "1.0.0"),
            in_store("search", "4.1.9"),
            version("search", "4.2.0", IN_QA, Duration::days(1)),
        ];
        let listings = vec![(account(Environment::Production), findings())];
        let status = group(Facts { listings: listings.clone(), ..facts(versions.clone()) });
        assert_eq!(labels(&status.needs_you), ["acme/wishlist", "acme/old"]);
        assert_eq!(sentences(&status.needs_you[0]), ["on Packagist for 6 d, not in the store"]);
        let line = &status.needs_you[0].lines[0];
        assert_eq!((line.version.as_deref(), line.resource_id.as_str()), (Some("2.1.1"), "wishlist-2.1.0"));
        assert!(line.reason.as_ref().unwrap().contains("Higher matching version"), "{line:?}");
        let next = status.needs_you[0].next.as_ref().unwrap();
        assert_eq!(next.command, "eqp packages published acme/wishlist");
        assert_eq!(sentences(&status.needs_you[1]), ["removal from the store is due"]);
        assert_eq!(labels(&status.in_review), ["acme/search"], "a product is in the first group that applies");
        assert_eq!(labels(&status.fine), ["acme/faq"]);
        let due: Vec<_> = status.due.iter().map(|due| (due.sentence.as_str(), due.products.join(" "))).collect();
        let sentence = "2 listings show no version compatible with Commerce 2.4.9 (was due 11 Jun)";
        assert_eq!(due, [(sentence, "acme/blog acme/ship".to_owned())]);
        assert!(status.is_out_of_step() && !status.has_rejections());

        let released: Vec<_> = versions.iter().cloned().chain([in_store("wishlist", "2.1.1")]).collect();
        let later = group(Facts { listings: listings.clone(), ..facts(released) });
        assert_eq!(labels(&later.needs_you), ["acme/old"], "the version has come to the store since the check");

        let of_blog = versions.into_iter().filter(|one| one.sku.as_deref() == Some("acme/blog")).collect();
        let selected = group(Facts { listings, is_selection: true, ..facts(of_blog) });
        assert_eq!((labels(&selected.fine), selected.due.len()), (vec!["acme/blog"], 1), "its versions are shown");
    }

    #[test]
    fn each_change_of_a_date_is_reported_once() {
        let at = |days: Option<i64>| {
            let mut found = ListingFindings::default();
            found.dates.extend(days.map(|days| {
                let due_at = (NOW + Duration::days(days)).date().midnight().assume_utc();
                ListingDue::new("acme/old", ListingRule::NoUpdate, None, due_at, NOW)
            }));
            let listings = vec![(account(Environment::Production), found)];
            group(Facts { listings, ..facts(vec![version("old", "1.0.0", IN_STORE, Duration::days(330))]) })
        };
        let (nothing, due, urgent) = (at(None), at(Some(20)), at(Some(5)));
        let date = "acme/old: 1 listing has had no update for 11 months (removed on 19 Dec)";
        assert_eq!(due.changes_since(&nothing), [date]);
        assert_eq!(due.changes_since(&due), [""; 0]);
        assert_eq!(urgent.changes_since(&due), ["acme/old 1.0.0: removal from the store is due"]);
        assert_eq!(nothing.changes_since(&due), ["acme/old: no date of the listing is due"]);
        assert_eq!(nothing.changes_since(&urgent), ["acme/old 1.0.0: resolved"]);
    }
}
