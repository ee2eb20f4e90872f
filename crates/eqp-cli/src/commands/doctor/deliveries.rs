//! Checks whether events are delivered to subscriptions.

use eqp_deliver::{DeliveryProblem, SubscriptionError, Subscriptions};
use eqp_sync::Check;

use crate::compose::database::Database;
use crate::failure::{Exit, Failure};
use crate::output::counted;

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
            let failure = Failure::new(Exit::Failed, "the deliveries cannot be read").because(&error);
            Check::new(NAME, Err(failure))
        }
        Ok((list, _)) if list.is_empty() => Check::absent(NAME, "no subscriptions; create one: eqp subscriptions add"),
        Ok((list, problems)) if problems.is_empty() => {
            let waiting: u64 = list.iter().map(|subscription| subscription.waiting).sum();
            Check::new(NAME, Ok(format!("{}; {waiting} waiting", counted(list.len(), "subscription"))))
        }
        Ok((_, problems)) => Check::warning(NAME, described(&problems)),
    }
}

fn described(problems: &[DeliveryProblem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let unattended = problems.iter().any(|problem| matches!(problem, DeliveryProblem::Unattended { .. }));
    let remedy = if unattended {
        "; run `eqp serve` with the role deliver"
    } else {
        "; see `eqp subscriptions list` and `eqp deliveries list`"
    };
    texts.join("; ") + remedy
}
