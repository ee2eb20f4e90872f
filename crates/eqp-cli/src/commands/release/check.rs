//! The first step: what the store would refuse is not sent.

use eqp_check::{Tier, Tools, Tracks};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::goal::Track;
use super::progress::Progress;
use super::wanted::Wanted;
use crate::commands::packages::checked_archive;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{counted, visible};

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
        .tracks(match track {
            Track::Both => Tracks::Both,
            Track::Technical => Tracks::Technical,
            Track::Marketing => Tracks::Marketing,
        })
        .listing(wanted.package.listing()?)
        .suppressing(wanted.suppressions.clone());
    if let Some(path) = std::env::var_os("PATH") {
        check = check.tools(Tools::installed(&path));
    }
    let report = checked_archive(check, archive, stop).await?;
    let counts = report.counts;
    if !report.is_refused() {
        let warnings = counted(counts.warns, "warning");
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
