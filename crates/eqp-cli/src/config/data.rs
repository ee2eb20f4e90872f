//! The data folder: the master key, the local CA, the embedded Postgres.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::{from_folder, variable};
use crate::failure::{Exit, Failure, Result};

/// The name of the file that marks a data folder. It prevents writing into another program's folder if the path is
/// wrong.
const MARKER: &str = "eqp-data";
const MARKER_TEXT: &str =
    "This folder belongs to eqp (EQP Integration Platform): master key, local CA, embedded Postgres.\n";

/// Options for the data folder.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct DataOptions {
    /// Data folder: master key, local CA, embedded Postgres [default: $XDG_DATA_HOME/eqp; as root /var/lib/eqp]
    #[arg(
        id = "data_dir",
        long = "data-dir",
        global = true,
        env = "EQP_DATA_DIR",
        hide_env_values = true,
        value_name = "FOLDER"
    )]
    pub(crate) dir: Option<PathBuf>,
    /// The file of the master key, if it is not in the data folder.
    #[arg(skip)]
    pub(crate) master_key_file: Option<PathBuf>,
}

impl DataOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        Self { dir: self.dir.or(weaker.dir), master_key_file: self.master_key_file.or(weaker.master_key_file) }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.dir, folder);
        from_folder(&mut self.master_key_file, folder);
    }

    /// Returns the path of the data folder, which need not exist.
    pub(crate) fn place(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.dir {
            return std::path::absolute(dir)
                .map_err(|error| Failure::usage("the data folder's path cannot be used").because(&error));
        }
        if is_root() {
            return Ok(PathBuf::from("/var/lib/eqp"));
        }
        let named = variable("XDG_DATA_HOME").map(PathBuf::from);
        named
            .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
            .map(|folder| folder.join("eqp"))
            .ok_or_else(|| {
                Failure::usage("cannot determine a data folder, because neither XDG_DATA_HOME nor HOME is set")
                    .next("choose one with --data-dir or EQP_DATA_DIR")
            })
    }

    /// Opens the data folder, and creates it on first use. Fails if the folder has other contents.
    pub(crate) fn open(&self) -> Result<DataFolder> {
        let data = self.look()?;
        let marker = data.path.join(MARKER);
        if !is_file(&marker) {
            // Never written through a symbolic link, which another user could have created.
            let mark = || File::create_new(&marker)?.write_all(MARKER_TEXT.as_bytes());
            match fs::create_dir_all(&data.path).and_then(|()| mark()) {
                // Another process created it at the same time.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && is_file(&marker) => {}
                done => done.map_err(|error| unusable(&data.path, &error))?,
            }
        }
        Ok(data)
    }

    /// Returns the data folder, which need not exist, without creating it. Fails if the folder has other contents.
    pub(crate) fn look(&self) -> Result<DataFolder> {
        let path = self.place()?;
        match fs::read_dir(&path) {
            Ok(entries) => {
                if !is_file(&path.join(MARKER)) {
                    refuse_foreign(&path, entries)?;
                }
                refuse_strangers(&path, &fs::metadata(&path).map_err(|error| unusable(&path, &error))?)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&path, &error)),
        }
        let master_key = variable("EQP_MASTER_KEY_FILE")
            .map(PathBuf::from)
            .or_else(|| self.master_key_file.clone())
            .unwrap_or_else(|| path.join("master.key"));
        Ok(DataFolder { path, master_key })
    }
}

/// Returns whether the path is a file and not a symbolic link.
fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Rejects a folder of another user, who could replace our files. Root may use every folder, and folders of root are
/// accepted because mounted disks have that owner.
fn refuse_strangers(path: &Path, found: &Metadata) -> Result {
    let this_user = rustix::process::geteuid().as_raw();
    if found.uid() == this_user || this_user == 0 || found.uid() == 0 {
        if found.mode() & 0o002 != 0 {
            tracing::warn!(folder = %path.display(), "the data folder is writable by every user of this machine; run chmod o-w on it");
        }
        return Ok(());
    }
    Err(Failure::usage(format!("the data folder {} belongs to another user", path.display()))
        .why(format!("its owner has the user ID {}, this program {this_user}", found.uid()))
        .next("run eqp as that user, or choose another folder with --data-dir or EQP_DATA_DIR"))
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot use the data folder {}", path.display()))
        .because(error)
        .next("choose another folder with --data-dir or EQP_DATA_DIR")
}

fn refuse_foreign(path: &Path, entries: fs::ReadDir) -> Result {
    // A new file system contains this folder.
    let mut others = entries.flatten().filter(|entry| entry.file_name() != "lost+found");
    let Some(first) = others.next() else { return Ok(()) };
    if is_file(&path.join(MARKER)) {
        // Another process has marked the folder in the meantime.
        return Ok(());
    }
    Err(Failure::usage(format!("{} is not a data folder of eqp", path.display()))
        .why(format!("it contains other files, such as `{}`, and was not created by eqp", first.file_name().display()))
        .next("set --data-dir or EQP_DATA_DIR to an empty or new folder"))
}

/// A data folder of eqp.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    master_key: PathBuf,
}

impl DataFolder {
    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file of the master key, which need not exist.
    pub(crate) fn master_key(&self) -> &Path {
        &self.master_key
    }

    /// Returns the folder of the local CA.
    pub(crate) fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// Returns the folder of the installed tools.
    pub(crate) fn tools(&self) -> PathBuf {
        self.path.join("tools")
    }

    /// Returns the folder of the embedded Postgres.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }
}

/// Returns whether the process runs as root, whose default data folder is that of system services.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(dir: &Path) -> DataOptions {
        DataOptions { dir: Some(dir.to_owned()), master_key_file: None }
    }

    #[test]
    fn a_folder_is_made_on_first_use_and_known_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        options(&dir).open().unwrap();
        fs::write(dir.join("master.key"), "k").unwrap();
        options(&dir).open().unwrap();
    }

    #[test]
    fn a_mark_is_not_written_through_a_link() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = elsewhere.path().join("victim");
        std::os::unix::fs::symlink(&victim, dir.path().join(MARKER)).unwrap();
        options(dir.path()).open().unwrap_err();
        assert!(!victim.exists());
    }

    #[test]
    fn a_disk_of_its_own_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("lost+found")).unwrap();
        options(dir.path()).open().unwrap();
    }

    #[test]
    fn a_folder_with_other_things_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "").unwrap();
        let failure = options(dir.path()).open().unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("thesis.tex"), "{failure}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
