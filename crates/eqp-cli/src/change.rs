//! Changes in four steps: observe, plan, confirm, apply.
//!
//! Each command that changes something has one type that implements [`Change`]. `observe` only reads and returns a
//! [`Plan`], which can be printed and states what has to be confirmed. `apply` requires a [`Confirmation`], so it
//! cannot run before the user was asked. A dry run prints the plan and never calls `apply`.

use eqp_types::Environment;
use serde::Serialize;

pub(crate) use eqp_sync::Confirmation;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Output, escaped};

/// Specifies what the user has to confirm before a plan is applied. Each text names the action, without a question
/// mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// No confirmation: the action can be undone, or affects only this machine.
    Nothing,
    /// A write to this environment of the Marketplace.
    Write(Environment, String),
    /// An action that cannot be undone, in any environment. Without a terminal, it requires `--yes`.
    Irreversible(String),
}

/// The changes that a command is about to make.
pub(crate) trait Plan {
    /// Prints the plan of a dry run. Fails if the command itself is certain to fail.
    fn show(self, output: Output) -> Result;

    /// Returns the lines to print before the question.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns what has to be confirmed before the plan is applied.
    fn question(&self) -> Question;
}

/// A change that a command makes.
pub(crate) trait Change {
    /// The type of the plan.
    type Plan: Plan;
    /// The result of an applied plan.
    type Applied;

    /// Reads the current state and plans the change. Changes nothing.
    async fn observe(&mut self) -> Result<Self::Plan>;

    /// Carries out the plan.
    async fn apply(self, plan: Self::Plan, confirmation: Confirmation) -> Result<Self::Applied>;
}

/// Observes, then either prints the plan (`dry_run`) or has it confirmed and applies it. Returns `None` after a dry run.
pub(crate) async fn run<C: Change>(context: &Context, mut change: C, dry_run: bool) -> Result<Option<C::Applied>> {
    let plan = change.observe().await?;
    if dry_run {
        plan.show(context.output)?;
        return Ok(None);
    }
    for note in plan.notes() {
        context.output.note(note);
    }
    let confirmation = confirm(context, &plan.question())?;
    change.apply(plan, confirmation).await.map(Some)
}

/// Asks the user for the confirmation that a plan requires.
fn confirm(context: &Context, question: &Question) -> Result<Confirmation> {
    match question {
        Question::Nothing => Ok(Confirmation::given()),
        Question::Write(environment, action) => context.confirm.ask(*environment, action),
        Question::Irreversible(action) => context.confirm.ask_anyway(action),
    }
}

/// The action of a request to the Marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Delete,
    Disable,
    Enable,
    Upload,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Upload => "upload",
        }
    }
}

/// The plan of a request to the Marketplace that needs no information from it first.
#[derive(Clone, Debug)]
pub(crate) struct RequestPlan {
    /// The environment that the request is sent to.
    pub(crate) environment: Environment,
    /// The action.
    pub(crate) verb: Verb,
    /// The object of the action, for people.
    pub(crate) object: String,
    /// The IDs or labels of the objects, for programs.
    pub(crate) items: Vec<String>,
}

/// The dry run of a request.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RequestDryRun<'a> {
    /// The environment that the request would be sent to.
    environment: Environment,
    #[serde(flatten)]
    request: PlannedRequest<'a>,
}

/// The action of a request, with the IDs, labels or paths of its objects.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum PlannedRequest<'a> {
    #[serde(rename = "would_create")]
    Create(&'a [String]),
    #[serde(rename = "would_delete")]
    Delete(&'a [String]),
    #[serde(rename = "would_disable")]
    Disable(&'a [String]),
    #[serde(rename = "would_enable")]
    Enable(&'a [String]),
    #[serde(rename = "would_upload")]
    Upload(&'a [String]),
}

impl Plan for RequestPlan {
    fn show(self, output: Output) -> Result {
        let Self { environment, verb, object, items } = &self;
        if output.is_json() {
            let request = match verb {
                Verb::Create => PlannedRequest::Create(items),
                Verb::Delete => PlannedRequest::Delete(items),
                Verb::Disable => PlannedRequest::Disable(items),
                Verb::Enable => PlannedRequest::Enable(items),
                Verb::Upload => PlannedRequest::Upload(items),
            };
            return output.json(&RequestDryRun { environment: *environment, request });
        }
        output.line(format_args!("would {} {} in {environment}", verb.as_str(), escaped(object)))
    }

    fn question(&self) -> Question {
        let (first, rest) = self.verb.as_str().split_at(1);
        Question::Write(self.environment, format!("{}{rest} {}", first.to_uppercase(), self.object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_asked_about_in_the_words_of_its_plan() {
        let environment = Environment::Production;
        let plan =
            RequestPlan { environment, verb: Verb::Delete, object: "the file 7".into(), items: vec!["7".into()] };
        assert_eq!(plan.question(), Question::Write(environment, "Delete the file 7".into()));
    }
}
