//! One file as a part of the form: read in small pieces, exactly as many bytes as were promised.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, TryStreamExt};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::chosen::ChosenFile;
use super::upload::Progress;
use crate::problem::FileProblem;

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// Why a file could not be sent to its end; travels through the HTTP client as the cause of its error.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", path.display())]
pub(crate) struct ChangedFile {
    pub(crate) path: PathBuf,
    pub(crate) problem: FileProblem,
}

struct Reading {
    file: File,
    chosen: ChosenFile,
    index: usize,
    sent: u64,
    progress: Arc<dyn Progress>,
}

/// The bytes of the file; an error if it no longer has the size that it had.
pub(super) fn pieces(
    chosen: ChosenFile,
    index: usize,
    progress: Arc<dyn Progress>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let opened = async move {
        match File::open(&chosen.path).await {
            Ok(file) => Ok(Reading { file, chosen, index, sent: 0, progress }),
            Err(error) => Err(broken(&chosen, FileProblem::Unreadable(error.to_string()))),
        }
    };
    stream::once(opened).map_ok(|reading| stream::try_unfold(reading, next)).try_flatten()
}

async fn next(mut reading: Reading) -> io::Result<Option<(Bytes, Reading)>> {
    let mut piece = Vec::with_capacity(PIECE);
    let unreadable = |error: &io::Error| FileProblem::Unreadable(error.to_string());
    (&mut reading.file)
        .take(PIECE as u64)
        .read_to_end(&mut piece)
        .await
        .map_err(|error| broken(&reading.chosen, unreadable(&error)))?;
    let expected = reading.chosen.bytes;
    if piece.is_empty() && reading.sent == expected {
        return Ok(None);
    }
    reading.sent += piece.len() as u64;
    if piece.is_empty() || reading.sent > expected {
        return Err(broken(&reading.chosen, FileProblem::Changed { expected }));
    }
    reading.progress.sent(reading.index, reading.sent, expected);
    Ok(Some((piece.into(), reading)))
}

fn broken(chosen: &ChosenFile, problem: FileProblem) -> io::Error {
    io::Error::other(ChangedFile { path: chosen.path.clone(), problem })
}
