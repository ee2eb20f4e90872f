//! The fixture of the release tests: a simulated Marketplace, and a home with an archive and its manifest.

use std::time::Duration;

use eqp_simulator::{Review, Script, Simulator, SimulatorBuilder, Snapshot, Timing};
use eqp_test_support::submission::Submission;
use eqp_test_support::vendor::use_marketplace;
use eqp_types::{ApiKey, MageId, Secret};
use serde_json::{Value, json};

use eqp_test_support::tool::{Ended, Home, Running};

/// The timeout of all waits, which is only reached if something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The option that leaves the code sniffer to the store, which the releases of most tests do.
pub(crate) const WITHOUT_PHPCS: [&str; 2] = ["--allow-not-run", "code-sniffer"];

pub(crate) struct Fixture {
    pub(crate) simulator: Simulator,
    pub(crate) home: Home,
    /// The path of the archive, as passed to the tool.
    pub(crate) archive: String,
}

/// Returns the script of a Marketplace without delays.
pub(crate) fn at_once() -> Script {
    Script::new().timing(Timing::immediate())
}

/// Returns the script of a Marketplace without delays, with these review results.
pub(crate) fn reviewed(review: Review) -> Script {
    at_once().review("*", review)
}

/// Returns the script of a Marketplace with immediate scans, whose reviews do not advance automatically.
pub(crate) fn only_scans() -> Script {
    let mut timing = Timing::default();
    timing.scan = Duration::ZERO;
    for length in [&mut timing.automation, &mut timing.marketing_queue] {
        *length = Duration::from_hours(24);
    }
    Script::new().timing(timing)
}

impl Fixture {
    pub(crate) async fn open(script: Script) -> Self {
        Self::with(Simulator::builder().script(script)).await
    }

    pub(crate) async fn with(builder: SimulatorBuilder) -> Self {
        let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new("hush") };
        let simulator = builder.account(MageId::new("MAG123456789").unwrap(), key).start().await.unwrap();
        let mut home = Home::new(crate::EQP);
        // Excludes phpcs and svc, if they are installed elsewhere. Debian's phpcs has no Magento2 standard.
        home.set("PATH", "/usr/bin:/bin");
        use_marketplace(&mut home, &simulator);
        let fixture = Self { simulator, home, archive: "submission.zip".to_owned() };
        fixture.prepare(&Submission::module(), |_| {});
        fixture
    }

    /// Writes an archive with its changed manifest.
    pub(crate) fn prepare(&self, submission: &Submission, change: impl FnOnce(&mut Value)) {
        submission.write(self.home.path()).unwrap();
        let mut listing = submission.listing(self.home.path()).unwrap();
        change(&mut listing);
        let table: toml::Table = serde_json::from_value(json!({"package": listing})).unwrap();
        self.home.write("release.toml", &toml::to_string(&table).unwrap());
    }

    /// Releases it with these options.
    pub(crate) fn release(&self, options: &[&str]) -> Ended {
        self.home.run_aside(&self.arguments(options))
    }

    /// Starts a release with these options.
    pub(crate) fn start(&self, options: &[&str]) -> Running {
        self.home.start(&self.arguments(options))
    }

    fn arguments<'a>(&'a self, options: &[&'a str]) -> Vec<&'a str> {
        [&["release", &self.archive, "--manifest", "release.toml"][..], &WITHOUT_PHPCS, options].concat()
    }

    pub(crate) fn look(&self) -> Snapshot {
        self.simulator.snapshot()
    }

    /// Waits until the Marketplace fulfils a condition.
    pub(crate) async fn until(&self, wanted: impl Fn(&Snapshot) -> bool + Send) -> Snapshot {
        self.simulator.wait_until(PATIENCE, wanted).await.unwrap()
    }

    /// Returns the statuses of the only submission.
    pub(crate) fn status(&self) -> String {
        let snapshot = self.look();
        let packages = &snapshot.accounts[0].packages;
        assert_eq!(packages.len(), 1, "there is one submission");
        packages[0].status.to_string()
    }

    /// Sets the result of a review through the control API.
    pub(crate) async fn decide(&self, submission: &str, outcome: Value) {
        let certificate = reqwest::Certificate::from_pem(self.simulator.ca_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
        let url = format!("{}/simulator/v1/packages/{submission}/decision", self.simulator.base_url());
        let token = self.simulator.control_token().expose();
        let answer = client.post(url).bearer_auth(token).body(outcome.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

/// Returns the last line of standard output as JSON, which is the result.
pub(crate) fn result(ended: &Ended) -> Value {
    let line = ended.stdout.lines().last().unwrap_or_else(|| panic!("{ended:?}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Reads progress up to a marker.
pub(crate) fn reads(running: &mut Running, step: &str, state: &str) -> Value {
    loop {
        let progress = running.json_line();
        if progress["step"] == step && progress["state"] == state {
            return progress;
        }
    }
}
