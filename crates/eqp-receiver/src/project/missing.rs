//! Which changes that an API read found should have been reported by a callback. No I/O.

use eqp_store::internal::{ReportId, Track};
use eqp_types::Flow;

/// Returns whether the Marketplace should have sent a callback about this change. `before` is the track before the read, and
/// `reported` whether a callback had reported this status for the same time.
///
/// A change is reported when it is one: nothing is sent when a submission is created as a draft, or while a file is being scanned. The
/// overall status has no callback of its own, and the older of the two forms does not contain it, so its changes are expected only if a
/// callback has reported the status before. If several statuses share a second, the right callback may have arrived without being applied.
pub(crate) fn is_callback_missing(flow: &Flow, status: &str, before: Option<&Track>, reported: bool) -> bool {
    if reported || before.is_some_and(|track| track.state.ambiguous) {
        return false;
    }
    match flow {
        Flow::Malware => !matches!(status, "queued" | "in-progress"),
        Flow::Overall => before.is_some_and(|track| matches!(track.report, Some(ReportId::Callback(_)))),
        _ => before.is_some() || status != "draft",
    }
}

#[cfg(test)]
mod tests {
    use eqp_store::internal::TrackState;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn track(report: ReportId, ambiguous: bool) -> Track {
        let state = TrackState {
            status: "in_progress".to_owned(),
            modified_at: None,
            seen_until: None,
            ambiguous,
            confirmed_at: None,
            unconfirmed: false,
            history_until: None,
        };
        Track {
            id: 1,
            flow: Flow::Overall,
            item_id: None,
            state,
            received_at: OffsetDateTime::UNIX_EPOCH,
            report: Some(report),
            reported_at: OffsetDateTime::UNIX_EPOCH,
            event_seq: 1,
            changed: false,
        }
    }

    #[test]
    fn only_what_the_marketplace_reports_can_be_missing() {
        let by_callback = track(ReportId::Callback(Uuid::nil()), false);
        let by_read = track(ReportId::ApiRead(Uuid::nil()), false);
        let ambiguous = track(ReportId::Callback(Uuid::nil()), true);
        for (flow, status, before, reported, is_missing) in [
            (Flow::Technical, "draft", None, false, false),
            (Flow::Technical, "in_automation", None, false, true),
            (Flow::Technical, "draft", Some(&by_callback), false, true),
            (Flow::Marketing, "approved", Some(&by_read), false, true),
            (Flow::Marketing, "approved", Some(&by_read), true, false),
            (Flow::Marketing, "approved", Some(&ambiguous), false, false),
            (Flow::Overall, "in_progress", None, false, false),
            (Flow::Overall, "released_to_store", Some(&by_callback), false, true),
            (Flow::Overall, "released_to_store", Some(&by_read), false, false),
            (Flow::Malware, "in-progress", None, false, false),
            (Flow::Malware, "failed", None, false, true),
        ] {
            assert_eq!(is_callback_missing(&flow, status, before, reported), is_missing, "{flow} {status}");
        }
    }
}
