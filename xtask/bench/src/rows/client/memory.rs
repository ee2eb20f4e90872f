//! The memory in use by this process (on Linux).

use std::fs;

/// Measures the peak of the memory in use.
pub(in crate::rows) struct Added {
    before: u64,
}

impl Added {
    /// Starts to measure; `None` if the system does not report it.
    pub(in crate::rows) fn begin() -> Option<Self> {
        // Resets the peak to the current value.
        fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(Self { before: kilobytes("VmRSS:")? })
    }

    /// Returns the increase of the peak since the start, in MB (10⁶ bytes).
    pub(in crate::rows) fn peak(&self) -> Option<f64> {
        let added = kilobytes("VmHWM:")?.saturating_sub(self.before);
        Some(f64::from(u32::try_from(added).ok()?) * 1024.0 / 1_000_000.0)
    }
}

fn kilobytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
