//! Checks the database of the receiver: its schema, the privileges of the role, and whether what is committed can be lost.

use eqp_store::internal::{ANSWER, DatabaseFacts, Durability, EndpointState, ReceiverState, health, schema, within};
use eqp_store::{EndpointSummary, Error};
use eqp_sync::Check;
use time::{Duration, OffsetDateTime};

use crate::compose::database::{Database, Upgrade};
use crate::compose::receiver::{endpoints_to_read, known_master_key};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::counted;

const NAME: &str = "database";
const DURABILITY: &str = "durability";
const PRIVILEGES: &str = "privileges";

/// The facts of a database that can be used.
pub(super) struct Facts {
    pub(super) endpoints: Vec<EndpointSummary>,
    pub(super) registrations: Vec<EndpointState>,
    pub(super) receivers: Vec<ReceiverState>,
    /// By how much this machine is ahead of the database.
    pub(super) clock_ahead: Duration,
    is_embedded: bool,
    database: DatabaseFacts,
    durability: Durability,
    role: String,
    missing_privileges: Vec<String>,
    pending: u64,
}

impl Facts {
    /// Returns whether callbacks are registered and no receiver is running.
    pub(super) fn needs_receiver(&self) -> bool {
        let is_registered = self.endpoints.iter().any(EndpointSummary::is_in_use);
        is_registered && !self.receivers.iter().any(|receiver| receiver.is_running)
    }
}

/// An open database, or the result of the check that explains why it cannot be used.
pub(super) enum Opened {
    Usable(Box<(Database, Facts)>),
    Unusable(Check<Failure>),
}

/// Opens the database of the receiver, and checks its schema and its master key. Starts the embedded Postgres if necessary.
pub(super) async fn open(context: &Context) -> Opened {
    if context.settings.server.url.is_some() {
        let what = "not checked: it belongs to the server; run `eqp doctor` there";
        return Opened::Unusable(Check::absent(NAME, what));
    }
    let database = match Database::open_to_look(context, Upgrade::No).await {
        Ok(Some(database)) => database,
        Ok(None) => {
            let what = "no database yet in this data folder; `eqp serve` creates an embedded one";
            return Opened::Unusable(Check::absent(NAME, what));
        }
        Err(failure) => return Opened::Unusable(Check::new(NAME, Err(failure))),
    };
    match look(&database, context).await {
        Ok(facts) => Opened::Usable(Box::new((database, facts))),
        Err(failure) => {
            let closed = database.close().await;
            Opened::Unusable(Check::new(NAME, Err(closed.err().unwrap_or(failure))))
        }
    }
}

async fn look(database: &Database, context: &Context) -> Result<Facts> {
    let migrations = schema::migrations(database.pool()).await?;
    if migrations.iter().any(|step| !step.applied) {
        return Err(Error::NotMigrated.into());
    }
    let data = context.settings.data.look()?;
    let endpoints = match endpoints_to_read(database, &data, known_master_key(&data)?).await? {
        Some(endpoints) => endpoints.list().await?,
        None => Vec::new(),
    };
    let pending = database.reader().counts(None).await?.pending;
    let began = OffsetDateTime::now_utc();
    let facts = within(ANSWER, async {
        let mut connection = database.pool().acquire().await?;
        let facts = health::database(&mut connection).await?;
        let middle = began + (OffsetDateTime::now_utc() - began) / 2;
        let durability = health::durability(&mut connection).await?;
        let (role, missing_privileges) = health::missing_privileges(&mut connection).await?;
        Ok::<_, sqlx::Error>(Facts {
            endpoints,
            registrations: health::endpoints(&mut connection).await?,
            receivers: health::receivers(&mut connection).await?,
            clock_ahead: middle - facts.now,
            is_embedded: database.is_embedded(),
            database: facts,
            durability,
            role,
            missing_privileges,
            pending,
        })
    });
    Ok(facts.await?)
}

/// Returns the checks of a database that can be used.
pub(super) fn checks(facts: &Facts) -> [Check<Failure>; 3] {
    [
        schema_check(facts),
        privileges(&facts.role, &facts.missing_privileges),
        durability(&facts.durability, facts.is_embedded),
    ]
}

fn schema_check(facts: &Facts) -> Check<Failure> {
    let DatabaseFacts { version, migration, size_bytes, .. } = &facts.database;
    let kind = if facts.is_embedded { "embedded" } else { "given" };
    let pending = counted(facts.pending, "callback");
    let size = size_bytes / 1_000_000;
    let what = format!("{kind}, Postgres {version}, schema {migration} up to date, {size} MB; {pending} pending");
    Check::new(NAME, Ok(what))
}

fn privileges(role: &str, missing: &[String]) -> Check<Failure> {
    if missing.is_empty() {
        return Check::new(PRIVILEGES, Ok(format!("the role {role} has the privileges of a server")));
    }
    Check::warning(
        PRIVILEGES,
        format!("the role {role} lacks {}", missing.join(", ")),
        "run roles.sql again as its owner after every migration; ignore this if other processes do what needs these privileges",
    )
}

fn durability(found: &Durability, is_embedded: bool) -> Check<Failure> {
    let Durability { has_fsync, synchronous_commit, has_synchronous_standbys, replicas } = found;
    if !has_fsync {
        return Check::warning(
            DURABILITY,
            "fsync is off in Postgres: after a power failure, acknowledged callbacks can be missing and the database damaged",
            "set fsync = on, and reload Postgres",
        );
    }
    // Writers turn it on for the transactions that store callbacks, but they do not change which replicas a commit waits for.
    let waits_for_replica = *has_synchronous_standbys && !matches!(synchronous_commit.as_str(), "off" | "local");
    if *replicas > 0 && !waits_for_replica {
        let cause = if *has_synchronous_standbys {
            format!("synchronous_commit is {synchronous_commit}")
        } else {
            "synchronous_standby_names is empty".to_owned()
        };
        let replicas = counted(u64::try_from(*replicas).unwrap_or_default(), "replica");
        return Check::warning(
            DURABILITY,
            format!(
                "{replicas} connected, and commits do not wait for any ({cause}): a failover can lose acknowledged callbacks"
            ),
            "set synchronous_standby_names and synchronous_commit = on; otherwise run `eqp reconcile --full` after a failover",
        );
    }
    if synchronous_commit == "off" {
        return Check::warning(
            DURABILITY,
            "synchronous_commit is off: callbacks are stored safely all the same, but after a crash of Postgres the last \
             deliveries can be sent again",
            "set synchronous_commit = on for this database or role",
        );
    }
    let what = match (is_embedded, waits_for_replica) {
        (true, _) => "commits are on the disk before callbacks are acknowledged; back up the data folder yourself",
        (false, true) => "commits are on the disk here and on a replica before callbacks are acknowledged",
        (false, false) => "commits are on the disk before callbacks are acknowledged; no replica is connected",
    };
    Check::new(DURABILITY, Ok(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use eqp_sync::CheckState;

    use super::*;

    fn found(synchronous_commit: &str, has_synchronous_standbys: bool, replicas: i64) -> Durability {
        Durability {
            has_fsync: true,
            synchronous_commit: synchronous_commit.to_owned(),
            has_synchronous_standbys,
            replicas,
        }
    }

    #[test]
    fn a_replica_that_commits_do_not_wait_for_is_a_warning() {
        let warns = |found: &Durability| match durability(found, false).state {
            CheckState::Warning { what, remedy } => Some((what, remedy)),
            _ => None,
        };
        for fine in [found("on", false, 0), found("on", true, 2), found("remote_apply", true, 1)] {
            assert_eq!(warns(&fine), None, "{fine:?}");
        }
        for (found, cause) in [
            (found("on", false, 1), "synchronous_standby_names is empty"),
            (found("local", true, 1), "synchronous_commit is local"),
            (found("off", true, 1), "synchronous_commit is off"),
        ] {
            let (what, remedy) = warns(&found).unwrap();
            assert!(what.starts_with("1 replica connected") && what.contains(cause), "{what}");
            assert!(remedy.contains("synchronous_standby_names"), "{remedy}");
        }
        assert!(warns(&found("off", false, 0)).unwrap().0.starts_with("synchronous_commit is off"));
        assert!(
            warns(&Durability { has_fsync: false, ..found("on", false, 0) }).unwrap().0.starts_with("fsync is off")
        );
    }
}
