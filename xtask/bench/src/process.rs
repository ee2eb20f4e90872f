//! What the system tells of a process, on Linux, and how many files it may open.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Failure;

/// Resident memory in MB of 10⁶ bytes; none where the system does not tell.
pub(crate) fn resident_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kilobytes) * 1024.0 / 1_000_000.0)
}

/// Time on a processor so far, of the process and of its children that live; none where the system does not tell.
pub(crate) fn processor_time(pid: u32) -> Option<Duration> {
    let mut ticks = own_ticks(pid)?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        ticks += own_ticks(child).unwrap_or_default();
    }
    // Linux tells these in hundredths of a second, whatever its own clock is.
    Some(Duration::from_millis(ticks * 10))
}

fn own_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; the 14th and 15th field are user and system time.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Lets this process open as many files as the system allows (ten thousand connections need as many), and tells how many;
/// none is without a bound.
pub(crate) fn open_files() -> Result<Option<usize>, Failure> {
    let allowed = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed })?;
    Ok(allowed.map(usize::try_from).transpose()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let me = std::process::id();
        assert!(resident_mb(me).is_some_and(|mb| (1.0..10_000.0).contains(&mb)));
        assert!(processor_time(me).is_some());
        assert_eq!(resident_mb(u32::MAX), None);
    }
}
