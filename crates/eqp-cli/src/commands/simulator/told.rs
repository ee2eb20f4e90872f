//! What the simulator says: how to reach it, and each callback as it is sent.

use eqp_simulator::{CONTROL_PATH, SendResult, Sent, SentKind, Simulator as Marketplace};
use eqp_types::Flow;
use serde_json::json;

use super::folder::SimulatorFolder;
use crate::failure::Outcome;
use crate::output::{Output, track_line, utc};

/// Says how to reach it. The key is worth nothing elsewhere; as JSON only its file is named, for programs that log.
pub(super) fn introduce(output: Output, marketplace: &Marketplace, folder: &SimulatorFolder) -> Outcome {
    if output.is_json() {
        return output.json(&json!({
            "base_url": marketplace.base_url(),
            "environment": marketplace.environment(),
            "mage_id": marketplace.mage_id(),
            "application_id": marketplace.api_key().application_id,
            "application_secret_file": folder.secret_file(),
            "ca_file": folder.ca_file(),
            "environment_file": folder.environment_file(),
            "control_url": format!("{}{CONTROL_PATH}", marketplace.base_url()),
            "control_token_file": folder.control_token_file(),
        }));
    }
    let key = marketplace.api_key();
    output.line(format_args!(
        "The Marketplace's stand-in runs at {url}, with the manners of {environment}.\n\n\
         account             {mage_id}\n\
         application id      {id}\n\
         application secret  {secret}\n\
         CA to trust         {ca}\n\
         control API         {url}{CONTROL_PATH}\n\
         its bearer token    {token}\n\n\
         Use it from a second terminal:\n\n{lines}\n\
         Or with curl:\n\n{walk}",
        url = marketplace.base_url(),
        environment = marketplace.environment(),
        mage_id = marketplace.mage_id(),
        id = key.application_id,
        secret = key.application_secret.expose(),
        ca = folder.ca_file().display(),
        token = marketplace.control_token().expose(),
        lines = folder.environment(marketplace.base_url(), marketplace.environment()),
        walk = marketplace.walk(&folder.ca_file()),
    ))?;
    output.note("callbacks are shown here as they are sent; Ctrl-C ends");
    Ok(())
}

/// One callback in one line.
pub(super) fn line(sent: &Sent) -> String {
    let flow = sent.flow.as_ref().map_or("-", Flow::as_str);
    let state = sent.outcome.as_deref().map_or_else(|| sent.event.clone(), |outcome| track_line([(flow, outcome)]));
    let kind = match sent.kind {
        SentKind::Plain => "",
        SentKind::Copy => "  (copy)",
        SentKind::Late => "  (late)",
        SentKind::Swapped => "  (swapped)",
        SentKind::Unknown => "  (unknown)",
        _ => "  (other)",
    };
    let result = match &sent.result {
        SendResult::Answered(status) => format!("{status} in {} ms", sent.latency.as_millis()),
        result => result.to_string(),
    };
    format!("{}  {}  {state}{kind}  → {}  {result}", utc(sent.at), sent.subject, sent.url)
}
