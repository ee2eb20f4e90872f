//! Fetches messages until it is stopped: shows each one, has it handled, and acknowledges or returns it.

use std::pin::pin;
use std::time::Duration;

use eqp_console::{
    AckRequest, FetchRequest, FetchedMessages, NackRequest, OperatorClient, OperatorError, PulledMessage,
};
use eqp_deliver::{AttemptOutcome, AttemptResult};
use eqp_store::internal::Backoff;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::handler::LocalHandler;
use super::keys::{Key, Keys};
use super::line::Shown;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::counted;
use crate::shutdown;

/// The time after which the connection counts as lost: the server responds after at most [`MAX_WAIT`] seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// For how many seconds the server waits for messages.
const MAX_WAIT: u64 = 20;
/// The duration for which the first request waits. Events that no server has matched by then will not be soon.
const FIRST_WAIT: u64 = 3;
/// The maximum number of messages that are only shown. With a handler, one message at a time is fetched.
const SHOWN_AT_ONCE: usize = 10;
/// The waits before connecting again.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// The number of attempts to record a result. After that, the message is fetched again.
const SETTLE_ATTEMPTS: u32 = 5;
/// The first and the longest wait before a message is handled again, in seconds.
const FIRST_RETRY: u64 = 5;
const LONGEST_RETRY: u64 = 60;

pub(super) struct Consumer<'a> {
    context: &'a Context,
    client: OperatorClient,
    name: String,
    handler: LocalHandler,
    request: FetchRequest,
    keys: Keys,
    last: Option<PulledMessage>,
    backoff: Backoff,
    is_lost: bool,
    is_paused: bool,
    /// The number of responses in a row with events that were not matched.
    unmatched: u32,
}

/// The end of a wait for messages.
enum Waited {
    Fetched(Result<FetchedMessages, OperatorError>),
    Silence,
    Stop,
}

impl<'a> Consumer<'a> {
    pub(super) fn new(context: &'a Context, client: OperatorClient, name: String, handler: LocalHandler) -> Self {
        let mut request = FetchRequest::default();
        request.max_messages = if handler.only_shows() { SHOWN_AT_ONCE } else { 1 };
        request.max_wait = FIRST_WAIT;
        request.lease = handler.lease().as_secs();
        request.callbacks = handler.needs_callbacks();
        Self {
            context,
            client,
            name,
            handler,
            request,
            keys: Keys::start(),
            last: None,
            backoff: Backoff::new(SHORTEST_WAIT, LONGEST_WAIT),
            is_lost: false,
            is_paused: false,
            unmatched: 0,
        }
    }

    /// Runs until a signal or the key q. The message that is being handled is finished first.
    pub(super) async fn run(mut self) -> Result {
        let stop = shutdown::requested();
        let hurried = shutdown::hurried();
        let ends = if self.keys.are_read() { "keys: r resend, d details, q quit" } else { "press Ctrl-C to stop" };
        self.context.output.note(format_args!("waiting for events; {ends}"));
        tokio::select! {
            ended = self.consume(&stop) => ended,
            () = hurried.cancelled_owned() => Err(Failure::interrupted()),
        }
    }

    async fn consume(&mut self, stop: &CancellationToken) -> Result {
        loop {
            match self.wait(stop, SILENCE).await? {
                Waited::Stop => return Ok(()),
                Waited::Silence => {
                    self.is_lost = true;
                    let seconds = SILENCE.as_secs();
                    self.context.output.note(format_args!("nothing received for {seconds} s, reconnecting"));
                }
                Waited::Fetched(Ok(fetched)) => {
                    self.connected(&fetched);
                    for message in fetched.messages {
                        self.handle(message).await?;
                    }
                    self.request.max_wait = MAX_WAIT;
                }
                Waited::Fetched(Err(error)) => self.lost(error, stop).await?,
            }
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Waits for messages, and processes keys in the meantime. A request is not dropped because of a key: it may have fetched messages already.
    async fn wait(&mut self, stop: &CancellationToken, silence: Duration) -> Result<Waited> {
        let mut fetching = pin!(receive(self.client.clone(), self.name.clone(), self.request, silence));
        loop {
            let key = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Waited::Stop),
                waited = &mut fetching => return Ok(waited),
                key = self.keys.next() => key,
            };
            match key {
                Key::Quit => return Ok(Waited::Stop),
                Key::Resend => self.resend().await?,
                Key::Details => self.details()?,
            }
        }
    }

    fn connected(&mut self, fetched: &FetchedMessages) {
        let output = self.context.output;
        self.backoff.reset();
        if std::mem::take(&mut self.is_lost) {
            output.note("connected again");
        }
        if fetched.is_paused != std::mem::replace(&mut self.is_paused, fetched.is_paused) {
            let name = &self.name;
            if fetched.is_paused {
                output.note(format_args!("the subscription is paused; resume it: eqp subscriptions resume {name}"));
            } else {
                output.note("the subscription was resumed");
            }
        }
        self.unmatched = if fetched.unmatched_events > 0 { self.unmatched + 1 } else { 0 };
        // The first response waits for longer than a fan-out needs. Later ones can arrive just after an event.
        let is_first = self.request.max_wait == FIRST_WAIT;
        if fetched.messages.is_empty() && (self.unmatched == 2 || (self.unmatched == 1 && is_first)) {
            let events = counted(fetched.unmatched_events, "event");
            output.note(format_args!(
                "{events} recorded but not delivered: `eqp serve` with the role deliver is not running"
            ));
        }
    }

    /// Waits before the next request, if the error can be temporary.
    async fn lost(&mut self, error: OperatorError, stop: &CancellationToken) -> Result {
        // A proxy answers for a server that is being restarted.
        let is_proxy = matches!(error, OperatorError::Malformed { status: 500.. });
        if !error.is_temporary() && !is_proxy {
            return Err(error.into());
        }
        if !std::mem::replace(&mut self.is_lost, true) {
            self.context.output.note(format_args!("connection lost, reconnecting: {error}"));
        }
        stop.run_until_cancelled(sleep(self.backoff.next_wait())).await;
        Ok(())
    }

    async fn handle(&mut self, message: PulledMessage) -> Result {
        let result = self.handler.attempt(&message, false).await;
        let retry_in = result.as_ref().and_then(|result| retry_in(&result.outcome, message.attempt));
        self.show(&message, result.as_ref(), retry_in, false)?;
        let settled = match retry_in {
            Some(delay) => self.give_back(&message, delay, result.as_ref()).await,
            None => self.acknowledge(&message).await,
        };
        if let Err(error) = settled {
            self.context
                .output
                .note(format_args!("the result was not recorded, so the message will be handled again: {error}"));
        }
        self.last = Some(message);
        Ok(())
    }

    async fn resend(&mut self) -> Result {
        let Some(message) = self.last.take() else {
            self.context.output.note("no event has arrived yet");
            return Ok(());
        };
        if self.handler.only_shows() {
            self.context.output.note("events are only shown: pass --forward-to, --exec or a command");
        } else {
            let result = self.handler.attempt(&message, true).await;
            self.show(&message, result.as_ref(), None, true)?;
        }
        self.last = Some(message);
        Ok(())
    }

    fn details(&self) -> Result {
        let output = self.context.output;
        let Some(message) = &self.last else {
            output.note("no event has arrived yet");
            return Ok(());
        };
        let body: serde_json::Value = serde_json::from_str(message.message.get()).unwrap_or_default();
        if output.is_json() {
            return Ok(());
        }
        output.line(format_args!("message {}, attempt {}", message.id, message.attempt))?;
        output.line(crate::output::readable(&body))
    }

    fn show(
        &self,
        message: &PulledMessage,
        result: Option<&AttemptResult>,
        retry_in: Option<u64>,
        resent: bool,
    ) -> Result {
        let shown = Shown { message, result, retry_in, resent };
        let output = self.context.output;
        if output.is_json() { output.json(&shown.json()) } else { output.line(shown.line()) }
    }

    async fn acknowledge(&mut self, message: &PulledMessage) -> Result<(), OperatorError> {
        let request = AckRequest::new([message.ack_id.clone()]);
        let (client, name) = (&self.client, &self.name);
        settle(async || client.ack(name, &request).await.map(|_| ())).await
    }

    async fn give_back(
        &mut self,
        message: &PulledMessage,
        delay: u64,
        result: Option<&AttemptResult>,
    ) -> Result<(), OperatorError> {
        let mut request = NackRequest::new([message.ack_id.clone()]);
        request.delay = Some(delay);
        request.reason = result.map(|result| result.note.chars().take(500).collect());
        let (client, name) = (&self.client, &self.name);
        settle(async || client.nack(name, &request).await.map(|_| ())).await
    }
}

/// Waits for messages. The server responds also without messages, so silence means that the connection is lost.
async fn receive(client: OperatorClient, name: String, request: FetchRequest, silence: Duration) -> Waited {
    let fetched = timeout(silence, client.fetch(&name, &request)).await;
    fetched.map_or(Waited::Silence, Waited::Fetched)
}

/// Records a result, and repeats that after an error that can be temporary.
async fn settle(record: impl AsyncFn() -> Result<(), OperatorError>) -> Result<(), OperatorError> {
    let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
    let mut attempt = 1;
    loop {
        match record().await {
            Err(error) if error.is_temporary() && attempt < SETTLE_ATTEMPTS => sleep(backoff.next_wait()).await,
            ended => return ended,
        }
        attempt += 1;
    }
}

/// Returns in how many seconds a message is handled again. `None`: it is finished. Nothing becomes dead here: that would open an alert for
/// others.
fn retry_in(outcome: &AttemptOutcome, attempt: u32) -> Option<u64> {
    match outcome {
        AttemptOutcome::Delivered | AttemptOutcome::Skipped | AttemptOutcome::NeverRetry => None,
        _ => Some(FIRST_RETRY.saturating_mul(1 << attempt.saturating_sub(1).min(8)).min(LONGEST_RETRY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_respond_is_noticed() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
        let client = OperatorClient::remote(&url, &eqp_types::Secret::new("token"), None).unwrap();
        let waited = receive(client, "ci".to_owned(), FetchRequest::default(), Duration::from_millis(200)).await;
        assert!(matches!(waited, Waited::Silence));
    }

    #[test]
    fn retries_wait_longer_each_time_up_to_a_minute() {
        let failed = AttemptOutcome::EventFailed { retry_after: None };
        let waits: Vec<_> = (1..=6).map(|attempt| retry_in(&failed, attempt)).collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60].map(Some));
        assert_eq!(retry_in(&failed, u32::MAX), Some(60));
        assert_eq!(retry_in(&AttemptOutcome::NeverRetry, 1), None);
    }
}
