//! Predicts whether the store will review a version as a patch, which skips manual QA. No I/O.

use super::version::parts;

/// The prediction for a version that is, or could be, reviewed as a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchPrediction {
    /// It is declared as a patch, and is one by its number. The store decides with its semantic version check.
    Declared {
        /// The version in the store.
        live: String,
    },
    /// It is a patch by its number, and not declared as one.
    Possible {
        /// The version in the store.
        live: String,
    },
    /// It is declared as a patch, but its number says that it is more.
    NotAPatch {
        /// The version in the store.
        live: String,
    },
    /// It is declared as a patch, but no version of the product is in the store.
    FirstVersion,
}

/// Predicts the review of `version`. `live` is the newest version in the store. Returns `None` if there is nothing to say.
pub(super) fn predict(version: &str, live: Option<&str>, is_declared: bool) -> Option<PatchPrediction> {
    let Some(live) = live else { return is_declared.then_some(PatchPrediction::FirstVersion) };
    let is_patch = match (parts(version), parts(live)) {
        (Some([major, minor, patch]), Some([live_major, live_minor, live_patch])) => {
            (major, minor) == (live_major, live_minor) && patch > live_patch
        }
        _ => return None,
    };
    let live = live.to_owned();
    match (is_declared, is_patch) {
        (true, true) => Some(PatchPrediction::Declared { live }),
        (false, true) => Some(PatchPrediction::Possible { live }),
        (true, false) => Some(PatchPrediction::NotAPatch { live }),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_update_of_the_last_number_is_a_patch() {
        use PatchPrediction::{Declared, FirstVersion, NotAPatch, Possible};
        let live = || "1.2.0".to_owned();
        for (version, in_store, is_declared, expected) in [
            ("1.2.1", Some("1.2.0"), true, Some(Declared { live: live() })),
            ("v1.2.10", Some("1.2.0"), false, Some(Possible { live: live() })),
            ("1.3.0", Some("1.2.0"), true, Some(NotAPatch { live: live() })),
            ("2.2.1", Some("1.2.0"), true, Some(NotAPatch { live: live() })),
            ("1.2.0", Some("1.2.0"), true, Some(NotAPatch { live: live() })),
            ("1.3.0", Some("1.2.0"), false, None),
            ("1.2.1", None, true, Some(FirstVersion)),
            ("1.2.1", None, false, None),
            ("latest", Some("1.2.0"), true, None),
        ] {
            assert_eq!(predict(version, in_store, is_declared), expected, "{version} {in_store:?} {is_declared}");
        }
    }
}
