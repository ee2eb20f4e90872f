use std::path::Path;
use std::sync::Arc;

use eqp_types::UploadedFile;
use reqwest::multipart::{Form, Part};

use super::Files;
use super::chosen::ChosenFile;
use super::part::pieces;
use crate::transport::Request;
use crate::{Error, endpoint};

/// Hears how far an upload is. Any `Fn(usize, u64, u64)` is one.
pub trait Progress: Send + Sync {
    /// Of the file at position `file`, `bytes` of `total` have been handed to the connection.
    ///
    /// It goes back to the beginning when an upload has to be sent again.
    fn sent(&self, file: usize, bytes: u64, total: u64);
}

impl<F: Fn(usize, u64, u64) + Send + Sync> Progress for F {
    fn sent(&self, file: usize, bytes: u64, total: u64) {
        self(file, bytes, total);
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn sent(&self, _file: usize, _bytes: u64, _total: u64) {}
}

impl Files<'_> {
    /// Uploads files; the answer is in their order. Their malware scan begins afterwards.
    ///
    /// All are looked at before a byte is sent. They are read from disk in small pieces as the line takes them.
    ///
    /// # Errors
    /// A file that is empty, too large, of no type that is taken, a folder, unreadable, or that changes while
    /// it is sent; those of every call.
    pub async fn upload<P: AsRef<Path>>(self, paths: &[P]) -> Result<Vec<UploadedFile>, Error> {
        self.upload_watched(paths, NoProgress).await
    }

    /// The same, telling `progress` how far it is.
    ///
    /// # Errors
    /// As [`Files::upload`].
    pub async fn upload_watched<P: AsRef<Path>>(
        self,
        paths: &[P],
        progress: impl Progress + 'static,
    ) -> Result<Vec<UploadedFile>, Error> {
        let mut chosen = Vec::with_capacity(paths.len());
        for path in paths {
            chosen.push(ChosenFile::look_at(path.as_ref()).await?);
        }
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let length = chosen.iter().map(|file| file.bytes).sum();
        let count = chosen.len();
        let progress: Arc<dyn Progress> = Arc::new(progress);
        let request = Request::new(&endpoint::FILES_UPLOAD, &[])?.form(length, move || form(&chosen, &progress));
        let answer = self.client.call(request).await?;
        let uploaded: Vec<UploadedFile> = answer.json()?;
        if uploaded.len() != count {
            return Err(answer.shape("", format!("{count} files were sent, and {} answered", uploaded.len())));
        }
        Ok(uploaded)
    }
}

fn form(chosen: &[ChosenFile], progress: &Arc<dyn Progress>) -> Form {
    chosen.iter().enumerate().fold(Form::new(), |form, (index, file)| {
        let bytes = reqwest::Body::wrap_stream(pieces(file.clone(), index, Arc::clone(progress)));
        let headers = [(http::header::CONTENT_TYPE, http::HeaderValue::from_static(file.kind.content_type()))];
        let part = Part::stream_with_length(bytes, file.bytes)
            .file_name(file.name.clone())
            .headers(headers.into_iter().collect());
        form.part("file[]", part)
    })
}
