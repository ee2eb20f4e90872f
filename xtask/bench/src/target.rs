//! A measured receiver with its own database; after each sample it is checked that every answered ID is stored.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::Failure;
use crate::harness::{Harness, kept};
use crate::load::{self, Load, Outcome};
use crate::postgres::{Postgres, execute};
use crate::receivers::{Kind, Peer, PeerServer, Server};
use crate::stored::{answered_once, stored_once};

/// The kinds of targets.
#[derive(Debug)]
enum Runs {
    Server(Server),
    Peer(PeerServer),
}

/// The result of a sample. Latencies are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) answered: usize,
    /// The time from the first request to the last response.
    pub(crate) took: Duration,
    /// The time of the last response.
    pub(crate) ended: Instant,
}

impl Sample {
    fn of(outcome: &Outcome) -> Self {
        Self {
            per_second: outcome.per_second,
            p50: outcome.percentile(0.5),
            p99: outcome.percentile(0.99),
            answered: outcome.answered.len(),
            took: outcome.took,
            ended: outcome.ended,
        }
    }
}

/// A receiver with its database.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) database: PgConnectOptions,
    runs: Runs,
    /// Whether it answers without storing, for comparison only.
    keeps_nothing: bool,
}

impl Target {
    /// Starts a receiver of this program with a new database.
    pub(crate) async fn new(kind: Kind, postgres: &Postgres, harness: &Harness) -> Result<Self, Failure> {
        Self::on(kind, postgres.database().await?, harness, false)
    }

    /// Starts a receiver of this program with an existing database.
    pub(crate) fn on(kind: Kind, database: PgConnectOptions, harness: &Harness, tls: bool) -> Result<Self, Failure> {
        let server = Server::start(kind, &database, harness.folder(), tls)?;
        let keeps_nothing = kind == Kind::HttpOnly;
        Ok(Self { name: kind.name(), database, runs: Runs::Server(server), keeps_nothing })
    }

    /// Starts our receiver with everything beside it. Its operator API is at `operator`.
    pub(crate) fn with_platform(
        database: PgConnectOptions,
        harness: &Harness,
        operator: SocketAddr,
    ) -> Result<Self, Failure> {
        let server = Server::with_platform(&database, harness.folder(), operator)?;
        Ok(Self { name: Kind::Platform.name(), database, runs: Runs::Server(server), keeps_nothing: false })
    }

    /// Starts our receiver with few file descriptors; without `tls` as behind a proxy.
    pub(crate) fn with_few_files(
        files: usize,
        database: PgConnectOptions,
        harness: &Harness,
        tls: bool,
    ) -> Result<Self, Failure> {
        let server = Server::with_few_files(files, &database, harness.folder(), tls)?;
        Ok(Self { name: Kind::Ours.name(), database, runs: Runs::Server(server), keeps_nothing: false })
    }

    /// Starts a receiver under callgrind, which writes its counts when the target is dropped.
    pub(crate) fn counted(
        kind: Kind,
        database: PgConnectOptions,
        harness: &Harness,
        counts: &Path,
    ) -> Result<Self, Failure> {
        let server = Server::counted(kind, &database, harness.folder(), counts)?;
        Ok(Self { name: kind.name(), database, runs: Runs::Server(server), keeps_nothing: false })
    }

    /// Starts a peer. The inner error is the reason why it is not available.
    pub(crate) async fn peer(peer: Peer, postgres: &Postgres) -> Result<Result<Self, String>, Failure> {
        let folder = kept("peers").join(peer.folder());
        if let Err(reason) = peer.install(&folder) {
            return Ok(Err(reason));
        }
        let database = postgres.database().await?;
        let runs = Runs::Peer(peer.start(&folder, &database)?);
        Ok(Ok(Self { name: peer.name(), database, runs, keeps_nothing: false }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match &self.runs {
            Runs::Server(server) => server.address,
            Runs::Peer(server) => server.address,
        }
    }

    /// Returns the process ID, if the target is a process.
    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.runs {
            Runs::Server(server) => Some(server.pid()),
            Runs::Peer(_) => None,
        }
    }

    /// Empties the tables, and waits until nothing is left to write back.
    pub(crate) async fn clean(&self) -> Result<(), Failure> {
        self.clear("eqp.callback, eqp.callback_pending").await
    }

    /// Empties these tables, and waits until nothing is left to write back.
    pub(crate) async fn clear(&self, tables: &str) -> Result<(), Failure> {
        execute(&self.database, format!("truncate {tables}")).await?;
        execute(&self.database, "checkpoint".to_owned()).await
    }

    /// Sets another name, if one kind is measured in several states.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Runs the load, and fails unless every returned ID is stored exactly once.
    pub(crate) fn sample(&self, harness: &Harness, round: usize, load: &Load) -> Result<Sample, Failure> {
        let outcome = load::run(self.address(), load)?;
        self.finish(harness, round, &outcome)
    }

    /// Fails unless every returned ID is stored exactly once, and prints the sample.
    pub(crate) fn finish(&self, harness: &Harness, round: usize, outcome: &Outcome) -> Result<Sample, Failure> {
        harness.block_on(self.check(&outcome.answered))?;
        let sample = Sample::of(outcome);
        eprintln!(
            "round {round}/{}  {:18}  {:>8.0} callbacks/s  p50 {:>6.2} ms  p99 {:>6.2} ms  {:>7} answered{}",
            harness.scale.rounds,
            self.name,
            sample.per_second,
            sample.p50,
            sample.p99,
            sample.answered,
            if self.keeps_nothing { "" } else { ", each stored once" },
        );
        Ok(sample)
    }

    /// Checks that every returned ID is stored, and that none was returned twice.
    async fn check(&self, answered: &[Uuid]) -> Result<(), Failure> {
        let checked = if self.keeps_nothing {
            answered_once(answered).map(drop)
        } else {
            stored_once(&self.database, answered).await
        };
        checked.map_err(|error| format!("{}: {error}", self.name).into())
    }
}
