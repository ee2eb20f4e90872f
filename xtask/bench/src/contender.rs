//! A receiver with a database of its own, that takes its turn and is asked afterwards whether it kept what it answered.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::Failure;
use crate::ground::{Ground, kept};
use crate::load::{self, Load, Outcome};
use crate::postgres::{Postgres, execute};
use crate::receivers::{Kind, Peer, PeerServer, Server};
use crate::stored::{answered_once, stored_once};

/// Who answers.
#[derive(Debug)]
enum Runs {
    Server(Server),
    Peer(PeerServer),
}

/// What a turn came to, in milliseconds where it is a latency.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) answered: usize,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// The moment of the last answer.
    pub(crate) ended: Instant,
}

impl Turn {
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

/// One receiver on one database.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) database: PgConnectOptions,
    runs: Runs,
    /// Answers what it has not kept, and is only there to be compared.
    keeps_nothing: bool,
}

impl Contender {
    /// A receiver of this program on a new database.
    pub(crate) async fn new(kind: Kind, postgres: &Postgres, ground: &Ground) -> Result<Self, Failure> {
        Self::on(kind, postgres.database().await?, ground, false)
    }

    /// The same on a database that is there.
    pub(crate) fn on(kind: Kind, database: PgConnectOptions, ground: &Ground, tls: bool) -> Result<Self, Failure> {
        let server = Server::start(kind, &database, ground.folder(), tls)?;
        let keeps_nothing = kind == Kind::HttpOnly;
        Ok(Self { name: kind.name(), database, runs: Runs::Server(server), keeps_nothing })
    }

    /// Ours with few file descriptors; without `tls` as behind a proxy.
    pub(crate) fn with_few_files(
        files: usize,
        database: PgConnectOptions,
        ground: &Ground,
        tls: bool,
    ) -> Result<Self, Failure> {
        let server = Server::with_few_files(files, &database, ground.folder(), tls)?;
        Ok(Self { name: Kind::Ours.name(), database, runs: Runs::Server(server), keeps_nothing: false })
    }

    /// The same under callgrind, which writes its counts when the contender is dropped.
    pub(crate) fn counted(
        kind: Kind,
        database: PgConnectOptions,
        ground: &Ground,
        counts: &Path,
    ) -> Result<Self, Failure> {
        let server = Server::counted(kind, &database, ground.folder(), counts)?;
        Ok(Self { name: kind.name(), database, runs: Runs::Server(server), keeps_nothing: false })
    }

    /// A receiver of others; a reason where it cannot be had.
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

    /// The process, where it is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.runs {
            Runs::Server(server) => Some(server.pid()),
            Runs::Peer(_) => None,
        }
    }

    /// Empty tables, and nothing left to write back.
    pub(crate) async fn clean(&self) -> Result<(), Failure> {
        self.clear("eqp.callback, eqp.callback_pending").await
    }

    /// Some tables empty, and nothing left to write back.
    pub(crate) async fn clear(&self, tables: &str) -> Result<(), Failure> {
        execute(&self.database, format!("truncate {tables}")).await?;
        execute(&self.database, "checkpoint".to_owned()).await
    }

    /// Under another name, where one kind is measured in several states.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Takes the load, and fails unless every answered id is stored exactly once.
    pub(crate) fn turn(&self, ground: &Ground, round: usize, load: &Load) -> Result<Turn, Failure> {
        let outcome = load::run(self.address(), load)?;
        self.finish(ground, round, &outcome)
    }

    /// Fails unless every answered id is stored exactly once, and tells of the turn.
    pub(crate) fn finish(&self, ground: &Ground, round: usize, outcome: &Outcome) -> Result<Turn, Failure> {
        ground.block_on(self.check(&outcome.answered))?;
        let turn = Turn::of(outcome);
        eprintln!(
            "round {round}/{}  {:18}  {:>8.0} callbacks/s  p50 {:>6.2} ms  p99 {:>6.2} ms  {:>7} answered{}",
            ground.scale.rounds,
            self.name,
            turn.per_second,
            turn.p50,
            turn.p99,
            turn.answered,
            if self.keeps_nothing { "" } else { ", each stored once" },
        );
        Ok(turn)
    }

    /// Every answered id is stored, and none was answered twice.
    async fn check(&self, answered: &[Uuid]) -> Result<(), Failure> {
        let checked = if self.keeps_nothing {
            answered_once(answered).map(drop)
        } else {
            stored_once(&self.database, answered).await
        };
        checked.map_err(|error| format!("{}: {error}", self.name).into())
    }
}
