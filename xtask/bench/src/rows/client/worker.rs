//! The measured process: a fresh process in which our client performs one task.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Instant;

use clap::{Args, ValueEnum};
use eqp_client::{Client, PackageFilter};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::memory::Added;
use crate::Failure;
use crate::marketplace::Reach;
use crate::receivers::again;

/// The task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Uploads the archive.
    Upload,
    /// Reads every package.
    Stream,
}

/// The arguments of the process.
#[derive(Debug, Args)]
pub(crate) struct Works {
    task: Task,
    archive: PathBuf,
}

/// The result.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    /// The run time in seconds, including session and connection.
    pub(super) seconds: f64,
    /// The peak memory in MB, minus that of the idle client.
    pub(super) added: Option<f64>,
    /// The number of packages or files.
    pub(super) count: usize,
}

/// Starts this program again for one task. The arguments are passed through standard input, so that the key does not
/// appear in a process list.
pub(super) fn start(task: Task, reach: &Reach, archive: &Path) -> Result<Done, Failure> {
    let name = task.to_possible_value().expect("no task is skipped").get_name().to_owned();
    let mut child = again()?
        .args(["work".as_ref(), name.as_ref(), archive.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&serde_json::to_vec(reach)?)?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("the client failed at {task:?} ({})", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs that process.
pub(crate) fn work(options: &Works) -> Result<(), Failure> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let reach: Reach = serde_json::from_slice(&input)?;
    // Most programs that use the client have this runtime.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let client = reach.client()?;
        let memory = Added::begin();
        let begun = Instant::now();
        let count = match options.task {
            Task::Upload => upload(&client, &options.archive).await?,
            Task::Stream => stream(&client).await?,
        };
        let done =
            Done { seconds: begun.elapsed().as_secs_f64(), added: memory.and_then(|memory| memory.peak()), count };
        println!("{}", serde_json::to_string(&done)?);
        Ok(())
    })
}

async fn upload(client: &Client, archive: &Path) -> Result<usize, Failure> {
    let uploaded = client.files().upload(&[archive]).await?;
    let sent = std::fs::metadata(archive)?.len();
    let arrived = uploaded[0].size.and_then(|size| u64::try_from(size).ok());
    if arrived == Some(sent) {
        return Ok(uploaded.len());
    }
    Err(format!("of {sent} bytes {arrived:?} arrived").into())
}

async fn stream(client: &Client) -> Result<usize, Failure> {
    let mut packages = pin!(client.packages().stream(PackageFilter::new()));
    let mut count = 0;
    while let Some(package) = packages.try_next().await? {
        count += usize::from(package.submission_id.is_some());
    }
    Ok(count)
}
