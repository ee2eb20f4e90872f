//! `eqp subscriptions test`.

use std::time::Duration;

use clap::Args;
use eqp_console::{Attempt, DeliverySelection, Subscription};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::arguments::timeout;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// The interval at which the result is requested.
const POLL: Duration = Duration::from_millis(250);

/// Send a test message to a subscription, and show the response
///
/// A server with the role deliver sends it, once, even if the subscription is paused. It is not sent after the timeout.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions test shop
  eqp subscriptions test shop --timeout 2m --json | jq .result")]
pub(crate) struct Test {
    /// Name, as shown by `eqp subscriptions list`
    name: String,
    /// Maximum time to wait for the result
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = timeout)]
    timeout: Duration,
    /// Show where the message would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// A test as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TestReport<'a> {
    /// The name of the subscription.
    subscription: &'a str,
    /// The ID of the delivery.
    delivery: i64,
    /// The attempt.
    #[serde(flatten)]
    attempt: AttemptOfTest<'a>,
}

/// The result of a test.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct AttemptOfTest<'a> {
    /// The result: `delivered`, or how it failed.
    result: &'a str,
    /// The HTTP status or exit code.
    status: Option<i32>,
    /// The duration in milliseconds.
    duration_ms: i32,
    /// The start of the response, or the error.
    note: Option<&'a str>,
}

/// The dry run of a test as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TestDryRun<'a> {
    /// The subscription that would be tested.
    would_test: &'a Subscription,
}

struct TestPlan(Subscription);

impl Plan for TestPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&TestDryRun { would_test: &self.0 });
        }
        output.line(format_args!("would send a test message to {} ({})", self.0.name, self.0.described_handler()))
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

struct SendTest<'a> {
    operator: &'a Operator,
    name: &'a str,
    timeout: Duration,
}

impl Change for SendTest<'_> {
    type Plan = TestPlan;
    type Applied = (i64, Attempt);

    async fn observe(&mut self) -> Result<TestPlan> {
        Ok(TestPlan(self.operator.client().subscription(self.name).await?))
    }

    async fn apply(self, _: TestPlan, _: Confirmation) -> Result<(i64, Attempt)> {
        let client = self.operator.client();
        let delivery = client.test_subscription(self.name, self.timeout).await?.delivery;
        let end = Instant::now() + self.timeout;
        loop {
            if let Some(attempt) = client.delivery(delivery).await?.attempts.pop() {
                return Ok((delivery, attempt));
            }
            if Instant::now() >= end {
                // A message that nobody waits for would only confuse. If it is being sent, this comes too late.
                client.discard_deliveries(&DeliverySelection::new([delivery])).await?;
                return Err(Failure::new(Exit::TimedOut, format!("timed out after {} s", self.timeout.as_secs()))
                    .why("no server has sent the test message; it was discarded")
                    .next("check that `eqp serve` with the role deliver is running with this database"));
            }
            sleep(POLL).await;
        }
    }
}

impl Test {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let test = SendTest { operator: &operator, name: &self.name, timeout: self.timeout };
        let sent = change::run(context, test, self.dry_run).await;
        operator.close().await?;
        let Some((delivery, attempt)) = sent? else { return Ok(()) };
        let Attempt { result, status, duration_ms, note, .. } = &attempt;
        let note = note.as_deref();
        let shown_status = status.map(|status| format!(" ({status})")).unwrap_or_default();
        if context.output.is_json() {
            let attempt = AttemptOfTest { result, status: *status, duration_ms: *duration_ms, note };
            context.output.json(&TestReport { subscription: &self.name, delivery, attempt })?;
        } else if result == "delivered" {
            context.output.line(format_args!("delivered to {}{shown_status} in {duration_ms} ms", self.name))?;
        }
        if result == "delivered" {
            return Ok(());
        }
        let failure = Failure::new(Exit::Failed, format!("the test message was not delivered: {result}{shown_status}"));
        Err(match note {
            Some(note) => failure.why(note.to_owned()),
            None => failure,
        })
    }
}
