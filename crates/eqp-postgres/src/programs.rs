//! Finding the programs of Postgres: named, installed, cached, else fetched once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{clean_command, client_command, run, search_path};
use crate::{Error, Progress, fetch};

/// Names the folder of the programs, where no caller does.
pub const PROGRAMS_VARIABLE: &str = "EQP_POSTGRES_BIN";

/// The oldest major version that will do.
const OLDEST: u32 = 14;
/// What is fetched where nothing is installed: one version, so that everybody without a Postgres has the same.
const FETCHED: u32 = 18;
/// For a program that only prints something.
const DEADLINE: Duration = Duration::from_secs(10);

/// Folders of installed versions, by system; `*` stands for one name.
const INSTALLED: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Where to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// A folder that somebody named: nothing else will do then.
    pub(crate) named: Option<PathBuf>,
    /// Pass over what is installed.
    pub(crate) ignore_installed: bool,
    /// Where fetched programs are kept; the user's cache folder if not given.
    pub(crate) cache: Option<PathBuf>,
}

/// The programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

impl Programs {
    pub(crate) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }
}

/// Finds programs that can serve `data_folder`, which was made by version `made_by` if it holds data already.
pub(crate) async fn find(
    search: &Search,
    data_folder: &Path,
    made_by: Option<u32>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Programs, Error> {
    let fits = |major: u32| made_by.map_or(major >= OLDEST, |wanted| wanted == major);
    if let Some(named) = search.named.clone().or_else(|| std::env::var_os(PROGRAMS_VARIABLE).map(PathBuf::from)) {
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
        None => tried.push("there is no cache folder to fetch one into: HOME is not set".into()),
    }
    Err(match made_by {
        Some(made_by) => Error::OtherMajor { folder: data_folder.to_owned(), made_by, tried },
        None => Error::ProgramsNotFound { wanted: format!("{OLDEST} or newer"), tried },
    })
}

/// A named folder may be the one of the programs or the one above it.
async fn probe_named(folder: &Path) -> Result<Programs, String> {
    let below = folder.join("bin");
    if !folder.join("postgres").exists() && below.join("postgres").exists() {
        return probe(&below).await;
    }
    probe(folder).await
}

/// Looks at one folder of programs: are they whole, do they run here, and which version are they?
pub(crate) async fn probe(bin: &Path) -> Result<Programs, String> {
    let bin = std::path::absolute(bin).map_err(|error| error.to_string())?;
    let mut major = 0;
    for program in ["initdb", "postgres"] {
        if !bin.join(program).is_file() {
            return Err(format!("it has no `{program}`"));
        }
        let mut version = clean_command(bin.join(program), Path::new("/"));
        version.arg("--version");
        let said = run(version, DEADLINE).await.map_err(|error| error.to_string())?;
        major = parse_major(&said).ok_or_else(|| format!("it says its version is `{}`", said.trim()))?;
    }
    Ok(Programs { bin, major })
}

/// "postgres (PostgreSQL) 15.14 (Debian …)", "initdb (PostgreSQL) 18beta1".
fn parse_major(said: &str) -> Option<u32> {
    let version = said.split(") ").nth(1)?;
    let digits = version.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

/// Every folder where this machine's Postgres may be: the default one first, then the newest.
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

/// The folders that fit a pattern with one `*`, those with the highest number in that place first.
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
    fn reads_the_major_version() {
        let cases = [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) 17", Some(17)),
            ("postgres (EnterpriseDB) x", None),
            ("", None),
        ];
        for (said, expected) in cases {
            assert_eq!(parse_major(said), expected, "{said}");
        }
    }

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
