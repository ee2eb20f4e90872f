//! Receivers that start and end while the database is away, and spools that are not what they should be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eqp_receiver::{Drained, Error, MasterKey, Receiver, SpoolFile, SpoolSettings, drain_spool, set_aside};
use eqp_test_support::{OwnPostgres, Proxy, TestDatabase, Weather};
use eqp_types::Secret;
use sqlx::PgPool;
use tokio::time::sleep;
use uuid::Uuid;

use crate::scene::{PATH, RIGHT, STATUS, Scene, until};
use crate::sender::basic;

/// A scene with a spool, whose database can be cut off.
struct House {
    scene: Scene,
    proxy: Proxy,
    settings: SpoolSettings,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let proxy = Proxy::before(database.options.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings::in_folder(folder.path());
        let scene = Scene::on(database, proxy.options(), |builder| builder.spool(settings.clone())).await;
        let house = Self { scene, proxy, settings, folder };
        house.keeps_endpoints(1).await;
        house
    }

    /// Waits until the spool holds this many endpoints.
    async fn keeps_endpoints(&self, count: usize) {
        until("the endpoints are kept", || async {
            self.state().snapshot.is_some_and(|snapshot| snapshot.endpoints == count)
        })
        .await;
    }

    fn state(&self) -> eqp_receiver::SpoolState {
        SpoolFile::open(self.folder.path()).unwrap().state().unwrap()
    }

    async fn again(self) -> Self {
        let Self { scene, proxy, settings, folder } = self;
        let (way, own) = (proxy.options(), settings.clone());
        let scene = scene.again(way, |builder| builder.spool(own)).await;
        Self { scene, proxy, settings, folder }
    }

    async fn takes(&self) -> Uuid {
        let answer = self.scene.sender.post(PATH, RIGHT, STATUS).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.id()
    }

    async fn is_well(&self) {
        until("it is well", || async { self.scene.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    }

    async fn refusal(&self, settings: &SpoolSettings) -> Error {
        let builder = self.scene.builder(self.proxy.options());
        builder.spool(settings.clone()).build().await.map(|_| ()).unwrap_err()
    }
}

fn ids(stored: Vec<(Uuid, Vec<u8>)>) -> Vec<Uuid> {
    stored.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn a_receiver_that_starts_without_its_database_takes_right_passwords_and_refuses_wrong_ones() {
    let house = House::new().await;
    let mut answered = vec![house.takes().await];
    house.proxy.turn(Weather::Cut);
    let house = house.again().await;
    let sender = &house.scene.sender;
    answered.push(house.takes().await);
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
    let house = house.again().await;
    answered.push(house.takes().await);
    house.proxy.turn(Weather::Fair);
    house.is_well().await;
    answered.push(house.takes().await);
    assert_eq!(ids(house.scene.stored().await), answered);
    assert_eq!(house.scene.pending().await, answered);
    house.scene.stop().await;
}

#[tokio::test]
async fn what_the_spool_keeps_follows_the_endpoints() {
    let house = House::new().await;
    let second = crate::scene::endpoint(&house.scene.endpoints, "second", None).await;
    house.scene.endpoints.import_credential(second, "second", &Secret::new("hush")).await.unwrap();
    let fresh = basic("second", "hush");
    // An unknown credential makes it look.
    assert_eq!(house.scene.sender.post("/callbacks/second", &[&fresh], STATUS).await.status, 200);
    house.keeps_endpoints(2).await;
    house.proxy.turn(Weather::Cut);
    let house = house.again().await;
    assert_eq!(house.scene.sender.post("/callbacks/second", &[&fresh], STATUS).await.status, 200);
    house.scene.stop().await;
}

#[tokio::test]
async fn without_database_and_endpoints_it_says_at_once_what_is_missing() {
    let house = House::new().await;
    house.proxy.turn(Weather::Cut);
    let empty = tempfile::tempdir().unwrap();
    let error = house.refusal(&SpoolSettings::in_folder(empty.path())).await;
    assert!(matches!(error, Error::DatabaseUnreachable(_)), "{error:?}");
    house.scene.stop().await;
}

#[tokio::test]
async fn endpoints_of_another_master_key_are_refused() {
    let house = House::new().await;
    let House { scene, proxy, settings, folder: _folder } = house;
    let builder = scene.builder(proxy.options());
    scene.stop().await;
    proxy.turn(Weather::Cut);
    let builder = builder.master_key(MasterKey::ephemeral().unwrap()).spool(settings);
    let error = builder.build().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SnapshotOfAnotherKey), "{error:?}");
}

#[tokio::test]
async fn a_second_receiver_on_the_same_spool_is_refused_and_the_first_goes_on() {
    let house = House::new().await;
    let error = house.refusal(&house.settings).await;
    let Error::SpoolHeld { holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*holder, Some(std::process::id()));
    assert!(error.to_string().contains("data folder of its own"), "{error}");
    assert!(matches!(set_aside(house.folder.path()), Err(Error::SpoolHeld { .. })));
    let drained = drain_spool(&house.settings, &house.scene.database.options, false).await;
    assert!(matches!(drained, Err(Error::SpoolHeld { .. })), "{drained:?}");
    let holder = SpoolFile::open(house.folder.path()).unwrap().holder().expect("somebody has it");
    assert_eq!(holder.process(), Some(std::process::id()));
    house.takes().await;
    house.scene.stop().await;
    assert_eq!(SpoolFile::open(house.folder.path()).unwrap().holder(), None);
}

#[tokio::test]
async fn a_spool_of_another_database_is_refused_and_left_as_it_is() {
    let house = House::new().await;
    house.proxy.turn(Weather::Cut);
    let id = house.takes().await;
    let House { scene, settings, folder, proxy: _proxy } = house;
    scene.stop().await;

    let other = TestDatabase::create().await;
    eqp_receiver::migrate(&other.pool).await.unwrap();
    let receiver = || Receiver::builder(other.pool.clone()).master_key(MasterKey::ephemeral().unwrap());
    let key = MasterKey::ephemeral().unwrap();
    eqp_receiver::Endpoints::open(other.pool.clone(), key.clone()).await.unwrap();
    let error = receiver().master_key(key.clone()).spool(settings.clone()).build().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SpoolOfAnotherDatabase { .. }), "{error:?}");
    assert!(error.to_string().contains("eqp spool export"), "{error}");
    let drained = drain_spool(&settings, &other.options, false).await;
    assert!(matches!(drained, Err(Error::SpoolOfAnotherDatabase { .. })), "{drained:?}");
    let file = SpoolFile::open(folder.path()).unwrap();
    let kept: Vec<_> = file.callbacks().map(|row| row.unwrap().id).collect();
    assert_eq!(kept, [id]);
    drop(file);

    // Put aside, it is out of the way and not lost.
    let aside = set_aside(folder.path()).unwrap();
    assert!(aside.is_file());
    let receiver = receiver().master_key(key).spool(settings).listen(([127, 0, 0, 1], 0).into()).build().await;
    drop(receiver.unwrap());
    assert_eq!(count(&other.pool).await, 0);
}

#[tokio::test]
async fn an_empty_spool_may_change_its_database() {
    let house = House::new().await;
    let House { scene, settings, folder, proxy: _proxy } = house;
    let before = SpoolFile::open(folder.path()).unwrap().state().unwrap().instance;
    scene.stop().await;
    let other = TestDatabase::create().await;
    eqp_receiver::migrate(&other.pool).await.unwrap();
    let builder = Receiver::builder(other.pool.clone()).master_key(MasterKey::ephemeral().unwrap());
    builder.listen(([127, 0, 0, 1], 0).into()).spool(settings).build().await.unwrap();
    let after = SpoolFile::open(folder.path()).unwrap().state().unwrap().instance;
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_damaged_spool_is_refused_and_left_as_it_is() {
    let house = House::new().await;
    house.proxy.turn(Weather::Cut);
    for _ in 0..100 {
        house.takes().await;
    }
    let House { scene, settings, folder, proxy } = house;
    let builder = || scene.builder(proxy.options()).spool(settings.clone());
    let builders: Vec<_> = (0..4).map(|_| builder()).collect();
    scene.stop().await;
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
        assert!(error.to_string().contains("eqp spool set-aside"), "{error}");
        let error = SpoolFile::open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::SpoolDamaged { .. }), "{error:?}");
        assert_eq!(fs::read(&file).unwrap().len(), damage.len(), "it is left as it is");
    }
    // The copy of somebody who was careful.
    fs::write(&file, whole).unwrap();
    assert_eq!(SpoolFile::open(folder.path()).unwrap().callbacks().count(), 100);
}

#[tokio::test]
async fn a_spool_is_emptied_by_hand_where_no_receiver_runs() {
    let house = House::new().await;
    house.scene.execute("alter table eqp.callback add check (position('poison' in encode(body, 'escape')) = 0)").await;
    house.proxy.turn(Weather::Cut);
    let mut answered = vec![house.takes().await];
    let poison = house.scene.sender.post(PATH, RIGHT, r#""poison""#).await.id();
    answered.push(house.takes().await);
    let House { scene, settings, folder, proxy: _proxy } = house;
    let (pool, options) = (scene.database.pool.clone(), scene.database.options.clone());
    let drain = async |quarantine| drain_spool(&settings, &options, quarantine).await.unwrap();
    let stop = scene.stop_and_keep().await;

    let drained = drain(false).await;
    assert_eq!((drained.stored, drained.refused), (2, 1));
    assert_eq!(all(&pool).await, answered);
    let refused: Vec<_> =
        SpoolFile::open(folder.path()).unwrap().quarantined().map(|row| row.unwrap().callback.id).collect();
    assert_eq!(refused, [poison]);
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
async fn a_spool_is_its_owners_alone_and_holds_no_password() {
    let house = House::new().await;
    house.proxy.turn(Weather::Cut);
    house.takes().await;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["spool.redb", "spool.lock"] {
        assert_eq!(mode(house.folder.path().join(name)), 0o600, "{name}");
    }
    let bytes = fs::read(house.folder.path().join("spool.redb")).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|piece| piece == text);
    assert!(holds(b"s5w9k703ru"), "the body is there");
    for secret in ["secret", "a2V5OnNlY3JldA", "c2VjcmV0", "Basic "] {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    house.scene.stop().await;
}

#[tokio::test]
async fn a_shutdown_in_an_outage_keeps_what_it_took() {
    let house = House::new().await;
    house.proxy.turn(Weather::Cut);
    let posts: Vec<_> = (0..20)
        .map(|_| {
            let sender = house.scene.sender.clone();
            tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await })
        })
        .collect();
    let first = house.takes().await;
    let House { scene, folder, .. } = house;
    scene.stop().await;
    let mut answered = BTreeSet::from([first]);
    for post in posts {
        // Some may find that nobody listens any more.
        if let Ok(answer) = post.await
            && answer.status == 200
        {
            answered.insert(answer.id());
        }
    }
    let file = SpoolFile::open(folder.path()).unwrap();
    let kept: BTreeSet<_> = file.callbacks().map(|row| row.unwrap().id).collect();
    assert!(kept.is_superset(&answered), "{} answered, {} kept", answered.len(), kept.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_killed_again_and_again_every_answered_callback_is_stored_once_and_in_order() {
    let mut postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = SpoolSettings::in_folder(folder.path());
    let way = database.options.clone();
    let scene = Scene::on(database, way, |builder| builder.spool(settings)).await;
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(scene.ca_pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}{PATH}", scene.address.port());
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
    // Under load it gets back to writing straight: what waits must not grow for ever.
    until("it is well", || async { scene.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    is_over.store(true, Ordering::Relaxed);
    let mut answered = BTreeSet::new();
    for sender in senders {
        let (ids, refused) = sender.await.unwrap();
        assert_eq!(refused, 0, "the spool takes what the database does not");
        answered.extend(ids);
    }
    until("it is well", || async { scene.sender.get("/readyz").await.body.contains(r#""ready""#) }).await;
    let stored: BTreeSet<_> = ids(scene.stored().await).into_iter().collect();
    assert_eq!(answered.difference(&stored).count(), 0, "of {} none is lost", answered.len());
    assert_eq!(scene.pending().await, stored.into_iter().collect::<Vec<_>>(), "each is queued once");
    let arrivals = "select min(c.received_at), max(c.received_at)
                    from eqp.callback_pending p join eqp.callback c on c.id = any (p.callback_ids)
                    group by p.id order by p.id";
    let batches: Vec<(time::OffsetDateTime, time::OffsetDateTime)> =
        sqlx::query_as(arrivals).fetch_all(&scene.database.pool).await.unwrap();
    assert!(batches.windows(2).all(|pair| pair[0].1 <= pair[1].0), "batches are in the order of arrival");
    let ways: Vec<String> = sqlx::query_scalar("select distinct via from eqp.callback order by via")
        .fetch_all(&scene.database.pool)
        .await
        .unwrap();
    assert_eq!(ways, ["lane", "spool"], "both ways were gone");
    scene.stop().await;
}

async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from eqp.callback").fetch_one(pool).await.unwrap()
}

async fn all(pool: &PgPool) -> Vec<Uuid> {
    sqlx::query_scalar("select id from eqp.callback order by id").fetch_all(pool).await.unwrap()
}
