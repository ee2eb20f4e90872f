//! `eqp listen`: shows events as they arrive, and forwards them to a program or URL on this machine.

mod consumer;
mod handler;
mod keys;
mod line;
mod options;

#[cfg(feature = "schema")]
pub(crate) use line::ListenedMessage;
pub(crate) use options::Listen;

use eqp_console::{ListenRequest, OperatorError, ProblemCode};
use eqp_deliver::SubscriptionFilter;

use self::consumer::Consumer;
use self::handler::LocalHandler;
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::counted;

impl Listen {
    pub(crate) async fn run(self, context: &Context) -> Result {
        // Checked before anything is created.
        let handler = LocalHandler::new(context, &self)?;
        let operator = Operator::open_existing(context, Upgrade::unless(false)).await?;
        let ended = self.listen(context, &operator, handler).await;
        operator.close().await?;
        ended
    }

    async fn listen(self, context: &Context, operator: &Operator, handler: LocalHandler) -> Result {
        let name = self.name.unwrap_or_else(options::default_name);
        let filter = self.filter.filter();
        let mut request = ListenRequest::default();
        request.filter = (filter != SubscriptionFilter::default()).then_some(filter);
        request.since = self.since;
        let listener = operator.client().listen(&name, &request).await.map_err(|error| {
            let is_conflict =
                matches!(&error, OperatorError::Problem(problem) if problem.code == ProblemCode::Conflict);
            let failure: Failure = error.into();
            if !is_conflict {
                return failure;
            }
            failure.next("choose another name with --name")
        })?;
        let name = listener.subscription.name.clone();
        if listener.is_new {
            context
                .output
                .note(format_args!("created the subscription {name}; it is removed 7 days after its last use"));
        } else {
            let waiting = counted(listener.subscription.waiting, "message");
            context.output.note(format_args!("continuing with the subscription {name}: {waiting} waiting"));
            if self.since.is_some() {
                context.output.note("--since has no effect: the subscription continues where it stopped");
            }
        }
        Consumer::new(context, operator.client().clone(), name, handler).run().await
    }
}
