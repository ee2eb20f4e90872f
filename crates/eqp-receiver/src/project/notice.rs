//! What a callback says.

use aws_lc_rs::digest;
use eqp_types::{Callback, EqpStatusUpdate, Flow, ItemId, MalwareScanComplete, Timestamp};

use super::decide::{Observation, spelled};
use crate::read::EventKind;

/// The flow of a status that was reported without one: a track of its own, since a guess could show a wrong review result.
const UNSPECIFIED_FLOW: &str = "unspecified";

/// Bytes of a digest that are kept: enough that two notices never share one.
const SAID_BYTES: usize = 16;

/// Stands for all that a notice says, with its account, subject and time.
pub(crate) type Said = [u8; SAID_BYTES];

/// Whose state a notice is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) account_id: i64,
    /// A submission or a file.
    pub(crate) kind: EventKind,
    pub(crate) id: String,
}

/// What a callback says of one submission or file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// A submission or a file.
    pub(crate) kind: EventKind,
    pub(crate) subject: String,
    pub(crate) item_id: Option<ItemId>,
    pub(crate) modified_at: Option<Timestamp>,
    /// Flows and their outcomes in canonical spelling, in the order in which they are folded: what is implied first, so
    /// that it is known what else moved when the named one is judged.
    outcomes: Vec<(Flow, String)>,
    /// The last of the outcomes is what the notice is about.
    names_last: bool,
}

/// Why a callback says nothing that can be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoticeError {
    #[error("`update_info` of `eqp_status_update` has no status that can be read")]
    NoStatus,
    #[error("an event code that is not documented")]
    Unknown,
}

impl Notice {
    /// Reads a callback as a notice.
    ///
    /// # Errors
    /// No status of it can be read.
    pub(crate) fn of(callback: Callback) -> Result<Self, NoticeError> {
        match callback {
            Callback::MalwareScanComplete(scan) => Ok(Self::of_scan(&scan)),
            Callback::EqpStatusUpdate(update) => Self::of_update(update),
            _ => Err(NoticeError::Unknown),
        }
    }

    fn of_scan(scan: &MalwareScanComplete) -> Self {
        Self {
            kind: EventKind::File,
            subject: scan.file_upload_id.as_str().to_owned(),
            item_id: None,
            modified_at: scan.modified_at,
            outcomes: vec![(Flow::Malware, spelled(&Flow::Malware, scan.tool_result.as_str()))],
            names_last: true,
        }
    }

    fn of_update(update: EqpStatusUpdate) -> Result<Self, NoticeError> {
        let mut named = update.named_outcome().map(|(flow, outcome)| (flow.clone(), outcome.to_owned()));
        let without_flow = update.current_status.or(update.eqp_state);
        let status = update.eqp_status.unwrap_or_default();
        let implied = [
            (Flow::Overall, status.overall.as_ref().map(eqp_types::OverallStatus::as_str)),
            (Flow::Technical, status.technical.as_ref().map(eqp_types::TechnicalStatus::as_str)),
            (Flow::Marketing, status.marketing.as_ref().map(eqp_types::MarketingStatus::as_str)),
        ];
        let mut outcomes = Vec::with_capacity(implied.len());
        for (flow, outcome) in implied {
            let Some(outcome) = outcome else { continue };
            if named.as_ref().is_some_and(|(named, _)| *named == flow) {
                continue;
            }
            let outcome = spelled(&flow, outcome);
            outcomes.push((flow, outcome));
        }
        if named.is_none() && outcomes.is_empty() {
            named = without_flow.map(|outcome| (Flow::from(UNSPECIFIED_FLOW), outcome));
        }
        let names_last = named.is_some();
        if let Some((flow, outcome)) = named {
            let outcome = spelled(&flow, &outcome);
            outcomes.push((flow, outcome));
        }
        if outcomes.is_empty() {
            return Err(NoticeError::NoStatus);
        }
        Ok(Self {
            kind: EventKind::Submission,
            subject: update.submission_id.as_str().to_owned(),
            item_id: update.item_id,
            modified_at: update.modified_at,
            outcomes,
            names_last,
        })
    }

    /// What it says of each flow, in the order in which to judge it; `time` is when, if that can be trusted.
    pub(crate) fn observations(&self, time: Option<Timestamp>) -> impl Iterator<Item = Observation<'_>> {
        let last = self.outcomes.len().saturating_sub(1);
        self.outcomes.iter().enumerate().map(move |(at, (flow, outcome))| Observation {
            flow,
            outcome,
            modified_at: time,
            named: self.names_last && at == last,
        })
    }

    /// Digest of the resource, the reported time and the statuses, whichever flow is named; none without a time, for the
    /// same statuses can then be news.
    pub(crate) fn said(&self, account_id: i64) -> Option<Said> {
        let at = self.modified_at?;
        let mut context = digest::Context::new(&digest::SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(&account_id.to_be_bytes());
        part(self.kind.as_str().as_bytes());
        part(self.subject.as_bytes());
        part(&at.moment().unix_timestamp().to_be_bytes());
        let mut outcomes: Vec<_> = self.outcomes.iter().collect();
        outcomes.sort_unstable();
        for (flow, outcome) in outcomes {
            part(flow.as_str().as_bytes());
            part(outcome.as_bytes());
        }
        context.finish().as_ref().first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(update_info: &str) -> Result<Notice, NoticeError> {
        let body = format!(r#"{{"callback_event": "eqp_status_update", "update_info": {update_info}}}"#);
        Notice::of(Callback::decode(body.as_bytes()).unwrap())
    }

    fn told(notice: &Notice) -> Vec<(&str, &str, bool)> {
        notice.observations(notice.modified_at).map(|seen| (seen.flow.as_str(), seen.outcome, seen.named)).collect()
    }

    const LATER_FORM: &str = r#"{"submission_id": "s1", "item_id": "i1", "eqp_flow": "technical",
        "current_status": "approved", "modified_at": "2022-08-25 19:20:21",
        "eqp_status": {"overall": "released_to_store", "technical": "in_manual_qa", "marketing": "approved"}}"#;

    #[test]
    fn what_is_named_comes_last_and_is_not_implied_too() {
        let notice = notice(LATER_FORM).unwrap();
        assert_eq!(
            told(&notice),
            [
                ("overall", "released_to_store", false),
                ("marketing", "approved", false),
                ("technical", "approved", true)
            ]
        );
        assert_eq!((notice.kind, notice.subject.as_str()), (EventKind::Submission, "s1"));
    }

    #[test]
    fn a_status_without_a_named_flow_is_implied_whole() {
        let notice = notice(r#"{"submission_id": "s1", "eqp_status": {"overall": "draft"}}"#).unwrap();
        assert_eq!(told(&notice), [("overall", "draft", false)]);
    }

    #[test]
    fn both_spellings_of_a_scan_say_the_same() {
        let scan = |word: &str| {
            let info =
                format!(r#"{{"file_upload_id": "f", "tool_result": "{word}", "modified_at": "2022-08-25 1:02:03"}}"#);
            let body = format!(r#"{{"callback_event": "malware_scan_complete", "update_info": {info}}}"#);
            Notice::of(Callback::decode(body.as_bytes()).unwrap()).unwrap()
        };
        assert_eq!(told(&scan("pass")), [("malware", "passed", true)]);
        assert_eq!(scan("pass").said(1), scan("passed").said(1));
        assert_ne!(scan("pass").said(1), scan("fail").said(1));
        assert_ne!(scan("pass").said(1), scan("pass").said(2));
    }

    #[test]
    fn without_a_time_nothing_is_said_for_good() {
        let notice = notice(r#"{"submission_id": "s1", "eqp_flow": "technical", "current_status": "draft"}"#).unwrap();
        assert_eq!(notice.said(1), None);
    }

    #[test]
    fn the_digest_depends_on_the_statuses_and_not_on_the_flow_that_is_named() {
        let marketing = LATER_FORM.replace("technical\",\n        \"current", "marketing\",\n        \"current");
        let technical = notice(&LATER_FORM.replace("in_manual_qa", "approved")).unwrap();
        let marketing = notice(&marketing.replace("in_manual_qa", "approved")).unwrap();
        assert_eq!(told(&marketing).last(), Some(&("marketing", "approved", true)));
        assert_eq!(technical.said(1), marketing.said(1));
        assert_ne!(technical.said(1), notice(&LATER_FORM.replace("19:20:21", "19:20:22")).unwrap().said(1));
    }

    #[test]
    fn statuses_are_spelled_as_the_documentation_spells_them() {
        let notice = notice(
            r#"{"submission_id": "s1", "eqp_flow": " TECHNICAL", "current_status": "Approved ",
            "eqp_status": {"overall": "IN_PROGRESS", "marketing": "On the moon"}}"#,
        );
        assert_eq!(
            told(&notice.unwrap()),
            [("overall", "in_progress", false), ("marketing", "On the moon", false), ("technical", "approved", true)]
        );
    }

    #[test]
    fn a_status_without_a_flow_is_reported_without_guessing_the_flow() {
        for (info, statuses) in [
            (
                r#"{"submission_id": "s1", "eqp_flow": "", "eqp_state": "approved"}"#,
                [("unspecified", "approved", true)],
            ),
            (r#"{"submission_id": "s1", "eqp_flow": {}, "current_status": "draft"}"#, [("unspecified", "draft", true)]),
            (
                r#"{"submission_id": "s1", "eqp_flow": "", "current_status": "draft", "eqp_status": {"overall": "approved"}}"#,
                [("overall", "approved", false)],
            ),
            (r#"{"submission_id": "s1", "eqp_flow": "legal", "current_status": "draft"}"#, [("legal", "draft", true)]),
        ] {
            assert_eq!(told(&notice(info).unwrap()), statuses, "{info}");
        }
    }

    #[test]
    fn without_any_readable_status_there_is_no_report() {
        let long = "x".repeat(256);
        for info in [
            r#"{"submission_id": "s1"}"#.to_owned(),
            format!(r#"{{"submission_id": "s1", "eqp_flow": "technical", "current_status": "{long}"}}"#),
            r#"{"submission_id": "s1", "eqp_flow": "technical", "current_status": ["approved"]}"#.to_owned(),
            r#"{"submission_id": "s1", "eqp_status": {"overall": "a\u0007", "technical": {}}}"#.to_owned(),
        ] {
            assert_eq!(notice(&info), Err(NoticeError::NoStatus), "{info}");
        }
    }
}
