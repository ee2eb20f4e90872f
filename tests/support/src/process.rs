//! Queries about processes that the test did not start itself.

use std::fs;

/// Returns whether a process runs. A process that has ended counts as ended even while nobody has collected its exit
/// status: an orphan's status is collected by process 1, which on some systems takes seconds.
pub fn process_runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    // The state follows the name, which is in parentheses and can contain any character.
    let state = stat.ok().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[test]
    fn a_process_whose_exit_status_was_not_collected_has_ended() {
        assert!(process_runs(&id().to_string()));
        let mut child = Command::new("sleep").arg("300").spawn().unwrap();
        let pid = child.id().to_string();
        assert!(process_runs(&pid));
        child.kill().unwrap();
        while process_runs(&pid) {
            std::thread::yield_now();
        }
        assert!(fs::exists(format!("/proc/{pid}")).unwrap(), "its status has not been collected");
        child.wait().unwrap();
        assert!(!process_runs(&pid));
    }
}
