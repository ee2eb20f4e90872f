//! Builds documented callbacks from flags.

use clap::Args;
use eqp_types::{
    Callback, EqpStatus, EqpStatusUpdate, Extra, FileUploadId, Flow, ItemId, MalwareScanComplete, MarketingStatus,
    OverallStatus, SubmissionId, TechnicalStatus, Timestamp,
};
use time::OffsetDateTime;

use crate::failure::{Exit, Failure, Result};
use crate::text::nearest;

const SCAN: &str = "malware_scan_complete";
const STATUS: &str = "eqp_status_update";

/// Returns the documented events with their meaning and their flags.
pub(super) fn events() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        (SCAN, "the malware scan of a file has ended: --file, --result"),
        (STATUS, "the status of a submission has changed: --submission, --item-id, --flow, --status"),
    ]
    .into_iter()
}

/// The content of a documented callback.
#[derive(Args, Debug)]
#[command(next_help_heading = "Content of the callback")]
pub(super) struct EventOptions {
    /// ID of the scanned file
    #[arg(long, value_name = "ID", default_value = "2309480238.238475.0")]
    file: FileUploadId,
    /// Result of the scan
    #[arg(long, value_name = "RESULT", default_value = "passed", value_parser = ["passed", "pass", "failed", "fail"])]
    result: String,
    /// ID of the submission
    #[arg(long, value_name = "ID", default_value = "s5w9k703ru")]
    submission: SubmissionId,
    /// Your own item ID of the submission [default: none]
    #[arg(long, value_name = "ID")]
    item_id: Option<ItemId>,
    /// Flow that the callback is about
    #[arg(long, value_name = "FLOW", default_value = "marketing", value_parser = ["technical", "marketing"])]
    flow: String,
    /// Status of that flow
    #[arg(long, value_name = "STATUS", default_value = "approved")]
    status: String,
    /// Overall status of the submission
    #[arg(long, value_name = "STATUS", default_value = "in_progress")]
    overall: String,
    /// Status of the other flow
    #[arg(long, value_name = "STATUS", default_value = "draft")]
    other: String,
    /// Time of the change, in UTC [default: now]
    #[arg(long, value_name = "TIME")]
    modified_at: Option<Timestamp>,
    /// Send the older documented format, without a timestamp and without the status of other flows
    #[arg(long)]
    first_form: bool,
}

impl EventOptions {
    /// Returns the body of a documented event.
    pub(super) fn body(&self, event: &str) -> Result<String> {
        let callback = match event {
            SCAN => Callback::MalwareScanComplete(self.scan()),
            STATUS => Callback::EqpStatusUpdate(self.status()?),
            other => {
                let failure = Failure::usage(format!("`{other}` is not a documented event"));
                let codes = events().map(|(code, _)| code);
                let failure = match nearest(other, codes) {
                    Some(code) => failure.why(format!("did you mean `{code}`?")),
                    None => failure,
                };
                return Err(failure
                    .next("list documented events with `eqp trigger list`; send any other body with --data FILE"));
            }
        };
        serde_json::to_string(&callback)
            .map_err(|error| Failure::new(Exit::Failed, "the callback cannot be written").because(&error))
    }

    /// Returns the time of the change, which only the current format contains.
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

    fn status(&self) -> Result<EqpStatusUpdate> {
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
            extra: eqp_types::JsonObject::new(),
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

/// Rejects an undocumented status, which is most likely a typo.
fn known(flag: &str, state: &str, states: &'static [&'static str]) -> Result {
    if states.contains(&state) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{state}` is not a status for {flag}"))
        .why(format!("known values: {}", states.join(", ")))
        .next("to send any other status, write the callback to a file and pass --data FILE"))
}
