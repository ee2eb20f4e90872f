//! Describes what remains of a release that was submitted before.

use eqp_release::{Phase, Track};
use eqp_types::Flow;

/// Describes what is left once a requested review has been passed. Returns `None` if none has.
pub(super) fn remaining(track: Track, [technical, marketing]: [Phase; 2], handle: &str) -> Option<String> {
    let to_wait = format!("to wait for it: eqp wait {handle} --timeout 15d");
    let (passed, other, phase) = match (track, technical, marketing) {
        (_, Phase::Approved, Phase::Approved) => {
            return Some(format!("has passed both reviews and is not in the store yet; {to_wait}"));
        }
        (Track::Both | Track::Technical, Phase::Approved, _) => (Flow::Technical, Flow::Marketing, marketing),
        (Track::Both | Track::Marketing, _, Phase::Approved) => (Flow::Marketing, Flow::Technical, technical),
        _ => return None,
    };
    Some(match phase {
        Phase::Open => format!(
            "has passed its {passed} review and is not submitted for {other} review; to submit it: \
             eqp release --submission {handle} --track {other}"
        ),
        Phase::Rejected => format!(
            "has passed its {passed} review, but the {other} review rejected it; see why: eqp packages report {handle}"
        ),
        _ => format!("has passed its {passed} review, and its {other} review has not ended; {to_wait}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_review_the_rest_is_named() {
        use Phase::{Approved, Open, Rejected, Running};
        for (track, phases, expected) in [
            (Track::Both, [Running, Running], None),
            (Track::Technical, [Running, Approved], None),
            (Track::Both, [Approved, Running], Some("its marketing review has not ended; to wait for it: eqp wait s1")),
            (Track::Both, [Running, Approved], Some("its technical review has not ended")),
            (Track::Technical, [Approved, Open], Some("eqp release --submission s1 --track marketing")),
            (Track::Technical, [Approved, Running], Some("its marketing review has not ended")),
            (Track::Technical, [Approved, Rejected], Some("the marketing review rejected it")),
            (Track::Technical, [Approved, Approved], Some("has passed both reviews and is not in the store yet")),
        ] {
            let left = remaining(track, phases, "s1");
            assert_eq!(left.is_some(), expected.is_some(), "{track:?} {phases:?}: {left:?}");
            assert!(left.unwrap_or_default().contains(expected.unwrap_or_default()), "{track:?} {phases:?}");
        }
    }
}
