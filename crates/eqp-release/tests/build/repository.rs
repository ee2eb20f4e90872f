//! A git repository with a package.

use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_release::build::{Build, BuildError, BuiltArchive};
use eqp_test_support::submission::Submission;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A repository in a temporary folder.
pub(crate) struct Repository {
    folder: TempDir,
}

impl Repository {
    /// Creates an empty repository.
    pub(crate) fn empty() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Creates a repository with a module of version 1.2.0, which has the tag v1.2.0.
    pub(crate) fn module() -> Self {
        let repository = Self::empty();
        repository.write_module("");
        repository.commit();
        repository.git(&["tag", "v1.2.0"]);
        repository
    }

    /// Writes the files of a module into a folder, which ends with `/`.
    pub(crate) fn write_module(&self, folder: &str) {
        Submission::module().write_files(&self.path().join(folder)).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Commits everything.
    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
    }

    /// Commits everything and moves the tag v1.2.0 there.
    pub(crate) fn commit_and_tag(&self) {
        self.commit();
        self.git(&["tag", "--force", "v1.2.0"]);
    }

    /// Runs git, which must succeed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments)
    }

    /// Clones the repository.
    pub(crate) fn clone_with(&self, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = format!("file://{}", self.path().display());
        let clone: Vec<_> = ["clone", "--quiet"].iter().chain(arguments).copied().chain([from.as_str(), "."]).collect();
        git(folder.path(), &clone);
        Self { folder }
    }

    /// Builds the tag v1.2.0.
    pub(crate) async fn build(&self) -> Result<BuiltArchive, BuildError> {
        run(Build::from_tag(self.path(), "v1.2.0")).await
    }

    /// Builds the working tree.
    pub(crate) async fn build_working_tree(&self) -> Result<BuiltArchive, BuildError> {
        run(Build::from_working_tree(self.path())).await
    }
}

pub(crate) async fn run(build: Build) -> Result<BuiltArchive, BuildError> {
    build.run(&CancellationToken::new()).await
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Acme", "-c", "user.email=acme@example.com", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns the names in an archive.
pub(crate) fn names(built: &BuiltArchive) -> Vec<String> {
    let archive = zip::ZipArchive::new(std::io::Cursor::new(&built.bytes[..])).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}

/// Returns the content of a file in an archive.
pub(crate) fn content(built: &BuiltArchive, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&built.bytes[..])).unwrap();
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut content).unwrap();
    content
}
