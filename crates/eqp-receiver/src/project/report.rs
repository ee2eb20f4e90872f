//! The status report of a callback or an API read, independent of its form.

use aws_lc_rs::digest;
use eqp_types::{Callback, EqpStatusUpdate, Flow, ItemId, MalwareScanComplete, ResourceRead, Timestamp};

use super::decide::Observation;
use eqp_store::ResourceKind;
use eqp_store::internal::{ContentDigest, canonical_status};

/// The flow of a status that was reported without one. It has its own track, because a guessed flow could show a wrong result.
const UNSPECIFIED_FLOW: &str = "unspecified";

/// A decoded callback or API read: a resource, an optional time, and the statuses of one to three flows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StatusReport {
    /// The kind of the resource.
    pub(crate) kind: ResourceKind,
    pub(crate) resource_id: String,
    pub(crate) item_id: Option<ItemId>,
    pub(crate) modified_at: Option<Timestamp>,
    /// Flows and their statuses in canonical spelling. Implied ones come first, because the rule for the explicit one depends on
    /// whether others have changed.
    statuses: Vec<(Flow, String)>,
    /// Whether the last of the statuses is explicit.
    last_is_explicit: bool,
}

/// The reason why a callback is not a status report.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatusReportError {
    #[error("`update_info` of `eqp_status_update` has no status that can be read")]
    NoStatus,
    #[error("the event code is not documented")]
    Unknown,
}

impl StatusReport {
    /// Converts a callback.
    ///
    /// # Errors
    /// [`StatusReportError::NoStatus`] if no status of it can be read, and [`StatusReportError::Unknown`] for an undocumented
    /// event code.
    pub(crate) fn of(callback: Callback) -> Result<Self, StatusReportError> {
        match callback {
            Callback::MalwareScanComplete(scan) => Ok(Self::of_scan(&scan)),
            Callback::EqpStatusUpdate(update) => Self::of_update(update),
            _ => Err(StatusReportError::Unknown),
        }
    }

    /// Converts an API read. All its statuses are implied.
    pub(crate) fn of_read(kind: ResourceKind, read: ResourceRead) -> Self {
        let ResourceRead { resource_id, item_id, modified_at, statuses, .. } = read;
        Self { kind, resource_id, item_id, modified_at, statuses, last_is_explicit: false }
    }

    fn of_scan(scan: &MalwareScanComplete) -> Self {
        Self {
            kind: ResourceKind::File,
            resource_id: scan.file_upload_id.as_str().to_owned(),
            item_id: None,
            modified_at: scan.modified_at,
            statuses: vec![(Flow::Malware, canonical_status(&Flow::Malware, scan.tool_result.as_str()))],
            last_is_explicit: true,
        }
    }

    fn of_update(update: EqpStatusUpdate) -> Result<Self, StatusReportError> {
        let mut explicit = update.explicit_status().map(|(flow, status)| (flow.clone(), status.to_owned()));
        let without_flow = update.current_status.or(update.eqp_state);
        // The older format has no `eqp_status`.
        let status = update.eqp_status.unwrap_or_default();
        let implied = [
            (Flow::Overall, status.overall.as_ref().map(eqp_types::OverallStatus::as_str)),
            (Flow::Technical, status.technical.as_ref().map(eqp_types::TechnicalStatus::as_str)),
            (Flow::Marketing, status.marketing.as_ref().map(eqp_types::MarketingStatus::as_str)),
        ];
        let mut statuses = Vec::with_capacity(implied.len());
        for (flow, status) in implied {
            let Some(status) = status else { continue };
            if explicit.as_ref().is_some_and(|(explicit, _)| *explicit == flow) {
                continue;
            }
            let status = canonical_status(&flow, status);
            statuses.push((flow, status));
        }
        if explicit.is_none() && statuses.is_empty() {
            explicit = without_flow.map(|status| (Flow::from(UNSPECIFIED_FLOW), status));
        }
        let last_is_explicit = explicit.is_some();
        if let Some((flow, status)) = explicit {
            let status = canonical_status(&flow, &status);
            statuses.push((flow, status));
        }
        if statuses.is_empty() {
            return Err(StatusReportError::NoStatus);
        }
        Ok(Self {
            kind: ResourceKind::Submission,
            resource_id: update.submission_id.as_str().to_owned(),
            item_id: update.item_id,
            modified_at: update.modified_at,
            statuses,
            last_is_explicit,
        })
    }

    /// Returns the observations in the order in which the rule is applied to them. `time` is the reported time, if it can be
    /// trusted.
    pub(crate) fn observations(&self, time: Option<Timestamp>) -> impl Iterator<Item = Observation<'_>> {
        let last = self.statuses.len().saturating_sub(1);
        self.statuses.iter().enumerate().map(move |(at, (flow, status))| Observation {
            flow,
            status,
            modified_at: time,
            explicit: self.last_is_explicit && at == last,
        })
    }

    /// Returns the flow that the report is about; if there is none, one of those that it mentions.
    pub(crate) fn main_flow(&self) -> Option<&Flow> {
        self.statuses.last().map(|(flow, _)| flow)
    }

    /// Returns a digest of the resource, the reported time and the statuses, regardless of which flow is explicit. Returns `None`
    /// without a time, because the same statuses can then be new.
    pub(crate) fn content_digest(&self, account_id: i64) -> Option<ContentDigest> {
        let at = self.modified_at?;
        let mut context = digest::Context::new(&digest::SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(&account_id.to_be_bytes());
        part(self.kind.as_str().as_bytes());
        part(self.resource_id.as_bytes());
        part(&at.to_utc().unix_timestamp().to_be_bytes());
        let mut statuses: Vec<_> = self.statuses.iter().collect();
        statuses.sort_unstable();
        for (flow, status) in statuses {
            part(flow.as_str().as_bytes());
            part(status.as_bytes());
        }
        context.finish().as_ref().first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(update_info: &str) -> Result<StatusReport, StatusReportError> {
        let body = format!(r#"{{"callback_event": "eqp_status_update", "update_info": {update_info}}}"#);
        StatusReport::of(Callback::decode(body.as_bytes()).unwrap())
    }

    fn observed(report: &StatusReport) -> Vec<(&str, &str, bool)> {
        report.observations(report.modified_at).map(|one| (one.flow.as_str(), one.status, one.explicit)).collect()
    }

    #[test]
    fn the_flow_of_a_file_is_not_a_flow_of_a_submission() {
        let alone = report(r#"{"submission_id": "s1", "eqp_flow": "malware", "current_status": "passed"}"#).unwrap();
        assert_eq!(observed(&alone), [("unspecified", "passed", true)]);
        let beside = report(
            r#"{"submission_id": "s1", "eqp_flow": "Malware", "current_status": "passed", "eqp_status": {"overall": "draft"}}"#,
        );
        assert_eq!(observed(&beside.unwrap()), [("overall", "draft", false)]);
    }

    const LATER_FORM: &str = r#"{"submission_id": "s1", "item_id": "i1", "eqp_flow": "technical",
        "current_status": "approved", "modified_at": "2022-08-25 19:20:21",
        "eqp_status": {"overall": "released_to_store", "technical": "in_manual_qa", "marketing": "approved"}}"#;

    #[test]
    fn the_explicit_status_comes_last_and_is_not_implied_as_well() {
        let report = report(LATER_FORM).unwrap();
        assert_eq!(
            observed(&report),
            [
                ("overall", "released_to_store", false),
                ("marketing", "approved", false),
                ("technical", "approved", true)
            ]
        );
        assert_eq!((report.kind, report.resource_id.as_str()), (ResourceKind::Submission, "s1"));
    }

    #[test]
    fn statuses_without_an_explicit_flow_are_implied() {
        let report = report(r#"{"submission_id": "s1", "eqp_status": {"overall": "draft"}}"#).unwrap();
        assert_eq!(observed(&report), [("overall", "draft", false)]);
    }

    #[test]
    fn both_spellings_of_a_scan_result_are_equal() {
        let scan = |word: &str| {
            let info =
                format!(r#"{{"file_upload_id": "f", "tool_result": "{word}", "modified_at": "2022-08-25 1:02:03"}}"#);
            let body = format!(r#"{{"callback_event": "malware_scan_complete", "update_info": {info}}}"#);
            StatusReport::of(Callback::decode(body.as_bytes()).unwrap()).unwrap()
        };
        assert_eq!(observed(&scan("pass")), [("malware", "passed", true)]);
        assert_eq!(scan("pass").content_digest(1), scan("passed").content_digest(1));
        assert_ne!(scan("pass").content_digest(1), scan("fail").content_digest(1));
        assert_ne!(scan("pass").content_digest(1), scan("pass").content_digest(2));
    }

    #[test]
    fn without_a_time_there_is_no_content_digest() {
        let report = report(r#"{"submission_id": "s1", "eqp_flow": "technical", "current_status": "draft"}"#).unwrap();
        assert_eq!(report.content_digest(1), None);
    }

    #[test]
    fn the_digest_depends_on_the_statuses_and_not_on_the_explicit_flow() {
        let marketing = LATER_FORM.replace("technical\",\n        \"current", "marketing\",\n        \"current");
        let technical = report(&LATER_FORM.replace("in_manual_qa", "approved")).unwrap();
        let marketing = report(&marketing.replace("in_manual_qa", "approved")).unwrap();
        assert_eq!(observed(&marketing).last(), Some(&("marketing", "approved", true)));
        assert_eq!(technical.content_digest(1), marketing.content_digest(1));
        assert_ne!(
            technical.content_digest(1),
            report(&LATER_FORM.replace("19:20:21", "19:20:22")).unwrap().content_digest(1)
        );
    }

    #[test]
    fn statuses_are_spelled_as_the_documentation_spells_them() {
        let report = report(
            r#"{"submission_id": "s1", "eqp_flow": " TECHNICAL", "current_status": "Approved ",
            "eqp_status": {"overall": "IN_PROGRESS", "marketing": "On the moon"}}"#,
        );
        assert_eq!(
            observed(&report.unwrap()),
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
            assert_eq!(observed(&report(info).unwrap()), statuses, "{info}");
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
            assert_eq!(report(&info), Err(StatusReportError::NoStatus), "{info}");
        }
    }
}
