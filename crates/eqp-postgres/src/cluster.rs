//! Creates a new cluster, completely or not at all.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::Error;
use crate::command::{postgres_command, run};
use crate::folder::Folder;
use crate::owner::{Owner, any_named_user};
use crate::programs::Programs;
use crate::settings;

/// `initdb` usually takes less than a second, but can be slow on a slow disk.
const DEADLINE: Duration = Duration::from_mins(3);

/// Creates the cluster in another folder, syncs it to the disk and renames it, so that neither a kill nor a full disk leaves an
/// incomplete cluster.
pub(crate) async fn create(folder: &Folder, programs: &Programs, owner: &Owner) -> Result<(), Error> {
    let unfinished = folder.unfinished_data();
    remove_if_there(folder)?;
    folder.check_room()?;
    fs::create_dir(&unfinished).map_err(Error::io("cannot create", &unfinished))?;
    owner.give(&unfinished)?;

    let made = fill(folder, programs, owner).await;
    if let Err(error) = made {
        remove_if_there(folder)?;
        return Err(match error {
            Error::Program { detail, .. } if detail.contains("No space left on device") => {
                Error::DiskFull { folder: folder.root().to_owned(), detail: "while creating the database".into() }
            }
            other => other,
        });
    }
    fs::rename(&unfinished, folder.data()).map_err(Error::io("cannot rename", &unfinished))?;
    let parent = fs::File::open(folder.root()).map_err(Error::io("cannot open", folder.root()))?;
    parent.sync_all().map_err(Error::io("cannot sync", folder.root()))
}

/// Runs `initdb`. Syncing once at the end instead of once per file halves the time.
async fn fill(folder: &Folder, programs: &Programs, owner: &Owner) -> Result<(), Error> {
    let unfinished = folder.unfinished_data();
    let initdb = |arguments: &[&str]| {
        let mut command = if owner.is_nameless() {
            under_a_name(&programs.initdb(), owner, &unfinished)?
        } else {
            postgres_command(&programs.initdb(), owner, &unfinished)
        };
        command.arg("-D").arg(&unfinished).args(arguments);
        Ok::<_, Error>(command)
    };
    let nameless = |error| match error {
        Error::Program { detail, .. } if owner.is_nameless() => Error::NamelessUser { uid: owner.uid(), detail },
        other => other,
    };
    let make =
        initdb(&["--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C", "--auth=reject", "-U", settings::ROLE])?;
    run(make, DEADLINE).await.map_err(nameless)?;
    settings::include(&unfinished, owner)?;
    run(initdb(&["--sync-only"])?, DEADLINE).await.map(drop)
}

/// Runs `initdb` in a user namespace in which our user ID appears as one that has a name. `initdb` fails for a user without a name;
/// the server does not. The created files still belong to us.
fn under_a_name(initdb: &Path, owner: &Owner, folder: &Path) -> Result<Command, Error> {
    let no_user = || Error::NamelessUser { uid: owner.uid(), detail: "/etc/passwd names no other user".into() };
    let (uid, gid) = any_named_user().ok_or_else(no_user)?;
    let mut command = postgres_command(Path::new("unshare"), owner, folder);
    command.args(["--user", &format!("--map-user={uid}"), &format!("--map-group={gid}"), "--"]).arg(initdb);
    Ok(command)
}

fn remove_if_there(folder: &Folder) -> Result<(), Error> {
    let unfinished = folder.unfinished_data();
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove", unfinished)(error))
        }
        _ => Ok(()),
    }
}
