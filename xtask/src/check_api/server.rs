//! A server with data: submissions of a simulated Marketplace, callbacks of every kind, runs, endpoints and a subscription.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Result;
use crate::process::program;

/// The time limit for the start of a program.
const START: Duration = Duration::from_mins(1);
/// A body that is neither text nor JSON.
const NO_TEXT: &[u8] = b"\xff\x00 <script>alert(1)</script>";
/// The number of bytes of the log that are shown after a failure.
const END: usize = 4_000;

/// A running server. It ends when this is dropped.
pub(super) struct Server {
    /// The base URL of the operator API.
    pub(super) url: String,
    /// A token with all scopes.
    pub(super) token: String,
    folder: TempDir,
    _programs: [Child; 2],
}

impl Server {
    /// Starts a simulated Marketplace and a server, and fills its database.
    pub(super) async fn start(eqp: &Path, database: &str) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let mut tool = Tool { program: eqp.to_owned(), folder: folder.path().to_owned(), environment: Vec::new() };
        tool.set("EQP_DATABASE_URL", database);
        let options = ["simulator", "--listen", "127.0.0.1:0", "--packages", "20", "--speed", "300", "--json"];
        let (marketplace, described) = tool.start(&options, "simulator.log").await?;
        for (variable, field) in [
            ("EQP_ENVIRONMENT", "environment"),
            ("EQP_API_URL", "base_url"),
            ("EQP_CA_FILE", "ca_file"),
            ("EQP_APPLICATION_ID", "application_id"),
            ("EQP_APPLICATION_SECRET_FILE", "application_secret_file"),
        ] {
            tool.set(variable, text(&described, field)?);
        }
        tool.run(&["migrate"]).await?;
        tool.run(&["accounts", "add"]).await?;
        tool.run(&["reconcile"]).await?;
        let options = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
        let (serve, described) = tool.start(&options, "serve.log").await?;
        let (receiver, url) = (text(&described, "listening")?, text(&described, "operator")?.to_owned());
        tool.run(&["callbacks", "add", "--name", "main", "--url", &format!("{receiver}/callbacks/main")]).await?;
        for event in ["malware_scan_complete", "eqp_status_update", "eqp_status_update"] {
            tool.run(&["trigger", event]).await?;
        }
        let odd = folder.path().join("odd");
        fs::write(&odd, NO_TEXT).map_err(|error| format!("cannot write {}: {error}", odd.display()))?;
        // The receiver stores it, and answers 400.
        let _refused = tool.run(&["trigger", "--data", &odd.display().to_string()]).await;
        tool.run(&["subscriptions", "add", "consumer", "--pull"]).await?;
        let scopes = ["--scope", "read", "--scope", "consume", "--scope", "operate", "--scope", "admin"];
        let created = tool.run(&[&["token", "create", "check-api", "--json"][..], &scopes].concat()).await?;
        let created: Value = serde_json::from_str(&created).map_err(|error| format!("token create: {error}"))?;
        let token = text(&created, "secret")?.to_owned();
        Ok(Self { url, token, folder, _programs: [marketplace, serve] })
    }

    /// Returns the folder of the server's files, which is removed with it.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the end of the server's log.
    pub(super) fn end_of_log(&self) -> String {
        let log = fs::read(self.folder().join("serve.log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(END)..]).into_owned()
    }
}

fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str> {
    object[field].as_str().ok_or_else(|| format!("the program has not printed the field {field}"))
}

/// The tool with the options of the test.
struct Tool {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Tool {
    fn set(&mut self, variable: &str, value: &str) {
        self.environment.push((variable.to_owned(), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.program, arguments);
        let configured = std::env::vars_os().map(|(name, _)| name);
        for name in configured.filter(|name| name.to_string_lossy().starts_with("EQP_")) {
            command.env_remove(name);
        }
        let data = self.folder.join("data");
        command
            .arg("--yes")
            .arg("--data-dir")
            .arg(data)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        // An `eqp.toml` above the folder of the caller must not apply.
        command.current_dir(&self.folder);
        command
    }

    /// Runs a command to its end, and returns its output.
    async fn run(&self, arguments: &[&str]) -> Result<String> {
        let failed = |reason: &str| format!("`eqp {}` failed: {}", arguments.join(" "), reason.trim());
        let ended = self.command(arguments).output().await.map_err(|error| failed(&error.to_string()))?;
        if !ended.status.success() {
            return Err(failed(&String::from_utf8_lossy(&ended.stderr)));
        }
        String::from_utf8(ended.stdout).map_err(|error| failed(&error.to_string()))
    }

    /// Starts a server, and returns the object that it prints once it is ready.
    async fn start(&self, arguments: &[&str], log: &str) -> Result<(Child, Value)> {
        let named = format!("`eqp {}`", arguments.join(" "));
        let log = File::create(self.folder.join(log)).map_err(|error| format!("{named}: {error}"))?;
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| format!("{named} could not be started: {error}"))?;
        let printed = child.stdout.take().ok_or_else(|| format!("{named} has no output"))?;
        let mut line = String::new();
        let read = timeout(START, BufReader::new(printed).read_line(&mut line)).await;
        read.map_err(|_elapsed| format!("{named} was not ready after {} s", START.as_secs()))?
            .map_err(|error| format!("{named}: {error}"))?;
        let described = serde_json::from_str(&line).map_err(|error| format!("{named} printed no JSON: {error}"))?;
        Ok((child, described))
    }
}
