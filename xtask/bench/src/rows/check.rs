//! Measures the run time and memory of `eqp packages check` with an archive of the maximum size.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use eqp_test_support::hostile;
use eqp_test_support::submission::Submission;
use fastrand::Rng;

use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::tool::Tool;

/// The number of files of the archive.
const FILES: usize = 5_000;
/// The number of images among them, which do not compress.
const IMAGES: usize = 1_000;
const IMAGE_BYTES: usize = 26_400;
/// The number of methods of each class.
const METHODS: usize = 20;
/// The seed of the archive's content.
const SEED: u64 = 1;

pub(super) const ROW: Row = Row {
    name: "check",
    title: "The check of an archive",
    how: "`eqp packages check` of an archive of nearly 30 MB with 5,000 files (classes, and 1,000 images that do not \
          compress), without external programs: the run time of the process, and its peak resident memory in MB of \
          1024² bytes. A first run that is not counted loads the archive into the system's cache. In each round, a \
          set of archives that are designed to slow down a checker (one long line, many findings, deep nesting, many \
          entries, many equal names, …) is checked as well; the slowest of them counts.",
    takes: ("60 s", "40 s"),
    promises: &[
        Promise::at_most("check_ms", 300.0, 25.0, "eqp packages check of an archive of 30 MB with 5,000 files, ms"),
        Promise::at_most("check_rss_mb", 40.0, 12.0, "its peak resident memory, MB"),
        Promise::at_most("check_worst_ms", 2000.0, 300.0, "the slowest check of a set of hostile archives, ms"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    let archive = large_module().write(harness.folder())?;
    let bytes = archive.metadata()?.len();
    eprintln!("{FILES} files, {:.1} MB", mega(bytes));
    if !(28 * 1024 * 1024..=30 * 1024 * 1024).contains(&bytes) {
        return Err(format!("the archive has {bytes} bytes, but should have nearly the maximum size").into());
    }
    let (mut times, mut peaks, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=harness.scale.rounds {
        let (time, peak) = check(&tool, harness.folder(), &archive)?;
        eprintln!("round {round}: {time:>7.1} ms {peak:>6.1} MB{}", if round == 0 { " (not counted)" } else { "" });
        if round > 0 {
            times.push(time);
            peaks.push(peak);
            lines.push(vec![round.to_string(), format!("{time:.0}"), format!("{peak:.1}")]);
        }
    }
    let (worst, notes) = worst(&tool, harness)?;
    Ok(Measured {
        found: vec![
            ("check_worst_ms", Measurement::Rounds(worst)),
            ("check_ms", Measurement::Rounds(times)),
            ("check_rss_mb", Measurement::Rounds(peaks)),
        ],
        columns: ["round", "ms", "MB"].map(str::to_owned).to_vec(),
        lines,
        notes,
    })
}

/// Returns the slowest check of a set of hostile archives in each round, with the name of the archive.
fn worst(tool: &Tool, harness: &Harness) -> Result<(Vec<f64>, Vec<String>), Failure> {
    let path = harness.folder().join("hostile.zip");
    let mut slowest: Vec<(f64, &str)> = vec![(0.0, ""); harness.scale.rounds];
    for (what, bytes) in hostile::archives(1.0) {
        std::fs::write(&path, &bytes)?;
        for round in &mut slowest {
            let time = check_anything(tool, harness.folder(), &path)?;
            eprintln!("{time:>7.1} ms {what} ({:.1} MB)", mega(bytes.len() as u64));
            if time > round.0 {
                *round = (time, what);
            }
        }
    }
    let notes = slowest.iter().map(|(time, what)| format!("slowest: {what}, {time:.0} ms")).collect();
    Ok((slowest.into_iter().map(|(time, _)| time).collect(), notes))
}

/// Checks an archive, which may be rejected, and returns the milliseconds.
fn check_anything(tool: &Tool, folder: &Path, archive: &Path) -> Result<f64, Failure> {
    let begun = Instant::now();
    let status = tool
        .command(&folder.join("data"))
        .args(["packages", "check", "--skip-programs", "--json"])
        .arg(archive)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let time = begun.elapsed().as_secs_f64() * 1000.0;
    match status.code() {
        Some(0 | 5) => Ok(time),
        _ => Err(format!("the check of a hostile archive ended with {status}").into()),
    }
}

/// Runs one check, and returns its run time in milliseconds and its peak resident memory in MB.
fn check(tool: &Tool, folder: &Path, archive: &Path) -> Result<(f64, f64), Failure> {
    let begun = Instant::now();
    let mut child = tool
        .command(&folder.join("data"))
        .args(["packages", "check", "--skip-programs", "--json"])
        .arg(archive)
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = 0.0_f64;
    let status = loop {
        peak = peak.max(highest_memory(child.id()).unwrap_or(0.0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    let time = begun.elapsed().as_secs_f64() * 1000.0;
    if !status.success() {
        return Err(format!("the check of a good archive ended with {status}").into());
    }
    if peak == 0.0 {
        return Err("the memory of a process can be read on Linux only".into());
    }
    Ok((time, peak))
}

/// Reads the peak, which the kernel records, until the process ends.
fn highest_memory(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(mega(kilobytes * 1024))
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// Returns a module with thousands of classes and images.
pub(super) fn large_module() -> Submission {
    let mut rng = Rng::with_seed(SEED);
    let mut module = Submission::module();
    let there = zip_entries(&module);
    for number in there..FILES {
        module = if number < there + IMAGES {
            let mut image = vec![0; IMAGE_BYTES];
            rng.fill(&mut image);
            module
                .file(&format!("view/frontend/web/images/{number}.png"), [&b"\x89PNG\r\n\x1a\n\0"[..], &image].concat())
        } else {
            module.file(&format!("Model/Rule{}/Part{number}.php", number % 50), class(number, &mut rng))
        };
    }
    module
}

/// Returns the number of files of the bare module, including composer.json.
fn zip_entries(module: &Submission) -> usize {
    module.names().count() + 1
}

/// Returns a realistic class: repeated words, different numbers.
fn class(number: usize, rng: &mut Rng) -> String {
    let mut text = format!(
        "<?php\ndeclare(strict_types=1);\n\nnamespace Acme\\Badges\\Model;\n\n/** Part {number}. */\nclass Part{number}\n{{\n"
    );
    for method in 0..METHODS {
        let (one, other) = (rng.u64(..), rng.u64(..));
        // Writing to text cannot fail.
        let _ = write!(
            text,
            "    /**\n     * Whether the badge {one:x} is shown on a product of the store.\n     */\n    \
             public function isShown{method}(int $productId, ?string $label = null): bool\n    {{\n        \
             return $this->rules->matches($productId, '{other:x}') && $label !== '{one:x}';\n    }}\n\n"
        );
    }
    text.push_str("}\n");
    text
}
