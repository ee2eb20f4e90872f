//! A simulator as a process of its own: it tells how it can be reached, and ends when its input does.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use eqp_simulator::Simulator;
use eqp_types::{ApiKey, Secret};
use serde::{Deserialize, Serialize};

use super::Failure;

/// How a simulator can be reached. The key is worth something to that one simulator only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reach {
    pub(super) base_url: String,
    pub(super) ca_pem: String,
    application_id: String,
    application_secret: String,
}

impl Reach {
    pub(super) fn key(&self) -> ApiKey {
        let application_secret = Secret::new(self.application_secret.clone());
        ApiKey { application_id: self.application_id.clone(), application_secret }
    }
}

/// A running simulator; ends with this.
pub(super) struct Marketplace {
    child: Child,
    pub(super) reach: Reach,
}

impl Marketplace {
    /// Starts this program again, as a simulator that holds so many packages.
    pub(super) fn start(packages: usize) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve-marketplace", &packages.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let reach = serde_json::from_str(&line).map_err(|_| "the simulator did not start")?;
        Ok(Self { child, reach })
    }
}

impl Drop for Marketplace {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Is such a simulator.
pub(super) fn serve(packages: usize) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let simulator = Simulator::builder().packages(packages).start().await?;
        let reach = Reach {
            base_url: simulator.base_url().to_owned(),
            ca_pem: simulator.ca_pem().to_owned(),
            application_id: simulator.api_key().application_id.clone(),
            application_secret: simulator.api_key().application_secret.expose().to_owned(),
        };
        println!("{}", serde_json::to_string(&reach)?);
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        simulator.shutdown().await;
        Ok(())
    })
}
