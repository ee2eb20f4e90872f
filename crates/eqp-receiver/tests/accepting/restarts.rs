//! Receivers that start and end while the database is down, and damaged or foreign spools.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eqp_receiver::{Drained, Error, Receiver, SpoolFile, SpoolSettings, drain_spool, set_aside};
use eqp_store::MasterKey;
use eqp_test_support::{NetworkConditions, OwnPostgres, Proxy, TestDatabase};
use eqp_types::Secret;
use sqlx::PgPool;
use tokio::time::sleep;
use uuid::Uuid;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::basic;

/// A fixture with a spool, whose database can be cut off.
struct RestartFixture {
    fixture: TestReceiver,
    proxy: Proxy,
    settings: SpoolSettings,
    folder: tempfile::TempDir,
}

impl RestartFixture {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let proxy = Proxy::to(database.options.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings::in_folder(folder.path());
        let fixture = TestReceiver::on(database, proxy.options(), |builder| builder.spool(settings.clone())).await;
        let fixture = Self { fixture, proxy, settings, folder };
        fixture.keeps_endpoints(1).await;
        fixture
    }

    /// Waits until the spool contains this number of endpoints.
    async fn keeps_endpoints(&self, count: usize) {
        until("the endpoints are stored", || async {
            self.state().snapshot.is_some_and(|snapshot| snapshot.endpoints == count)
        })
        .await;
    }

    fn state(&self) -> eqp_receiver::SpoolState {
        SpoolFile::open(self.folder.path()).unwrap().state().unwrap()
    }

    async fn again(self) -> Self {
        let Self { fixture, proxy, settings, folder } = self;
        let (way, own) = (proxy.options(), settings.clone());
        let fixture = fixture.again(way, |builder| builder.spool(own)).await;
        Self { fixture, proxy, settings, folder }
    }

    async fn takes(&self) -> Uuid {
        let answer = self.fixture.sender.post(PATH, RIGHT, STATUS).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.id()
    }

    async fn is_well(&self) {
        until("it is well", || async { self.fixture.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    }

    async fn refusal(&self, settings: &SpoolSettings) -> Error {
        let builder = self.fixture.builder(self.proxy.options());
        builder.spool(settings.clone()).build().await.map(|_| ()).unwrap_err()
    }
}

fn ids(stored: Vec<(Uuid, Vec<u8>)>) -> Vec<Uuid> {
    stored.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn a_receiver_that_starts_without_its_database_checks_passwords() {
    let fixture = RestartFixture::new().await;
    let mut answered = vec![fixture.takes().await];
    fixture.proxy.set(NetworkConditions::Cut);
    let fixture = fixture.again().await;
    let sender = &fixture.fixture.sender;
    answered.push(fixture.takes().await);
    for (path, credential, status) in [
        (PATH, basic("key", "wrong"), 401),
        (PATH, basic("other", "secret"), 401),
        ("/unknown", basic("key", "wrong"), 401),
    ] {
        let answer = sender.post(path, &[&credential], STATUS).await;
        assert_eq!(answer.status, status, "{path} {credential}");
    }
    let ready = sender.get("/readyz").await;
    assert!(ready.status == 200 && ready.body.contains("degraded"), "{ready:?}");
    // Once more, with callbacks in the spool.
    let fixture = fixture.again().await;
    answered.push(fixture.takes().await);
    fixture.proxy.set(NetworkConditions::Fair);
    fixture.is_well().await;
    answered.push(fixture.takes().await);
    assert_eq!(ids(fixture.fixture.stored().await), answered);
    assert_eq!(fixture.fixture.pending().await, answered);
    fixture.fixture.stop().await;
}

#[tokio::test]
async fn the_snapshot_in_the_spool_follows_the_endpoints() {
    let fixture = RestartFixture::new().await;
    let second = eqp_test_support::receiver::endpoint(&fixture.fixture.endpoints, "second", None).await;
    fixture.fixture.endpoints.import_credential(second, "second", &Secret::new("hush")).await.unwrap();
    let fresh = basic("second", "hush");
    // An unknown credential causes a refresh.
    assert_eq!(fixture.fixture.sender.post("/callbacks/second", &[&fresh], STATUS).await.status, 200);
    fixture.keeps_endpoints(2).await;
    fixture.proxy.set(NetworkConditions::Cut);
    let fixture = fixture.again().await;
    assert_eq!(fixture.fixture.sender.post("/callbacks/second", &[&fresh], STATUS).await.status, 200);
    fixture.fixture.stop().await;
}

#[tokio::test]
async fn without_database_and_endpoints_starting_fails_at_once_with_the_reason() {
    let fixture = RestartFixture::new().await;
    fixture.proxy.set(NetworkConditions::Cut);
    let empty = tempfile::tempdir().unwrap();
    let error = fixture.refusal(&SpoolSettings::in_folder(empty.path())).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::DatabaseUnreachable(_))), "{error:?}");
    fixture.fixture.stop().await;
}

#[tokio::test]
async fn endpoints_of_another_master_key_are_refused() {
    let fixture = RestartFixture::new().await;
    let RestartFixture { fixture, proxy, settings, folder: _folder } = fixture;
    let builder = fixture.builder(proxy.options());
    fixture.stop().await;
    proxy.set(NetworkConditions::Cut);
    let builder = builder.master_key(MasterKey::ephemeral().unwrap()).spool(settings);
    let error = builder.build().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SnapshotOfAnotherKey), "{error:?}");
}

#[tokio::test]
async fn a_second_receiver_on_the_same_spool_is_refused_and_the_first_goes_on() {
    let fixture = RestartFixture::new().await;
    let error = fixture.refusal(&fixture.settings).await;
    let Error::SpoolHeld { holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*holder, Some(std::process::id()));
    assert!(error.to_string().contains("separate data folder"), "{error}");
    assert!(matches!(set_aside(fixture.folder.path()), Err(Error::SpoolHeld { .. })));
    let drained = drain_spool(&fixture.settings, &fixture.fixture.database.options, false).await;
    assert!(matches!(drained, Err(Error::SpoolHeld { .. })), "{drained:?}");
    let holder = SpoolFile::open(fixture.folder.path()).unwrap().holder().expect("the receiver has it open");
    assert_eq!(holder.process(), Some(std::process::id()));
    fixture.takes().await;
    fixture.fixture.stop().await;
    assert_eq!(SpoolFile::open(fixture.folder.path()).unwrap().holder(), None);
}

#[tokio::test]
async fn a_spool_of_another_database_is_refused_and_not_changed() {
    let fixture = RestartFixture::new().await;
    fixture.proxy.set(NetworkConditions::Cut);
    let id = fixture.takes().await;
    let RestartFixture { fixture, settings, folder, proxy: _proxy } = fixture;
    fixture.stop().await;

    let other = TestDatabase::create().await;
    eqp_store::Store::new(other.pool.clone()).migrate().await.unwrap();
    let receiver = || Receiver::builder(other.pool.clone()).master_key(MasterKey::ephemeral().unwrap());
    let key = MasterKey::ephemeral().unwrap();
    eqp_store::Endpoints::open(other.pool.clone(), key.clone()).await.unwrap();
    let error = receiver().master_key(key.clone()).spool(settings.clone()).build().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SpoolOfAnotherDatabase { .. }), "{error:?}");
    assert!(error.to_string().contains("export the callbacks"), "{error}");
    let drained = drain_spool(&settings, &other.options, false).await;
    assert!(matches!(drained, Err(Error::SpoolOfAnotherDatabase { .. })), "{drained:?}");
    let file = SpoolFile::open(folder.path()).unwrap();
    let kept: Vec<_> = file.callbacks().map(|row| row.unwrap().id).collect();
    assert_eq!(kept, [id]);
    drop(file);

    // After `set_aside`, the old spool is not in use but not lost.
    let aside = set_aside(folder.path()).unwrap();
    assert!(aside.is_file());
    let receiver = receiver().master_key(key).spool(settings).listen(([127, 0, 0, 1], 0).into()).build().await;
    drop(receiver.unwrap());
    assert_eq!(count(&other.pool).await, 0);
}

#[tokio::test]
async fn an_empty_spool_may_change_its_database() {
    let fixture = RestartFixture::new().await;
    let RestartFixture { fixture, settings, folder, proxy: _proxy } = fixture;
    let before = SpoolFile::open(folder.path()).unwrap().state().unwrap().instance;
    fixture.stop().await;
    let other = TestDatabase::create().await;
    eqp_store::Store::new(other.pool.clone()).migrate().await.unwrap();
    let builder = Receiver::builder(other.pool.clone()).master_key(MasterKey::ephemeral().unwrap());
    builder.listen(([127, 0, 0, 1], 0).into()).spool(settings).build().await.unwrap();
    let after = SpoolFile::open(folder.path()).unwrap().state().unwrap().instance;
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_damaged_spool_is_refused_and_not_changed() {
    let fixture = RestartFixture::new().await;
    fixture.proxy.set(NetworkConditions::Cut);
    for _ in 0..100 {
        fixture.takes().await;
    }
    let RestartFixture { fixture, settings, folder, proxy } = fixture;
    let builder = || fixture.builder(proxy.options()).spool(settings.clone());
    let builders: Vec<_> = (0..4).map(|_| builder()).collect();
    fixture.stop().await;
    let file = folder.path().join("spool.redb");
    let whole = fs::read(&file).unwrap();
    let mut changed = whole.clone();
    let body = changed.windows(16).rposition(|bytes| bytes == b"eqp_status_updat").unwrap();
    changed[body] ^= 1;
    let damages = [whole[..whole.len() / 2].to_vec(), changed, Vec::new(), b"something else entirely".to_vec()];
    for (damage, builder) in damages.into_iter().zip(builders) {
        fs::write(&file, &damage).unwrap();
        let error = builder.build().await.map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::SpoolDamaged { .. }), "{} bytes: {error:?}", damage.len());
        assert!(error.to_string().contains("rename it"), "{error}");
        let error = SpoolFile::open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::SpoolDamaged { .. }), "{error:?}");
        assert_eq!(fs::read(&file).unwrap().len(), damage.len(), "it is left as it is");
    }
    // Restores a copy.
    fs::write(&file, whole).unwrap();
    assert_eq!(SpoolFile::open(folder.path()).unwrap().callbacks().count(), 100);
}

#[tokio::test]
async fn a_spool_can_be_drained_while_no_receiver_runs() {
    let fixture = RestartFixture::new().await;
    fixture
        .fixture
        .execute("alter table eqp.callback add check (position('unstorable' in encode(body, 'escape')) = 0)")
        .await;
    fixture.proxy.set(NetworkConditions::Cut);
    let mut answered = vec![fixture.takes().await];
    let unstorable = fixture.fixture.sender.post(PATH, RIGHT, r#""unstorable""#).await.id();
    answered.push(fixture.takes().await);
    let RestartFixture { fixture, settings, folder, proxy: _proxy } = fixture;
    let (pool, options) = (fixture.database.pool.clone(), fixture.database.options.clone());
    let drain = async |quarantine| drain_spool(&settings, &options, quarantine).await.unwrap();
    let stop = fixture.stop_and_keep().await;

    let drained = drain(false).await;
    assert_eq!((drained.stored, drained.refused), (2, 1));
    assert_eq!(all(&pool).await, answered);
    let refused: Vec<_> =
        SpoolFile::open(folder.path()).unwrap().quarantined().map(|row| row.unwrap().callback.id).collect();
    assert_eq!(refused, [unstorable]);
    // Again it changes nothing.
    assert_eq!(drain(false).await, Drained::default());
    assert_eq!(drain(true).await, Drained::default());
    sqlx::query("alter table eqp.callback drop constraint callback_body_check").execute(&pool).await.unwrap();
    assert_eq!(drain(true).await.stored, 1);
    assert_eq!(all(&pool).await.len(), 3);
    assert_eq!(SpoolFile::open(folder.path()).unwrap().state().unwrap().quarantined, 0);
    drop(stop);
}

#[tokio::test]
async fn only_its_owner_can_read_a_spool_and_it_contains_no_password() {
    let fixture = RestartFixture::new().await;
    fixture.proxy.set(NetworkConditions::Cut);
    fixture.takes().await;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["spool.redb", "spool.lock"] {
        assert_eq!(mode(fixture.folder.path().join(name)), 0o600, "{name}");
    }
    let bytes = fs::read(fixture.folder.path().join("spool.redb")).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|piece| piece == text);
    assert!(holds(b"s5w9k703ru"), "the body is in the file");
    for secret in ["secret", "a2V5OnNlY3JldA", "c2VjcmV0", "Basic "] {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    fixture.fixture.stop().await;
}

#[tokio::test]
async fn a_shutdown_during_an_outage_loses_no_accepted_callback() {
    let fixture = RestartFixture::new().await;
    fixture.proxy.set(NetworkConditions::Cut);
    let posts: Vec<_> = (0..20)
        .map(|_| {
            let sender = fixture.fixture.sender.clone();
            tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await })
        })
        .collect();
    let first = fixture.takes().await;
    let RestartFixture { fixture, folder, .. } = fixture;
    fixture.stop().await;
    let mut answered = BTreeSet::from([first]);
    for post in posts {
        // Some senders may not be able to connect any more.
        if let Ok(answer) = post.await
            && answer.status == 200
        {
            answered.insert(answer.id());
        }
    }
    let file = SpoolFile::open(folder.path()).unwrap();
    let kept: BTreeSet<_> = file.callbacks().map(|row| row.unwrap().id).collect();
    assert!(kept.is_superset(&answered), "{} answered, {} stored", answered.len(), kept.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_killed_again_and_again_every_answered_callback_is_stored_once_and_in_order() {
    let mut postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = SpoolSettings::in_folder(folder.path());
    let way = database.options.clone();
    let fixture = TestReceiver::on(database, way, |builder| builder.spool(settings)).await;
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(fixture.ca_pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}{PATH}", fixture.address.port());
    let is_over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..16)
        .map(|_| {
            let (client, url, is_over) = (client.clone(), url.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let (mut answered, mut refused) = (Vec::new(), 0);
                while !is_over.load(Ordering::Relaxed) {
                    let answer = client.post(&url).basic_auth("key", Some("secret")).body(STATUS).send().await.unwrap();
                    if answer.status() != 200 {
                        refused += 1;
                        continue;
                    }
                    let answer: serde_json::Value = answer.json().await.unwrap();
                    answered.push(answer["id"].as_str().unwrap().parse::<Uuid>().unwrap());
                }
                (answered, refused)
            })
        })
        .collect();
    for round in 0_u64..4 {
        sleep(Duration::from_millis(150 + 130 * round)).await;
        postgres.kill();
        sleep(Duration::from_millis(100 * round)).await;
        postgres.start_again().await;
        if round == 2 {
            postgres.freeze();
            sleep(Duration::from_millis(300)).await;
            postgres.thaw();
        }
    }
    // Under load it returns to storing callbacks directly, so that the spool does not grow forever.
    until("it is well", || async { fixture.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    is_over.store(true, Ordering::Relaxed);
    let mut answered = BTreeSet::new();
    for sender in senders {
        let (ids, refused) = sender.await.unwrap();
        assert_eq!(refused, 0, "the spool stores what the database does not accept");
        answered.extend(ids);
    }
    until("it is well", || async { fixture.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    let stored: BTreeSet<_> = ids(fixture.stored().await).into_iter().collect();
    assert_eq!(answered.difference(&stored).count(), 0, "of {} none is lost", answered.len());
    assert_eq!(fixture.pending().await, stored.into_iter().collect::<Vec<_>>(), "each is queued once");
    let arrivals = "select min(c.received_at), max(c.received_at)
                    from eqp.callback_pending p join eqp.callback c on c.id = any (p.callback_ids)
                    group by p.id order by p.id";
    let batches: Vec<(time::OffsetDateTime, time::OffsetDateTime)> =
        sqlx::query_as(arrivals).fetch_all(&fixture.database.pool).await.unwrap();
    assert!(batches.windows(2).all(|pair| pair[0].1 <= pair[1].0), "batches are in the order of arrival");
    let ways: Vec<String> = sqlx::query_scalar("select distinct via from eqp.callback order by via")
        .fetch_all(&fixture.database.pool)
        .await
        .unwrap();
    assert_eq!(ways, ["spool", "writer"], "both ways were gone");
    fixture.stop().await;
}

async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from eqp.callback").fetch_one(pool).await.unwrap()
}

async fn all(pool: &PgPool) -> Vec<Uuid> {
    sqlx::query_scalar("select id from eqp.callback order by id").fetch_all(pool).await.unwrap()
}
