//! Chooses the user that Postgres runs as, because it cannot run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The users that root runs Postgres as, by preference.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// The operating-system user that owns the data and runs the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Name, for messages.
    pub(crate) name: String,
    uid: u32,
    gid: u32,
    /// Whether child processes must change to this user, because the program runs as root.
    switch: bool,
    /// Whether the system knows no name for it, as in containers that run under any user ID.
    is_nameless: bool,
}

impl Owner {
    /// Returns the current user. For root, returns the owner of the existing data, otherwise `postgres` or `nobody`.
    pub(crate) fn choose(existing_data: Option<&Path>) -> Result<Self, Error> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if uid != 0 {
            let name = user_name(uid);
            let is_nameless = name.is_none();
            return Ok(Self { name: name.unwrap_or_else(|| uid.to_string()), uid, gid, switch: false, is_nameless });
        }
        let accounts = accounts();
        if let Some(data) = existing_data {
            let metadata = fs::metadata(data).map_err(Error::io("cannot read", data))?;
            if metadata.uid() != 0 {
                let (uid, gid) = (metadata.uid(), metadata.gid());
                let name = user_name(uid).unwrap_or_else(|| uid.to_string());
                return Ok(Self { name, uid, gid, switch: true, is_nameless: false });
            }
        }
        let found = CANDIDATES.iter().find_map(|name| account(&accounts, name));
        let owner = |(name, uid, gid)| Self { name, uid, gid, switch: true, is_nameless: false };
        found.map(owner).ok_or(Error::NoUser)
    }

    /// Returns whether this is the current user and has no name.
    pub(crate) fn is_nameless(&self) -> bool {
        self.is_nameless
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Returns the user and group that child processes must change to, if they must.
    pub(crate) fn switch_to(&self) -> Option<(u32, u32)> {
        self.switch.then_some((self.uid, self.gid))
    }

    /// Makes this user the owner of a file or folder.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        match self.switch_to() {
            Some((uid, gid)) => std::os::unix::fs::lchown(path, Some(uid), Some(gid))
                .map_err(Error::io("cannot change the owner of", path)),
            None => Ok(()),
        }
    }

    /// Checks that this user can enter `folder` and all its parents.
    pub(crate) fn check_can_enter(&self, folder: &Path) -> Result<(), Error> {
        if !self.switch {
            return Ok(());
        }
        let barrier = folder.ancestors().filter(|step| !self.may_enter(step)).last();
        barrier.map_or(Ok(()), |barrier| {
            Err(Error::NotEnterable { user: self.name.clone(), barrier: PathBuf::from(barrier) })
        })
    }

    fn may_enter(&self, folder: &Path) -> bool {
        // A folder that does not exist yet will be created with a suitable mode, and one that cannot be read fails later with its own error.
        fs::metadata(folder).map_or(true, |found| enterable(found.mode(), found.uid(), found.gid(), self.uid, self.gid))
    }
}

/// Returns the users of the operating system that may connect: the one that runs the program, and root, which could connect anyway.
pub(crate) fn admitted_users() -> Vec<String> {
    let own = user_name(rustix::process::geteuid().as_raw()).filter(|name| name != "root");
    own.into_iter().chain(["root".to_owned()]).collect()
}

/// Returns the user and group ID of a user, other than root, that has a name.
pub(crate) fn any_named_user() -> Option<(u32, u32)> {
    let accounts = accounts();
    let usual = CANDIDATES.iter().find_map(|name| account(&accounts, name));
    let any = || accounts.lines().filter_map(parse_account).find(|(_, uid, _)| *uid != 0);
    usual.or_else(any).map(|(_, uid, gid)| (uid, gid))
}

/// Returns whether the permission bits of a folder allow a user to enter it. Access control lists are ignored.
fn enterable(mode: u32, owner: u32, group: u32, uid: u32, gid: u32) -> bool {
    let bit = if owner == uid {
        0o100
    } else if group == gid {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

fn accounts() -> String {
    // A system without this file has no local users; names are then looked up with `id`.
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

/// Looks up an account by name.
fn account(passwd: &str, name: &str) -> Option<(String, u32, u32)> {
    passwd.lines().filter_map(parse_account).find(|(found, ..)| found == name)
}

/// Parses a line of a passwd file. macOS writes the IDs of `nobody` as -2.
fn parse_account(line: &str) -> Option<(String, u32, u32)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
    let mut id = |skip: usize| -> Option<u32> {
        let text = fields.nth(skip)?;
        text.parse::<u32>().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
    };
    Some((name.to_owned(), id(1)?, id(0)?))
}

/// Returns the name of a user from the passwd file, or from `id`, which also queries directory services.
fn user_name(uid: u32) -> Option<String> {
    let local = accounts().lines().filter_map(parse_account).find(|(_, found, _)| *found == uid).map(|(name, ..)| name);
    local.or_else(|| name_by_id(uid))
}

fn name_by_id(uid: u32) -> Option<String> {
    let mut command = Command::new("id");
    let output = command.args(["-un", &uid.to_string()]).env_clear().env("PATH", "/usr/bin:/bin").output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_accounts_of_both_systems() {
        let linux = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
        let mac = "##\n# User Database\nnobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n";
        assert_eq!(account(linux, "nobody"), Some(("nobody".into(), 65534, 65534)));
        assert_eq!(account(mac, "nobody"), Some(("nobody".into(), u32::MAX - 1, u32::MAX - 1)));
        assert_eq!(account(linux, "postgres"), None);
        assert_eq!(account(":x:0:0\nbroken\n", ""), None);
    }

    #[test]
    fn permission_bits_count_for_the_nearest_class_only() {
        let cases = [
            (0o700, 1, 1, true),
            (0o700, 2, 1, false),
            (0o710, 2, 1, true),
            (0o710, 2, 2, false),
            (0o711, 2, 2, true),
            // The owner's class decides for the owner, even when others may.
            (0o011, 1, 1, false),
        ];
        for (mode, owner, group, expected) in cases {
            assert_eq!(enterable(mode, owner, group, 1, 1), expected, "{mode:o} {owner} {group}");
        }
    }
}
