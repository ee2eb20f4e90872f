//! Formats the reason why a callback is undecodable, and catches panics as reasons.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The longest reason that is stored, in characters.
pub(super) const LONGEST_REASON: usize = 250;

/// Returns a text that can be stored in Postgres and printed on a terminal, even if it comes from an untrusted source:
/// it is shortened, and control characters are escaped as everywhere in the tool (`\n`, `\u{1b}`).
pub(super) fn fit(text: &str) -> String {
    let mut fitted = String::new();
    let mut characters = 0;
    for letter in text.chars() {
        let whole = fitted.len();
        if letter.is_control() {
            fitted.extend(letter.escape_default());
        } else {
            fitted.push(letter);
        }
        characters += fitted[whole..].chars().count();
        if characters > LONGEST_REASON {
            fitted.truncate(whole);
            break;
        }
    }
    fitted
}

/// Runs code that decodes or decides about one callback and changes nothing outside. A panic becomes the reason why the
/// callback is undecodable.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| fit(&format!("internal error: {}", message(&*payload))))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("panic without a message")
}

/// Panics for selected callbacks, for tests. Compiled only with debug assertions.
#[cfg(debug_assertions)]
pub(crate) mod fault {
    use std::sync::{Mutex, PoisonError};

    /// The stage at which a callback makes the projector panic.
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
    fn a_visible_form_is_never_cut_in_two() {
        for length in LONGEST_REASON - 8..=LONGEST_REASON {
            let text = fit(&format!("{}\u{1b}{}", "ü".repeat(length), "x".repeat(10)));
            assert!(
                text.chars().count() <= LONGEST_REASON && (!text.contains('\\') || text.contains(r"\u{1b}")),
                "{text}"
            );
        }
        assert_eq!(fit("a\r\n\tb\u{9b}"), r"a\r\n\tb\u{9b}");
    }

    #[test]
    fn a_panic_becomes_a_reason_that_can_be_stored_and_shown() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded(|| panic!("a\u{1b}b {}", 1)), Err::<(), _>(r"internal error: a\u{1b}b 1".to_owned()));
        let no_text = guarded(|| std::panic::panic_any(7));
        assert_eq!(no_text, Err::<(), _>("internal error: panic without a message".to_owned()));
    }
}
