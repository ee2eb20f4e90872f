//! The layout of a data folder, and whether a folder is ours.
//!
//! The folder itself belongs to whoever runs the tool; only `data` and `run` belong to the user that the server runs
//! as. So a server that somebody broke into cannot put links where root writes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::owner::Owner;

/// Tells a folder of ours from everything else.
const MARKER: &str = "eqp-postgres";
const MARKER_TEXT: &str = "A private Postgres of the EQP Integration Platform. `data` is the cluster; see `log`.\n";

/// The path of a Unix socket has at most 108 bytes, the closing zero counted (104 on macOS).
const SOCKET_PATH_LIMIT: usize = 103;
const SOCKET_NAME: &str = "/.s.PGSQL.5432.lock";

/// Free space that a new cluster, with its first log segments, must find.
const ROOM_FOR_A_NEW_CLUSTER: u64 = 128 << 20;

/// A data folder of ours.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Takes a folder: makes it if it is not there, refuses it if it holds something else.
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
                    return Err(folder.foreign(format!("it holds {}", entry.file_name().to_string_lossy())));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => folder.create()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(folder.foreign("it is a file".into()));
            }
            Err(error) => return Err(Error::io("cannot read", &folder.root)(error)),
        }
        // Never through a link that somebody else could have put there.
        match fs::File::create_new(folder.marker()).and_then(|mut marker| marker.write_all(MARKER_TEXT.as_bytes())) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_marked() => {}
            marked => marked.map_err(Error::io("cannot write", folder.marker()))?,
        }
        // `..` and links are gone from here on: the server's own pid file names the resolved path.
        let root = fs::canonicalize(&folder.root).map_err(Error::io("cannot resolve", &folder.root))?;
        Ok(Self { root })
    }

    /// Makes the folder and those above it that are missing, whatever the umask.
    fn create(&self) -> Result<(), Error> {
        let mut missing: Vec<&Path> = self.root.ancestors().take_while(|step| !step.exists()).collect();
        while let Some(step) = missing.pop() {
            match fs::DirBuilder::new().mode(0o700).create(step) {
                // By another process that starts at the same moment, which opens it to its users.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(Error::io("cannot create", step))?,
            }
            let mode = fs::Permissions::from_mode(folder_mode());
            fs::set_permissions(step, mode).map_err(Error::io("cannot open to its users", step))?;
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

    /// The cluster.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Whether a folder, which need not be claimed, has a cluster.
    pub(crate) fn holds_cluster(root: &Path) -> bool {
        Self { root: root.to_owned() }.has_cluster()
    }

    /// Whether there is a cluster.
    pub(crate) fn has_cluster(&self) -> bool {
        self.data().join("PG_VERSION").is_file()
    }

    /// Where a new cluster is made, until it is whole.
    pub(crate) fn unfinished_data(&self) -> PathBuf {
        self.root.join("data.unfinished")
    }

    /// What the server says.
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

    /// Where the socket lies: in the folder, or, if that path is too long for a socket or cannot stand in a list of
    /// addresses, in a short one named after it.
    pub(crate) fn socket_folder(&self) -> Result<PathBuf, Error> {
        let inside = self.root.join("run");
        let is_short = inside.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT;
        // Clients of Postgres separate hosts by commas, and its files are read as text, line by line.
        let is_plain = |path: &str| !path.contains(|letter: char| letter == ',' || letter.is_control());
        if is_short && inside.to_str().is_some_and(is_plain) {
            return Ok(inside);
        }
        let identity = fs::metadata(&self.root).map_err(Error::io("cannot read", &self.root))?;
        Ok(PathBuf::from(format!("/tmp/eqp-{:x}-{:x}", identity.dev(), identity.ino())))
    }

    /// Makes the socket's folder, 0700 and the server's, and fails if somebody else made it first.
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

    /// The major version that made the data, if there are any.
    pub(crate) fn major(&self) -> Result<Option<u32>, Error> {
        let path = self.data().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let major = text.trim().parse();
                major.map(Some).map_err(|_| self.foreign(format!("its PG_VERSION says `{}`", text.trim())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.data().exists() => Ok(None),
            Err(error) => Err(Error::io("cannot read", path)(error)),
        }
    }

    /// Fails if a new cluster would not fit.
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

    /// Removes everything.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let socket_folder = self.socket_folder()?;
        if !socket_folder.starts_with(&self.root) {
            let _ = fs::remove_dir_all(&socket_folder);
        }
        fs::remove_dir_all(&self.root).map_err(Error::io("cannot remove", &self.root))
    }
}

/// Root's folders stay enterable for the user that the server runs as; what is secret lies deeper, under 0700.
fn folder_mode() -> u32 {
    if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 }
}

/// A new, empty folder with a short path for a Postgres that is thrown away afterwards. Unlike an ordinary temporary
/// folder it can be entered by the user that the server runs as when the tool runs as root.
///
/// # Errors
/// [`Error::Io`] if it cannot be made.
pub fn temporary_folder() -> Result<PathBuf, Error> {
    let parent = std::env::temp_dir();
    tempfile::Builder::new()
        .prefix("eqp-")
        .permissions(fs::Permissions::from_mode(folder_mode()))
        .tempdir_in(&parent)
        .map(tempfile::TempDir::keep)
        .map_err(Error::io("cannot create a folder in", parent))
}
