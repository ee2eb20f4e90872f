//! Prints the report of a check for people.

use std::collections::BTreeMap;

use eqp_check::{CheckResult, Finding, Report};

use crate::failure::Result;
use crate::output::{Output, Table, counted, escaped};

/// Maximum number of rules to name for each reason why rules did not run. Further rules are only counted.
const MOST_NAMED: usize = 5;

/// Prints findings, remedies and rules that did not run.
pub(super) fn show(output: Output, report: &Report) -> Result {
    if !report.findings.is_empty() {
        let mut table = Table::new(&["severity", "rule", "location", "message"]);
        for Finding { rule, severity, location, message, .. } in &report.findings {
            table.row([severity.to_string(), rule.id.to_owned(), location.to_string(), message.clone()]);
        }
        output.line(table)?;
        let mut remedies = Table::new(&["rule", "what to do"]);
        let mut listed = Vec::new();
        for Finding { rule, remedy, .. } in &report.findings {
            if !listed.contains(&(rule.id, *remedy)) {
                listed.push((rule.id, *remedy));
                remedies.row([rule.id, remedy]);
            }
        }
        output.line(format_args!("\n{remedies}\n"))?;
    }
    for suppressed in &report.suppressed {
        let finding = &suppressed.finding;
        let line = format!(
            "suppressed: {} at {} ({})",
            finding.rule.id,
            escaped(&finding.location.to_string()),
            escaped(&suppressed.reason)
        );
        output.line(line)?;
    }
    for (why, rules) in not_run(report) {
        let named = if rules.len() > MOST_NAMED { format!("{} rules", rules.len()) } else { rules.join(", ") };
        output.line(format_args!("did not run: {named} ({})", escaped(why)))?;
    }
    for suppression in &report.unused_suppressions {
        output.note(format_args!("unused suppression of rule {}", suppression.rule));
    }
    output.line(summary(report))?;
    if report.result() == CheckResult::Incomplete {
        let unchecked: Vec<_> = report.unchecked().map(|not_run| not_run.rule.id).collect();
        let (shown, more) = unchecked.split_at(unchecked.len().min(MOST_NAMED));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let shown = shown.join(", ");
        output.line(format_args!("incomplete: blocking rules that did not run: {shown}{more}"))?;
    }
    Ok(())
}

/// Returns the rules that did not run, grouped by reason.
fn not_run(report: &Report) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for not_run in &report.not_run {
        reasons.entry(&not_run.reason).or_default().push(not_run.rule.id);
    }
    reasons
}

fn summary(report: &Report) -> String {
    let known =
        [&report.package.name, &report.package.version].map(|text| text.as_deref().unwrap_or_default()).join(" ");
    let known = known.trim();
    let package = if known.is_empty() { String::new() } else { format!(" ({known})") };
    let counts = report.counts;
    let mut found = vec![format!("{} blocking", counts.blocking), counted(counts.warnings, "warning")];
    if counts.suppressed > 0 {
        found.push(format!("{} suppressed", counts.suppressed));
    }
    format!(
        "{}{}: {}; rules: {} total, {} ran, {} not run, {} store-only",
        escaped(&report.archive),
        escaped(&package),
        found.join(", "),
        counts.rules,
        counts.ran,
        counts.not_run,
        counts.store_only
    )
}
