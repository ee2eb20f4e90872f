//! Uploads files. All files are validated before anything is sent, and are read in small chunks while they are sent.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use eqp_types::{UploadedFile, calls};
use futures_util::stream::{self, Stream, TryStreamExt};
use reqwest::multipart::{Form, Part};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{FileKind, Files};
use crate::Error;
use crate::problem::{ChangedFile, FileProblem};
use crate::transport::Request;

impl Files<'_> {
    /// Uploads files and returns them in the same order. The Marketplace then scans them for malware.
    ///
    /// All files are validated before anything is sent, and are streamed from disk.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be read, is empty, too large, of an unsupported type or not a regular file, or if it changes
    /// during the upload; the [errors of every call](crate::Error#errors-of-every-call).
    pub async fn upload<P: AsRef<Path>>(self, paths: &[P]) -> Result<Vec<UploadedFile>, Error> {
        self.upload_with_progress(paths, NoProgress).await
    }

    /// Uploads files and reports how many bytes were sent to `progress`.
    ///
    /// # Errors
    /// The errors of [`Files::upload`].
    pub async fn upload_with_progress<P: AsRef<Path>>(
        self,
        paths: &[P],
        progress: impl Progress + 'static,
    ) -> Result<Vec<UploadedFile>, Error> {
        let mut selected = Vec::with_capacity(paths.len());
        for path in paths {
            selected.push(SelectedFile::inspect(path.as_ref()).await?);
        }
        if selected.is_empty() {
            return Ok(Vec::new());
        }
        let length = selected.iter().map(|file| file.bytes).sum();
        let count = selected.len();
        let progress: Arc<dyn Progress> = Arc::new(progress);
        let request = Request::new(&calls::FILES_UPLOAD, &[])?.form(length, move || form(&selected, &progress));
        let answer = self.client.call(request).await?;
        let uploaded: Vec<UploadedFile> = answer.json()?;
        if uploaded.len() != count {
            return Err(answer.unexpected("", format!("it has {} files, but the request had {count}", uploaded.len())));
        }
        Ok(uploaded)
    }
}

/// Checks that a file can be uploaded, as [`Files::upload`] does before it sends anything. Returns its size in bytes.
///
/// ```
/// # async fn example() -> Result<(), eqp_client::Error> {
/// let bytes = eqp_client::files::check_file("badges-1.0.0.zip".as_ref()).await?;
/// println!("{bytes} bytes to upload");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::File`] if the file cannot be read, is empty, too large, of an unsupported type or not a regular file.
pub async fn check_file(path: &Path) -> Result<u64, Error> {
    Ok(SelectedFile::inspect(path).await?.bytes)
}

fn form(selected: &[SelectedFile], progress: &Arc<dyn Progress>) -> Form {
    selected.iter().enumerate().fold(Form::new(), |form, (index, file)| {
        let bytes = reqwest::Body::wrap_stream(chunks(file.clone(), index, Arc::clone(progress)));
        let headers = [(http::header::CONTENT_TYPE, http::HeaderValue::from_static(file.kind.content_type()))];
        let part = Part::stream_with_length(bytes, file.bytes)
            .file_name(file.name.clone())
            .headers(headers.into_iter().collect());
        form.part("file[]", part)
    })
}

/// Receives the progress of an upload. Implemented for every `Fn(usize, u64, u64)`.
pub trait Progress: Send + Sync {
    /// Reports that `bytes` of `total` bytes of the file at index `file` were passed to the connection.
    ///
    /// Starts again at the beginning if the upload is retried.
    fn sent(&self, file: usize, bytes: u64, total: u64);
}

impl<F: Fn(usize, u64, u64) + Send + Sync> Progress for F {
    fn sent(&self, file: usize, bytes: u64, total: u64) {
        self(file, bytes, total);
    }
}

/// Ignores the progress.
#[derive(Clone, Copy, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn sent(&self, _file: usize, _bytes: u64, _total: u64) {}
}

/// A readable file of a supported type, within the size limit.
#[derive(Clone, Debug)]
pub(super) struct SelectedFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) kind: FileKind,
    pub(super) bytes: u64,
}

impl SelectedFile {
    /// Validates the file.
    pub(super) async fn inspect(path: &Path) -> Result<Self, Error> {
        match Self::examine(path).await {
            Ok(file) => Ok(file),
            Err(problem) => Err(Error::File { path: path.to_owned(), problem }),
        }
    }

    async fn examine(path: &Path) -> Result<Self, FileProblem> {
        let unreadable = |error: std::io::Error| FileProblem::Unreadable(error.to_string());
        let found = tokio::fs::metadata(path).await.map_err(unreadable)?;
        if found.is_dir() {
            return Err(FileProblem::Folder);
        }
        // Opening a pipe would block until something writes to it.
        if !found.is_file() {
            return Err(FileProblem::NotAFile);
        }
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.contains(char::is_control));
        let name = name.ok_or(FileProblem::UnusableName)?.to_owned();
        let kind = FileKind::of(path).ok_or(FileProblem::UnknownType)?;
        let bytes = found.len();
        if bytes == 0 {
            return Err(FileProblem::Empty);
        }
        let limit = kind.size_limit();
        if bytes > limit {
            return Err(FileProblem::TooLarge { bytes, limit });
        }
        tokio::fs::File::open(path).await.map_err(unreadable)?;
        Ok(Self { path: path.to_owned(), name, kind, bytes })
    }
}

/// The number of bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

struct Reading {
    file: File,
    selected: SelectedFile,
    index: usize,
    sent: u64,
    progress: Arc<dyn Progress>,
}

/// Streams the bytes of the file. Fails if its size has changed.
pub(super) fn chunks(
    selected: SelectedFile,
    index: usize,
    progress: Arc<dyn Progress>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let opened = async move {
        match File::open(&selected.path).await {
            Ok(file) => Ok(Reading { file, selected, index, sent: 0, progress }),
            Err(error) => Err(broken(&selected, FileProblem::Unreadable(error.to_string()))),
        }
    };
    stream::once(opened).map_ok(|reading| stream::try_unfold(reading, next)).try_flatten()
}

async fn next(mut reading: Reading) -> io::Result<Option<(Bytes, Reading)>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let unreadable = |error: &io::Error| FileProblem::Unreadable(error.to_string());
    (&mut reading.file)
        .take(CHUNK_BYTES as u64)
        .read_to_end(&mut chunk)
        .await
        .map_err(|error| broken(&reading.selected, unreadable(&error)))?;
    let expected = reading.selected.bytes;
    if chunk.is_empty() && reading.sent == expected {
        return Ok(None);
    }
    reading.sent += chunk.len() as u64;
    if chunk.is_empty() || reading.sent > expected {
        return Err(broken(&reading.selected, FileProblem::Changed { expected }));
    }
    reading.progress.sent(reading.index, reading.sent, expected);
    Ok(Some((chunk.into(), reading)))
}

fn broken(selected: &SelectedFile, problem: FileProblem) -> io::Error {
    io::Error::other(ChangedFile { path: selected.path.clone(), problem })
}
