//! `eqp packages rules`: lists the rules of the check.

use clap::Args;
use eqp_check::{Rule, categories, rule, rules};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Table;
use crate::text::nearest;

/// List the rules of `packages check`, or show one rule and its remedy
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages rules
  eqp packages rules composer-version
  eqp packages rules --json \\
      | jq -r '.rules[] | select(.severity == \"blocking\") | .id'")]
pub(crate) struct Rules {
    /// ID of the rule to show [default: list all]
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

/// All rules as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RuleList {
    /// The rules, in the order of the registry.
    rules: Vec<&'static Rule>,
}

/// A rule as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct OneRule<'a> {
    /// The rule.
    rule: &'a Rule,
}

impl Rules {
    pub(crate) fn run(self, context: &Context) -> Result {
        match self.rule.as_deref() {
            Some(id) => show(context, known(id)?),
            None => list(context),
        }
    }
}

fn known(id: &str) -> Result<&'static Rule> {
    rule(id).ok_or_else(|| {
        let failure = Failure::new(Exit::NotFound, format!("unknown rule `{id}`"));
        match nearest(id, rules().map(|rule| rule.id)) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure.next("list all rules: eqp packages rules"),
        }
    })
}

fn show(context: &Context, rule: &Rule) -> Result {
    if context.output.is_json() {
        return context.output.json(&OneRule { rule });
    }
    let Rule { id, severity, source, applies_to, description, remedy, .. } = rule;
    context
        .output
        .line(format_args!("{id} ({severity}, by {source})\n\n{description}\n{remedy}\n\nApplies to: {applies_to}"))
}

fn list(context: &Context) -> Result {
    if context.output.is_json() {
        return context.output.json(&RuleList { rules: rules().collect() });
    }
    let mut table = Table::new(&["rule", "severity", "source", "description"]);
    for rule in categories().into_iter().flat_map(|category| category.rules) {
        table.row([
            rule.id.to_owned(),
            rule.severity.to_string(),
            rule.source.to_string(),
            rule.description.to_owned(),
        ]);
    }
    context.output.line(table)
}
