//! Measures the CPU time of a release build from scratch, which is the first command of a new user.

use std::process::{Command, Stdio};

use super::{Measured, ONLY_NAMED, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::process::children_processor_time;
use crate::scale::Extent;

pub(super) const ROW: Row = Row {
    name: "build",
    title: "A cold build",
    how: "`cargo build --release` of the default binary into an empty target folder, with downloaded sources. The \
          result is the CPU time of cargo and all its child processes, which depends less on other load than the \
          elapsed time. There is one round, because it takes minutes.",
    takes: ("6 min", ONLY_NAMED),
    promises: &[Promise::at_most("cold_build_cpu_s", 560.0, 400.0, "CPU-seconds of a cold release build")],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let before = children_processor_time();
    let mut build = Command::new(cargo);
    // A smoke run only shows that the benchmark works.
    let package = if harness.scale.extent == Extent::Smoke { "eqp-types" } else { "eqp-cli" };
    build.args(["build", "--release", "--quiet", "--package", package, "--target-dir"]).arg(harness.folder());
    build.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    if !build.status()?.success() {
        return Err("the build failed".into());
    }
    let (Some(before), Some(after)) = (before, children_processor_time()) else {
        let reason = "this system does not report processor time in /proc".to_owned();
        return Ok(Measured { found: vec![("cold_build_cpu_s", Measurement::NotRun(reason))], ..Measured::default() });
    };
    let seconds = after.saturating_sub(before).as_secs_f64();
    eprintln!("built {package} in {seconds:.0} CPU-seconds");
    Ok(Measured { found: vec![("cold_build_cpu_s", Measurement::Rounds(vec![seconds]))], ..Measured::default() })
}
