//! The process of the handler.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eqp_test_support::webhooks::{WebhookReply, WebhookRequest, webhook_server};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Line, Message, Mood, PATHS, Seen};
use crate::{Failure, input};

/// The largest number of times that the handler rejects one event at random: it must not become dead.
const MOST_FAILURES: u8 = 2;
/// The time after which a slow handler responds, so that kills hit attempts in flight.
const SLOW: Duration = Duration::from_millis(100);
/// The time for which a handler that hangs does not respond.
const HANG: Duration = Duration::from_millis(1500);
/// The largest number of overlapping messages that are reported.
const MOST_OVERLAPPING: usize = 5;

/// Runs the handler until its input ends.
pub(crate) async fn work(journal: &Path) -> Result<(), Failure> {
    let (mood, _) = watch::channel(Mood::Smooth);
    let handler = Arc::new(Working {
        journal: Mutex::new(File::options().create(true).append(true).open(journal)?),
        mood,
        state: Mutex::default(),
    });
    let answering = Arc::clone(&handler);
    let (address, serving) = webhook_server(move |request| answer(Arc::clone(&answering), request))?;
    println!("{address}");
    let listening = async {
        let mut lines = input::lines();
        while let Some(line) = lines.recv().await {
            if let Some(mood) = serde_json::from_str(&line)? {
                handler.mood.send_replace(mood);
            }
            println!("{}", serde_json::to_string(&handler.state().seen)?);
        }
        Ok::<_, Failure>(())
    };
    tokio::select! {
        ended = listening => ended,
        () = serving => Ok(()),
    }
}

struct Working {
    journal: Mutex<File>,
    mood: watch::Sender<Mood>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Seen,
    /// The messages in flight, by path and resource.
    in_flight: HashMap<(String, String), u64>,
    /// The number of times that an event was rejected, by path and sequence.
    failures: HashMap<(String, i64), u8>,
}

/// The reaction of the handler to a message.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Accept {
        after: Duration,
    },
    Reply(WebhookReply),
    /// It does not respond for some time, and then closes the connection.
    Hang,
}

async fn answer(working: Arc<Working>, request: WebhookRequest) -> WebhookReply {
    let Some(message) = Message::of_body(&request.path, &request.body) else {
        // It is no message about one of the expected events, which the end of the run reports as not delivered.
        return WebhookReply::Status(400);
    };
    // Written before the message counts as in flight, in the order of the arrivals.
    working.write(&Line::Arrived(message.clone()));
    let in_flight = InFlight::begin(Arc::clone(&working), message.clone());
    let reply = match working.behaviour(&message) {
        Behaviour::Accept { after } => {
            sleep(after).await;
            working.accept(message).await
        }
        Behaviour::Reply(reply) => reply,
        Behaviour::Hang => {
            let mut mood = working.mood.subscribe();
            // A worker that is asked to stop waits for it.
            let _ = timeout(HANG, mood.wait_for(|mood| *mood == Mood::Smooth)).await;
            WebhookReply::Close
        }
    };
    in_flight.end(reply);
    reply
}

impl Working {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // Without the line, the end of the run reports the message as not delivered.
        let _ = journal.write_all(line.text().as_bytes());
    }

    /// Journals a message, and accepts it once the line is on the disk.
    async fn accept(self: &Arc<Self>, message: Message) -> WebhookReply {
        let working = Arc::clone(self);
        let journaled = tokio::task::spawn_blocking(move || {
            working.write(&Line::Accepted(message));
            working.journal.lock().unwrap_or_else(PoisonError::into_inner).sync_data()
        });
        if matches!(journaled.await, Ok(Ok(()))) { WebhookReply::Status(204) } else { WebhookReply::Status(500) }
    }

    fn behaviour(&self, message: &Message) -> Behaviour {
        let accept = Behaviour::Accept { after: Duration::ZERO };
        let Mood::Rough { outage } = *self.mood.borrow() else { return accept };
        let path = PATHS.iter().position(|path| *path == message.path);
        match path {
            Some(0) => Behaviour::Accept { after: SLOW.mul_f64(fastrand::f64()) },
            Some(1) => self.flaky(message),
            Some(_) if outage => Behaviour::Reply(WebhookReply::Status(503)),
            _ => accept,
        }
    }

    fn flaky(&self, message: &Message) -> Behaviour {
        let key = (message.path.clone(), message.sequence);
        let mut state = self.state();
        let failures = state.failures.entry(key).or_default();
        let behaviour = match fastrand::u8(..100) {
            _ if *failures >= MOST_FAILURES => Behaviour::Accept { after: Duration::ZERO },
            0..5 => Behaviour::Reply(WebhookReply::Status(500)),
            5..9 => Behaviour::Reply(WebhookReply::RetryAfter(429, 1)),
            9..13 => Behaviour::Reply(WebhookReply::Status(404)),
            13..15 => Behaviour::Reply(WebhookReply::Status(400)),
            15..19 => Behaviour::Reply(WebhookReply::Close),
            19..21 => Behaviour::Hang,
            _ => Behaviour::Accept { after: SLOW.mul_f64(fastrand::f64()) },
        };
        *failures += u8::from(!matches!(behaviour, Behaviour::Accept { .. }));
        behaviour
    }
}

/// A message in flight. Dropped without a response if its client disconnects.
struct InFlight {
    working: Arc<Working>,
    key: (String, String),
    is_answered: bool,
}

impl InFlight {
    fn begin(working: Arc<Working>, message: Message) -> Self {
        let key = (message.path, message.resource);
        let mut state = working.state();
        state.seen.in_flight += 1;
        let same = state.in_flight.entry(key.clone()).or_default();
        *same += 1;
        if *same > 1 && state.seen.overlapping.len() < MOST_OVERLAPPING {
            state.seen.overlapping.push(format!("{} {} {}", key.0, key.1, message.sequence));
        }
        drop(state);
        Self { working, key, is_answered: false }
    }

    fn end(mut self, reply: WebhookReply) {
        self.is_answered = true;
        let mut state = self.working.state();
        match reply {
            WebhookReply::Status(204) => state.seen.accepted += 1,
            _ => state.seen.failed += 1,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.working.state();
        state.seen.in_flight -= 1;
        state.seen.aborted += u64::from(!self.is_answered);
        if let Some(same) = state.in_flight.get_mut(&self.key) {
            *same -= 1;
        }
    }
}
