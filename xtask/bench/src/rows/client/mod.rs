//! Measures our client against the simulator, in separate processes over TLS on loopback: the upload rate of a large
//! archive compared with `curl`, and the memory for the upload and for a list of many packages.

mod curl;
pub(super) mod memory;
mod worker;

use std::path::{Path, PathBuf};

pub(crate) use worker::{Works, work};

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::marketplace::Marketplace;
use worker::Task;

pub(super) const ROW: Row = Row {
    name: "client",
    title: "The client",
    how: "Our client and the simulator are separate processes and use TLS on loopback. In each round, a new client \
          uploads an archive of 30 MB, including session and connection; `curl` uploads the same file to the same \
          simulator with an existing session, measured by curl; and another new client reads a list of 100,000 \
          packages in pages of 100. Memory is the peak resident memory (`VmHWM`, reset before) minus that of the \
          idle client. The benchmark verifies the uploaded file and the number of packages.",
    takes: ("90 s", "60 s"),
    promises: &[
        Promise::at_least("upload_vs_curl", 0.8, 1.0, "rate of an upload of 30 MB, as a share of curl's"),
        Promise::at_most("upload_added_rss_mb", 16.0, 4.0, "memory that the upload adds, MB"),
        Promise::at_most("stream_added_rss_mb", 16.0, 4.0, "memory that a list of 100,000 packages adds, MB"),
    ],
    measure,
};

#[derive(Default)]
struct Rounds {
    /// Our rate as a share of curl's; `None` if curl is not installed.
    rates: Vec<f64>,
    /// The memory that an upload adds, in MB; `None` if the system does not report it.
    upload_added: Vec<f64>,
    /// The memory that streaming the list adds, in MB.
    stream_added: Vec<f64>,
    lines: Vec<Vec<String>>,
}

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let archive = archive(harness.folder(), harness.scale.archive)?;
    let marketplace = Marketplace::start(harness.scale.packages)?;
    let rounds = ask(harness, &archive, &marketplace)?;
    let or = |rounds: Vec<f64>, reason: &str| {
        if rounds.is_empty() { Measurement::NotRun(reason.to_owned()) } else { Measurement::Rounds(rounds) }
    };
    let no_memory = "this system does not report the memory of a process";
    let columns = ["round", "upload, MB/s", "added, MB", "curl, MB/s", "list, packages/s", "added, MB"];
    Ok(Measured {
        found: vec![
            ("upload_vs_curl", or(rounds.rates, "no curl")),
            ("upload_added_rss_mb", or(rounds.upload_added, no_memory)),
            ("stream_added_rss_mb", or(rounds.stream_added, no_memory)),
        ],
        columns: columns.map(str::to_owned).to_vec(),
        lines: rounds.lines,
        notes: Vec::new(),
    })
}

fn ask(harness: &Harness, archive: &Path, marketplace: &Marketplace) -> Result<Rounds, Failure> {
    let bytes = std::fs::metadata(archive)?.len();
    let rate = |seconds: f64| {
        #[expect(clippy::cast_precision_loss, reason = "an archive has far fewer than 2^52 bytes")]
        let bytes = bytes as f64;
        bytes / seconds / 1_000_000.0
    };
    let curl = curl::find(harness.folder(), &marketplace.reach)?;
    let mut measured = Rounds::default();
    for round in 1..=harness.scale.rounds {
        let ours = worker::start(Task::Upload, &marketplace.reach, archive)?;
        let theirs = curl.as_ref().map(|curl| curl.upload(archive)).transpose()?;
        let streamed = worker::start(Task::Stream, &marketplace.reach, archive)?;
        if streamed.count != harness.scale.packages {
            return Err(format!("{} packages were streamed, of {}", streamed.count, harness.scale.packages).into());
        }
        let megabytes =
            |added: Option<f64>| added.map_or_else(|| "not reported".to_owned(), |added| format!("{added:.1}"));
        let cells = [
            format!("{:.0}", rate(ours.seconds)),
            megabytes(ours.added),
            theirs.map_or_else(|| "is not there".to_owned(), |seconds| format!("{:.0}", rate(seconds))),
            thousands(f64::from(u32::try_from(streamed.count)?) / streamed.seconds),
            megabytes(streamed.added),
        ];
        let [upload, added, curl, list, list_added] = &cells;
        eprintln!(
            "round {round}/{}  upload {upload} MB/s, {added} MB added  curl {curl} MB/s  list {list} packages/s, {list_added} MB added",
            harness.scale.rounds
        );
        measured.lines.push(std::iter::once(round.to_string()).chain(cells).collect());
        measured.rates.extend(theirs.map(|seconds| seconds / ours.seconds));
        measured.upload_added.extend(ours.added);
        measured.stream_added.extend(streamed.added);
    }
    Ok(measured)
}

/// Creates a file of this many bytes that is not sparse.
fn archive(folder: &Path, bytes: usize) -> Result<PathBuf, Failure> {
    let path = folder.join("large.zip");
    let content: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251)).collect::<Result<_, _>>()?;
    std::fs::write(&path, content)?;
    Ok(path)
}
