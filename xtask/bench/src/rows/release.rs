//! Measures `eqp release` of an archive of the maximum size to a Marketplace without delays, so that only our own time
//! is left.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use eqp_simulator::{Script, Simulator, Timing};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::check::large_module;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::tool::Tool;

pub(super) const ROW: Row = Row {
    name: "release",
    title: "A release",
    how: "`eqp release --until released` of the same archive with its manifest and five more files: run time of the \
          process. It includes the check (without external programs), the upload over TLS, the scan, creation, \
          submission, both reviews and the launch. The simulator adds no delays, and is new in each round.",
    takes: ("20 s", "15 s"),
    promises: &[Promise::at_most(
        "release_s",
        1.5,
        0.2,
        "eqp release of an archive of 30 MB until it is in the store, s",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    let module = large_module();
    let archive = module.write(harness.folder())?;
    let manifest = harness.folder().join("release.json");
    std::fs::write(&manifest, json!({"package": module.listing(harness.folder())?}).to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (mut times, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let time = release(&tool, &runtime, harness.folder(), &archive, &manifest)?;
        eprintln!("round {round}: {time:>6.2} s");
        times.push(time);
        lines.push(vec![round.to_string(), format!("{time:.2}")]);
    }
    Ok(Measured {
        found: vec![("release_s", Measurement::Rounds(times))],
        columns: ["round", "s"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Runs one release, after which the package must be in the store, and returns the seconds.
fn release(tool: &Tool, runtime: &Runtime, folder: &Path, archive: &Path, manifest: &Path) -> Result<f64, Failure> {
    let simulator = runtime.block_on(Simulator::builder().script(Script::new().timing(Timing::immediate())).start())?;
    let ca = folder.join("marketplace-ca.pem");
    std::fs::write(&ca, simulator.ca_pem())?;
    let mut command = tool.command(&folder.join("data"));
    command
        .args([
            "release",
            "--until",
            "released",
            "--timeout",
            "5m",
            "--json",
            "--allow-not-run",
            "code-sniffer",
            "--manifest",
        ])
        .arg(manifest)
        .arg(archive);
    command.env("EQP_ENVIRONMENT", simulator.environment().as_str()).env("EQP_API_URL", simulator.base_url());
    command.env("EQP_CA_FILE", &ca).env("EQP_APPLICATION_ID", &simulator.api_key().application_id);
    command.env("EQP_APPLICATION_SECRET", simulator.api_key().application_secret.expose());
    // External programs are excluded: phpcs and svc are not measured.
    command.env("PATH", "/nowhere").stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let output = command.output()?;
    let time = begun.elapsed().as_secs_f64();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let snapshot = simulator.snapshot();
    runtime.block_on(simulator.shutdown());
    let state = result["submission_id"].as_str().and_then(|id| snapshot.package(id)).map(|package| &package.status);
    match state {
        Some(status) if status.overall.as_str() == "released_to_store" && output.status.success() => Ok(time),
        _ => Err(format!("it was not released: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
