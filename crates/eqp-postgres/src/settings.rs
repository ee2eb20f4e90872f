//! Writes the settings of an embedded Postgres and the rules for who may connect.
//!
//! They are written at every start, so a newer version of the program uses its own. The `postgresql.conf` of `initdb` is preserved. It
//! includes `eqp.conf`, which takes precedence, and `eqp.conf` includes `local.conf`, which can be used to tune the server manually.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::Error;
use crate::owner::{Owner, admitted_users};

/// The role that owns every database.
pub(crate) const ROLE: &str = "eqp";
/// The port, which is only a part of the socket's name because the server does not listen on TCP.
pub(crate) const PORT: u16 = 5432;

/// Appended to `postgresql.conf` when the cluster is created.
const INCLUDE: &str = "\ninclude = 'eqp.conf'\n";

/// Makes a new cluster include our settings.
pub(crate) fn include(data: &Path, owner: &Owner) -> Result<(), Error> {
    let path = data.join("postgresql.conf");
    let mut text = String::new();
    let opened = fs::OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&path);
    opened.and_then(|mut file| file.read_to_string(&mut text)).map_err(Error::io("cannot read", &path))?;
    replace(data, "postgresql.conf", &(text + INCLUDE), owner)
}

/// Writes all configuration files of the server.
pub(crate) fn write(data: &Path, socket_folder: &Path, owner: &Owner) -> Result<(), Error> {
    let files = [
        ("eqp.conf", settings(socket_folder)),
        ("pg_hba.conf", host_rules(owner)),
        ("pg_ident.conf", user_map(&admitted_users())),
    ];
    for (name, text) in files {
        replace(data, name, &text, owner)?;
    }
    Ok(())
}

/// Replaces a file, without following a link that the user of the server could have created.
fn replace(data: &Path, name: &str, text: &str, owner: &Owner) -> Result<(), Error> {
    let path = data.join(name);
    let unfinished = data.join(format!("{name}.unfinished"));
    let _ = fs::remove_file(&unfinished);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(Error::io("cannot write", &unfinished))?;
    file.write_all(text.as_bytes()).map_err(Error::io("cannot write", &unfinished))?;
    owner.give(&unfinished)?;
    fs::rename(&unfinished, &path).map_err(Error::io("cannot write", &path))
}

/// Returns the settings. `fsync` and `synchronous_commit` are set explicitly, because durability depends on them.
fn settings(socket_folder: &Path) -> String {
    // The value is a list whose only entry is quoted, inside a quoted string.
    let socket_folder = socket_folder.to_string_lossy().replace('"', "\"\"").replace('\\', "\\\\").replace('\'', "''");
    format!(
        "listen_addresses = ''\n\
         unix_socket_directories = '\"{socket_folder}\"'\n\
         unix_socket_permissions = 0700\n\
         port = {PORT}\n\
         fsync = on\n\
         synchronous_commit = on\n\
         full_page_writes = on\n\
         max_connections = 100\n\
         shared_buffers = '128MB'\n\
         jit = off\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         lc_messages = 'C'\n\
         log_checkpoints = off\n\
         cluster_name = 'eqp'\n\
         include_if_exists = 'local.conf'\n"
    )
}

/// Returns the rules for connections: only over the socket, and only for admitted users of the operating system, as the kernel reports
/// them. No password is needed, and another service that also runs as `nobody` is rejected.
///
/// Postgres identifies users by name. If our user has no name, only the folder of the socket, which has mode 0700, keeps other users out.
fn host_rules(owner: &Owner) -> String {
    if owner.is_nameless() { format!("local all {ROLE} trust\n") } else { format!("local all {ROLE} peer map=eqp\n") }
}

fn user_map(users: &[String]) -> String {
    users.iter().fold(String::new(), |mut map, user| {
        let user = user.replace('"', "\"\"");
        // Writing to a string cannot fail.
        let _ = writeln!(map, "eqp \"{user}\" {ROLE}");
        map
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_path_stays_in_its_setting() {
        for (path, value) in [("/it's/run", "/it''s/run"), (r"/a\b", r"/a\\b"), ("/a\"b", "/a\"\"b")] {
            let line = format!("unix_socket_directories = '\"{value}\"'\n");
            assert!(settings(Path::new(path)).contains(&line), "{}", settings(Path::new(path)));
        }
    }

    #[test]
    fn only_named_users_are_admitted() {
        assert_eq!(user_map(&["DOMAIN\\ann".into(), "root".into()]), "eqp \"DOMAIN\\ann\" eqp\neqp \"root\" eqp\n");
    }
}
