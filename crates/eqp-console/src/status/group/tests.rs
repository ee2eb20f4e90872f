use std::collections::BTreeSet;

use eqp_sync::{Stage, StuckLimits};
use eqp_types::{Environment, MageId};
use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::status::facts::ReviewFacts;
use crate::status::model::StatusSource;

pub(in crate::status) const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);
const DAY: u64 = 86_400;

pub(in crate::status) fn account(environment: Environment) -> StatusAccount {
    StatusAccount { environment, mage_id: MageId::new("MAG1").unwrap() }
}

/// A flow that has had a status for this long.
fn flow(status: &str, age: Duration) -> FlowFacts {
    let stage = Stage::of(status);
    let review = stage.map(|stage| ReviewFacts { stage, limit: StuckLimits::default().of(stage), typical: None });
    FlowFacts { status: status.to_owned(), since: NOW - age, review, is_unconfirmed: false }
}

/// A version whose flows have had their statuses for this long.
pub(in crate::status) fn version(
    sku: &str,
    version: &str,
    [overall, technical, marketing]: [&str; 3],
    age: Duration,
) -> VersionFacts {
    VersionFacts {
        account: account(Environment::Production),
        resource_id: format!("{sku}-{version}"),
        item_id: None,
        sku: Some(format!("acme/{sku}")),
        version: Some(version.to_owned()),
        name: None,
        order: 0,
        is_patch: false,
        overall: Some(flow(overall, age)),
        technical: Some(flow(technical, age)),
        marketing: Some(flow(marketing, age)),
        scan: None,
        archive_id: None,
        reason: None,
        listing: None,
    }
}

pub(in crate::status) const IN_STORE: [&str; 3] = ["released_to_store", "approved", "approved"];
const REJECTED: [&str; 3] = ["in_progress", "rejected", "approved"];
pub(in crate::status) const IN_QA: [&str; 3] = ["in_progress", "in_manual_qa", "approved"];
const DRAFT: [&str; 3] = ["draft", "draft", "draft"];

pub(in crate::status) fn facts(versions: Vec<VersionFacts>) -> Facts {
    Facts {
        now: NOW,
        source: StatusSource::Database,
        environment: None,
        accounts: vec![account(Environment::Production)],
        versions,
        is_selection: false,
        channel: None,
        listings: Vec::new(),
        is_complete: true,
    }
}

pub(in crate::status) fn labels(products: &[ProductStatus]) -> Vec<&str> {
    products.iter().map(|product| product.label.as_str()).collect()
}

pub(in crate::status) fn sentences(product: &ProductStatus) -> Vec<&str> {
    product.lines.iter().flat_map(|line| &line.sentences).map(String::as_str).collect()
}

#[test]
fn a_product_is_in_the_first_group_that_applies_with_all_its_versions() {
    let days = Duration::days;
    let status = group(facts(vec![
        version("checkout", "1.4.2", IN_STORE, days(40)),
        version("checkout", "1.5.0", REJECTED, Duration::hours(2)),
        version("checkout", "1.4.3", ["in_progress", "in_automation", "draft"], Duration::hours(3)),
        version("giftcard", "2.9.4", IN_STORE, days(90)),
        version("giftcard", "3.0.0", IN_QA, days(19)),
        version("search", "4.2.0", IN_QA, days(3)),
        version("ad", "2.2.0", IN_STORE, days(300)),
        version("new", "1.0.0", DRAFT, days(1)),
    ]));
    assert_eq!(labels(&status.needs_you), ["acme/checkout"]);
    assert_eq!(labels(&status.stuck), ["acme/giftcard"]);
    assert_eq!(labels(&status.in_review), ["acme/search"]);
    assert_eq!(labels(&status.fine), ["acme/ad", "acme/new"]);
    assert_eq!((status.in_store, status.is_all_well(), status.has_rejections()), (3, false, true));
    let checkout = &status.needs_you[0];
    assert_eq!(checkout.store_version.as_deref(), Some("1.4.2"));
    assert_eq!(sentences(checkout), ["rejected by technical review 2 h ago", "technical: automated tests, 3 h"]);
    assert_eq!(checkout.next.as_ref().unwrap().command, "eqp packages report checkout-1.5.0");
    let giftcard = &status.stuck[0];
    assert_eq!(sentences(giftcard), ["manual QA for 19 d"]);
    assert_eq!(giftcard.next.as_ref().unwrap().text, "write to Marketplace support, submission giftcard-3.0.0");
    assert_eq!(sentences(&status.in_review[0]), ["technical: manual QA, 3 d", "marketing: approved"]);
    assert_eq!(status.in_review[0].next, None);
}

#[test]
fn the_oldest_comes_first_and_fine_products_are_sorted_by_name() {
    let status = group(facts(vec![
        version("b", "1.0.0", IN_QA, Duration::days(1)),
        version("c", "1.0.0", IN_QA, Duration::days(3)),
        version("a", "1.0.0", IN_QA, Duration::days(2)),
        version("z", "1.0.0", IN_STORE, Duration::days(9)),
        version("y", "1.0.0", IN_STORE, Duration::days(1)),
    ]));
    assert_eq!(labels(&status.in_review), ["acme/c", "acme/a", "acme/b"]);
    assert_eq!(labels(&status.fine), ["acme/y", "acme/z"]);
    assert_eq!(status.headline(), "Nothing needs you. 2 products in the store, 3 in review.");
}

#[test]
fn a_rejection_needs_nobody_once_a_higher_version_is_under_way() {
    for (other, needs_you) in [
        (version("a", "1.5.1", IN_QA, Duration::days(1)), false),
        (version("a", "1.5.1", IN_STORE, Duration::days(1)), false),
        (version("a", "1.5.1", DRAFT, Duration::days(1)), true),
        (version("a", "1.4.9", IN_STORE, Duration::days(1)), true),
        (version("a", "1.5.1", REJECTED, Duration::days(1)), true),
    ] {
        let status = group(facts(vec![version("a", "1.5.0", REJECTED, Duration::days(2)), other.clone()]));
        assert_eq!(!status.needs_you.is_empty(), needs_you, "{other:?}");
        let rejected =
            status.products().flat_map(|product| &product.lines).filter(|line| line.state == VersionState::Rejected);
        assert_eq!(rejected.count(), usize::from(needs_you), "only the highest rejected version is listed");
    }
    // The same version again, in another submission.
    let again =
        VersionFacts { order: 7, resource_id: "again".into(), ..version("a", "1.5.0", IN_QA, Duration::days(1)) };
    let status = group(facts(vec![version("a", "1.5.0", REJECTED, Duration::days(2)), again]));
    assert_eq!((status.needs_you.len(), status.in_review.len()), (0, 1));
}

#[test]
fn what_adobe_has_removed_needs_the_vendor_for_a_month() {
    for (overall, age, needs_you) in [
        ("admin_removed_from_store", 30, true),
        ("admin_removed_from_store", 31, false),
        ("canceled_by_admin", 1, true),
        ("developer_removed_from_store", 1, false),
        ("canceled_by_developer", 1, false),
    ] {
        let removed = version("a", "1.0.0", [overall, "approved", "approved"], Duration::days(age));
        let status = group(facts(vec![removed]));
        assert_eq!(!status.needs_you.is_empty(), needs_you, "{overall} {age}");
        assert_eq!(status.products().count(), usize::from(needs_you), "a product of the past is not listed");
    }
}

#[test]
fn the_sentences_are_those_of_the_screens() {
    let mut scan = VersionFacts { is_patch: true, ..version("core", "1.9.3", DRAFT, Duration::days(1)) };
    scan.scan = Some(flow("in-progress", Duration::minutes(11)));
    let mut typical = version("giftcard", "3.0.0", IN_QA, Duration::days(19));
    let review = typical.technical.as_mut().unwrap().review.as_mut().unwrap();
    review.typical = Some([4 * DAY, 7 * DAY]);
    for (facts, expected) in [
        (scan, vec!["scan, 11 min; patch, skips manual QA"]),
        (typical, vec!["manual QA for 19 d, yours take 4-7 d"]),
        (
            version("a", "1", ["in_progress", "awaiting_manual_qa", "in_marketing_review"], Duration::days(2)),
            vec!["technical: waits for manual QA, 2 d", "marketing: review, 2 d"],
        ),
        (
            version("a", "1", ["in_progress", "approved", "in_marketing_review"], Duration::days(16)),
            vec!["marketing review for 16 d"],
        ),
        (
            version("a", "1", ["approved", "approved", "approved"], Duration::days(3)),
            vec!["approved 3 d ago, waits for its launch"],
        ),
        (
            version("a", "1", ["in_progress", "rejected", "rejected"], Duration::days(3)),
            vec!["rejected by both reviews 3 d ago"],
        ),
        (
            version("a", "1", ["in_progress", "in_legal_review", "draft"], Duration::days(3)),
            vec!["technical: in legal review"],
        ),
        (version("a", "1", ["draft", "recalled", "draft"], Duration::days(120)), vec!["recalled on 1 Aug 2026"]),
    ] {
        let status = group(super::Facts { is_selection: true, ..self::facts(vec![facts]) });
        assert_eq!(sentences(status.products().next().unwrap()), expected);
    }
}

#[test]
fn sentences_to_forward_and_badges() {
    let mut review = version("a", "1.5.0", IN_QA, Duration::days(3));
    review.technical.as_mut().unwrap().review.as_mut().unwrap().typical = Some([4 * DAY, 7 * DAY]);
    let status = group(facts(vec![version("a", "1.4.2", IN_STORE, Duration::days(40)), review]));
    let product = status.products().next().unwrap();
    assert_eq!(
        status.sentences_about(product),
        [
            "1.5.0 has been in review since 26 November; this step typically takes 4 to 7 days.",
            "1.4.2 is in the store."
        ]
    );
    assert_eq!(status.badge_of(product), "1.4.2 in the store, 1.5.0 in review for 3 d");
    let rejected =
        VersionFacts { reason: Some("failed: varnish".into()), ..version("b", "1.0.0", REJECTED, Duration::days(1)) };
    let status = group(facts(vec![rejected]));
    let product = status.products().next().unwrap();
    assert_eq!(status.sentences_about(product), ["1.0.0 was rejected on 28 November: failed: varnish."]);
    assert_eq!(status.badge_of(product), "not in the store, 1.0.0 rejected");
}

#[test]
fn the_same_product_in_two_environments_is_two_products() {
    let sandbox =
        VersionFacts { account: account(Environment::Sandbox), ..version("a", "1.0.0", IN_QA, Duration::DAY) };
    let mut both = facts(vec![version("a", "1.0.0", IN_QA, Duration::DAY), sandbox]);
    both.accounts.push(account(Environment::Sandbox));
    let status = group(both);
    let labels: BTreeSet<_> = status.products().map(|product| status.label_of(product)).collect();
    assert_eq!(labels, BTreeSet::from(["acme/a (production)".to_owned(), "acme/a (sandbox)".to_owned()]));
    assert_eq!(status.title(), "2 accounts, production and sandbox");
}

#[test]
fn without_skus_each_submission_is_a_product() {
    let unknown = |id: &str, age| VersionFacts {
        sku: None,
        version: None,
        resource_id: id.to_owned(),
        item_id: (id == "s1").then(|| "item-1".to_owned()),
        ..version("a", "1.0.0", IN_QA, Duration::days(age))
    };
    let status = group(facts(vec![unknown("s1", 1), unknown("s2", 2)]));
    assert_eq!(labels(&status.in_review), ["s2", "item-1"]);
}

#[test]
fn changes_are_reported_and_time_is_not() {
    let at = |versions: Vec<VersionFacts>, now: OffsetDateTime| group(Facts { now, ..facts(versions) });
    let review = || version("a", "1.5.0", IN_QA, Duration::days(1));
    let store = || version("a", "1.4.0", IN_STORE, Duration::days(9));
    let before = at(vec![store(), review()], NOW);
    assert_eq!(at(vec![store(), review()], NOW + Duration::HOUR).changes_since(&before), [""; 0]);
    let rejected = version("a", "1.5.0", REJECTED, Duration::ZERO);
    assert_eq!(
        at(vec![store(), rejected], NOW).changes_since(&before),
        ["acme/a 1.5.0: rejected by technical review 0 min ago"]
    );
    let released = version("a", "1.5.0", IN_STORE, Duration::ZERO);
    assert_eq!(at(vec![store(), released], NOW).changes_since(&before), ["acme/a 1.5.0: in the store"]);
    let recalled = version("a", "1.5.0", ["draft", "recalled", "draft"], Duration::ZERO);
    assert_eq!(at(vec![store(), recalled], NOW).changes_since(&before), ["acme/a 1.5.0: no longer in review"]);
    assert_eq!(at(vec![], NOW).changes_since(&before), ["acme/a: neither in the store nor in review"]);
    let new = at(vec![store(), review(), version("b", "1.0.0", IN_QA, Duration::ZERO)], NOW);
    assert_eq!(new.changes_since(&before), ["acme/b 1.0.0: technical: manual QA, 0 min, marketing: approved"]);
}

const OVERALL: [&str; 8] = [
    "draft",
    "in_progress",
    "approved",
    "released_to_store",
    "developer_removed_from_store",
    "admin_removed_from_store",
    "canceled_by_developer",
    "canceled_by_admin",
];
const TECHNICAL: [&str; 8] = [
    "draft",
    "in_automation",
    "awaiting_manual_qa",
    "in_manual_qa",
    "approved",
    "rejected",
    "recalled",
    "in_legal_review",
];
const MARKETING: [&str; 8] = [
    "draft",
    "awaiting_marketing_review",
    "in_marketing_review",
    "approved",
    "approved_with_modifications_pending",
    "rejected",
    "recalled",
    "",
];

fn any_version() -> impl Strategy<Value = VersionFacts> {
    let statuses = (0usize..8, 0usize..8, 0usize..8);
    (0u8..4, 0u8..5, statuses, 0i64..60, 0i64..9, any::<bool>()).prop_map(
        |(sku, number, (overall, technical, marketing), days, order, has_version)| {
            let statuses = [OVERALL[overall], TECHNICAL[technical], MARKETING[marketing]];
            let mut one = version(&format!("p{sku}"), &format!("1.{number}.0"), statuses, Duration::days(days));
            one.order = order;
            if !has_version {
                one.version = None;
            }
            one
        },
    )
}

proptest! {
    #[test]
    fn each_product_is_in_exactly_one_group_and_nothing_is_lost(
        versions in proptest::collection::vec(any_version(), 0..30),
        is_selection in any::<bool>(),
    ) {
        let numbered = versions.into_iter().enumerate();
        let named = |(number, one): (usize, VersionFacts)| VersionFacts { resource_id: format!("s{number}"), ..one };
        let versions: Vec<_> = numbered.map(named).collect();
        let status = group(Facts { is_selection, ..facts(versions.clone()) });
        let shown: Vec<_> = status.products().map(|product| product.sku.clone().unwrap()).collect();
        let distinct: BTreeSet<_> = shown.iter().cloned().collect();
        prop_assert_eq!(shown.len(), distinct.len(), "a product is shown twice");
        let of = |overall: &[&str]| -> BTreeSet<String> {
            let is_of = |one: &&VersionFacts| one.overall.as_ref().is_some_and(|flow| overall.contains(&flow.status.as_str()));
            versions.iter().filter(is_of).filter_map(|one| one.sku.clone()).collect()
        };
        // Whatever is in the store or not finished is shown; of the rest, only what was selected, or Adobe has ended recently.
        let expected = if is_selection { of(&OVERALL) } else { of(&OVERALL[..4]) };
        prop_assert!(expected.is_subset(&distinct), "{:?} {:?}", expected, distinct);
        prop_assert_eq!(status.in_store, of(&OVERALL[3..4]).len() as u64);
        let lines: usize = status.products().map(|product| product.lines.len()).sum();
        prop_assert!(lines <= versions.len());
        if is_selection {
            prop_assert_eq!(lines, versions.len());
        }
        for sorted in [&status.needs_you, &status.stuck, &status.in_review] {
            prop_assert!(sorted.windows(2).all(|pair| pair[0].since <= pair[1].since));
            prop_assert!(sorted.iter().all(|product| product.since.is_some() && !product.lines.is_empty()));
        }
        prop_assert!(status.fine.windows(2).all(|pair| pair[0].label <= pair[1].label));
        // The group is that of the most urgent version.
        let has = |product: &ProductStatus, state| product.lines.iter().any(|line| line.state == state);
        let calm = || status.in_review.iter().chain(&status.fine);
        prop_assert!(is_selection || !calm().any(|product| has(product, VersionState::Rejected)));
        prop_assert!(!calm().any(|product| has(product, VersionState::Stuck)));
        prop_assert!(!status.fine.iter().any(|product| has(product, VersionState::InReview)));
        prop_assert_eq!(status.changes_since(&status), Vec::<String>::new());
        for product in status.products() {
            prop_assert!(product.lines.iter().all(|line| line.sentences.iter().all(|sentence| !sentence.is_empty())));
        }
    }
}
