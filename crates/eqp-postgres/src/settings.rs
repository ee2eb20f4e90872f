//! The settings of a private Postgres and who may enter it.
//!
//! Written anew at every start, so that a newer tool brings its own. `initdb`'s `postgresql.conf` stays, with what it
//! found out about the machine; it includes `eqp.conf`, which wins, and that includes `local.conf`, for whoever wants
//! to tune it by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Error;
use crate::owner::{Owner, admitted_users};

/// The role that owns everything.
pub(crate) const ROLE: &str = "eqp";
/// Only a part of the socket's name: nothing listens on TCP.
pub(crate) const PORT: u16 = 5432;

/// Added to `postgresql.conf` once.
const INCLUDE: &str = "\ninclude = 'eqp.conf'\n";

/// Makes a new cluster read our settings.
pub(crate) fn include(data: &Path) -> Result<(), Error> {
    let path = data.join("postgresql.conf");
    let text = fs::read_to_string(&path).map_err(Error::io("cannot read", &path))?;
    fs::write(&path, text + INCLUDE).map_err(Error::io("cannot write", &path))
}

/// Writes everything that a start reads.
pub(crate) fn write(data: &Path, socket_folder: &Path, owner: &Owner) -> Result<(), Error> {
    let files = [
        ("eqp.conf", settings(socket_folder)),
        ("pg_hba.conf", host_rules()),
        ("pg_ident.conf", user_map(&admitted_users())),
    ];
    for (name, text) in files {
        let path = data.join(name);
        // Never written through a link that the server's user could have put there.
        let unfinished = data.join(format!("{name}.unfinished"));
        let _ = fs::remove_file(&unfinished);
        let mut file = fs::File::create_new(&unfinished).map_err(Error::io("cannot write", &unfinished))?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(Error::io("cannot write", &unfinished))?;
        owner.give(&unfinished)?;
        fs::rename(&unfinished, &path).map_err(Error::io("cannot write", &path))?;
    }
    Ok(())
}

/// Durable, local and modest. `fsync` and `synchronous_commit` are named because everything rests on them.
fn settings(socket_folder: &Path) -> String {
    let socket_folder = socket_folder.to_string_lossy().replace('\'', "''");
    format!(
        "listen_addresses = ''\n\
         unix_socket_directories = '{socket_folder}'\n\
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

/// Only the socket, and only whoever the kernel says is an admitted user: no password to keep, to leak or to compute,
/// and another service that runs as `nobody` is not let in by sharing that user.
fn host_rules() -> String {
    format!("local all {ROLE} peer map=eqp\n")
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
        assert!(settings(Path::new("/it's/run")).contains("unix_socket_directories = '/it''s/run'\n"));
    }

    #[test]
    fn only_named_users_are_admitted() {
        assert_eq!(user_map(&["DOMAIN\\ann".into(), "root".into()]), "eqp \"DOMAIN\\ann\" eqp\neqp \"root\" eqp\n");
        assert_eq!(host_rules().lines().count(), 1);
    }
}
