//! The programs of a Postgres installation, which are checked before they are used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{clean_command, run};

/// The time limit for a program that only prints its version.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The programs of one Postgres installation.
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

/// Checks that a folder has the required programs and that they run on this machine, and determines their version.
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
        major = parse_major(&said).ok_or_else(|| format!("its version `{}` cannot be read", said.trim()))?;
    }
    Ok(Programs { bin, major })
}

/// Parses texts such as "postgres (PostgreSQL) 15.14 (Debian …)" and "initdb (PostgreSQL) 18beta1".
fn parse_major(said: &str) -> Option<u32> {
    let version = said.split(") ").nth(1)?;
    let digits = version.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
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
}
