//! `eqp files upload`.

use std::path::PathBuf;

use clap::Args;

use crate::compose::client::client;
use crate::compose::upload::upload;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, Whole, counted, or_dash};

/// Upload files; their malware scan begins afterwards
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files upload my-extension-1.0.0.zip icon.png user-guide.pdf
  eqp files upload my-extension-1.0.0.zip --json | jq -r '.files[0].file_upload_id'")]
pub(crate) struct Upload {
    /// The files: zip, pdf, png, jpg or gif
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Upload {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        context.confirmation.ask(environment, &format!("Upload {}", counted(self.files.len(), "file")))?;
        let uploaded = upload(&client, &self.files, context.output).await?;
        if context.output.is_json() {
            return context.output.json(&Whole { name: "files", environment: Some(environment), items: &uploaded });
        }
        let mut table = Table::new(&["environment", "file", "id", "bytes"]);
        table.right(3);
        for (path, file) in self.files.iter().zip(&uploaded) {
            table.row([
                environment.to_string(),
                path.display().to_string(),
                file.file_upload_id.to_string(),
                or_dash(file.size),
            ]);
        }
        context.output.line(table)
    }
}
