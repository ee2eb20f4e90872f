//! Checks whether events are delivered to subscriptions.

use eqp_deliver::{DeliveryProblem, SubscriptionError, SubscriptionSummary, Subscriptions};
use eqp_sync::Check;

use crate::compose::database::Database;
use crate::config::DeclaredSubscriptions;
use crate::failure::{Exit, Failure};
use crate::output::{counted, shell_word};

const NAME: &str = "deliveries";

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, "not checked: they are in the database")
}

/// Checks the subscriptions and their deliveries.
pub(super) async fn deliveries(database: &Database, declared: &DeclaredSubscriptions) -> Check<Failure> {
    let subscriptions = Subscriptions::new(database.pool().clone());
    let found = async { Ok::<_, SubscriptionError>((subscriptions.list().await?, subscriptions.problems().await?)) };
    match found.await {
        Err(error) => {
            let failure = Failure::new(Exit::Failed, "the deliveries cannot be read")
                .because(&error)
                .next("run `eqp doctor` again; if it fails again, check the log of Postgres");
            Check::new(NAME, Err(failure))
        }
        Ok((list, _)) if list.is_empty() && declared.is_empty() => {
            Check::absent(NAME, "no subscriptions; create one: eqp subscriptions add")
        }
        Ok((list, problems)) if problems.is_empty() && not_applied(&list, declared).is_empty() => {
            let waiting: u64 = list.iter().map(|subscription| subscription.waiting).sum();
            Check::new(NAME, Ok(format!("{}; {waiting} waiting", counted(list.len(), "subscription"))))
        }
        Ok((list, problems)) => {
            let mut texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let mut remedies: Vec<String> = problems.iter().filter_map(remedy).collect();
            for (text, remedy) in not_applied(&list, declared) {
                texts.push(text);
                remedies.push(remedy);
            }
            Check::warning(NAME, texts.join("; "), remedies.join("; "))
        }
    }
}

/// Returns the declarations of the configuration that are not in effect, each with its remedy.
fn not_applied(list: &[SubscriptionSummary], declared: &DeclaredSubscriptions) -> Vec<(String, String)> {
    let exists = |name: &str| list.iter().any(|one| one.name == name);
    let mut problems = Vec::new();
    for (name, options) in declared {
        match options.fallback_for().filter(|first| !exists(first) && !declared.contains_key(*first)) {
            Some(first) => problems.push((
                format!("{name} is declared as the fallback for {first}, which does not exist"),
                format!("create {first}, or correct subscriptions.{name}.fallback_for, and restart `eqp serve`"),
            )),
            None if !exists(name) => problems.push((
                format!("{name} is declared, but was not created"),
                "start or restart `eqp serve` with the role deliver; its log names the reason".to_owned(),
            )),
            None => {}
        }
    }
    problems
}

/// Returns the remedy for a problem.
fn remedy(problem: &DeliveryProblem) -> Option<String> {
    Some(match problem {
        DeliveryProblem::Unattended { .. } => "run `eqp serve` with the role deliver".to_owned(),
        DeliveryProblem::Paused { subscription, .. } => {
            format!("eqp subscriptions resume {}", shell_word(subscription))
        }
        DeliveryProblem::Down { subscription, .. } => format!(
            "see why with `eqp deliveries list --waiting --subscription {}`; the handler is tried again automatically",
            shell_word(subscription)
        ),
        DeliveryProblem::Dead { subscription, .. } => {
            format!("eqp deliveries list --dead --subscription {}", shell_word(subscription))
        }
        DeliveryProblem::Old { subscription, .. } => {
            format!("eqp deliveries list --waiting --subscription {}", shell_word(subscription))
        }
        _ => return None,
    })
}
