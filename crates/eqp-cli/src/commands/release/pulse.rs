//! When to look again: as soon as an event tells of a change, and after growing pauses where none comes.

use std::time::Duration;

use eqp_receiver::Tail;
use tokio::time::Instant;

use crate::commands::wait::{Pauses, changes, database};
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Outcome;

/// The longest pause, with a database that tells of changes and without one: public release scripts ask every 15 seconds.
const LONGEST: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(15)];

/// Tells when it is worth looking again, until the time is over.
pub(super) struct Pulse {
    /// Kept open while its events are followed.
    database: Option<Database>,
    tail: Option<Tail>,
    pauses: Pauses,
    deadline: Instant,
}

impl Pulse {
    /// Follows the events of the database, if there is one. A database that is away is no reason not to release.
    pub(super) async fn start(context: &Context, timeout: Duration) -> Outcome<Self> {
        let mut pulse = Self::without_events(timeout);
        match database(context).await {
            Ok(None) => {}
            Ok(Some(database)) => {
                pulse.tail = Some(changes(&database.reader(), Some(context.settings.marketplace.environment())).await?);
                pulse.database = Some(database);
                pulse.pauses = Pauses::up_to(LONGEST[0]);
            }
            Err(failure) => {
                let reason = failure.in_one_line();
                context
                    .output
                    .note(format_args!("not waiting for events ({reason}): the Marketplace is asked instead"));
            }
        }
        Ok(pulse)
    }

    /// Follows no events.
    pub(super) fn without_events(timeout: Duration) -> Self {
        Self { database: None, tail: None, pauses: Pauses::up_to(LONGEST[1]), deadline: Instant::now() + timeout }
    }

    /// Something moved: it may soon move on.
    pub(super) fn quicken(&mut self) {
        self.pauses.restart();
    }

    /// Waits until one of these subjects may have changed. Whether there is time left.
    pub(super) async fn next(&mut self, subjects: &[&str]) -> bool {
        let until = (Instant::now() + self.pauses.take()).min(self.deadline);
        loop {
            let Some(tail) = &mut self.tail else {
                tokio::time::sleep_until(until).await;
                break;
            };
            match tokio::time::timeout_at(until, tail.next()).await {
                Err(_) => break,
                Ok(Ok(Some(event))) => {
                    let subject = event.subject.as_deref();
                    if subject.is_some_and(|subject| subjects.contains(&subject)) {
                        break;
                    }
                }
                Ok(Ok(None)) => self.do_without(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "events cannot be followed any more; the Marketplace is asked instead");
                    self.do_without();
                }
            }
        }
        Instant::now() < self.deadline
    }

    fn do_without(&mut self) {
        self.tail = None;
        self.pauses = Pauses::up_to(LONGEST[1]);
    }

    /// Lets go of the database.
    pub(super) async fn end(&mut self) -> Outcome {
        self.tail = None;
        match self.database.take() {
            Some(database) => database.close().await,
            None => Ok(()),
        }
    }
}
