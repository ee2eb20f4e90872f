//! The handler of the subscriptions: a separate process, which journals every message with fsync before it accepts it, so that no fault of
//! the others can lose it. It fails at random.

mod journal;
mod work;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::Failure;
use crate::deadline::within;

pub(crate) use journal::{Line, Message, read_all};
pub(crate) use work::work;

/// The subscriptions, by the path of their webhook: one whose handler is slow but accepts everything, one whose handler fails at random, and
/// one whose handler is down in some rounds.
pub(crate) const PATHS: [&str; 3] = ["/steady", "/flaky", "/outage"];

/// How the handler behaves, as a line of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mood {
    /// It accepts everything at once. Requests that it has left unanswered are answered.
    Smooth,
    /// It fails at random.
    Rough {
        /// The handler of `/outage` is down.
        outage: bool,
    },
}

/// The requests that the handler has received since its start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Requests that are being answered.
    pub(crate) in_flight: u64,
    /// Requests whose client disconnected before it had a response.
    pub(crate) aborted: u64,
    pub(crate) accepted: u64,
    /// Requests that the handler did not accept, because it fails at random.
    pub(crate) failed: u64,
    /// Some of the messages that arrived while another one about the same resource was in flight to the same handler.
    pub(crate) overlapping: Vec<String>,
}

/// The conversation with the process.
#[derive(Debug)]
struct Talk {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// A handle of the process.
#[derive(Debug)]
pub(crate) struct Handler {
    child: Child,
    talk: Mutex<Talk>,
    pub(crate) address: SocketAddr,
}

impl Handler {
    pub(crate) async fn start(journal: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("handle")
            .arg(journal)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the handler has no input".into());
        };
        let mut output = BufReader::new(output).lines();
        let address = output.next_line().await?.ok_or("the handler did not start")?.parse()?;
        Ok(Self { child, talk: Mutex::new(Talk { input, output }), address })
    }

    /// Changes how the handler behaves, and returns what it has seen so far.
    pub(crate) async fn set(&self, mood: Mood) -> Result<Seen, Failure> {
        self.ask(Some(mood)).await
    }

    /// Returns what the handler has seen so far.
    pub(crate) async fn seen(&self) -> Result<Seen, Failure> {
        self.ask(None).await
    }

    /// Ends the process. Afterwards its journal is complete.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        let Self { mut child, talk, .. } = self;
        drop(talk);
        let status = within("the handler was asked to end", async { Ok(child.wait().await?) }).await?;
        if status.success() { Ok(()) } else { Err(format!("the handler ended with {status}").into()) }
    }

    async fn ask(&self, mood: Option<Mood>) -> Result<Seen, Failure> {
        within("the handler was asked", async {
            let mut talk = self.talk.lock().await;
            talk.input.write_all(format!("{}\n", serde_json::to_string(&mood)?).as_bytes()).await?;
            let line = talk.output.next_line().await?.ok_or("the handler has ended")?;
            Ok(serde_json::from_str(&line)?)
        })
        .await
    }
}
