//! Shell commands that walk through the API of a running simulator.

use std::fmt;
use std::path::Path;

use eqp_types::{ApiKey, MageId, Secret};

use crate::control::PATH as CONTROL_PATH;

/// Shell commands (sh and curl) for one simulator, in the order in which to run them.
///
/// They contain the simulator's access key, which is of no use elsewhere, but should still not appear in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Walkthrough {
    steps: Vec<WalkthroughStep>,
}

/// One step of a [`Walkthrough`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkthroughStep {
    /// A short description.
    pub title: &'static str,
    /// The command.
    pub command: String,
}

/// The simulator that the commands call.
pub(crate) struct Destination<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) mage_id: &'a MageId,
    pub(crate) api_key: &'a ApiKey,
    pub(crate) control_token: &'a Secret,
    pub(crate) ca_file: &'a Path,
}

impl Walkthrough {
    pub(crate) fn new(destination: &Destination<'_>) -> Self {
        let Destination { base_url, mage_id, api_key, control_token, ca_file } = destination;
        let ca = quoted(&ca_file.display().to_string());
        let key = quoted(&format!("{}:{}", api_key.application_id, api_key.application_secret.expose()));
        let control_token = quoted(control_token.expose());
        let api = format!("{base_url}/rest/v1");
        let control = format!("{base_url}{CONTROL_PATH}");
        let curl = format!("curl -sS --cacert {ca}");
        let bearer = r#"-H "Authorization: Bearer $TOKEN""#;
        let operator = r#"-H "Authorization: Bearer $CONTROL""#;
        let json = "-H 'Content-Type: application/json'";
        let steps = [
            (
                "Get a session token",
                format!(
                    "TOKEN=$({curl} -u {key} {json} \\\n  \
                     -d '{{\"grant_type\": \"session\"}}' {api}/app/session/token \\\n  \
                     | sed 's/.*\"ust\":\"\\([^\"]*\\)\".*/\\1/')"
                ),
            ),
            (
                "Register a callback",
                format!(
                    "{curl} -X PUT {bearer} {json} \\\n  \
                     -d '{{\"api_callbacks\": [{{\"name\": \"My 1st EQP Callback\", \"url\": \
                     \"https://developer.example.com/rest/v1/callback\", \"username\": \"key\", \"password\": \"secret\"}}]}}' \\\n  \
                     {api}/users/{mage_id}"
                ),
            ),
            (
                "Upload a file",
                format!(
                    "printf 'a user guide' > \"${{TMPDIR:-/tmp}}/guide.pdf\" &&\n\
                     {curl} {bearer} \\\n  \
                     -F \"file[]=@${{TMPDIR:-/tmp}}/guide.pdf;type=application/pdf\" {api}/files/uploads"
                ),
            ),
            (
                "Create a package as a draft",
                format!(
                    "{curl} {bearer} {json} \\\n  \
                     -d '[{{\"item_id\": \"walk\", \"type\": \"extension\", \"platform\": \"M2\", \"name\": \"Badges\", \
                     \"version\": \"1.0.0\", \"long_description\": \"Badges for everyone\"}}]' \\\n  \
                     {api}/products/packages"
                ),
            ),
            (
                "Update it by its item ID",
                format!(
                    "{curl} -X PUT {bearer} {json} \\\n  \
                     -d '{{\"release_notes\": \"The first version\"}}' {api}/products/packages/walk"
                ),
            ),
            (
                "Read it and its test results by its item ID",
                format!(
                    "{curl} {bearer} {api}/products/packages/items/walk &&\n\
                     {curl} {bearer} {api}/products/packages/item/walk/status"
                ),
            ),
            ("List the packages", format!("{curl} {bearer} '{api}/products/packages?name=badges&sort=-created_at'")),
            (
                "Make the next list fail, through the control API",
                format!(
                    "CONTROL={control_token} &&\n\
                     {curl} {operator} {json} \\\n  \
                     -d '{{\"fault\": \"status=503 call=packages.list times=1\"}}' {control}/faults &&\n\
                     {curl} {bearer} {api}/products/packages"
                ),
            ),
            ("List the packages through the control API", format!("{curl} {operator} '{control}/packages?limit=5'")),
        ];
        Self { steps: steps.into_iter().map(|(title, command)| WalkthroughStep { title, command }).collect() }
    }

    /// Returns the steps.
    pub fn steps(&self) -> &[WalkthroughStep] {
        &self.steps
    }

    /// Returns all steps as one shell script.
    pub fn script(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Walkthrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "# {}\n{}\n", step.title, step.command)?;
        }
        Ok(())
    }
}

/// Returns text as one quoted word of sh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_one_word() {
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
