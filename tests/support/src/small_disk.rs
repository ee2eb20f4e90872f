//! A small file system that tests can fill.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_postgres::temporary_folder;

/// A file system in memory; unmounted on drop.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts a file system of this many MiB; `None` if mounting is not allowed (only root may).
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let folder = temporary_folder().expect("there is room for a folder");
        let size = format!("size={mebibytes}m,mode=755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "eqp-test"]).arg(&folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        fs::remove_dir(folder).expect("the folder goes");
        None
    }

    /// Returns the mount point.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Fills the file system.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file can be made");
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    /// Frees the space again.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("the file goes");
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a process that uses it may still be exiting.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
        let _ = fs::remove_dir(&self.0);
    }
}
