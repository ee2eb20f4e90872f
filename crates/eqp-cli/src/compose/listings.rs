//! Checks the listings of an account in the store: against Packagist, and against the dates that follow from Adobe's rules.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eqp_client::Client;
use eqp_release::listing_dates::{ListingDate, ListingDateKind, ReleaseLines, dates_due, live_listings};
use eqp_release::published::{PublishedProduct, Standing, compare_published};
use eqp_release::read_packages;
use eqp_sync::{CheckListings, ListingDue, ListingFindings, ListingRule, PackagistConflict};
use eqp_types::Package;
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::config::ComposerOptions;
use crate::context::{Context, is_the_marketplaces};
use crate::failure::{Failure, Result};

/// The name of this program for the hosts.
pub(crate) const PROGRAM: &str = concat!("eqp/", env!("CARGO_PKG_VERSION"));
/// The time limit for reading Packagist. The account is not reconciled in this time.
const COMPARISON: Duration = Duration::from_mins(2);
/// The folder for what Packagist returned, in the data folder.
pub(crate) const CACHE: &str = "cache/packagist";

/// Returns the check that a server runs. `release_lines` are the release lines of Adobe Commerce.
pub(crate) fn check_listings(context: &Context, release_lines: ReleaseLines, cache: PathBuf) -> Result<CheckListings> {
    let composer = context.settings.composer.clone();
    let ca_pem = context.settings.marketplace.ca_pem()?;
    let lines = Arc::new(release_lines);
    Ok(Arc::new(move |client| {
        let (composer, lines) = (composer.clone(), Arc::clone(&lines));
        let (ca_pem, cache) = (ca_pem.clone(), cache.clone());
        Box::pin(async move {
            let checked = check(&client, &composer, &lines, ca_pem, cache).await;
            checked.map_err(|failure| failure.in_one_line().into())
        })
    }))
}

async fn check(
    client: &Client,
    composer: &ComposerOptions,
    lines: &ReleaseLines,
    ca_pem: Option<Vec<u8>>,
    cache: PathBuf,
) -> Result<ListingFindings> {
    let now = OffsetDateTime::now_utc();
    let packages = read_packages(client).await.map_err(Failure::from)?;
    let mut findings = dates_of(&packages, lines, now);
    if live_listings(&packages).is_empty() {
        return Ok(findings);
    }
    let simulator = Some(client.api_url()).filter(|url| !is_the_marketplaces(url));
    let mut sources = composer.sources(simulator)?;
    (sources.ca_pem, sources.cache) = (ca_pem, Some(cache));
    // The dates are known even if Packagist does not answer.
    let compared = timeout(COMPARISON, compare_published(client, &sources, &[], PROGRAM)).await;
    let products = match compared {
        Ok(compared) => compared?,
        Err(_elapsed) => {
            findings.unread = live_listings(&packages).into_iter().map(|listing| listing.sku.to_string()).collect();
            return Ok(findings);
        }
    };
    let is_unread = |product: &&PublishedProduct| product.standing == Standing::Unknown;
    findings.unread = products.iter().filter(is_unread).map(|product| product.sku.to_string()).collect();
    findings.conflicts = products.iter().filter_map(|product| conflict(product, now)).collect();
    Ok(findings)
}

/// Returns the dates of listings that have passed or are near.
pub(crate) fn dates_of(packages: &[Package], lines: &ReleaseLines, now: OffsetDateTime) -> ListingFindings {
    let mut findings = ListingFindings::default();
    let dates = dates_due(&live_listings(packages), lines, now.date());
    findings.dates = dates.into_iter().map(|date| due(date, now)).collect();
    findings
}

fn due(date: ListingDate, now: OffsetDateTime) -> ListingDue {
    let rule = match date.kind {
        ListingDateKind::NoUpdate => ListingRule::NoUpdate,
        ListingDateKind::EndOfLife => ListingRule::EndOfLife,
        _ => ListingRule::Compatibility,
    };
    ListingDue::new(date.sku.to_string(), rule, date.line, date.due.midnight().assume_utc(), now)
}

fn conflict(product: &PublishedProduct, now: OffsetDateTime) -> Option<PackagistConflict> {
    let packagist = product.packagist.version.as_ref().filter(|_| product.breaks_shops)?;
    let installed = product.repository.version.as_ref().or(product.store.as_ref())?;
    let range = installed.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let consequence = format!("customers who require ^{range} get \"Higher matching version\" from Composer");
    Some(PackagistConflict::new(product.sku.to_string(), packagist, product.store.clone(), consequence, now))
}
