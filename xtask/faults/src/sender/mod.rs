//! The sender: a process of its own, so that nothing that happens to the others can make it forget what it was answered.

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

/// The lines that change what is sent.
const ONLY_ODD: &str = "only odd";
const ALL_KINDS: &str = "all kinds";

/// What it has to know, as the first line of its input: a password is in no list of processes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) targets: Vec<String>,
    pub(crate) ca_pem: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) ledger: PathBuf,
}

/// How requests ended since the last pause.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// With an id.
    pub(crate) answered: u64,
    /// Come again later.
    pub(crate) refused: u64,
    /// Not at all.
    pub(crate) unanswered: u64,
    /// As no right callback ever is; some of them.
    pub(crate) odd: Vec<String>,
}

/// The process, seen from outside.
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

    /// From now on what it sends belongs to this round.
    pub(crate) async fn send_in(&mut self, round: u32) -> Result<(), Failure> {
        self.say(&round.to_string()).await
    }

    /// Sends only odd callbacks, or all kinds again.
    pub(crate) async fn send_only_odd(&self, only_odd: bool) -> Result<(), Failure> {
        self.say(if only_odd { ONLY_ODD } else { ALL_KINDS }).await
    }

    /// Lets what is on its way come to its end and sends no more; then every line of its ledger is written.
    pub(crate) async fn pause(&mut self) -> Result<Totals, Failure> {
        self.say("pause").await?;
        let line = within("the sender was asked to pause", async { Ok(self.output.next_line().await?) }).await?;
        Ok(serde_json::from_str(&line.ok_or("the sender has ended")?)?)
    }

    /// Ends it.
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
