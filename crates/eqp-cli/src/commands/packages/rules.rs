//! `eqp packages rules`.

use clap::Args;
use eqp_check::{Rule, chapters, rule, rules};
use serde_json::json;

use crate::config::nearest;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Table;

/// List what `packages check` looks for, or tell of one rule what it says and what to do
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages rules
  eqp packages rules composer-version
  eqp packages rules --json | jq -r '.rules[] | select(.tier == \"blocks\") | .id'")]
pub(crate) struct Rules {
    /// The rule's name
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

impl Rules {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self.rule.as_deref() {
            Some(id) => tell(context, known(id)?),
            None => list(context),
        }
    }
}

fn known(id: &str) -> Outcome<&'static Rule> {
    rule(id).ok_or_else(|| {
        let failure = Failure::new(Exit::NotFound, format!("there is no rule `{id}`"));
        match nearest(id, rules().map(|rule| rule.id)) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure.next("see what there is: eqp packages rules"),
        }
    })
}

fn tell(context: &Context, rule: &Rule) -> Outcome {
    if context.output.is_json() {
        return context.output.json(&json!({"rule": rule}));
    }
    let Rule { id, tier, source, looks_at, says, remedy, .. } = rule;
    context.output.line(format_args!("{id} ({tier}, by {source})\n\n{says}\n{remedy}\n\nLooks at: {looks_at}"))
}

fn list(context: &Context) -> Outcome {
    if context.output.is_json() {
        return context.output.json(&json!({"rules": rules().collect::<Vec<_>>()}));
    }
    let mut table = Table::new(&["rule", "tier", "source", "says"]);
    for rule in chapters().into_iter().flat_map(|chapter| chapter.rules) {
        table.row([rule.id.to_owned(), rule.tier.to_string(), rule.source.to_string(), rule.says.to_owned()]);
    }
    context.output.line(table)
}
