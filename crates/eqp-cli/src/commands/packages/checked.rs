//! The report of a check, for people.

use std::collections::BTreeMap;

use eqp_check::{Finding, Report, Verdict};

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, counted, visible};

/// So many rules that did not run for one reason are named; more are counted.
const MOST_NAMED: usize = 5;

/// Writes what was found, what to do, and what was not looked at.
pub(super) fn show(context: &Context, report: &Report) -> Outcome {
    if !report.findings.is_empty() {
        let mut table = Table::new(&["tier", "rule", "where", "what is wrong"]);
        for Finding { rule, tier, place, message, .. } in &report.findings {
            table.row([tier.to_string(), rule.id.to_owned(), place.to_string(), message.clone()]);
        }
        context.output.line(table)?;
        let mut remedies = Table::new(&["rule", "what to do"]);
        let mut told: Vec<&str> = Vec::new();
        for Finding { rule, remedy, .. } in &report.findings {
            if !told.contains(&rule.id) {
                told.push(rule.id);
                remedies.row([rule.id, remedy]);
            }
        }
        context.output.line(format_args!("\n{remedies}\n"))?;
    }
    for suppressed in &report.suppressed {
        let finding = &suppressed.finding;
        let line = format!(
            "passed over: {} at {} ({})",
            finding.rule.id,
            visible(&finding.place.to_string()),
            visible(&suppressed.reason)
        );
        context.output.line(line)?;
    }
    for (why, rules) in not_run(report) {
        let named = if rules.len() > MOST_NAMED { format!("{} rules", rules.len()) } else { rules.join(", ") };
        context.output.line(format_args!("did not run: {named} ({})", visible(why)))?;
    }
    for suppression in &report.unused_suppressions {
        context.output.note(format_args!("nothing to pass over was found for {}", suppression.rule));
    }
    context.output.line(summary(report))?;
    if report.verdict() == Verdict::Incomplete {
        let gaps: Vec<_> = report.gaps().map(|gap| gap.rule.id).collect();
        let (shown, more) = gaps.split_at(gaps.len().min(MOST_NAMED));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let shown = shown.join(", ");
        context.output.line(format_args!("incomplete: {shown}{more} could have blocked and did not run"))?;
    }
    Ok(())
}

/// Rules that did not run, by the reason.
fn not_run(report: &Report) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for not_run in &report.not_run {
        reasons.entry(&not_run.why).or_default().push(not_run.rule.id);
    }
    reasons
}

fn summary(report: &Report) -> String {
    let known =
        [&report.package.name, &report.package.version].map(|text| text.as_deref().unwrap_or_default()).join(" ");
    let known = known.trim();
    let package = if known.is_empty() { String::new() } else { format!(" ({known})") };
    let counts = report.counts;
    let mut found = vec![format!("{} blocking", counts.blocks), counted(counts.warns, "warning")];
    if counts.suppressed > 0 {
        found.push(format!("{} passed over", counts.suppressed));
    }
    format!(
        "{}{}: {}; of {} rules {} ran, {} did not, {} only the store can run",
        visible(&report.archive),
        visible(&package),
        found.join(", "),
        counts.rules,
        counts.ran,
        counts.not_run,
        counts.cannot_know
    )
}
