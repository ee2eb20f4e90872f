//! The layout of a data folder, and how to recognise one.
//!
//! The folder itself belongs to the user that runs the program. Only `data` and `run` belong to the user that the server runs as, so a
//! compromised server cannot create links where root writes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::owner::Owner;

/// The file that marks a data folder.
const MARKER: &str = "eqp-postgres";
const MARKER_TEXT: &str = "Embedded Postgres of the EQP Integration Platform. `data` is the cluster; see `log`.\n";

/// The path of a Unix socket has at most 108 bytes (104 on macOS), including the terminating zero.
const SOCKET_PATH_LIMIT: usize = 103;
const SOCKET_NAME: &str = "/.s.PGSQL.5432.lock";

/// The free disk space that a new cluster requires, including its first WAL segments.
const ROOM_FOR_A_NEW_CLUSTER: u64 = 128 << 20;

/// The data folder of an embedded Postgres.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Claims a folder: creates it if it does not exist, and fails if it contains something else.
    pub(crate) fn claim(root: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(root).map_err(Error::io("cannot resolve", root))?;
        let folder = Self { root };
        match fs::read_dir(&folder.root) {
            Ok(mut entries) => {
                if !folder.is_marked()
                    && let Some(entry) = entries.next()
                    // Another process may have marked it since.
                    && !folder.is_marked()
                {
                    let entry = entry.map_err(Error::io("cannot read", &folder.root))?;
                    return Err(folder.foreign(format!("it contains {}", entry.file_name().to_string_lossy())));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => folder.create()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(folder.foreign("it is a file".into()));
            }
            Err(error) => return Err(Error::io("cannot read", &folder.root)(error)),
        }
        // `create_new` does not follow a link that another user could have created.
        match fs::File::create_new(folder.marker()).and_then(|mut marker| marker.write_all(MARKER_TEXT.as_bytes())) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_marked() => {}
            marked => marked.map_err(Error::io("cannot write", folder.marker()))?,
        }
        // From here on the path contains no `..` and no links, because the server's PID file contains the resolved path.
        let root = fs::canonicalize(&folder.root).map_err(Error::io("cannot resolve", &folder.root))?;
        Ok(Self { root })
    }

    /// Creates the folder and its missing parents, independently of the umask.
    fn create(&self) -> Result<(), Error> {
        let mut missing: Vec<&Path> = self.root.ancestors().take_while(|step| !step.exists()).collect();
        while let Some(step) = missing.pop() {
            match fs::DirBuilder::new().mode(0o700).create(step) {
                // Created by another process that is starting concurrently and also sets the mode.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(Error::io("cannot create", step))?,
            }
            let mode = fs::Permissions::from_mode(folder_mode());
            fs::set_permissions(step, mode).map_err(Error::io("cannot set the mode of", step))?;
        }
        Ok(())
    }

    fn foreign(&self, reason: String) -> Error {
        Error::ForeignFolder { folder: self.root.clone(), reason }
    }

    fn marker(&self) -> PathBuf {
        self.root.join(MARKER)
    }

    fn is_marked(&self) -> bool {
        fs::symlink_metadata(self.marker()).is_ok_and(|found| found.is_file())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of the cluster.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Returns the folder of the cluster in a folder, which does not have to be claimed.
    pub(crate) fn data_in(root: &Path) -> PathBuf {
        Self { root: root.to_owned() }.data()
    }

    /// Returns whether a folder, which does not have to be claimed, contains a cluster.
    pub(crate) fn holds_cluster(root: &Path) -> bool {
        Self { root: root.to_owned() }.has_cluster()
    }

    /// Returns whether the folder contains a cluster.
    pub(crate) fn has_cluster(&self) -> bool {
        self.data().join("PG_VERSION").is_file()
    }

    /// Returns the folder of a new cluster until it is complete.
    pub(crate) fn unfinished_data(&self) -> PathBuf {
        self.root.join("data.unfinished")
    }

    /// Returns the path of the server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn gate_lock(&self) -> PathBuf {
        self.root.join("gate.lock")
    }

    pub(crate) fn members_lock(&self) -> PathBuf {
        self.root.join("members.lock")
    }

    pub(crate) fn server_lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }

    /// Returns the folder of the socket: inside the data folder, or, if that path is too long for a socket or cannot be used in a list of
    /// hosts, a short one in `/tmp` that is derived from it.
    pub(crate) fn socket_folder(&self) -> Result<PathBuf, Error> {
        let inside = self.root.join("run");
        let is_short = inside.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT;
        // Clients of Postgres separate hosts by commas, and the PID file is read line by line.
        let is_plain = |path: &str| !path.contains(|letter: char| letter == ',' || letter.is_control());
        if is_short && inside.to_str().is_some_and(is_plain) {
            return Ok(inside);
        }
        let identity = fs::metadata(&self.root).map_err(Error::io("cannot read", &self.root))?;
        Ok(PathBuf::from(format!("/tmp/eqp-{:x}-{:x}", identity.dev(), identity.ino())))
    }

    /// Creates the socket's folder with mode 0700 for the user of the server, and fails if another user has created it.
    pub(crate) fn make_socket_folder(&self, owner: &Owner) -> Result<PathBuf, Error> {
        let folder = self.socket_folder()?;
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => owner.give(&folder)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("cannot create", &folder)(error)),
        }
        let found = fs::symlink_metadata(&folder).map_err(Error::io("cannot read", &folder))?;
        let uid = owner.switch_to().map_or_else(|| rustix::process::geteuid().as_raw(), |(uid, _)| uid);
        if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
            let reason = format!("it belongs to user {} with mode {:o}", found.uid(), found.mode() & 0o7777);
            return Err(Error::ForeignFolder { folder, reason });
        }
        Ok(folder)
    }

    /// Returns the major version that created the data, or `None` if there are no data.
    pub(crate) fn major(&self) -> Result<Option<u32>, Error> {
        let path = self.data().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let major = text.trim().parse();
                major.map(Some).map_err(|_| self.foreign(format!("its PG_VERSION is `{}`", text.trim())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.data().exists() => Ok(None),
            Err(error) => Err(Error::io("cannot read", path)(error)),
        }
    }

    /// Checks that the disk has enough space for a new cluster.
    pub(crate) fn check_room(&self) -> Result<(), Error> {
        let Ok(disk) = rustix::fs::statvfs(&self.root) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= ROOM_FOR_A_NEW_CLUSTER {
            return Ok(());
        }
        let (free, needed) = (free >> 20, ROOM_FOR_A_NEW_CLUSTER >> 20);
        Err(Error::DiskFull { folder: self.root.clone(), detail: format!("{free} MiB free, {needed} MiB needed") })
    }

    /// Removes the folder and everything in it.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let socket_folder = self.socket_folder()?;
        if !socket_folder.starts_with(&self.root) {
            let _ = fs::remove_dir_all(&socket_folder);
        }
        fs::remove_dir_all(&self.root).map_err(Error::io("cannot remove", &self.root))
    }
}

/// Returns the mode of a data folder. The user that the server runs as must be able to enter root's folders. The folders inside have mode
/// 0700.
fn folder_mode() -> u32 {
    if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 }
}

/// Creates an empty folder with a short path for a temporary Postgres. If the program runs as root, the user that the server runs as can
/// enter it, unlike an ordinary temporary folder. The folder is not removed automatically.
///
/// ```no_run
/// let folder = eqp_postgres::temporary_folder()?;
/// let builder = eqp_postgres::EmbeddedPostgres::builder(folder).remove_on_stop(true);
/// # Ok::<_, eqp_postgres::Error>(())
/// ```
///
/// # Errors
///
/// Returns [`Error::Io`] or [`Error::DiskFull`] if the folder cannot be created.
pub fn temporary_folder() -> Result<PathBuf, Error> {
    let parent = std::env::temp_dir();
    tempfile::Builder::new()
        .prefix("eqp-")
        .permissions(fs::Permissions::from_mode(folder_mode()))
        .tempdir_in(&parent)
        .map(tempfile::TempDir::keep)
        .map_err(Error::io("cannot create a folder in", parent))
}
