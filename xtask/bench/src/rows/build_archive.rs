//! Measures the run time of `eqp packages build` with a repository of the maximum size.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::check::large_module;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::tool::Tool;

const TAG: &str = "v1.2.0";

pub(super) const ROW: Row = Row {
    name: "build-archive",
    title: "The archive of a tag",
    how: "`eqp packages build --tag` of a git repository with the files of the same archive (5,000 files, an archive of nearly \
          30 MB), without external programs other than git: the run time of the process, which includes reading the commit, \
          compression, the check and writing the file. A first run that is not counted loads the repository into the system's \
          cache. All archives must have the same bytes.",
    takes: ("30 s", "20 s"),
    promises: &[Promise::at_most(
        "build_archive_ms",
        2000.0,
        500.0,
        "eqp packages build of a tag with 5,000 files, an archive of 30 MB, ms",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    let repository = harness.folder().join("repository");
    large_module().write_files(&repository)?;
    for arguments in
        [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "x"], &["tag", TAG]]
    {
        git(&repository, arguments)?;
    }
    let (mut times, mut lines, mut expected) = (Vec::new(), Vec::new(), None);
    for round in 0..=harness.scale.rounds {
        let archive = harness.folder().join(format!("built-{round}.zip"));
        let time = build(&tool, harness.folder(), &repository, &archive)?;
        eprintln!("round {round}: {time:>7.1} ms{}", if round == 0 { " (not counted)" } else { "" });
        let bytes = std::fs::read(&archive)?;
        if *expected.get_or_insert_with(|| bytes.clone()) != bytes {
            return Err("two archives of the same tag differ".into());
        }
        if round > 0 {
            times.push(time);
            lines.push(vec![round.to_string(), format!("{time:.0}")]);
        }
    }
    Ok(Measured {
        found: vec![("build_archive_ms", Measurement::Rounds(times))],
        columns: ["round", "ms"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

fn git(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgSign=false"];
    let status = Command::new("git").args(identity).args(arguments).current_dir(folder).status()?;
    if status.success() { Ok(()) } else { Err(format!("git {arguments:?} ended with {status}").into()) }
}

/// Runs one build, and returns its run time in milliseconds.
fn build(tool: &Tool, folder: &Path, repository: &Path, archive: &Path) -> Result<f64, Failure> {
    let begun = Instant::now();
    let status = tool
        .command(&folder.join("data"))
        .args(["packages", "build", "--skip-programs", "--json", "--tag", TAG, "--out"])
        .arg(archive)
        .arg(repository)
        .stdout(Stdio::null())
        .status()?;
    let time = begun.elapsed().as_secs_f64() * 1000.0;
    if status.success() { Ok(time) } else { Err(format!("the build of a good archive ended with {status}").into()) }
}
