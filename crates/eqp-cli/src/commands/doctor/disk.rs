//! Checks the free space where callbacks are stored while the database is down.

use std::path::Path;

use eqp_receiver::SpoolSettings;
use eqp_sync::Check;

use crate::context::Context;
use crate::failure::Failure;

const NAME: &str = "disk";
/// Less free space than this, beside what the spool may still need, is a warning.
const RESERVE: u64 = 256 * 1024 * 1024;

/// Checks the disk of the spool, or of the data folder if the spool is disabled.
pub(super) fn disk(context: &Context) -> Check<Failure> {
    let data = match context.settings.data.look() {
        Ok(data) => data,
        Err(failure) => return Check::new(NAME, Err(failure)),
    };
    let options = &context.settings.receiver;
    let folder = options.spool_dir.clone().unwrap_or_else(|| data.path().to_owned());
    free_space(&folder, options.spool_bytes.unwrap_or(SpoolSettings::DEFAULT_BYTES))
}

fn free_space(folder: &Path, spool_bytes: u64) -> Check<Failure> {
    // The folder is created by the first start.
    let Some(existing) = folder.ancestors().find(|folder| folder.exists()) else {
        return Check::absent(NAME, format!("{} cannot be reached", folder.display()));
    };
    match rustix::fs::statvfs(existing) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{} MB are free at {}", free / 1_000_000, existing.display());
            if free < spool_bytes.saturating_add(RESERVE) {
                return Check::warning(NAME, format!("only {text}; the spool may need {} MB", spool_bytes / 1_000_000));
            }
            Check::new(NAME, Ok(text))
        }
        Err(error) => Check::absent(NAME, format!("{} cannot be examined: {error}", existing.display())),
    }
}

#[cfg(test)]
mod tests {
    use eqp_sync::CheckState;

    use super::*;

    #[test]
    fn a_disk_without_space_for_the_spool_is_a_warning() {
        let folder = std::env::temp_dir().join("not created yet");
        assert!(matches!(free_space(&folder, 0).state, CheckState::Fine(text) if text.contains("MB are free")));
        assert!(matches!(free_space(&folder, u64::MAX).state, CheckState::Warning(text) if text.starts_with("only ")));
    }
}
