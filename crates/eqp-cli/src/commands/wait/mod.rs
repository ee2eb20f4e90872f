//! `eqp wait`: until a review or a scan has ended.

mod pauses;
mod sources;
mod verdict;

pub(super) use pauses::Pauses;
pub(super) use sources::changes;
pub(super) use verdict::{Ending, Wish, ending, states_of};

use std::time::Duration;

use clap::{Args, ValueEnum};
use eqp_client::Client;
use eqp_receiver::Reader;
use eqp_types::{Environment, FileUploadId, Flow, IdError, SubmissionId, review_rank};
use serde_json::json;
use tokio::time::Instant;

use self::sources::{Subject, asked, heard, next_change, nobody_to_ask};
use self::verdict::States;
use super::moment::span;
use super::words;
use crate::compose::client::client;
use crate::compose::database::Database;
use crate::config::DatabaseChoice;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, track_line, visible};

/// What kind of thing an id names.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A package's submission
    Submission,
    /// An uploaded file
    File,
}

/// Wait until a review has ended, or the malware scan of a file
///
/// Changes are heard from the database of a receiver, where there is one (EQP_DATABASE_URL, or that of `eqp serve` in
/// the same data folder), and an end that was heard is confirmed with the Marketplace, where there is an access key.
/// Without a database the Marketplace is asked again and again.
///
/// It ends with 0 when what was waited for has come, 5 when it was rejected, 1 when the developer took it back, 6 when the
/// time is over.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp wait s5w9k703ru --timeout 15d              # until it is in the store
  eqp wait s5w9k703ru --flow technical           # until the technical review has ended
  eqp wait s5w9k703ru --until approved
  eqp wait 2309480238.238475.0 --timeout 10m     # until the file's scan has ended")]
pub(crate) struct Wait {
    /// A submission id, your own item id, or a file's id
    id: String,
    /// What the id names [default: a file where it is digits and dots, else a submission]
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// The flow to wait for: overall, technical or marketing [default: overall; any rejection ends it]
    #[arg(long, value_name = "FLOW", value_parser = ["overall", "technical", "marketing"])]
    flow: Option<String>,
    /// The outcome to wait for [default: the good end: released_to_store, approved, passed]
    #[arg(long, value_name = "OUTCOME", value_parser = words::any_state(), hide_possible_values = true)]
    until: Option<String>,
    /// How long to wait, such as 90s, 15m, 2h, 3d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    timeout: Duration,
    /// The longest pause before the Marketplace is asked again; the first ones are shorter [default: 15s; 60s where a
    /// database tells of changes]
    #[arg(long, value_name = "TIME", value_parser = span)]
    interval: Option<Duration>,
}

impl Wait {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let marketplace = &context.settings.marketplace;
        let (subject, wish) = self.subject()?;
        let client = if marketplace.has_key() { Some(client(marketplace)?) } else { None };
        let database = match self::database(context).await {
            Err(failure) if client.is_some() => {
                context.output.note(without_events(&failure.in_one_line()));
                None
            }
            database => database?,
        };
        let reader = database.as_ref().map(Database::reader);
        if reader.is_none() && client.is_none() {
            return Err(nobody_to_ask());
        }
        let usual = if reader.is_some() { 60 } else { 15 };
        let waiting = Waiting {
            subject,
            wish,
            environment: marketplace.environment,
            interval: self.interval.unwrap_or(Duration::from_secs(usual)).max(Duration::from_secs(1)),
            timeout: self.timeout,
            reader,
            client,
            output: context.output,
        };
        let ended = waiting.run().await;
        if let Some(database) = database {
            database.close().await?;
        }
        ended
    }

    fn subject(&self) -> Outcome<(Subject, Wish)> {
        let no_id = |error: IdError| Failure::usage("this is no id").because(&error);
        let looks_like_file = self.id.contains('.') && self.id.chars().all(|c| c.is_ascii_digit() || c == '.');
        let is_file = match self.kind {
            Some(Kind::File) => true,
            Some(Kind::Submission) => false,
            None => looks_like_file && self.flow.is_none(),
        };
        let outcome = self.until.clone();
        if is_file {
            let file = FileUploadId::new(self.id.as_str()).map_err(no_id)?;
            return Ok((Subject::File(file), wish(Flow::Malware, outcome)?));
        }
        let flow = Flow::from(self.flow.as_deref().unwrap_or("overall"));
        let submission = SubmissionId::new(self.id.as_str()).map_err(no_id)?;
        Ok((Subject::Submission(submission), wish(flow, outcome)?))
    }
}

/// Refuses a status that is documented for other flows only: it would never come.
fn wish(flow: Flow, outcome: Option<String>) -> Outcome<Wish> {
    const FLOWS: [Flow; 4] = [Flow::Overall, Flow::Technical, Flow::Marketing, Flow::Malware];
    if let Some(outcome) = &outcome {
        let others: Vec<_> = FLOWS.iter().filter(|one| review_rank(one, outcome).is_some()).collect();
        if !others.is_empty() && !others.contains(&&flow) {
            let others = others.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" or ");
            return Err(Failure::usage(format!("the status {outcome} is never reached by the flow {flow}"))
                .why(format!("it is a status of {others}"))
                .next("name the flow with --flow, or leave --until out to wait for the good end"));
        }
    }
    Ok(Wish { flow, outcome })
}

/// The database, if one is given or a receiver has run in the data folder.
pub(super) async fn database(context: &Context) -> Outcome<Option<Database>> {
    let is_there = match context.settings.database.resolve()? {
        DatabaseChoice::Given(_) => true,
        DatabaseChoice::Embedded => context.settings.data.place()?.join("postgres").is_dir(),
    };
    if is_there { Database::open_to_read(context).await.map(Some) } else { Ok(None) }
}

struct Waiting {
    subject: Subject,
    wish: Wish,
    environment: Option<Environment>,
    interval: Duration,
    timeout: Duration,
    reader: Option<Reader>,
    client: Option<Client>,
    output: Output,
}

impl Waiting {
    async fn run(&self) -> Outcome {
        let mut last = States::new();
        if let Ok(ended) = tokio::time::timeout(self.timeout, self.until_the_end(&mut last)).await {
            return self.report(ended?, &last);
        }
        self.show("timed_out", &last)?;
        Err(Failure::new(Exit::TimedOut, format!("{} did not come to its end in time", self.name()))
            .why(if last.is_empty() { "nothing was heard of it".to_owned() } else { line(&last) })
            .next("wait longer with --timeout"))
    }

    /// Looks, then waits for a change, until the end has come. What was seen last is left in `last`.
    async fn until_the_end(&self, last: &mut States) -> Outcome<Ending> {
        // Followed from before the first look, so that nothing falls between.
        let mut reader = self.reader.as_ref();
        let mut tail = None;
        if let Some(database) = reader {
            match changes(database, self.environment).await {
                Ok(changes) => tail = Some(changes),
                Err(failure) => self.do_without(failure, &mut reader)?,
            }
        }
        let mut pauses = Pauses::up_to(self.interval);
        let mut seen = States::new();
        let mut next_ask = Instant::now();
        loop {
            let mut heard_end = false;
            if let Some(database) = reader {
                match heard(database, self.environment, &self.subject).await {
                    Ok(states) => self.tell(last, states),
                    Err(failure) => self.do_without(failure, &mut reader)?,
                }
                let end = ending(last, &self.wish);
                heard_end = end.is_some();
                if self.client.is_none()
                    && let Some(end) = end
                {
                    return Ok(end);
                }
            }
            if let Some(client) = &self.client
                && (heard_end || Instant::now() >= next_ask)
            {
                if let Some(end) = self.ask(client, last).await? {
                    return Ok(end);
                }
                // What callbacks have told may be less than what the Marketplace shows, and is no measure here.
                if *last != seen {
                    seen.clone_from(last);
                    pauses.restart();
                }
                next_ask = Instant::now() + pauses.take();
            }
            let until_ask = next_ask.saturating_duration_since(Instant::now());
            let at_most = if self.client.is_some() { until_ask } else { self.interval };
            if let Err(failure) = next_change(tail.as_mut().filter(|_| reader.is_some()), at_most).await {
                self.do_without(failure, &mut reader)?;
            }
        }
    }

    /// Goes on without the database, where the Marketplace can be asked.
    fn do_without(&self, failure: Failure, reader: &mut Option<&Reader>) -> Outcome {
        if self.client.is_none() {
            return Err(failure);
        }
        self.output.note(without_events(&failure.in_one_line()));
        *reader = None;
        Ok(())
    }

    /// Asks the Marketplace. Trouble on the way there is waited out; what it refuses is an end.
    async fn ask(&self, client: &Client, last: &mut States) -> Outcome<Option<Ending>> {
        match asked(client, &self.subject).await {
            Ok(states) => {
                self.tell(last, states);
                Ok(ending(last, &self.wish))
            }
            Err(error) if error.is_retryable() && self.reader.is_some() => {
                self.output
                    .note(format_args!("the Marketplace does not answer, waiting on: {}", visible(&error.to_string())));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Says what has changed since the last look.
    fn tell(&self, last: &mut States, states: States) {
        if !states.is_empty() && *last != states {
            self.output.note(line(&states));
            *last = states;
        }
    }

    fn report(&self, ended: Ending, last: &States) -> Outcome {
        match ended {
            Ending::Reached { .. } => self.show("reached", last),
            Ending::Rejected { flow, outcome } => {
                self.show("rejected", last)?;
                let failure = Failure::new(Exit::Rejected, format!("{} ended badly: {flow} is {outcome}", self.name()));
                Err(match self.subject {
                    Subject::File(ref id) => failure
                        .next(format!("see the file: eqp files show {id}"))
                        .next("upload a clean archive; a submission with this file is rejected"),
                    Subject::Submission(ref id) if flow == Flow::Overall => {
                        failure.next(format!("see the package: eqp packages show {id}"))
                    }
                    Subject::Submission(ref id) => failure.next(format!("see why: eqp packages report {id}")),
                })
            }
            Ending::Recalled { flow } => {
                self.show("recalled", last)?;
                Err(Failure::new(Exit::Failed, format!("{} was taken back: {flow} is recalled", self.name()))
                    .next("submit it again with eqp release, then wait for it"))
            }
        }
    }

    fn show(&self, ended: &str, states: &States) -> Outcome {
        if !self.output.is_json() {
            return if states.is_empty() { Ok(()) } else { self.output.line(line(states)) };
        }
        let flows: serde_json::Map<_, _> =
            states.iter().map(|(flow, outcome)| (flow.to_string(), json!(outcome))).collect();
        self.output.json(&json!({
            "kind": self.subject.kind(),
            "id": self.subject.id(),
            "result": ended,
            "states": flows,
            "confirmed": self.client.is_some(),
        }))
    }

    fn name(&self) -> String {
        format!("{} {}", self.subject.kind(), self.subject.id())
    }
}

/// Why nothing is heard of changes.
fn without_events(reason: &str) -> String {
    format!("not waiting for events ({reason}): the Marketplace is asked instead")
}

fn line(states: &States) -> String {
    track_line(states.iter().map(|(flow, outcome)| (flow.as_str(), outcome.as_str())))
}
