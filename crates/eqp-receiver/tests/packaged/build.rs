//! Packages crates of this workspace as for a registry, unpacks them, and builds the examples with them.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tokio::process::Command;

/// The crates that the examples use, with their dependencies in this workspace.
const PACKAGES: [&str; 7] =
    ["eqp-types", "eqp-tls", "eqp-store", "eqp-receiver", "eqp-deliver", "eqp-client", "eqp-sync"];

/// The crates after packaging and unpacking.
pub(crate) struct Packages([(&'static str, PathBuf); PACKAGES.len()]);

impl Packages {
    pub(crate) async fn make() -> Self {
        Self(unpack(&package().await))
    }

    /// Builds an example with these packages and returns its program. `uses` are the packages that it depends on;
    /// others are not available.
    pub(crate) async fn build(&self, example: &str, uses: &[&str]) -> PathBuf {
        self.build_in(&folder(example), example, uses, &["--locked"]).await
    }

    /// Builds the service of the front page of eqp-receiver: its dependencies and its program are those that the page shows.
    pub(crate) async fn build_front_page(&self, uses: &[&str]) -> PathBuf {
        const NAME: &str = "front-page";
        let project = tempfile::tempdir().unwrap();
        let page = front_page();
        let dependencies = page.block("toml");
        let manifest = format!("[package]\nname = \"{NAME}\"\nedition = \"2024\"\n\n[workspace]\n\n{dependencies}");
        fs::write(project.path().join("Cargo.toml"), manifest).unwrap();
        fs::create_dir(project.path().join("src")).unwrap();
        // The port may be in use.
        let program = page.block("rust,no_run").replace(DOCUMENTED_ADDRESS, "127.0.0.1:0");
        fs::write(project.path().join("src/main.rs"), program).unwrap();
        // Names the versions that this workspace is built with, so that nothing is fetched; cargo removes what is not needed.
        fs::copy(folder("embedding-service").join("Cargo.lock"), project.path().join("Cargo.lock")).unwrap();
        self.build_in(project.path(), NAME, uses, &[]).await
    }

    async fn build_in(&self, project: &Path, name: &str, uses: &[&str], options: &[&str]) -> PathBuf {
        let packages: Vec<_> = self.0.iter().filter(|(name, _)| uses.contains(name)).collect();
        let mut command = cargo("build");
        // The lock file contains the dependencies of this workspace, so that nothing else is downloaded.
        command.arg("--offline").args(options).arg("--manifest-path").arg(project.join("Cargo.toml"));
        for (name, folder) in &packages {
            // Takes precedence over the manifest.
            command.arg("--config").arg(format!("patch.crates-io.{name}.path='{}'", folder.display()));
        }
        // Belongs to the service. The queries of the packages must not be checked against it.
        command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
        run(command).await;
        let program = target().join("debug").join(name);
        let sources = fs::read_to_string(program.with_extension("d")).unwrap();
        assert!(packages.iter().all(|(_, folder)| sources.contains(folder.to_str().unwrap())), "{sources}");
        assert!(!sources.contains(workspace().join("crates").to_str().unwrap()), "{sources}");
        program
    }
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

/// Returns all packages, for an example that uses each of them.
pub(crate) fn all() -> &'static [&'static str] {
    &PACKAGES
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
