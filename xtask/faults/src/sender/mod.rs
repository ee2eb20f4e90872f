//! The sender: a separate process, so that no fault of the others can lose the responses that it has received.

mod work;

use std::path::PathBuf;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::Failure;
use crate::deadline::within;

pub(crate) use work::work;

/// The lines of its input that change what is sent.
const ONLY_ODD: &str = "only odd";
const ALL_KINDS: &str = "all kinds";

/// The settings, as the first line of the input, so that the password does not appear in a process list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) targets: Vec<String>,
    pub(crate) ca_pem: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) journal: PathBuf,
}

/// The numbers of results since the last pause.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Answered with an ID.
    pub(crate) answered: u64,
    /// 429 or 503: retry later.
    pub(crate) refused: u64,
    /// Not answered.
    pub(crate) unanswered: u64,
    /// Some of the unexpected responses to valid callbacks.
    pub(crate) odd: Vec<String>,
}

/// A handle of the sender's process.
#[derive(Debug)]
pub(crate) struct Sender {
    child: Child,
    input: Mutex<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Sender {
    pub(crate) async fn start(orders: &Orders) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("send")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the sender has no input".into());
        };
        let sender = Self { child, input: Mutex::new(input), output: BufReader::new(output).lines() };
        sender.say(&serde_json::to_string(orders)?).await?;
        Ok(sender)
    }

    /// Starts a round: everything sent from now on belongs to it.
    pub(crate) async fn send_in(&mut self, round: u32) -> Result<(), Failure> {
        self.say(&round.to_string()).await
    }

    /// Switches between only unusual callbacks and all kinds.
    pub(crate) async fn send_only_odd(&self, only_odd: bool) -> Result<(), Failure> {
        self.say(if only_odd { ONLY_ODD } else { ALL_KINDS }).await
    }

    /// Finishes the requests in flight and pauses; afterwards every line of the journal is written.
    pub(crate) async fn pause(&mut self) -> Result<Totals, Failure> {
        self.say("pause").await?;
        let line = within("the sender was asked to pause", async { Ok(self.output.next_line().await?) }).await?;
        Ok(serde_json::from_str(&line.ok_or("the sender has ended")?)?)
    }

    /// Ends the process.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        drop(self.input);
        let status = within("the sender was asked to end", async { Ok(self.child.wait().await?) }).await?;
        if status.success() { Ok(()) } else { Err(format!("the sender ended with {status}").into()) }
    }

    async fn say(&self, line: &str) -> Result<(), Failure> {
        self.input.lock().await.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(())
    }
}
