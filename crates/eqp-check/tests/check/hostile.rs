//! No archive that can be sent keeps a check busy for long. Measured with optimisation by `cargo xtask bench check`; here
//! only what grows faster than the archive would be seen.

use std::time::{Duration, Instant};

use eqp_test_support::hostile;

use crate::fixture::Fixture;

/// Far more than each takes without optimisation on a busy machine, and far less than what is not linear takes.
const LONGEST: Duration = Duration::from_mins(1);
/// So much of what the bench measures.
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
