//! `eqp files`: archives, pictures and documents at the Marketplace.

mod delete;
mod list;
mod show;
mod upload;

use clap::Subcommand;
use eqp_types::{Environment, FileRecord};

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{or_dash, track_line};

/// Upload files and look at them
#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    List(list::List),
    Show(show::Show),
    Upload(upload::Upload),
    Delete(delete::Delete),
}

impl Files {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Upload(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// The heads of a table of files.
const HEADS: &[&str] = &["environment", "id", "file", "type", "bytes", "scan", "submissions"];
/// Those of its columns that are numbers.
const RIGHT: &[usize] = &[4];

/// A file as a row of it.
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
