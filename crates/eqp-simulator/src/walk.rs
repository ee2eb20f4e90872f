//! Commands that walk through the API of a running simulator, to be typed into a shell.

use std::fmt;
use std::path::Path;

use eqp_types::{ApiKey, MageId};

/// Commands (sh and curl) for one simulator, in the order in which they are typed.
///
/// They hold the simulator's access key, which is worth nothing elsewhere: print them to a terminal, not into logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Walk {
    steps: Vec<WalkStep>,
}

/// One step of a walk.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkStep {
    /// What it does, in a few words.
    pub title: &'static str,
    /// The command.
    pub command: String,
}

impl Walk {
    pub(crate) fn new(base_url: &str, mage_id: &MageId, api_key: &ApiKey, ca_file: &Path) -> Self {
        let ca = quoted(&ca_file.display().to_string());
        let key = quoted(&format!("{}:{}", api_key.application_id, api_key.application_secret.expose()));
        let api = format!("{base_url}/rest/v1");
        let steps = vec![
            WalkStep {
                title: "Get a session token",
                command: format!(
                    "TOKEN=$(curl -sS --cacert {ca} -u {key} -H 'Content-Type: application/json' \\\n  \
                     -d '{{\"grant_type\": \"session\"}}' {api}/app/session/token \\\n  \
                     | sed 's/.*\"ust\":\"\\([^\"]*\\)\".*/\\1/')"
                ),
            },
            WalkStep {
                title: "Register a callback",
                command: format!(
                    "curl -sS --cacert {ca} -X PUT -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  \
                     -d '{{\"api_callbacks\": [{{\"name\": \"My 1st EQP Callback\", \"url\": \
                     \"https://developer.example.com/rest/v1/callback\", \"username\": \"key\", \"password\": \"secret\"}}]}}' \\\n  \
                     {api}/users/{mage_id}"
                ),
            },
            WalkStep {
                title: "Upload a file",
                command: format!(
                    "printf 'a user guide' > \"${{TMPDIR:-/tmp}}/guide.pdf\" &&\n\
                     curl -sS --cacert {ca} -H \"Authorization: Bearer $TOKEN\" \\\n  \
                     -F \"file[]=@${{TMPDIR:-/tmp}}/guide.pdf;type=application/pdf\" {api}/files/uploads"
                ),
            },
            WalkStep {
                title: "Create a package as a draft",
                command: format!(
                    "curl -sS --cacert {ca} -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  \
                     -d '[{{\"type\": \"extension\", \"platform\": \"M2\", \"name\": \"Badges\", \"version\": \"1.0.0\", \
                     \"long_description\": \"Badges for everyone\"}}]' \\\n  \
                     {api}/products/packages"
                ),
            },
            WalkStep {
                title: "List the packages",
                command: format!(
                    "curl -sS --cacert {ca} -H \"Authorization: Bearer $TOKEN\" '{api}/products/packages?sort=-created_at'"
                ),
            },
        ];
        Self { steps }
    }

    /// The steps.
    pub fn steps(&self) -> &[WalkStep] {
        &self.steps
    }

    /// Everything as one script.
    pub fn script(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "# {}\n{}\n", step.title, step.command)?;
        }
        Ok(())
    }
}

/// Text as one word of sh.
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
