//! Documented callbacks, made from flags.

use clap::Args;
use eqp_types::{
    Callback, EqpStatus, EqpStatusUpdate, Extra, FileUploadId, Flow, ItemId, MalwareScanComplete, MarketingStatus,
    OverallStatus, SubmissionId, TechnicalStatus, Timestamp,
};
use time::OffsetDateTime;

use crate::config::nearest;
use crate::failure::{Exit, Failure, Outcome};

const SCAN: &str = "malware_scan_complete";
const STATUS: &str = "eqp_status_update";

/// The documented events, each with when it is sent.
pub(super) fn events() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        (SCAN, "the malware scan of a file has ended: --file, --result"),
        (STATUS, "the state of a submission has changed: --submission, --item-id, --flow, --status"),
    ]
    .into_iter()
}

/// What a documented callback says.
#[derive(Args, Debug)]
#[command(next_help_heading = "What the callback says")]
pub(super) struct EventOptions {
    /// Id of the scanned file
    #[arg(long, value_name = "ID", default_value = "2309480238.238475.0")]
    file: FileUploadId,
    /// How the scan ended
    #[arg(long, value_name = "RESULT", default_value = "passed", value_parser = ["passed", "pass", "failed", "fail"])]
    result: String,
    /// Id of the submission
    #[arg(long, value_name = "ID", default_value = "s5w9k703ru")]
    submission: SubmissionId,
    /// The developer's own id of it [default: none]
    #[arg(long, value_name = "ID")]
    item_id: Option<ItemId>,
    /// The review that the callback names
    #[arg(long, value_name = "FLOW", default_value = "marketing", value_parser = ["technical", "marketing"])]
    flow: String,
    /// State of that review
    #[arg(long, value_name = "STATE", default_value = "approved")]
    status: String,
    /// State of the submission as a whole
    #[arg(long, value_name = "STATE", default_value = "in_progress")]
    overall: String,
    /// State of the review that is not named
    #[arg(long, value_name = "STATE", default_value = "draft")]
    other: String,
    /// When it changed, in UTC [default: now]
    #[arg(long, value_name = "TIME")]
    modified_at: Option<Timestamp>,
    /// The form first published: without time, and without the states of other reviews
    #[arg(long)]
    first_form: bool,
}

impl EventOptions {
    /// The body of a documented event.
    pub(super) fn body(&self, event: &str) -> Outcome<String> {
        let callback = match event {
            SCAN => Callback::MalwareScanComplete(self.scan()),
            STATUS => Callback::EqpStatusUpdate(self.status()?),
            other => {
                let failure = Failure::usage(format!("`{other}` is no documented event"));
                let codes = events().map(|(code, _)| code);
                let failure = match nearest(other, codes) {
                    Some(code) => failure.why(format!("did you mean `{code}`?")),
                    None => failure,
                };
                return Err(failure.next("eqp trigger list shows them; --data FILE sends any other"));
            }
        };
        serde_json::to_string(&callback)
            .map_err(|error| Failure::new(Exit::Failed, "the callback cannot be written").because(&error))
    }

    /// When it changed, in the later form.
    fn time(&self) -> Option<Timestamp> {
        let now = || Timestamp::of(OffsetDateTime::now_utc());
        (!self.first_form).then(|| self.modified_at.unwrap_or_else(now))
    }

    fn scan(&self) -> MalwareScanComplete {
        MalwareScanComplete {
            file_upload_id: self.file.clone(),
            tool_result: self.result.as_str().into(),
            modified_at: self.time(),
            extra: Extra::new(),
        }
    }

    fn status(&self) -> Outcome<EqpStatusUpdate> {
        let named_is_technical = self.flow == "technical";
        let (technical, marketing) =
            if named_is_technical { (&self.status, &self.other) } else { (&self.other, &self.status) };
        let (technical_flag, marketing_flag) =
            if named_is_technical { ("--status", "--other") } else { ("--other", "--status") };
        known(technical_flag, technical, TechnicalStatus::KNOWN)?;
        known(marketing_flag, marketing, MarketingStatus::KNOWN)?;
        known("--overall", &self.overall, OverallStatus::KNOWN)?;
        let flows = EqpStatus {
            overall: Some(self.overall.as_str().into()),
            technical: Some(technical.as_str().into()),
            marketing: Some(marketing.as_str().into()),
            extra: Extra::new(),
        };
        Ok(EqpStatusUpdate {
            submission_id: self.submission.clone(),
            item_id: self.item_id.clone(),
            eqp_flow: Some(Flow::from(self.flow.as_str())),
            current_status: Some(self.status.clone()),
            eqp_state: None,
            eqp_status: (!self.first_form).then_some(flows),
            modified_at: self.time(),
            extra: Extra::new(),
        })
    }
}

/// Refuses a state that the documentation does not know: a slip is more likely than a wish.
fn known(flag: &str, state: &str, states: &'static [&'static str]) -> Outcome {
    if states.contains(&state) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{state}` is no state for {flag}"))
        .why(format!("known there: {}", states.join(", ")))
        .next("--data FILE sends a callback with any other"))
}
