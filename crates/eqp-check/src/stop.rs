//! How somebody who waits for a check ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asked for between two files, and while a program runs.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the check soon, with [`Error::Stopped`](crate::Error::Stopped).
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
