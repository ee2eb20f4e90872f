//! Our client against the simulator, each a process of its own, over TLS on loopback: how fast a large archive goes up
//! beside `curl`, and how much memory that and a list of many packages take.

mod curl;
mod memory;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value};

use super::Failure;
use super::figure::{Better, Figure};
use super::marketplace::Marketplace;

pub(super) use worker::{Task, work};

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Three rounds instead of five.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Size of the archive, in MB of 1024² bytes; what is promised is promised for 30, the most that the Marketplace takes.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=30))]
    megabytes: u64,
    /// Packages in the list that is streamed; what is promised is promised for 100,000.
    #[arg(long, default_value_t = 100_000)]
    packages: usize,
}

#[derive(Default)]
struct Rounds {
    /// Our rate as a share of curl's; none where there is no curl.
    rates: Vec<f64>,
    /// Added by an upload, in MB. None where it cannot be told.
    upload_added: Vec<f64>,
    /// Added by streaming the list, in MB.
    stream_added: Vec<f64>,
}

/// Measures, prints, and fails where a floor is missed.
pub(super) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let folder = tempfile::tempdir()?;
    let archive = archive(folder.path(), options.megabytes * 1024 * 1024)?;
    let marketplace = Marketplace::start(options.packages)?;
    let rounds = measure(options, folder.path(), &archive, &marketplace)?;
    drop(marketplace);

    let figure = |id, better, floor, aim, rounds| Figure { id, better, floor, aim, rounds };
    let figures = [
        figure("upload_vs_curl", Better::Higher, 0.5, 1.0, rounds.rates),
        figure("upload_added_rss_mb", Better::Lower, 24.0, 8.0, rounds.upload_added),
        figure("stream_added_rss_mb", Better::Lower, 32.0, 8.0, rounds.stream_added),
    ];
    // What this machine cannot measure is left out, and said above: no curl, no /proc.
    let figures: Vec<_> = figures.into_iter().filter(|figure| !figure.rounds.is_empty()).collect();
    if options.json {
        let object: Map<String, Value> =
            figures.iter().map(|figure| (figure.id.to_owned(), figure.to_json())).collect();
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        for figure in &figures {
            println!("{figure}");
        }
    }
    Ok(if figures.iter().all(Figure::met) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(options: &Options, folder: &Path, archive: &Path, marketplace: &Marketplace) -> Result<Rounds, Failure> {
    let bytes = std::fs::metadata(archive)?.len();
    let rate = |seconds: f64| {
        #[expect(clippy::cast_precision_loss, reason = "an archive has far fewer than 2^52 bytes")]
        let bytes = bytes as f64;
        bytes / seconds / 1_000_000.0
    };
    let curl = curl::find(folder, &marketplace.reach)?;
    let mut measured = Rounds::default();
    let count = if options.quick { 3 } else { 5 };
    for round in 1..=count {
        let ours = worker::start(Task::Upload, &marketplace.reach, archive)?;
        let theirs = curl.as_ref().map(|curl| curl.upload(archive)).transpose()?;
        let streamed = worker::start(Task::Stream, &marketplace.reach, archive)?;
        if streamed.count != options.packages {
            return Err(format!("{} packages were streamed, of {}", streamed.count, options.packages).into());
        }
        let megabytes =
            |added: Option<f64>| added.map_or("not told".to_owned(), |added| format!("{added:.1} MB added"));
        eprintln!(
            "round {round}/{count}  upload {:>6.0} MB/s, {}  curl {}  stream {:>7.0} packages/s, {}",
            rate(ours.seconds),
            megabytes(ours.added),
            theirs.map_or("is not there".to_owned(), |seconds| format!("{:>6.0} MB/s", rate(seconds))),
            f64::from(u32::try_from(streamed.count)?) / streamed.seconds,
            megabytes(streamed.added),
        );
        measured.rates.extend(theirs.map(|seconds| seconds / ours.seconds));
        measured.upload_added.extend(ours.added);
        measured.stream_added.extend(streamed.added);
    }
    Ok(measured)
}

/// A file of so many bytes that no file system can keep as a hole.
fn archive(folder: &Path, bytes: u64) -> Result<PathBuf, Failure> {
    let path = folder.join("large.zip");
    let content: Vec<u8> = (0..usize::try_from(bytes)?).map(|n| u8::try_from(n % 251)).collect::<Result<_, _>>()?;
    std::fs::write(&path, content)?;
    Ok(path)
}
