//! The built examples as running processes.

use std::path::Path;
use std::process::Stdio;

use eqp_test_support::TestDatabase;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::build::run;

/// A process whose output is read line by line.
pub(crate) struct Running {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(program: &Path, database: &TestDatabase, environment: &[(&str, &str)]) -> Self {
        Self::start_in(&std::env::temp_dir(), program, database, environment)
    }

    pub(crate) fn start_in(
        folder: &Path,
        program: &Path,
        database: &TestDatabase,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder);
        command.env("DATABASE_URL", database.url()).envs(environment.iter().copied());
        // For a role named `eqp`, which the tests may use, the receiver's schema would take precedence over the
        // service's own.
        command.env("PGOPTIONS", "-c search_path=public");
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, output }
    }

    pub(crate) async fn line(&mut self) -> String {
        timeout(PATIENCE, self.output.next_line()).await.unwrap().unwrap().expect("it goes on writing")
    }

    /// Interrupts the process like Ctrl-C.
    pub(crate) async fn interrupt(mut self) {
        let mut kill = Command::new("kill");
        kill.arg("-INT").arg(self.child.id().unwrap().to_string());
        run(kill).await;
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// The embedding service.
pub(crate) struct Service {
    running: Running,
    pub(crate) address: String,
}

impl Service {
    pub(crate) async fn start(
        program: &Path,
        database: &TestDatabase,
        key: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        let own = [("LISTEN", "127.0.0.1:0"), ("EQP_KEY", key.to_str().unwrap())];
        let mut running = Running::start(program, database, &[&own, environment].concat());
        let address = running.line().await.strip_prefix("listening on ").unwrap().to_owned();
        Self { running, address }
    }

    pub(crate) async fn stop(self) {
        self.running.interrupt().await;
    }
}
