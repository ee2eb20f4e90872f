//! Memory and processor time of a process (on Linux), and the limit on open files.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Failure;

/// Returns the resident memory in MB (10⁶ bytes); `None` if the system does not report it.
pub(crate) fn resident_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kilobytes) * 1024.0 / 1_000_000.0)
}

/// Returns the processor time of a process and its running children; `None` if the system does not report it.
pub(crate) fn processor_time(pid: u32) -> Option<Duration> {
    let mut ticks = own_ticks(pid)?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        ticks += own_ticks(child).unwrap_or_default();
    }
    // Linux reports these values in hundredths of a second on every machine.
    Some(Duration::from_millis(ticks * 10))
}

/// Returns the processor time of all ended children of this process and of their children; `None`
/// if the system does not report it.
pub(crate) fn children_processor_time() -> Option<Duration> {
    // The 16th and 17th field.
    ticks(std::process::id(), 13).map(|ticks| Duration::from_millis(ticks * 10))
}

fn own_ticks(pid: u32) -> Option<u64> {
    // The 14th and 15th field.
    ticks(pid, 11)
}

/// Returns the sum of user and system time, which are adjacent fields.
fn ticks(pid: u32, field: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and can contain any character, so fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(field)?.parse::<u64>().ok()? + fields.get(field + 1)?.parse::<u64>().ok()?)
}

/// Raises the limit on open files to the maximum, because each of ten thousand connections needs one, and returns it;
/// `None` means unlimited.
pub(crate) fn open_files() -> Result<Option<usize>, Failure> {
    let allowed = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed })?;
    Ok(allowed.map(usize::try_from).transpose()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_reports_on_this_process() {
        let me = std::process::id();
        assert!(resident_mb(me).is_some_and(|mb| (1.0..10_000.0).contains(&mb)));
        assert!(processor_time(me).is_some());
        assert_eq!(resident_mb(u32::MAX), None);
    }
}
