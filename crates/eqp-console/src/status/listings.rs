//! Adds what was found about the listings in the store to the status of products. No I/O.

use std::collections::BTreeSet;

use eqp_sync::{ListingFindings, due_together};
use time::OffsetDateTime;

use super::facts::{ListingState, VersionFacts};
use super::model::{DueDate, NextStep, ProductStatus, Status, StatusAccount, VersionState};

/// Returns a line for each finding that needs the vendor: a version that only Packagist has, and a removal within seven days. The lines
/// refer to the submission of the version in the store.
pub(super) fn lines_of(
    findings: Option<&ListingFindings>,
    versions: &[VersionFacts],
    now: OffsetDateTime,
) -> Vec<VersionFacts> {
    let Some((findings, first)) = findings.zip(versions.first()) else { return Vec::new() };
    let is_own = |sku: &str| first.sku.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(sku));
    let line = |version: Option<&String>, in_store: Option<&String>, listing: ListingState| {
        let live = versions.iter().find(|one| one.version.as_ref() == in_store).unwrap_or(first);
        VersionFacts {
            version: version.cloned(),
            order: i64::MIN,
            overall: None,
            technical: None,
            marketing: None,
            scan: None,
            archive_id: None,
            reason: listing.reason.clone(),
            listing: Some(listing),
            ..live.clone()
        }
    };
    let conflicts = findings.conflicts.iter().filter(|conflict| is_own(&conflict.sku)).map(|conflict| {
        let (state, reason) = (VersionState::OnlyAtPackagist, Some(conflict.consequence.clone()));
        let listing = ListingState { state, since: conflict.since, reason };
        line(Some(&conflict.packagist), conflict.store.as_ref(), listing)
    });
    let due = due_together(&findings.dates);
    let removals = due.iter().filter(|due| due.is_urgent(now) && due.skus.iter().any(|sku| is_own(sku)));
    let in_store = versions.iter().filter(|one| one.is_in_store()).max_by_key(|one| one.order);
    let removals = removals.map(|due| {
        let mut own = due.clone();
        own.skus.truncate(1);
        let listing =
            ListingState { state: VersionState::RemovalDue, since: due.since, reason: Some(own.sentence(now)) };
        let version = in_store.and_then(|one| one.version.as_ref());
        line(version, version, listing)
    });
    conflicts.chain(removals).collect()
}

/// Lists the dates of products that are otherwise fine. These products are then not listed as fine, unless they were selected.
pub(super) fn add_due(status: &mut Status, listings: &[(StatusAccount, ListingFindings)], is_selection: bool) {
    let mut listed: BTreeSet<(StatusAccount, String)> = BTreeSet::new();
    for (account, findings) in listings {
        for mut due in due_together(&findings.dates) {
            due.skus.retain(|sku| {
                let is_fine = status.fine.iter().any(|product| is_of(product, account, sku));
                is_fine && listed.insert((account.clone(), sku.to_lowercase()))
            });
            if due.skus.is_empty() {
                continue;
            }
            let products = status.fine.iter().filter(|product| due.skus.iter().any(|sku| is_of(product, account, sku)));
            let products: Vec<_> = products.map(|product| status.label_of(product)).collect();
            let next = NextStep { text: "see the dates".to_owned(), command: "eqp listings due".to_owned() };
            let sentence = due.sentence(status.at);
            status.due.push(DueDate { sentence, due_at: due.due_at, products, next: Some(next) });
        }
    }
    status.due.sort_by_key(|due| due.due_at);
    if !is_selection {
        let is_listed = |product: &ProductStatus| listed.iter().any(|(account, sku)| is_of(product, account, sku));
        status.fine.retain(|product| !is_listed(product));
    }
}

fn is_of(product: &ProductStatus, account: &StatusAccount, sku: &str) -> bool {
    product.environment == account.environment
        && product.mage_id == account.mage_id
        && product.sku.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(sku))
}

#[cfg(test)]
mod tests {
    use eqp_sync::{ListingDue, ListingRule, PackagistConflict};
    use time::Duration;

    use super::super::facts::Facts;
    use super::super::group::group;
    use super::super::group::tests::{IN_QA, IN_STORE, NOW, account, facts, labels, sentences, version};
    use super::*;
    use eqp_types::Environment;

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
        assert_eq!(sentences(&status.needs_you[1]), ["is about to be removed from the store"]);
        assert_eq!(labels(&status.in_review), ["acme/search"], "a product is in the first group that applies");
        assert_eq!(labels(&status.fine), ["acme/faq"]);
        let due: Vec<_> = status.due.iter().map(|due| (due.sentence.as_str(), due.products.join(" "))).collect();
        let sentence = "2 listings show no version compatible with Commerce 2.4.9 (was due 11 Jun)";
        assert_eq!(due, [(sentence, "acme/blog acme/ship".to_owned())]);
        assert!(status.is_out_of_step() && !status.has_rejections());

        let of_blog = versions.into_iter().filter(|one| one.sku.as_deref() == Some("acme/blog")).collect();
        let selected = group(Facts { listings, is_selection: true, ..facts(of_blog) });
        assert_eq!((labels(&selected.fine), selected.due.len()), (vec!["acme/blog"], 1), "its versions are shown");
    }
}
