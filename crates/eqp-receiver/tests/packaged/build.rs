//! Packages crates of this workspace as for a registry, unpacks them, and builds the examples with them.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tokio::process::Command;

/// The crates that the examples use, with their dependencies in this workspace.
const PACKAGES: [&str; 7] =
    ["eqp-types", "eqp-tls", "eqp-store", "eqp-receiver", "eqp-deliver", "eqp-client", "eqp-sync"];

/// The programs outside this workspace, built from packages.
pub(crate) struct Programs {
    pub(crate) worker: PathBuf,
    pub(crate) service: PathBuf,
    pub(crate) front_page: PathBuf,
}

/// A program, and the packages that it depends on.
type Example = (&'static str, &'static [&'static str]);

const WORKER: Example = ("event-worker", &["eqp-types", "eqp-tls", "eqp-store"]);
const SERVICE: Example = ("embedding-service", &PACKAGES);
/// The service of the front page of eqp-receiver: its dependencies and its program are those that the page shows.
const FRONT_PAGE: Example = ("front-page", &["eqp-types", "eqp-tls", "eqp-store", "eqp-receiver"]);

impl Programs {
    /// Packages the crates and builds the programs, in one workspace of their own: their dependencies, which are nearly the same, are built
    /// once. `cargo xtask check --publish` builds each package alone.
    pub(crate) async fn build() -> Self {
        let packages = unpack(&package().await);
        let project = tempfile::tempdir().unwrap();
        let members = [WORKER.0, SERVICE.0, FRONT_PAGE.0];
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
        fs::write(project.path().join("Cargo.toml"), manifest).unwrap();
        // Names the versions that this workspace is built with, so that nothing is fetched; cargo removes what is not needed.
        fs::copy(folder(SERVICE.0).join("Cargo.lock"), project.path().join("Cargo.lock")).unwrap();
        for (example, _) in [WORKER, SERVICE] {
            copy(&folder(example), &project.path().join(example));
        }
        write_front_page(&project.path().join(FRONT_PAGE.0));
        let mut command = cargo("build");
        command.args(["--offline", "--workspace", "--manifest-path"]).arg(project.path().join("Cargo.toml"));
        for (name, folder) in &packages {
            command.arg("--config").arg(format!("patch.crates-io.{name}.path='{}'", folder.display()));
        }
        // Belongs to the service. The queries of the packages must not be checked against it.
        command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
        run(command).await;
        let program = |(name, uses): Example| {
            let program = target().join("debug").join(name);
            let sources = fs::read_to_string(program.with_extension("d")).unwrap();
            for (package, folder) in &packages {
                let is_source = sources.contains(folder.to_str().unwrap());
                assert_eq!(is_source, uses.contains(package), "{name} is built from {package}: {sources}");
            }
            assert!(!sources.contains(workspace().join("crates").to_str().unwrap()), "{sources}");
            program
        };
        Self { worker: program(WORKER), service: program(SERVICE), front_page: program(FRONT_PAGE) }
    }
}

/// Copies an example, without its own workspace and its paths to the crates of this repository.
fn copy(example: &Path, to: &Path) {
    for entry in walk(example) {
        let target = to.join(entry.strip_prefix(example).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&entry, target).unwrap();
    }
    let manifest = fs::read_to_string(to.join("Cargo.toml")).unwrap();
    let (manifest, _patches) = manifest.split_once("[patch.crates-io]").unwrap();
    fs::write(to.join("Cargo.toml"), manifest.replace("[workspace]\n", "")).unwrap();
}

/// Returns the files of a folder, and those of the folders in it.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn write_front_page(project: &Path) {
    let page = front_page();
    let dependencies = page.block("toml");
    let manifest = format!("[package]\nname = \"{}\"\nedition = \"2024\"\n\n{dependencies}", FRONT_PAGE.0);
    fs::create_dir_all(project.join("src")).unwrap();
    fs::write(project.join("Cargo.toml"), manifest).unwrap();
    // The port may be in use.
    let program = page.block("rust,no_run").replace(DOCUMENTED_ADDRESS, "127.0.0.1:0");
    fs::write(project.join("src/main.rs"), program).unwrap();
}

/// The address in the program and the commands of the front page.
pub(crate) const DOCUMENTED_ADDRESS: &str = "127.0.0.1:8080";

/// The front page of a packaged crate.
pub(crate) struct Page(String);

/// Returns the front page of eqp-receiver.
pub(crate) fn front_page() -> Page {
    Page(fs::read_to_string(workspace().join("crates/eqp-receiver/README.md")).unwrap())
}

impl Page {
    /// Returns the page's only block of this language.
    pub(crate) fn block(&self, language: &str) -> &str {
        let fence = format!("```{language}\n");
        let mut blocks = self.0.split(&fence).skip(1);
        let (block, _) = blocks.next().and_then(|rest| rest.split_once("```")).expect(language);
        assert!(blocks.next().is_none(), "the page has several blocks of {language}");
        block
    }
}

/// Returns the number of crates that an example is built from on this platform, including itself and procedural macros
/// with their dependencies, but without the dependencies of build scripts and tests.
pub(crate) async fn crates_of(example: &str) -> usize {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let output = command.current_dir(folder(example)).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    // A line is `name version`, followed by `(proc-macro)`, a path, or `(*)` if the crate was listed before.
    let mut crates: Vec<_> = lines.lines().map(|line| line.split(" (").next().unwrap()).collect();
    crates.sort_unstable();
    crates.dedup();
    crates.len()
}

pub(crate) fn folder(example: &str) -> PathBuf {
    workspace().join("examples").join(example)
}

pub(crate) async fn run(mut command: Command) {
    let status = command.status().await.unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Returns a separate target folder, because cargo locks the other one, and an independent service must not reuse its
/// artifacts.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaged")
}

/// Returns a cargo command that does not run inside this workspace.
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

/// Packages everything and returns the folder of the archives.
async fn package() -> PathBuf {
    let mut command = cargo("package");
    // Without a lock file, no registry is queried, which does not have these packages.
    command.args(["--offline", "--exclude-lockfile", "--no-verify", "--allow-dirty"]);
    command.arg("--manifest-path").arg(workspace().join("Cargo.toml"));
    command.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    run(command).await;
    target().join("package")
}

/// Unpacks the archives and returns the folders of the packages.
fn unpack(archives: &Path) -> [(&'static str, PathBuf); PACKAGES.len()] {
    let unpacked = target().join("unpacked");
    if let Err(error) = fs::remove_dir_all(&unpacked) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    PACKAGES.map(|name| {
        let name_and_version = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let file = File::open(archives.join(format!("{name_and_version}.crate"))).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        // In cargo's archives, all files have the same time, so cargo would not notice that a file has changed.
        archive.set_preserve_mtime(false);
        archive.unpack(&unpacked).unwrap();
        (name, unpacked.join(name_and_version))
    })
}
