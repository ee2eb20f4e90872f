//! Finds the programs of Postgres: configured, installed, cached, or downloaded.

use std::path::{Path, PathBuf};

use crate::command::{client_command, run, search_path};
use crate::programs::{DEADLINE, Programs, probe};
use crate::{Error, Progress, fetch};

/// The environment variable with the folder of the programs of Postgres, used if [`Builder::programs`](crate::Builder::programs) is not.
pub const PROGRAMS_VARIABLE: &str = "EQP_POSTGRES_BIN";

/// The oldest supported major version.
const OLDEST: u32 = 14;
/// The major version that is downloaded if none is installed.
const FETCHED: u32 = 18;
/// Folders of installed versions on various systems. `*` matches one name.
const INSTALLED: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The places to search for the programs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// The configured folder. If it is set, no other one is used.
    pub(crate) named: Option<PathBuf>,
    /// Whether to ignore installed programs.
    pub(crate) ignore_installed: bool,
    /// The folder for downloaded programs, by default the user's cache folder.
    pub(crate) cache: Option<PathBuf>,
}

/// Finds programs for `data_folder`, which was created by version `made_by` if it contains data.
pub(crate) async fn find(
    search: &Search,
    data_folder: &Path,
    made_by: Option<u32>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Programs, Error> {
    let fits = |major: u32| made_by.map_or(major >= OLDEST, |wanted| wanted == major);
    let variable = || std::env::var_os(PROGRAMS_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if let Some(named) = search.named.clone().or_else(variable) {
        let unusable = |reason| Error::UnusablePrograms { folder: named.clone(), reason };
        let programs = probe_named(&named).await.map_err(unusable)?;
        return match made_by {
            _ if fits(programs.major) => Ok(programs),
            Some(made_by) => {
                let tried = vec![format!("{} is {}", named.display(), programs.major)];
                Err(Error::OtherMajor { folder: data_folder.to_owned(), made_by, tried })
            }
            None => Err(unusable(format!("it is version {}", programs.major))),
        };
    }

    let mut tried = Vec::new();
    let mut candidates = if search.ignore_installed { Vec::new() } else { installed().await };
    let cache = search.cache.clone().or_else(fetch::default_cache);
    candidates.extend(cache.as_deref().map(fetch::cached).unwrap_or_default());
    for bin in candidates {
        match probe(&bin).await {
            Ok(programs) if fits(programs.major) => return Ok(programs),
            Ok(programs) => tried.push(format!("{} is {}", bin.display(), programs.major)),
            Err(reason) => tried.push(format!("{}: {reason}", bin.display())),
        }
    }
    if tried.is_empty() {
        tried.push("none is installed".into());
    }

    let major = made_by.unwrap_or(FETCHED);
    match cache {
        Some(cache) => {
            if let Some(programs) = fetch::fetch(&cache, major, progress, &mut tried).await {
                return Ok(programs);
            }
        }
        None => tried.push("there is no cache folder to download one to, because HOME is not set".into()),
    }
    Err(match made_by {
        Some(made_by) => Error::OtherMajor { folder: data_folder.to_owned(), made_by, tried },
        None => Error::ProgramsNotFound { wanted: format!("{OLDEST} or newer"), tried },
    })
}

/// Checks a configured folder, which is the folder of the programs or its parent.
async fn probe_named(folder: &Path) -> Result<Programs, String> {
    let below = folder.join("bin");
    if !folder.join("postgres").exists() && below.join("postgres").exists() {
        return probe(&below).await;
    }
    probe(folder).await
}

/// Returns every folder with an installed Postgres: the default one first, then the newest versions.
async fn installed() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pg_config = client_command("pg_config", Path::new("/"));
    pg_config.arg("--bindir");
    if let Ok(bin) = run(pg_config, DEADLINE).await {
        found.push(PathBuf::from(bin.trim()));
    }
    found.extend(INSTALLED.iter().flat_map(|pattern| newest_first(pattern)));
    found.extend(search_path());
    found.retain(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file());
    let mut seen = std::collections::HashSet::new();
    found.retain(|bin| seen.insert(bin.clone()));
    found
}

/// Returns the folders that match a pattern with one `*`, ordered by the number that it matches, highest first.
fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return Vec::new();
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    let number = |name: &str| {
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or(0)
    };
    names.sort_by_key(|name| std::cmp::Reverse(number(name)));
    names.into_iter().map(|name| PathBuf::from(format!("{parent}/{name}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_installed_version_comes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["9.6", "14", "17", "other"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let pattern = format!("{}/*/bin", folder.path().display());
        let names: Vec<_> =
            newest_first(&pattern).iter().map(|path| path.iter().nth_back(1).map(ToOwned::to_owned)).collect();
        let names: Vec<_> = names.iter().flatten().filter_map(|name| name.to_str()).collect();
        assert_eq!(names, ["9.6", "17", "14", "other"]);
    }
}
