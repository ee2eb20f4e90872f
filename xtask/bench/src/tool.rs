//! The program `eqp`, built with the profile for distribution.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Failure;
use crate::load::{Certificate, Stream, Wire, get, read_status};

/// The time for a receiver to be ready; an unoptimised one on a busy machine is slow.
const READY_DEADLINE: Duration = Duration::from_mins(1);
/// The interval of polls.
const PAUSE: Duration = Duration::from_millis(1);

/// The program.
#[derive(Debug)]
pub(crate) struct Tool(PathBuf);

impl Tool {
    /// Builds the program, if it is not up to date.
    pub(crate) fn build() -> Result<Self, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let (profile, folder) = if cfg!(debug_assertions) { ("dev", "debug") } else { ("dist", "dist") };
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "eqp-cli", "--profile", profile]);
        build.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
        if !build.status()?.success() {
            return Err("the tool could not be built".into());
        }
        let ours = std::env::current_exe()?;
        let target = ours.ancestors().nth(2).ok_or("this program lies in no folder")?;
        let program = target.join(folder).join("eqp");
        if program.is_file() { Ok(Self(program)) } else { Err(format!("no {}", program.display()).into()) }
    }

    /// Returns a command that ignores the configuration of the current user.
    pub(crate) fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.0);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EQP_")) {
            command.env_remove(name);
        }
        command.env("EQP_DATA_DIR", data).current_dir(data.parent().unwrap_or(data)).stdin(Stdio::null());
        command
    }

    /// Runs a command, which must succeed, and returns its milliseconds.
    pub(crate) fn time(&self, data: &Path, database: Option<&str>, arguments: &[&str]) -> Result<f64, Failure> {
        let mut command = self.command(data);
        command.args(arguments).envs(database.map(|url| ("EQP_DATABASE_URL", url)));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let begun = Instant::now();
        let output = command.output()?;
        let took = begun.elapsed();
        if output.status.success() {
            return Ok(took.as_secs_f64() * 1000.0);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`eqp {}` failed ({}): {said}", arguments.join(" "), output.status).into())
    }

    /// Starts `eqp serve` over TLS, with the certificate in `folder` and the given or its embedded database, and waits
    /// until it reports that it is ready.
    pub(crate) async fn serve(&self, folder: &Path, data: &Path, database: Option<&str>) -> Result<Serving, Failure> {
        let certificate = Certificate::in_folder(folder);
        let mut command = self.command(data);
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--tls-cert"]).arg(&certificate.chain);
        command.arg("--tls-key").arg(&certificate.key).envs(database.map(|url| ("EQP_DATABASE_URL", url)));
        let log = fs::File::create(folder.join("eqp-serve.log"))?;
        command.stdout(Stdio::piped()).stderr(log);
        let begun = Instant::now();
        // From here on `drop` stops it.
        let mut serving =
            Serving { child: command.spawn()?, address: ([0, 0, 0, 0], 0).into(), ready_after: Duration::ZERO };
        let said = serving.child.stdout.take().ok_or("its output is not there")?;
        let said = serde_json::Deserializer::from_reader(said).into_iter::<Value>().next();
        let log = || fs::read_to_string(folder.join("eqp-serve.log")).unwrap_or_default();
        let Some(Ok(said)) = said else { return Err(format!("eqp serve did not start: {}", log()).into()) };
        let url = said["listening"].as_str().unwrap_or_default();
        serving.address = url.trim_start_matches("https://").parse()?;
        let wire = certificate.wire()?;
        let ready = tokio::time::timeout(READY_DEADLINE, ready(serving.address, &wire));
        ready.await.map_err(|_| format!("never ready: {}", log()))??;
        serving.ready_after = begun.elapsed();
        Ok(serving)
    }
}

/// Polls until the receiver is ready.
async fn ready(address: SocketAddr, wire: &Wire) -> Result<(), Failure> {
    let mut buffer = [0; 4096];
    let mut stream = Stream::open(address, wire, false).await?;
    loop {
        stream.write(get("/readyz").as_bytes()).await?;
        if read_status(&mut stream, &mut buffer).await? == 200 {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A running `eqp serve`; stopped on drop.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The time from the start of the process until it is ready.
    pub(crate) ready_after: Duration,
}

impl Serving {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
