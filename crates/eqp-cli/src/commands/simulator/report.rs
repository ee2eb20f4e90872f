//! The simulator's output: connection details, and each callback when it is sent.

use std::path::Path;

use eqp_simulator::{CONTROL_PATH, SendResult, Sent, SentKind, Simulator as Marketplace};
use eqp_types::{Environment, Flow, MageId};
use serde::Serialize;

use super::folder::SimulatorFolder;
use crate::failure::Result;
use crate::output::{Output, shell_word, track_line, utc};

/// A running simulator as JSON. Secrets are in the named files.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RunningSimulator<'a> {
    /// The URL of the API.
    base_url: &'a str,
    /// The environment that it behaves like.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
    /// The application ID of the access key.
    application_id: &'a str,
    /// The file with its secret.
    application_secret_file: &'a Path,
    /// The certificate of the CA to trust.
    ca_file: &'a Path,
    /// A file of environment variables for a shell.
    environment_file: &'a Path,
    /// The URL of the control API.
    control_url: String,
    /// The file with the token for it.
    control_token_file: &'a Path,
}

/// Prints how to connect. The text contains the key, which is valid only here. The JSON contains only the path of its
/// file, because programs may log it.
pub(super) fn introduce(
    output: Output,
    marketplace: &Marketplace,
    folder: &SimulatorFolder,
    environment_file: &Path,
) -> Result {
    if output.is_json() {
        return output.json(&RunningSimulator {
            base_url: marketplace.base_url(),
            environment: marketplace.environment(),
            mage_id: marketplace.mage_id(),
            application_id: &marketplace.api_key().application_id,
            application_secret_file: &folder.secret_file(),
            ca_file: &folder.ca_file(),
            environment_file,
            control_url: format!("{}{CONTROL_PATH}", marketplace.base_url()),
            control_token_file: &folder.control_token_file(),
        });
    }
    let key = marketplace.api_key();
    output.line(format_args!(
        "The simulator runs at {url} and behaves like the {environment} environment.\n\n\
         account             {mage_id}\n\
         application ID      {id}\n\
         application secret  {secret}\n\
         CA to trust         {ca}\n\
         control API         {url}{CONTROL_PATH}\n\
         control token       {token}\n\n\
         Use it from a second terminal:\n\n. {file}\n\n\
         which sets:\n\n{lines}\n\
         Or with curl:\n\n{walk}",
        url = marketplace.base_url(),
        environment = marketplace.environment(),
        mage_id = marketplace.mage_id(),
        id = key.application_id,
        secret = key.application_secret.expose(),
        ca = folder.ca_file().display(),
        token = marketplace.control_token().expose(),
        file = shell_word(&environment_file.to_string_lossy()),
        lines = folder.environment(marketplace.base_url(), marketplace.environment()),
        walk = marketplace.walkthrough(&folder.ca_file()),
    ))?;
    output.note("callbacks appear below as they are sent; press Ctrl-C to stop");
    Ok(())
}

/// Formats a callback as one line.
pub(super) fn line(sent: &Sent) -> String {
    let flow = sent.flow.as_ref().map_or("-", Flow::as_str);
    let state = sent.status.as_deref().map_or_else(|| sent.event.clone(), |outcome| track_line([(flow, outcome)]));
    let kind = match sent.kind {
        SentKind::Plain => "",
        SentKind::Duplicate => "  (duplicate)",
        SentKind::Late => "  (late)",
        SentKind::Swapped => "  (swapped)",
        SentKind::Unknown => "  (unknown)",
        _ => "  (other)",
    };
    let result = match &sent.result {
        SendResult::Answered(status) => format!("{status} in {} ms", sent.latency.as_millis()),
        result => result.to_string(),
    };
    format!("{}  {}  {state}{kind}  → {}  {result}", utc(sent.at), sent.resource_id, sent.url)
}
