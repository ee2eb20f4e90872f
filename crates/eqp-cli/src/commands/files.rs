//! `eqp files`: manages archives, images and documents at the Marketplace.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eqp_client::Client;
use eqp_client::files::check_file;
use eqp_types::{ApiError, Environment, FileRecord, FileUploadId, UploadedFile};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, RequestPlan, Verb};
use crate::commands::paging::{Listed, Paging};
use crate::compose::client::{client, upload};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, PagedTable, Table, counted, or_dash, track_line};
use crate::text::refusal;

/// Upload, list, show and delete files
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp files upload my-extension-1.0.0.zip user-guide.pdf
  eqp files show 2309480238.238475.0       # the result of the malware scan
  eqp files list --limit 50")]
pub(crate) enum Files {
    List(List),
    Show(Show),
    Upload(Upload),
    Delete(Delete),
}

impl Files {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Upload(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// The column headings of a table of files.
const HEADS: &[&str] = &["environment", "id", "file", "type", "bytes", "scan", "submissions"];
/// The columns of this table that are right-aligned, because they contain numbers.
const RIGHT: &[usize] = &[4];

/// Formats a file as a row of this table.
fn row(environment: Environment, record: &FileRecord) -> Vec<String> {
    let file = &record.file;
    let scan = record.malware_status.as_ref().map(|scan| track_line([("malware", scan.as_str())]));
    let submissions: Vec<_> = record.submission_ids.iter().map(ToString::to_string).collect();
    vec![
        environment.to_string(),
        file.file_upload_id.to_string(),
        or_dash(file.filename.as_ref()),
        or_dash(file.content_type.as_ref()),
        or_dash(file.size),
        or_dash(scan),
        or_dash((!submissions.is_empty()).then(|| submissions.join(" "))),
    ]
}

/// A section of the list of files as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct FileSection {
    /// The environment.
    environment: Environment,
    /// The number of files, if the Marketplace reports it.
    total: Option<u64>,
    /// The files, as the Marketplace returns them.
    files: Vec<FileRecord>,
}

fn section(environment: Environment, total: Option<u64>, files: Vec<FileRecord>) -> FileSection {
    FileSection { environment, total, files }
}

/// List uploaded files in the Marketplace's order (the API has no filters or sorting)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files list --limit 50
  eqp files list --all --json \\
      | jq -r 'select(.malware_status == \"fail\") | .file_upload_id'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let listed = Listed { name: "files", heads: HEADS, right: RIGHT, row, section };
        self.paging
            .show(context, client.environment(), &listed, async |offset, limit| {
                client.files().list(offset, limit).await
            })
            .await
    }
}

/// Show an uploaded file and the result of its malware scan
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files show 2309480238.238475.0
  eqp files show 2309480238.238475.0 --json | jq -r .malware_status")]
pub(crate) struct Show {
    /// ID of the file, as shown by `eqp files list`
    file_upload_id: FileUploadId,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let record = client.files().get(&self.file_upload_id).await?;
        if context.output.is_json() {
            return context.output.json(&record);
        }
        context.output.line(PagedTable::new(HEADS, RIGHT).page([row(client.environment(), &record)]))
    }
}

/// Upload files and start their malware scans
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files upload my-extension-1.0.0.zip icon.png user-guide.pdf
  eqp files upload my-extension-1.0.0.zip --json \\
      | jq -r '.files[0].file_upload_id'")]
pub(crate) struct Upload {
    /// Files to upload: zip, pdf, png, jpg or gif
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show what would be uploaded, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Uploads files.
struct FileUpload {
    client: Client,
    files: Vec<PathBuf>,
    output: Output,
}

impl Change for FileUpload {
    type Plan = RequestPlan;
    type Applied = Vec<UploadedFile>;

    async fn observe(&mut self) -> Result<RequestPlan> {
        for path in &self.files {
            check_file(path).await?;
        }
        Ok(RequestPlan {
            environment: self.client.environment(),
            verb: Verb::Upload,
            object: counted(self.files.len(), "file"),
            items: self.files.iter().map(|path| path.display().to_string()).collect(),
        })
    }

    async fn apply(self, _: RequestPlan, _: Confirmation) -> Result<Vec<UploadedFile>> {
        upload(&self.client, &self.files, self.output).await
    }
}

/// The uploaded files as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct UploadedFiles<'a> {
    /// The environment.
    environment: Environment,
    /// The files, in the order of the arguments, as the Marketplace returns them.
    files: &'a [UploadedFile],
}

impl Upload {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let change = FileUpload { client, files: self.files.clone(), output: context.output };
        let Some(uploaded) = change::run(context, change, self.dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&UploadedFiles { environment, files: &uploaded });
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

/// Delete an uploaded file (undocumented call; the Marketplace may reject it)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files delete 2309480238.238475.0
  eqp files delete 2309480238.238475.0 --environment production --yes")]
pub(crate) struct Delete {
    /// ID of the file, as shown by `eqp files list`
    file_upload_id: FileUploadId,
    /// Show what would be deleted, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Deletes a file.
struct FileDeletion {
    client: Client,
    id: FileUploadId,
}

impl Change for FileDeletion {
    type Plan = RequestPlan;
    /// The reasons why the file was not deleted; empty if it was deleted.
    type Applied = Vec<ApiError>;

    async fn observe(&mut self) -> Result<RequestPlan> {
        Ok(RequestPlan {
            environment: self.client.environment(),
            verb: Verb::Delete,
            object: format!("the file {}", self.id),
            items: vec![self.id.to_string()],
        })
    }

    async fn apply(self, _: RequestPlan, _: Confirmation) -> Result<Vec<ApiError>> {
        Ok(self.client.files().delete(&self.id).await?)
    }
}

/// The result of a deletion as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DeletedFile<'a> {
    /// The environment.
    environment: Environment,
    /// ID of the file, as shown by `eqp files list`
    file_upload_id: &'a FileUploadId,
    /// Whether the file was deleted.
    deleted: bool,
    /// The reasons why it was not deleted: an error of the Marketplace for each package that uses it.
    kept_by: &'a [ApiError],
}

impl Delete {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let id = &self.file_upload_id;
        let deletion = FileDeletion { client, id: id.clone() };
        let Some(kept_by) = change::run(context, deletion, self.dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            let deleted = kept_by.is_empty();
            context.output.json(&DeletedFile { environment, file_upload_id: id, deleted, kept_by: &kept_by })?;
        } else if kept_by.is_empty() {
            context.output.line(format_args!("deleted {id} in {environment}"))?;
        }
        if kept_by.is_empty() {
            return Ok(());
        }
        let reasons = kept_by.iter().map(|reason| {
            let submission = reason.extra.get("submission_id").and_then(serde_json::Value::as_str);
            format!("{}: {}", submission.unwrap_or("-"), refusal(reason.message.as_deref(), reason.code))
        });
        Err(reasons
            .fold(Failure::new(Exit::Rejected, format!("{id} was not deleted")), Failure::why)
            .next("remove the packages that use it from the store first"))
    }
}
