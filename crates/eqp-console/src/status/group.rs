//! Puts each product into the first group that applies. No I/O.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use super::channel;
use super::facts::{Facts, FlowFacts, VersionFacts};
use super::lines;
use super::listings::Findings;
use super::model::{NextStep, ProductStatus, Status, StatusAccount, VersionLine, VersionState};
use super::version::compare;

/// The time for which a removal or cancellation by Adobe needs the vendor.
const RECENT: Duration = Duration::days(30);

/// A group of products, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    NeedsYou,
    Stuck,
    InReview,
    Fine,
}

/// The identity of a product within an account. Without a SKU, each submission counts as a product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ProductKey {
    Sku(String),
    Resource(String),
}

/// Derives the status of each product.
pub(super) fn group(facts: Facts) -> Status {
    let Facts { now, source, environment, accounts, versions, is_selection, channel, listings, is_complete } = facts;
    let mut products: BTreeMap<(StatusAccount, ProductKey), Vec<VersionFacts>> = BTreeMap::new();
    for version in versions {
        let key = match &version.sku {
            Some(sku) => ProductKey::Sku(sku.clone()),
            None => ProductKey::Resource(version.resource_id.clone()),
        };
        products.entry((version.account.clone(), key)).or_default().push(version);
    }
    let channel = channel.as_ref();
    let mut status = Status {
        at: now,
        source,
        environment,
        accounts,
        last_response_at: channel.map_or(Some(now), channel::ChannelFacts::last_response_at),
        stale: channel.and_then(|channel| channel.stale(now)),
        needs_you: Vec::new(),
        stuck: Vec::new(),
        in_review: Vec::new(),
        due: Vec::new(),
        fine: Vec::new(),
        in_store: 0,
        channel: channel.map(channel::ChannelFacts::shown),
        setup: channel.map(|channel| channel.setup(now)).unwrap_or_default(),
        is_complete,
    };
    let findings = Findings::of(&listings, now);
    for ((account, _), mut versions) in products {
        versions.extend(findings.lines_of(&account, &versions));
        let Some((group, product)) = product(account, versions, is_selection, now) else { continue };
        status.in_store += u64::from(product.is_in_store);
        match group {
            Group::NeedsYou => status.needs_you.push(product),
            Group::Stuck => status.stuck.push(product),
            Group::InReview => status.in_review.push(product),
            Group::Fine => status.fine.push(product),
        }
    }
    for group in [&mut status.needs_you, &mut status.stuck, &mut status.in_review] {
        group.sort_by(|one, other| (one.since, &one.label).cmp(&(other.since, &other.label)));
    }
    status.fine.sort_by(|one, other| one.label.cmp(&other.label));
    findings.add_due(&mut status, is_selection);
    status
}

/// A version with its state.
struct Judged {
    facts: VersionFacts,
    state: VersionState,
    since: OffsetDateTime,
    /// A higher version is in the store or under way, so that a rejection needs nobody any more.
    is_superseded: bool,
}

/// One version of a product, beside the version in the store.
pub(super) struct OneVersion {
    pub(super) line: VersionLine,
    /// The next step about this version. `None` if there is nothing to do but wait.
    pub(super) next: Option<NextStep>,
    pub(super) is_superseded: bool,
    pub(super) is_in_store: bool,
    pub(super) store_version: Option<String>,
}

/// Derives the status of one of the versions of a product.
pub(super) fn one_version(versions: Vec<VersionFacts>, resource_id: &str, now: OffsetDateTime) -> Option<OneVersion> {
    let judged = judge(versions, now);
    let in_store = in_store(&judged);
    let one = judged.iter().find(|one| one.facts.resource_id == resource_id)?;
    Some(OneVersion {
        line: lines::of(&one.facts, one.state, one.since, now),
        next: next_step(one, now).filter(|_| group_of(one, now) != Group::Fine),
        is_superseded: one.is_superseded,
        is_in_store: in_store.is_some(),
        store_version: in_store.and_then(|one| one.facts.version.clone()),
    })
}

/// Determines the state of each version of a product.
fn judge(versions: Vec<VersionFacts>, now: OffsetDateTime) -> Vec<Judged> {
    let judged = versions.into_iter().map(|facts| {
        let (state, since) = state_of(&facts, now);
        Judged { facts, state, since, is_superseded: false }
    });
    let mut judged: Vec<Judged> = judged.collect();
    for at in 0..judged.len() {
        judged[at].is_superseded = judged.iter().any(|other| supersedes(other, &judged[at]));
    }
    judged
}

/// Returns the highest version in the store.
fn in_store(judged: &[Judged]) -> Option<&Judged> {
    judged.iter().filter(|one| one.state == VersionState::InStore).max_by(|one, other| release_order(one, other))
}

/// Derives the status of one product. Returns `None` if none of its versions is in the store or under way.
fn product(
    account: StatusAccount,
    versions: Vec<VersionFacts>,
    is_selection: bool,
    now: OffsetDateTime,
) -> Option<(Group, ProductStatus)> {
    let mut judged = judge(versions, now);
    judged.sort_by(|one, other| {
        let urgency = |one: &Judged| (group_of(one, now), one.state, one.since);
        urgency(one).cmp(&urgency(other)).then_with(|| release_order(other, one))
    });
    let group = judged.iter().map(|one| group_of(one, now)).min()?;
    let in_store = in_store(&judged);
    let of_group = |one: &&Judged| group != Group::Fine && group_of(one, now) == group;
    let since = judged.iter().filter(of_group).map(|one| one.since).min().or(in_store.map(|one| one.since));
    let next = judged.iter().find(of_group).and_then(|one| next_step(one, now));
    let newest = judged.iter().max_by_key(|one| one.facts.order)?;
    let named = |of: fn(&VersionFacts) -> Option<&String>| of(&newest.facts).cloned();
    let sku = named(|facts| facts.sku.as_ref());
    let label = sku.clone().or_else(|| named(|facts| facts.item_id.as_ref()));
    let is_only = group == Group::Fine && in_store.is_none();
    let lines: Vec<VersionLine> = judged
        .iter()
        .filter(|one| is_selection || is_listed(one, is_only, now))
        .map(|one| lines::of(&one.facts, one.state, one.since, now))
        .collect();
    if lines.is_empty() && in_store.is_none() {
        return None;
    }
    let product = ProductStatus {
        environment: account.environment,
        mage_id: account.mage_id,
        label: label.unwrap_or_else(|| newest.facts.name.clone().unwrap_or_else(|| newest.facts.resource_id.clone())),
        sku,
        name: named(|facts| facts.name.as_ref()),
        since,
        is_in_store: in_store.is_some(),
        store_version: in_store.and_then(|one| one.facts.version.clone()),
        lines,
        next,
    };
    Some((group, product))
}

/// Returns the state of a version, and since when it has been in it.
fn state_of(facts: &VersionFacts, now: OffsetDateTime) -> (VersionState, OffsetDateTime) {
    if let Some(listing) = &facts.listing {
        return (listing.state, listing.since);
    }
    let overall = facts.overall.as_ref();
    let ended = overall.and_then(|overall| {
        let state = match overall.status.as_str() {
            "released_to_store" => VersionState::InStore,
            "admin_removed_from_store" => VersionState::RemovedByAdobe,
            "developer_removed_from_store" => VersionState::Removed,
            "canceled_by_admin" => VersionState::CanceledByAdobe,
            "canceled_by_developer" => VersionState::Canceled,
            _ => return None,
        };
        Some((state, overall.since))
    });
    if let Some(ended) = ended {
        return ended;
    }
    let flows = || facts.reviews().map(|(_, flow)| flow);
    let times = |with: fn(&FlowFacts, OffsetDateTime) -> bool| {
        flows().filter(move |flow| with(flow, now)).map(|flow| flow.since)
    };
    if let Some(since) = times(|flow, _| flow.status == "rejected").max() {
        return (VersionState::Rejected, since);
    }
    if let Some(since) = times(FlowFacts::is_stuck).min() {
        return (VersionState::Stuck, since);
    }
    if let Some(since) = times(|flow, _| flow.review.is_some()).min() {
        return (VersionState::InReview, since);
    }
    if let Some(overall) = overall.filter(|overall| overall.status == "approved") {
        return (VersionState::Approved, overall.since);
    }
    if let Some(since) = times(|flow, _| flow.status == "recalled").max() {
        return (VersionState::Recalled, since);
    }
    // A status that is not documented: something is under way.
    if let Some(since) = times(|flow, _| flow.status != "draft").min() {
        return (VersionState::InReview, since);
    }
    let since = overall.map(|overall| overall.since).into_iter().chain(flows().map(|flow| flow.since)).max();
    (VersionState::Draft, since.unwrap_or(now))
}

/// Orders versions by their number, and those with the same one by their creation. A version that is not known is the lowest.
fn release_order(one: &Judged, other: &Judged) -> Ordering {
    let by_number = match (&one.facts.version, &other.facts.version) {
        (Some(one), Some(other)) => compare(one, other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    };
    by_number.then(one.facts.order.cmp(&other.facts.order))
}

/// Returns whether `one` makes it unnecessary to do something about `other`.
fn supersedes(one: &Judged, other: &Judged) -> bool {
    let is_under_way = matches!(
        one.state,
        VersionState::Rejected
            | VersionState::Stuck
            | VersionState::InReview
            | VersionState::Approved
            | VersionState::InStore
    );
    is_under_way && release_order(one, other).is_gt()
}

fn group_of(one: &Judged, now: OffsetDateTime) -> Group {
    match one.state {
        VersionState::Rejected if !one.is_superseded => Group::NeedsYou,
        VersionState::OnlyAtPackagist | VersionState::RemovalDue => Group::NeedsYou,
        VersionState::RemovedByAdobe | VersionState::CanceledByAdobe
            if !one.is_superseded && now - one.since <= RECENT =>
        {
            Group::NeedsYou
        }
        VersionState::Stuck => Group::Stuck,
        VersionState::InReview | VersionState::Approved => Group::InReview,
        _ => Group::Fine,
    }
}

/// Returns whether a version is listed although its product was not selected: it is under way, or there is nothing else to show.
fn is_listed(one: &Judged, is_only: bool, now: OffsetDateTime) -> bool {
    let waits_for_vendor = matches!(one.state, VersionState::Draft | VersionState::Recalled);
    group_of(one, now) != Group::Fine || (is_only && !one.is_superseded && waits_for_vendor)
}

fn next_step(one: &Judged, now: OffsetDateTime) -> Option<NextStep> {
    let id = &one.facts.resource_id;
    let word = eqp_sync::quoted_id(id);
    let is_scan = one.facts.scan.as_ref().is_some_and(|scan| scan.is_stuck(now));
    let archive = eqp_sync::quoted_id(one.facts.archive_id.as_ref().unwrap_or(id));
    let (text, command) = match one.state {
        VersionState::Rejected => ("read the reasons".to_owned(), format!("eqp packages report {word}")),
        VersionState::OnlyAtPackagist => {
            let sku = eqp_sync::quoted_id(one.facts.sku.as_deref().unwrap_or_default());
            ("compare the versions".to_owned(), format!("eqp packages published {sku}"))
        }
        VersionState::RemovalDue => ("see the dates".to_owned(), "eqp listings due".to_owned()),
        VersionState::RemovedByAdobe | VersionState::CanceledByAdobe => {
            (format!("ask Marketplace support, submission {id}"), format!("eqp packages show {word}"))
        }
        VersionState::Stuck if is_scan => {
            ("check the scan, or upload the archive again".to_owned(), format!("eqp files show {archive}"))
        }
        VersionState::Stuck => {
            (format!("write to Marketplace support, submission {id}"), format!("eqp submissions letter {word}"))
        }
        _ => return None,
    };
    Some(NextStep { text, command })
}

#[cfg(test)]
pub(super) mod tests;
