//! Keeps a panic over one callback from reaching the others.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::decode::fit;

/// Runs code that reads or decides one callback and changes nothing outside; a panic becomes the reason why the
/// callback is undecodable.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| fit(&format!("internal error: {}", message(&*payload))))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("panic without a message")
}

/// Panics over chosen callbacks, for tests; compiled only with debug assertions.
#[cfg(debug_assertions)]
pub(crate) mod fault {
    use std::sync::{Mutex, PoisonError};

    /// Where a callback makes the projector panic.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Stage {
        /// While the body is decoded.
        Decode,
        /// While the rule decides what the callback changes.
        Decide,
    }

    static ARMED: Mutex<Vec<(Stage, Box<str>)>> = Mutex::new(Vec::new());

    /// Makes this process panic whenever it meets a body (or, while deciding, a resource ID) that contains `marker`.
    pub fn panic_on(stage: Stage, marker: &str) {
        ARMED.lock().unwrap_or_else(PoisonError::into_inner).push((stage, marker.into()));
    }

    pub(crate) fn point(stage: Stage, met: &[u8]) {
        let armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_met = |marker: &str| met.windows(marker.len().max(1)).any(|part| part == marker.as_bytes());
        let marker = armed.iter().find(|(at, marker)| *at == stage && is_met(marker)).map(|(_, marker)| marker.clone());
        drop(armed);
        if let Some(marker) = marker {
            panic!("fault point {stage:?} on `{marker}`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason_that_can_be_stored_and_shown() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded(|| panic!("a\u{1b}b {}", 1)), Err::<(), _>("internal error: a\u{fffd}b 1".to_owned()));
        let no_text = guarded(|| std::panic::panic_any(7));
        assert_eq!(no_text, Err::<(), _>("internal error: panic without a message".to_owned()));
    }
}
