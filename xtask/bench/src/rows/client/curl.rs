//! Uploads the same file to the same simulator with `curl`, as a baseline.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::marketplace::Reach;
use crate::session;

/// A curl command with a session.
pub(super) struct Curl {
    base_url: String,
    ca: PathBuf,
    token: String,
}

/// Returns the installed curl; `None` if there is none.
pub(super) fn find(folder: &Path, reach: &Reach) -> Result<Option<Curl>, Failure> {
    let quiet = Command::new("curl").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !quiet.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, &reach.ca_pem)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let http = session::http(&reach.ca_pem)?;
    let token = runtime.block_on(session::token(&http, &reach.base_url, &reach.key()))?;
    Ok(Some(Curl { base_url: reach.base_url.clone(), ca, token }))
}

impl Curl {
    /// Uploads a file, and returns the seconds from the start of the connection to the end of the response, as measured
    /// by curl.
    pub(super) fn upload(&self, archive: &Path) -> Result<f64, Failure> {
        // Passed through standard input, so that the token does not appear in a process list.
        let config = format!(
            "url = \"{}/rest/v1/files/uploads\"\ncacert = \"{}\"\nheader = \"Authorization: Bearer {}\"\n\
             form = \"file[]=@{};type=application/zip\"\noutput = \"/dev/null\"\nwrite-out = \"%{{time_total}}\"\n\
             silent\nshow-error\nfail\n",
            self.base_url,
            self.ca.display(),
            self.token,
            archive.display(),
        );
        let mut curl =
            Command::new("curl").args(["--config", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        if let Some(mut input) = curl.stdin.take() {
            input.write_all(config.as_bytes())?;
        }
        let output = curl.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("curl failed ({})", output.status).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
    }
}
