//! A server with everything that its pages show: a simulated Marketplace, an endpoint, a subscription, events and alerts.

use eqp_test_support::callbacks::later_form;
use eqp_test_support::tool::Running;
use eqp_test_support::vendor::{TestVendor, scan};

/// The submission that [`Setup::submission`] creates, with the state that its pages show.
pub(crate) const SUBMISSION: (&str, &str) = ("s5w9k703ru", "Rejected");

/// A running server.
pub(crate) struct Setup {
    pub(crate) vendor: TestVendor,
    /// The base URL of the pages.
    pub(crate) pages: String,
    _serve: Running,
}

impl Setup {
    /// Starts a server with an endpoint, a subscription to a program, an event, and an alert about an unknown event code.
    pub(crate) async fn start() -> Self {
        let mut vendor = TestVendor::start(crate::EQP).await;
        let config = "[exec.note]\ncommand = [\"/bin/sh\", \"-c\", \"cat > /dev/null\"]\n";
        let config = vendor.home.write("worker.toml", config);
        vendor.home.set("EQP_CONFIG", config.display().to_string());
        let serving =
            ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--spool-dir", "spool", "--json"];
        let mut serve = vendor.home.start(&serving);
        let begun = tokio::task::block_in_place(|| serve.json_line());
        let pages = begun["operator"].as_str().unwrap().to_owned();
        vendor.simulator.trust_pem(&vendor.home.run_aside(&["ca"]).stdout).unwrap();
        let url = format!("{}/callbacks/main", begun["listening"].as_str().unwrap());
        let setup = Self { vendor, pages, _serve: serve };
        setup.run(&["callbacks", "add", "--name", "main", "--url", &url, "--yes"]);
        setup.run(&["subscriptions", "add", "note", "--exec", "note"]);
        setup.run(&["token", "create", "ops", "--scope", "read,operate"]);
        // A long ID without spaces has to wrap.
        setup.callback(&format!("first-{}", "0123456789".repeat(12))).await;
        assert_eq!(setup.vendor.send("moved", r#"{"callback_event": "moved"}"#.to_owned()).await, [200]);
        setup.vendor.is_projected().await;
        let mut engine =
            eqp_sync::AlertEngine::new(setup.vendor.database.pool.clone(), eqp_sync::AlertSettings::default());
        engine.evaluate(time::OffsetDateTime::now_utc()).await.unwrap();
        setup
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let ended = self.vendor.home.run_aside(arguments);
        assert_eq!(ended.code, 0, "eqp {arguments:?}: {ended:?}");
        ended.stdout
    }

    /// Returns a link that signs a browser in.
    pub(crate) fn link(&self) -> String {
        self.run(&["token", "link", "ops", "--at", &self.pages, "--quiet"]).trim().to_owned()
    }

    /// Sends callbacks about a submission that is rejected.
    pub(crate) async fn submission(&self) {
        for (technical, second) in [("in_automation", 1), ("rejected", 9)] {
            let body = later_form(SUBMISSION.0, "technical", ["in_progress", technical, "draft"], second);
            assert_eq!(self.vendor.send("eqp_status_update", body).await, [200]);
        }
        self.vendor.is_projected().await;
    }

    /// Returns a link to the page of the submission for people outside.
    pub(crate) fn shared_link(&self) -> String {
        let arguments = ["submissions", "link", SUBMISSION.0, "--at", &self.pages, "--quiet"];
        self.run(&arguments).trim().to_owned()
    }

    /// Sends a callback about a file.
    pub(crate) async fn callback(&self, file: &str) {
        assert_eq!(self.vendor.send("malware_scan_complete", scan(file)).await, [200]);
    }
}
