//! A simulator in a separate process: it prints its connection data, and ends with its input.

use std::io::Read;
use std::process::{Child, Stdio};

use eqp_simulator::Simulator;
use eqp_types::{ApiKey, Secret};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::receivers::{again, first_line};

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
}

/// A running simulator; stopped on drop.
pub(crate) struct Marketplace {
    child: Child,
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
        let reach = serde_json::from_str(&first_line(&mut child)?).map_err(|_| "the simulator did not start")?;
        Ok(Self { child, reach })
    }
}

impl Drop for Marketplace {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Runs the simulator process.
pub(crate) fn serve(packages: usize) -> Result<(), Failure> {
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
