//! A simulator in a separate process: it prints its connection data, and ends with its input.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use eqp_client::Client;
use eqp_simulator::{CallMatcher, Fault, FaultRule, Simulator};
use eqp_types::{ApiKey, Environment, Secret};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::receivers::again;

/// The name of the file with the connection data, for processes of a run.
const FILE: &str = "marketplace.json";

/// The connection data of a simulator. The key is valid for that simulator only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) base_url: String,
    pub(crate) ca_pem: String,
    application_id: String,
    application_secret: String,
}

impl Reach {
    pub(crate) fn key(&self) -> ApiKey {
        let application_secret = Secret::new(self.application_secret.clone());
        ApiKey { application_id: self.application_id.clone(), application_secret }
    }

    /// Returns a client of the simulator.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let builder = Client::builder(Environment::Production, self.key()).api_url(self.base_url.parse()?);
        Ok(builder.trusted_ca_pem(&self.ca_pem).build()?)
    }

    /// Reads the connection data that [`write`](Self::write) has written.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, Failure> {
        Ok(serde_json::from_reader(File::open(folder.join(FILE))?)?)
    }

    /// Writes the connection data for other processes of the run.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        Ok(serde_json::to_writer(File::create(folder.join(FILE))?, self)?)
    }
}

/// A running simulator; stopped on drop.
pub(crate) struct Marketplace {
    child: Child,
    /// `None` only while it is dropped.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) reach: Reach,
}

impl Marketplace {
    /// Starts this program again, as a simulator with this number of packages.
    pub(crate) fn start(packages: usize) -> Result<Self, Failure> {
        let mut child = again()?
            .args(["marketplace", &packages.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("the simulator has no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let reach = serde_json::from_str(&line).map_err(|_| "the simulator did not start")?;
        Ok(Self { child, input, output, reach })
    }

    /// Returns the number of calls so far, including those for sessions and without those for the reasons of rejections.
    pub(crate) fn calls(&mut self) -> Result<u64, Failure> {
        writeln!(self.input.as_mut().ok_or("the simulator has ended")?)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Marketplace {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Runs the simulator process. Each line of its input requests the number of calls so far.
pub(crate) fn serve(packages: usize) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let simulator = Simulator::builder().packages(packages).start().await?;
        // Faults without an effect count the calls: first all, then those for the reasons of rejections.
        let reasons = [CallMatcher::named("test_results.summary")?, CallMatcher::named("test_results.report")?];
        for calls in [CallMatcher::any()].into_iter().chain(reasons) {
            simulator.add_fault(FaultRule::Call(calls, Fault::Latency(Duration::ZERO)));
        }
        let reach = Reach {
            base_url: simulator.base_url().to_owned(),
            ca_pem: simulator.ca_pem().to_owned(),
            application_id: simulator.api_key().application_id.clone(),
            application_secret: simulator.api_key().application_secret.expose().to_owned(),
        };
        println!("{}", serde_json::to_string(&reach)?);
        let answering = tokio::task::spawn_blocking(move || {
            for _request in std::io::stdin().lines().map_while(Result::ok) {
                let mut counted = simulator.faults().into_iter().map(|fault| fault.matched);
                let all = counted.next().unwrap_or_default();
                println!("{}", all - counted.sum::<u64>());
            }
            simulator
        });
        answering.await?.shutdown().await;
        Ok(())
    })
}
