//! Tests that no archive takes long to check. `cargo xtask bench check` measures optimised builds; this test only
//! detects times that grow faster than the archive.

use std::time::{Duration, Instant};

use eqp_test_support::hostile;

use crate::fixture::Fixture;

/// Far more than each check takes without optimisation on a busy machine, and far less than a non-linear one takes.
const LONGEST: Duration = Duration::from_mins(1);
/// The size of the archives, as a share of those in the benchmark.
const SCALE: f64 = 0.1;

#[test]
fn no_archive_takes_longer_than_its_size_explains() {
    for (what, bytes) in hostile::archives(SCALE) {
        let started = Instant::now();
        let report = Fixture::new().check_bytes(&bytes);
        let took = started.elapsed();
        println!("{what}: {took:?}");
        assert!(took < LONGEST, "{what}: {took:?}");
        assert!(report.findings.len() < 1_000, "{what}: {} findings are stored", report.findings.len());
        assert!(serde_json::to_vec(&report).unwrap().len() < 1024 * 1024, "{what}: the report is large");
    }
}
