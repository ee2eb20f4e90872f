//! Making a new cluster: whole, or not at all.

use std::fs;
use std::time::Duration;

use crate::Error;
use crate::command::{postgres_command, run};
use crate::folder::Folder;
use crate::owner::Owner;
use crate::programs::Programs;
use crate::settings;

/// `initdb` takes under a second; a very slow disk gets its time.
const DEADLINE: Duration = Duration::from_mins(3);

/// Makes the cluster aside, brings it to the disk and renames it: a kill or a full disk halfway leaves nothing that
/// looks like a cluster.
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
                Error::DiskFull { folder: folder.root().to_owned(), detail: "while making the database".into() }
            }
            other => other,
        });
    }
    fs::rename(&unfinished, folder.data()).map_err(Error::io("cannot rename", &unfinished))?;
    let parent = fs::File::open(folder.root()).map_err(Error::io("cannot open", folder.root()))?;
    parent.sync_all().map_err(Error::io("cannot sync", folder.root()))
}

/// One sync at the end instead of one per file: it halves the time.
async fn fill(folder: &Folder, programs: &Programs, owner: &Owner) -> Result<(), Error> {
    let unfinished = folder.unfinished_data();
    let initdb = || {
        let mut command = postgres_command(&programs.initdb(), owner, &unfinished);
        command.arg("-D").arg(&unfinished);
        command
    };
    let mut make = initdb();
    make.args(["--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C", "--auth=reject", "-U", settings::ROLE]);
    run(make, DEADLINE).await?;
    settings::include(&unfinished)?;
    let mut sync = initdb();
    sync.arg("--sync-only");
    run(sync, DEADLINE).await.map(drop)
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
