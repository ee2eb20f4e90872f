//! The receiver as others get it: packaged as for a registry, unpacked, and built into a service outside the workspace
//! (`examples/embedding-service`), which runs on a database of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use eqp_receiver::{Endpoints, MasterKey, NewEndpoint};
use eqp_test_support::TestDatabase;
use eqp_types::{Environment, MageId, Secret};
use flate2::read::GzDecoder;
use sqlx::PgPool;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// The receiver and what it needs of this workspace.
const PACKAGES: [&str; 3] = ["eqp-types", "eqp-tls", "eqp-receiver"];
const PATIENCE: Duration = Duration::from_secs(30);
/// The documented form that is sent today, at the release.
const RELEASE: &str = r#"{"callback_event": "eqp_status_update",
 "update_info": {"submission_id": "s5w9k703ru", "item_id": "user_upload_version_1",
                 "eqp_flow": "marketing", "current_status": "approved",
                 "eqp_status": {"overall": "released_to_store", "technical": "approved", "marketing": "approved"},
                 "modified_at": "2022-08-25 19:20:21"}}"#;

#[tokio::test]
async fn a_service_outside_the_workspace_embeds_it_beside_its_own_migrations() {
    let program = build(&unpack(&package().await)).await;
    let database = TestDatabase::create().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("eqp.key");
    let service = Service::start(&program, &database, &key).await;

    let home = reqwest::get(format!("http://{}/", service.address)).await.unwrap();
    assert_eq!(home.text().await.unwrap(), "a shop", "its own routes answer");
    give_credential(&database.pool, MasterKey::open(&key).unwrap()).await;
    let url = format!("http://{}/callbacks/main", service.address);
    let post = reqwest::Client::new().post(url).basic_auth("key", Some("secret")).body(RELEASE).send();
    let response = post.await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();

    let rows: Vec<(String, Vec<u8>)> = all(&database.pool, "select id::text, body from eqp.callback").await;
    assert_eq!(rows, [(answer["id"].as_str().unwrap().to_owned(), RELEASE.as_bytes().to_vec())]);
    let announced = timeout(PATIENCE, async {
        loop {
            let rows: Vec<(i64, String)> = all(&database.pool, "select seq, text from announcement").await;
            if !rows.is_empty() {
                return rows;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    let announced = announced.await.expect("the service's own handler writes into its own table");
    let released = "select seq, subject || ' is in the store' from eqp.event where outcome = 'released_to_store'";
    assert_eq!(announced, all(&database.pool, released).await);

    let theirs: Vec<(i64, String)> =
        all(&database.pool, "select version, description from public._sqlx_migrations").await;
    assert_eq!(theirs, [(1, "announcements".to_owned())]);
    let ours: Vec<(i64,)> = all(&database.pool, "select version from eqp._sqlx_migrations order by version").await;
    let known = eqp_receiver::migrations(&database.pool).await.unwrap();
    assert_eq!(ours, known.iter().map(|migration| (migration.version,)).collect::<Vec<_>>());
    service.stop().await;

    // Neither takes the other's record for its own when it starts again.
    Service::start(&program, &database, &key).await.stop().await;
}

#[test]
fn the_example_needs_no_more_than_ten_lines() {
    let source = fs::read_to_string(example().join("src/main.rs")).unwrap();
    let begun = source.lines().skip_while(|line| line.trim() != "// The receiver, from here …").skip(1);
    let count = begun.take_while(|line| line.trim() != "// … to here.").count();
    assert!((1..=10).contains(&count), "{count}");
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn example() -> PathBuf {
    workspace().join("examples/embedding-service")
}

/// A target directory of its own: cargo locks the other one, and it must not lend anything to a service of somebody else.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaged")
}

/// A cargo that is not run from within this workspace.
fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([command, "--quiet"])
        .current_dir(std::env::temp_dir())
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("SQLX_OFFLINE")
        .kill_on_drop(true);
    cargo
}

async fn run(mut command: Command) {
    let status = command.status().await.unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// Packages everything and answers the folder of the archives.
async fn package() -> PathBuf {
    let mut command = cargo("package");
    // Without a lock file nothing has to be asked of a registry, which does not know these packages.
    command.args(["--offline", "--exclude-lockfile", "--no-verify", "--allow-dirty"]);
    command.arg("--manifest-path").arg(workspace().join("Cargo.toml"));
    command.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    run(command).await;
    target().join("package")
}

/// Unpacks the archives and answers the folders of the packages.
fn unpack(archives: &Path) -> [(&'static str, PathBuf); 3] {
    let unpacked = target().join("unpacked");
    if let Err(error) = fs::remove_dir_all(&unpacked) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    PACKAGES.map(|name| {
        let name_and_version = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let file = File::open(archives.join(format!("{name_and_version}.crate"))).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        // In archives of cargo all files are equally old, and cargo would take a changed one for one that it has built.
        archive.set_preserve_mtime(false);
        archive.unpack(&unpacked).unwrap();
        (name, unpacked.join(name_and_version))
    })
}

/// Builds the service with these packages and answers its program.
async fn build(packages: &[(&str, PathBuf)]) -> PathBuf {
    let mut command = cargo("build");
    // The lock holds what this workspace is built with, so that nothing more is fetched.
    command.args(["--locked", "--manifest-path"]).arg(example().join("Cargo.toml"));
    for (name, folder) in packages {
        // Goes before what the manifest says.
        command.arg("--config").arg(format!("patch.crates-io.{name}.path='{}'", folder.display()));
    }
    // Belongs to the service: the receiver's queries are not checked against it.
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    run(command).await;
    let program = target().join("debug/embedding-service");
    let sources = fs::read_to_string(program.with_extension("d")).unwrap();
    assert!(packages.iter().all(|(_, folder)| sources.contains(folder.to_str().unwrap())), "{sources}");
    assert!(!sources.contains(workspace().join("crates").to_str().unwrap()), "{sources}");
    program
}

/// The service while it runs.
struct Service {
    child: Child,
    address: String,
    _output: Lines<BufReader<ChildStdout>>,
}

impl Service {
    async fn start(program: &Path, database: &TestDatabase, key: &Path) -> Self {
        let mut command = Command::new(program);
        command.env("DATABASE_URL", database.url()).env("LISTEN", "127.0.0.1:0").env("EQP_KEY", key);
        // For a role named `eqp`, as the tests may have, the receiver's schema would go before the service's own.
        command.env("PGOPTIONS", "-c search_path=public");
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, output.next_line()).await.unwrap().unwrap().expect("it says where it listens");
        let address = line.strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address, _output: output }
    }

    /// As by Ctrl-C.
    async fn stop(mut self) {
        let mut kill = Command::new("kill");
        kill.arg("-INT").arg(self.child.id().unwrap().to_string());
        run(kill).await;
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// Makes an endpoint that takes `key` and `secret`, beside the running service.
async fn give_credential(pool: &PgPool, key: MasterKey) {
    let endpoints = Endpoints::open(pool.clone(), key).await.unwrap();
    let account =
        endpoints.ensure_account(Environment::Production, &MageId::new("MAG123456789").unwrap()).await.unwrap();
    let public_url = "https://shop.example.com/callbacks/main".parse().unwrap();
    let new = NewEndpoint { account, name: "main".to_owned(), path: None, public_url };
    let endpoint = endpoints.create(&new).await.unwrap();
    endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await.unwrap();
}

async fn all<R>(pool: &PgPool, query: &'static str) -> Vec<R>
where
    R: Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_as(query).fetch_all(pool).await.unwrap()
}
