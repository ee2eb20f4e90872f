//! Failures of Postgres, for a receiver with a spool: in each kind of failure, every callback is answered with an ID, and is in
//! the database exactly once afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use eqp_receiver::{SpoolFile, SpoolSettings};
use eqp_test_support::{NetworkConditions, OwnPostgres, Proxy, SmallDisk, TestDatabase};
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};

/// A receiver with a spool, and the IDs that its senders received.
struct Outage {
    receiver: TestReceiver,
    spool: tempfile::TempDir,
    answered: BTreeMap<Uuid, Vec<u8>>,
}

impl Outage {
    async fn on(database: TestDatabase, way: PgConnectOptions) -> Self {
        let spool = tempfile::tempdir().unwrap();
        let settings = SpoolSettings::in_folder(spool.path());
        let receiver = TestReceiver::on(database, way, |builder| builder.spool(settings)).await;
        let mut outage = Self { receiver, spool, answered: BTreeMap::new() };
        // Also prepares the statement, so that what fails later is the write.
        outage.send().await;
        outage
    }

    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let way = database.options.clone();
        Self::on(database, way).await
    }

    async fn send(&mut self) {
        let body = format!(r#"{{"number": {}}}"#, self.answered.len());
        let answer = self.receiver.sender.post(PATH, RIGHT, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.answered.insert(answer.id(), body.into_bytes());
    }

    /// Sends callbacks one after the other and some at once. All are stored in the spool.
    async fn is_spooled(&mut self) {
        self.send().await;
        until("it is degraded", || async { self.receiver.sender.get("/readyz").await.body.contains("degraded") }).await;
        let before = self.spooled();
        for _ in 0..3 {
            self.send().await;
        }
        let many = join_all((0..8).map(|_| self.receiver.sender.post(PATH, RIGHT, STATUS))).await;
        for answer in many {
            assert_eq!(answer.status, 200, "{answer:?}");
            self.answered.insert(answer.id(), STATUS.as_bytes().to_vec());
        }
        assert_eq!(self.spooled(), before + 11);
        let ready = self.receiver.sender.get("/readyz").await;
        assert_eq!(ready.status, 200, "it can accept durably: {ready:?}");
        assert!(ready.body.contains(&format!(r#""spooled":{}"#, before + 11)), "{ready:?}");
    }

    /// Waits until callbacks are stored directly again, and checks that all of them are stored once and in order.
    async fn recovers(mut self) {
        let is_ready = || async { self.receiver.sender.get("/readyz").await.body.contains(r#""ready""#) };
        until("it is well again", is_ready).await;
        assert_eq!(self.spooled(), 0);
        self.send().await;
        let stored: BTreeMap<Uuid, Vec<u8>> = self.receiver.stored().await.into_iter().collect();
        assert_eq!(stored, self.answered);
        assert_eq!(
            self.receiver.pending().await,
            self.answered.keys().copied().collect::<Vec<_>>(),
            "each queued once"
        );
        let arrivals =
            "select c.received_at from eqp.callback_pending p, unnest(callback_ids) with ordinality i (id, n)
                        join eqp.callback c on c.id = i.id order by p.id, n";
        let arrivals: Vec<time::OffsetDateTime> =
            sqlx::query_scalar(arrivals).fetch_all(&self.receiver.database.pool).await.unwrap();
        assert!(arrivals.is_sorted(), "they are projected in the order of their arrival");
        let straight: String = sqlx::query_scalar("select via from eqp.callback order by id desc limit 1")
            .fetch_one(&self.receiver.database.pool)
            .await
            .unwrap();
        assert_eq!(straight, "writer");
        self.receiver.stop().await;
    }

    fn spooled(&self) -> u64 {
        SpoolFile::open(self.spool.path()).unwrap().state().unwrap().callbacks
    }
}

/// Runs statements as superuser, without the receiver.
async fn as_superuser(database: &TestDatabase, statements: &str) {
    let mut connection = PgConnection::connect_with(&database.options.clone().database("postgres")).await.unwrap();
    for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
        connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
    connection.close().await.unwrap();
}

const END_CONNECTIONS: &str = "select pg_terminate_backend(pid) from pg_stat_activity
                               where datname = current_database() and pid <> pg_backend_pid()";

#[tokio::test]
async fn killed() {
    let mut postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let way = database.options.clone();
    let mut outage = Outage::on(database, way).await;
    postgres.kill();
    outage.is_spooled().await;
    postgres.start_again().await;
    outage.recovers().await;
}

#[tokio::test]
async fn frozen() {
    let postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let way = database.options.clone();
    let mut outage = Outage::on(database, way).await;
    postgres.freeze();
    outage.is_spooled().await;
    postgres.thaw();
    outage.recovers().await;
}

#[tokio::test]
async fn stopped_by_its_operator() {
    let mut postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let way = database.options.clone();
    let mut outage = Outage::on(database, way).await;
    postgres.stop().await;
    outage.is_spooled().await;
    postgres.start_again().await;
    outage.recovers().await;
}

#[tokio::test]
async fn out_of_reach() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let mut outage = Outage::on(database, proxy.options()).await;
    proxy.set(NetworkConditions::Cut);
    outage.is_spooled().await;
    proxy.set(NetworkConditions::Fair);
    outage.recovers().await;
}

#[tokio::test]
async fn committed_and_the_answer_lost() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let mut outage = Outage::on(database, proxy.options()).await;
    for _ in 0..3 {
        proxy.set(NetworkConditions::LosesOneAnswer);
        outage.send().await;
        until("it is well again", || async { outage.receiver.sender.get("/readyz").await.body.contains(r#""ready""#) })
            .await;
    }
    outage.recovers().await;
}

#[tokio::test]
async fn connections_ended_by_an_operator() {
    let mut outage = Outage::new().await;
    for _ in 0..3 {
        outage.receiver.execute(END_CONNECTIONS).await;
        outage.send().await;
    }
    outage.recovers().await;
}

#[tokio::test]
async fn read_only_after_a_failover() {
    let mut outage = Outage::new().await;
    let name = outage.receiver.database.options.get_database().unwrap().to_owned();
    // The setting applies to new connections, so the old ones are closed.
    outage.receiver.execute(format!("alter database {name} set default_transaction_read_only = on")).await;
    outage.receiver.execute(END_CONNECTIONS).await;
    outage.is_spooled().await;
    as_superuser(&outage.receiver.database, &format!("alter database {name} reset default_transaction_read_only"))
        .await;
    outage.recovers().await;
}

#[tokio::test]
async fn read_only_in_the_middle_of_a_connection() {
    let postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let way = database.options.clone();
    let mut outage = Outage::on(database, way).await;
    // As with a fenced primary: every session becomes read-only and keeps its connection.
    let fence =
        |setting| format!("alter system set default_transaction_read_only = {setting}; select pg_reload_conf()");
    as_superuser(&outage.receiver.database, &fence("on")).await;
    outage.is_spooled().await;
    let unlock = "set default_transaction_read_only = off";
    as_superuser(&outage.receiver.database, &format!("{unlock}; {}", fence("off"))).await;
    outage.recovers().await;
}

#[tokio::test]
async fn a_table_that_is_gone() {
    let mut outage = Outage::new().await;
    outage.receiver.execute("alter table eqp.callback rename to hidden").await;
    outage.is_spooled().await;
    outage.receiver.execute("alter table eqp.hidden rename to callback").await;
    outage.recovers().await;
}

#[tokio::test]
async fn a_column_that_is_gone() {
    let mut outage = Outage::new().await;
    outage.receiver.execute("alter table eqp.callback rename column via to how").await;
    outage.is_spooled().await;
    outage.receiver.execute("alter table eqp.callback rename column how to via").await;
    outage.recovers().await;
}

#[tokio::test]
async fn grants_that_were_revoked() {
    let database = TestDatabase::create().await;
    let role = format!("{}_lane", database.options.get_database().unwrap());
    as_superuser(&database, &format!("create role {role} superuser")).await;
    // The role is set after the login, because with peer authentication it could not log in.
    let way = database.options.clone().options([("role", &role)]);
    let mut outage = Outage::on(database, way).await;
    as_superuser(&outage.receiver.database, &format!("alter role {role} nosuperuser")).await;
    outage.receiver.execute(format!("grant usage on schema eqp to {role}")).await;
    outage.receiver.execute(format!("grant select on all tables in schema eqp to {role}")).await;
    outage.is_spooled().await;
    outage.receiver.execute(format!("grant insert on eqp.callback, eqp.callback_pending to {role}")).await;
    outage.recovers().await;
}

#[tokio::test]
async fn an_error_of_no_known_class() {
    let mut outage = Outage::new().await;
    outage
        .receiver
        .execute(
            "create function eqp.fails() returns trigger language plpgsql as
             $$ begin raise exception 'not today' using errcode = 'XX000'; end $$;
             create trigger fails before insert on eqp.callback execute function eqp.fails()",
        )
        .await;
    outage.is_spooled().await;
    outage.receiver.execute("drop trigger fails on eqp.callback").await;
    outage.recovers().await;
}

#[tokio::test]
async fn a_full_disk() {
    let Some(disk) = SmallDisk::mount(220) else {
        println!("not run: a small file system can only be mounted by root");
        return;
    };
    let postgres = OwnPostgres::start_in(&disk.folder().join("postgres")).await;
    let database = postgres.database().await;
    let way = database.options.clone();
    let mut outage = Outage::on(database, way).await;
    disk.fill();
    // Free pages of the table and of the log accept some more.
    let large = format!(r#""{}""#, "x".repeat(200_000));
    let is_degraded = || async { outage.receiver.sender.get("/readyz").await.body.contains("degraded") };
    while !is_degraded().await {
        let answer = outage.receiver.sender.post(PATH, RIGHT, &large).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        outage.answered.insert(answer.id(), large.clone().into_bytes());
    }
    outage.is_spooled().await;
    disk.free();
    outage.recovers().await;
    drop(postgres);
}

#[tokio::test]
async fn data_that_it_refuses() {
    let mut outage = Outage::new().await;
    // One error of each class of data errors, raised by the database.
    outage
        .receiver
        .execute(
            "create function eqp.refuses() returns trigger language plpgsql as $$
             declare text text := encode(new.body, 'escape');
             begin
                 if text like '%unstorable 22%' then raise exception 'bad text' using errcode = '22021'; end if;
                 if text like '%unstorable 23%' then raise exception 'bad value' using errcode = '23514'; end if;
                 return new;
             end $$;
             create trigger refuses before insert on eqp.callback for each row execute function eqp.refuses()",
        )
        .await;
    let (text, value) = (r#""unstorable 22""#, "unstorable 23");
    let bodies: Vec<String> = (0..40)
        .map(|number| match number {
            7 => text.to_owned(),
            23 => value.to_owned(),
            _ => number.to_string(),
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| outage.receiver.sender.post(PATH, RIGHT, body))).await;
    let mut quarantined = BTreeMap::new();
    for (body, answer) in bodies.iter().zip(answers) {
        let is_json = body != value;
        assert_eq!(answer.status, if is_json { 200 } else { 400 }, "{answer:?}");
        if body.contains("unstorable") {
            quarantined.insert(answer.id(), body.clone().into_bytes());
        } else {
            outage.answered.insert(answer.id(), body.clone().into_bytes());
        }
    }
    let ready = outage.receiver.sender.get("/readyz").await;
    assert!(ready.body.contains(r#""ready""#), "quarantine is not a queue: {ready:?}");
    let found: Vec<_> = SpoolFile::open(outage.spool.path()).unwrap().quarantined().map(Result::unwrap).collect();
    let seen: BTreeMap<_, _> = found.iter().map(|row| (row.callback.id, row.callback.body.to_vec())).collect();
    assert_eq!(seen, quarantined);
    let mut reasons: Vec<_> = found.iter().map(|row| (row.sqlstate.as_str(), row.reason.as_str())).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [("22021", "bad text"), ("23514", "bad value")]);

    // Callbacks in the spool are affected later, and delay no others.
    let proxyless = outage.receiver.database.options.get_database().unwrap().to_owned();
    outage.receiver.execute(format!("alter database {proxyless} set default_transaction_read_only = on")).await;
    outage.receiver.execute(END_CONNECTIONS).await;
    outage.is_spooled().await;
    assert_eq!(outage.receiver.sender.post(PATH, RIGHT, text).await.status, 200);
    outage.send().await;
    as_superuser(&outage.receiver.database, &format!("alter database {proxyless} reset default_transaction_read_only"))
        .await;
    let spool = outage.spool.path().to_owned();
    let count = || SpoolFile::open(&spool).unwrap().state().unwrap().quarantined;
    until("the third is in quarantine", || async { count() == 3 }).await;
    outage.recovers().await;
}

#[tokio::test]
async fn a_failure_behind_data_that_it_refuses() {
    let mut outage = Outage::new().await;
    outage.receiver.execute("alter table eqp.callback rename to hidden").await;
    outage.is_spooled().await;
    let unstorable = outage.receiver.sender.post(PATH, RIGHT, r#""unstorable""#).await;
    assert_eq!(unstorable.status, 200);
    for body in [r#""stuck""#, "1"] {
        let answer = outage.receiver.sender.post(PATH, RIGHT, body).await;
        outage.answered.insert(answer.id(), body.as_bytes().to_vec());
    }
    outage
        .receiver
        .execute(
            "create function eqp.refuses() returns trigger language plpgsql as $$
             begin
                 if new.body = '\"unstorable\"' then raise exception 'bad' using errcode = '22021'; end if;
                 if new.body = '\"stuck\"' then raise exception 'not today' using errcode = 'XX000'; end if;
                 return new;
             end $$;
             create trigger refuses before insert on eqp.hidden for each row execute function eqp.refuses();
             alter table eqp.hidden rename to callback",
        )
        .await;
    // Processed callbacks are settled and the rest waits, so that none is skipped.
    until("two wait", || async { outage.spooled() == 2 }).await;
    assert_eq!(SpoolFile::open(outage.spool.path()).unwrap().state().unwrap().quarantined, 1);
    outage.send().await;
    assert_eq!(outage.spooled(), 3, "and newer ones wait behind it");
    outage.receiver.execute("drop trigger refuses on eqp.callback").await;
    outage.recovers().await;
}

#[tokio::test]
async fn neither_database_nor_spool() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let spool = tempfile::tempdir().unwrap();
    // Enough space for three.
    let settings = SpoolSettings::in_folder(spool.path()).bytes(3 * 600);
    let receiver = TestReceiver::on(database, proxy.options(), |builder| builder.spool(settings)).await;
    proxy.set(NetworkConditions::Cut);
    let mut answered = Vec::new();
    let full = loop {
        let answer = receiver.sender.post(PATH, RIGHT, STATUS).await;
        if answer.status != 200 {
            break answer;
        }
        answered.push(answer.id());
        assert!(answered.len() < 10);
    };
    assert!(answered.len() > 1);
    assert_eq!((full.status, full.header("retry-after")), (503, Some("5")));
    let ready = receiver.sender.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.reason().contains("spool is full"), "{ready:?}");
    proxy.set(NetworkConditions::Fair);
    until("it is well again", || async { receiver.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    assert_eq!(receiver.stored().await.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), answered);
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    receiver.stop().await;
}

#[tokio::test]
async fn a_database_that_comes_back_as_another_one() {
    let mut outage = Outage::new().await;
    let before: Uuid =
        sqlx::query_scalar("select id from eqp.instance").fetch_one(&outage.receiver.database.pool).await.unwrap();
    outage.receiver.execute("update eqp.instance set id = gen_random_uuid()").await;
    outage.receiver.execute(END_CONNECTIONS).await;
    outage.is_spooled().await;
    until("the reason is reported", || async {
        outage.receiver.sender.get("/readyz").await.body.contains("not the database")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(outage.receiver.stored().await.len(), 1, "nothing is written to the other database");
    outage.receiver.execute(format!("update eqp.instance set id = '{before}'")).await;
    outage.recovers().await;
}

#[tokio::test]
async fn a_full_disk_under_the_spool_too() {
    let Some(disk) = SmallDisk::mount(8) else {
        println!("not run: a small file system can only be mounted by root");
        return;
    };
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let settings = SpoolSettings::in_folder(disk.folder().join("spool"));
    let receiver = TestReceiver::on(database, proxy.options(), |builder| builder.spool(settings)).await;
    proxy.set(NetworkConditions::Cut);
    let mut answered = Vec::new();
    let large = format!(r#""{}""#, "x".repeat(100_000));
    let mut send = async |body: &str| {
        let answer = receiver.sender.post(PATH, RIGHT, body).await;
        if answer.status == 200 {
            answered.push(answer.id());
        } else {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
        }
        answer.status
    };
    assert_eq!(send(&large).await, 200);
    disk.fill();
    let mut tries = 0;
    while send(&large).await == 200 {
        tries += 1;
        assert!(tries < 100, "the disk is full");
    }
    disk.free();
    // It recovers automatically, with every callback that it has answered.
    while send(STATUS).await != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proxy.set(NetworkConditions::Fair);
    until("it is well again", || async { receiver.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    let stored = receiver.stored().await.into_iter().map(|(id, _)| id).collect::<std::collections::BTreeSet<_>>();
    assert!(answered.iter().all(|id| stored.contains(id)), "{} of {} are there", stored.len(), answered.len());
    assert_eq!(receiver.pending().await, stored.into_iter().collect::<Vec<_>>());
    receiver.stop().await;
}
