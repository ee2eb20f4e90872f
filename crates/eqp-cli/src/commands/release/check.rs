//! The first step: what the store would refuse is not sent.

use eqp_check::{Tier, Tools};
use eqp_types::Package;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::goal::Track;
use super::look::versions;
use super::progress::Progress;
use super::stage::is_live;
use super::wanted::Wanted;
use crate::commands::packages::checked_archive;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{counted, visible};

/// Whether an earlier version of the product is in the store: then what the manifest lacks is taken from that.
async fn is_new_version(context: &Context, wanted: &Wanted) -> Outcome<bool> {
    let Some(sku) = wanted.package.sku.as_ref().or(wanted.sku_of_archive.as_ref()) else { return Ok(false) };
    let versions = versions(&client(&context.settings.marketplace)?, sku).await?;
    let version = wanted.package.version.as_deref();
    let is_earlier = |package: &Package| {
        package.eqp_status.as_ref().is_some_and(is_live) && (version.is_none() || package.version.as_deref() != version)
    };
    Ok(versions.iter().any(is_earlier))
}

/// Checks the archive and what is submitted beside it.
pub(super) async fn check(
    context: &Context,
    wanted: &Wanted,
    track: Track,
    stop: &CancellationToken,
    progress: &mut Progress,
) -> Outcome {
    let Some(archive) = wanted.archive.clone() else { return Ok(()) };
    progress.begins("check", &format!("checking {}", archive.display()))?;
    let mut check = eqp_check::Check::new()
        .tracks(track.tracks())
        .listing(wanted.package.listing()?)
        .suppressing(wanted.suppressions.clone());
    if let Some(path) = std::env::var_os("PATH") {
        check = check.tools(Tools::installed(&path));
    }
    let mut report = checked_archive(check, archive, stop).await?;
    if report.is_refused() {
        let for_new_version = report.clone().for_new_version();
        if !for_new_version.is_refused() && is_new_version(context, wanted).await? {
            report = for_new_version;
        }
    }
    let counts = report.counts;
    if !report.is_refused() {
        let warnings = counted(counts.warns, "warning");
        for found in report.findings.iter().filter(|found| found.tier == Tier::Warns) {
            progress.note(&format!("{} at {}: {}", found.rule.id, found.place, found.message));
        }
        let gaps =
            report.gaps().map(|gap| format!("; {} could have blocked and did not run ({})", gap.rule.id, gap.why));
        let gaps = gaps.collect::<Vec<_>>().concat();
        let text = format!("checked {}: nothing that the store refuses, {warnings}{gaps}", report.archive);
        return progress.done("check", &text, json!({"warnings": counts.warns}));
    }
    progress.clear();
    if context.output.is_json() || progress.is_json() {
        let mut result = json!({
            "environment": context.settings.marketplace.environment(),
            "package": wanted.label,
            "outcome": "check_failed",
            "handle": null,
            "findings": report.findings,
        });
        if progress.is_json() {
            result["step"] = json!("result");
        }
        context.output.json(&result)?;
    }
    let refused = Failure::new(Exit::Rejected, format!("the store would refuse {}", report.archive));
    let blocking = report.findings.iter().filter(|found| found.tier == Tier::Blocks);
    let told = blocking.map(|found| {
        let place = found.place.to_string();
        format!("{} at {}: {}\n{}", found.rule.id, visible(&place), visible(&found.message), found.remedy)
    });
    Err(told
        .fold(refused, |failure, told| failure.why_in_lines(&told))
        .next("see all of it: eqp packages check")
        .next("--skip-check sends it all the same"))
}
