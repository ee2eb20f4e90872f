//! Determines the status from the Marketplace alone, with few calls.

use std::collections::BTreeMap;

use eqp_client::{Client, PackageField, PackageFilter};
use eqp_sync::{ListingFindings, Stage, StuckLimits};
use eqp_types::{Flow, Package, Sku, SubmissionId, TestRun, Timestamp};
use time::OffsetDateTime;

use super::facts::{Facts, FlowFacts, ReviewFacts, VersionFacts};
use super::group::group;
use super::model::{Status, StatusAccount, StatusSource, VersionState};
use super::reasons;

/// The most calls, with that for the session token, and without those for the reasons of rejections.
const CALLS: usize = 5;
/// The number of submissions on the first page, and on each of the others at most.
const PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1_000;
/// The most rejected submissions whose reasons are read.
const REASONS: usize = 20;

/// The reason why the Marketplace alone returned no status.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketplaceStatusError {
    /// The account has no submission of these products.
    #[error("there is no submission of {}", .0.join(", "))]
    UnknownProducts(Vec<String>),
    /// A call failed.
    #[error(transparent)]
    Client(#[from] eqp_client::Error),
}

/// Determines the status of the products of an account from the Marketplace's API, with at most 5 calls, and one for each rejected
/// submission. The API does not report for how long a review has been at its current stage; the time of the last change is used instead.
/// `check_listings` determines the dates of listings from the submissions.
///
/// # Errors
/// [`MarketplaceStatusError::UnknownProducts`] if products were selected that do not exist, and
/// [`MarketplaceStatusError::Client`] if a call fails.
pub async fn status_of_marketplace(
    client: &Client,
    limits: &StuckLimits,
    skus: &[String],
    now: OffsetDateTime,
    check_listings: impl FnOnce(&[Package]) -> ListingFindings,
) -> Result<Status, MarketplaceStatusError> {
    let account = StatusAccount { environment: client.environment(), mage_id: client.session().await?.mage_id };
    let (packages, is_complete) = packages(client, skus).await?;
    let is_selected = |package: &Package| skus.is_empty() || skus.iter().any(|sku| is_of(package, sku));
    let unknown: Vec<_> =
        skus.iter().filter(|sku| !packages.iter().any(|package| is_of(package, sku))).cloned().collect();
    if !unknown.is_empty() {
        return Err(MarketplaceStatusError::UnknownProducts(unknown));
    }
    let versions = packages.iter().filter(|package| is_selected(package));
    let versions = versions.filter_map(|package| version(package, &account, limits, now)).collect();
    let listings = vec![(account.clone(), check_listings(&packages))];
    let mut status = group(Facts {
        now,
        source: StatusSource::Marketplace,
        environment: Some(client.environment()),
        accounts: vec![account],
        versions,
        is_selection: !skus.is_empty(),
        channel: None,
        listings,
        is_complete,
    });
    add_reasons(client, &mut status).await?;
    Ok(status)
}

fn is_of(package: &Package, sku: &str) -> bool {
    package.sku.as_ref().is_some_and(|own| own.as_str().to_lowercase() == sku.to_lowercase())
}

/// Reads submissions, last changed first, and returns whether these are all. Few products are read by their SKUs.
async fn packages(client: &Client, skus: &[String]) -> Result<(Vec<Package>, bool), eqp_client::Error> {
    // One call requests the token.
    let mut calls = CALLS - 1;
    let readable: Vec<_> = skus.iter().filter_map(|sku| Sku::new(sku.to_lowercase()).ok()).collect();
    if !skus.is_empty() && skus.len() <= calls {
        let mut packages = Vec::new();
        for sku in &readable {
            match client.packages().by_sku(sku, None).await {
                Err(error) if error.is_not_found() => {}
                found => packages.append(&mut found?),
            }
        }
        return Ok((packages, true));
    }
    let filter = PackageFilter::new().descending(PackageField::ModifiedAt).ascending(PackageField::SubmissionId);
    let mut packages: BTreeMap<Option<SubmissionId>, Package> = BTreeMap::new();
    let (mut offset, mut size) = (0, PAGE);
    while calls > 0 {
        let page = client.packages().list(&filter.clone().offset(offset).limit(size)).await?;
        calls -= 1;
        let next = page.next_offset(size);
        let total = page.total;
        packages.extend(page.items.into_iter().map(|package| (package.submission_id.clone(), package)));
        let Some(next) = next else { return Ok((packages.into_values().collect(), true)) };
        offset = next;
        // The remaining calls share the rest.
        let rest = total.unwrap_or(u64::MAX).saturating_sub(next);
        size = rest.div_ceil(calls.max(1) as u64).clamp(PAGE, LARGEST_PAGE);
    }
    Ok((packages.into_values().collect(), false))
}

fn version(
    package: &Package,
    account: &StatusAccount,
    limits: &StuckLimits,
    now: OffsetDateTime,
) -> Option<VersionFacts> {
    let status = package.eqp_status.as_ref()?;
    let changed = package.modified_at.or(package.created_at).map_or(now, Timestamp::to_utc);
    let launched = package.latest_launch_date.map(Timestamp::to_utc);
    let flow = |flow: Flow, status: Option<&str>| {
        let status = eqp_types::canonical_status(&flow, status?).to_owned();
        let stage = Stage::of(&status);
        let review = stage.map(|stage| ReviewFacts { stage, limit: limits.of(stage), typical: None });
        let since = if status == "released_to_store" { launched.unwrap_or(changed) } else { changed };
        Some(FlowFacts { status, since, review, is_unconfirmed: false })
    };
    Some(VersionFacts {
        account: account.clone(),
        resource_id: package.submission_id.as_ref()?.to_string(),
        item_id: package.item_id.as_ref().map(ToString::to_string),
        sku: package.sku.as_ref().map(ToString::to_string),
        version: package.version.clone(),
        name: package.name.clone(),
        order: package.created_at.map_or(0, |at| at.to_utc().unix_timestamp()),
        is_patch: package.is_reviewed_as_patch() == Some(true),
        overall: flow(Flow::Overall, status.overall.as_ref().map(AsRef::as_ref)),
        technical: flow(Flow::Technical, status.technical.as_ref().map(AsRef::as_ref)),
        marketing: flow(Flow::Marketing, status.marketing.as_ref().map(AsRef::as_ref)),
        scan: None,
        archive_id: None,
        reason: None,
        listing: None,
    })
}

/// Reads which tests have failed of the versions that were rejected, one call for each.
async fn add_reasons(client: &Client, status: &mut Status) -> Result<(), eqp_client::Error> {
    let rejected = status.needs_you.iter_mut().flat_map(|product| &mut product.lines);
    let rejected = rejected.filter(|line| line.state == VersionState::Rejected).take(REASONS);
    for line in rejected {
        let Ok(id) = SubmissionId::new(line.resource_id.as_str()) else { continue };
        let runs = match client.test_results().summary(&id).await {
            Err(error) if error.is_not_found() => continue,
            runs => runs?,
        };
        let rejected = line.flows.iter().filter(|flow| flow.status == "rejected");
        let rejected = rejected.map(|flow| Flow::from(flow.flow.as_str()));
        let failed = rejected.flat_map(|flow| TestRun::failed_of(&flow, runs.clone()));
        line.reason = reasons::of_tools(&failed.filter_map(|run| run.name).collect::<Vec<_>>());
    }
    Ok(())
}
