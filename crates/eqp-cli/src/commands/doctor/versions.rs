//! Checks whether the running receivers have the version of this tool.

use eqp_store::internal::ReceiverState;
use eqp_sync::Check;

use crate::failure::Failure;
use crate::output::counted;

const NAME: &str = "versions";
/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, format!("this tool is {VERSION}; those of the receivers are in the database"))
}

/// Compares the versions of the running receivers with that of this tool.
pub(super) fn versions(receivers: &[ReceiverState]) -> Check<Failure> {
    let running: Vec<_> = receivers.iter().filter(|receiver| receiver.is_running).collect();
    let version = |receiver: &ReceiverState| receiver.version.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut others: Vec<_> =
        running.iter().map(|receiver| version(receiver)).filter(|found| found != VERSION).collect();
    others.sort();
    others.dedup();
    if others.is_empty() {
        let running = match running.len() {
            0 => "no receiver is running".to_owned(),
            count => format!("{} running with the same", counted(count, "receiver")),
        };
        return Check::new(NAME, Ok(format!("this tool is {VERSION}; {running}")));
    }
    Check::warning(
        NAME,
        format!("this tool is {VERSION}, but running receivers are {}", others.join(", ")),
        "restart the receivers with the new version, or use the tool of their version",
    )
}

#[cfg(test)]
mod tests {
    use eqp_sync::CheckState;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn running_receivers_of_another_version_are_a_warning() {
        let receiver = |version: Option<&str>, is_running| ReceiverState {
            id: Uuid::nil(),
            heartbeat_at: OffsetDateTime::UNIX_EPOCH,
            is_running,
            certificate_expires_at: None,
            spool_callbacks: 0,
            spool_oldest_at: None,
            version: version.map(str::to_owned),
        };
        let fine = [receiver(Some(VERSION), true), receiver(Some("0.0.1"), false)];
        assert!(matches!(versions(&fine).state, CheckState::Fine(text) if text.contains("1 receiver running")));
        let mixed = [receiver(Some("0.0.1"), true), receiver(None, true), receiver(Some(VERSION), true)];
        assert!(matches!(versions(&mixed).state, CheckState::Warning { what, .. } if what.ends_with("0.0.1, unknown")));
    }
}
