//! Checks whether events are delivered to subscriptions.

use eqp_deliver::{DeliveryProblem, SubscriptionError, Subscriptions};
use eqp_sync::Check;

use crate::compose::database::Database;
use crate::failure::{Exit, Failure};
use crate::output::{counted, shell_word};

const NAME: &str = "deliveries";

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, "not checked: they are in the database")
}

/// Checks the subscriptions and their deliveries.
pub(super) async fn deliveries(database: &Database) -> Check<Failure> {
    let subscriptions = Subscriptions::new(database.pool().clone());
    let found = async { Ok::<_, SubscriptionError>((subscriptions.list().await?, subscriptions.problems().await?)) };
    match found.await {
        Err(error) => {
            let failure = Failure::new(Exit::Failed, "the deliveries cannot be read")
                .because(&error)
                .next("run `eqp doctor` again; if it fails again, check the log of Postgres");
            Check::new(NAME, Err(failure))
        }
        Ok((list, _)) if list.is_empty() => Check::absent(NAME, "no subscriptions; create one: eqp subscriptions add"),
        Ok((list, problems)) if problems.is_empty() => {
            let waiting: u64 = list.iter().map(|subscription| subscription.waiting).sum();
            Check::new(NAME, Ok(format!("{}; {waiting} waiting", counted(list.len(), "subscription"))))
        }
        Ok((_, problems)) => {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let remedies: Vec<String> = problems.iter().filter_map(remedy).collect();
            Check::warning(NAME, texts.join("; "), remedies.join("; "))
        }
    }
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
