//! Target: an upload to the simulator.

use std::time::Duration;

/// The boundary that the corpus uses.
const BOUNDARY: &str = "multipart/form-data; boundary=edge";
/// The timeout for one input.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parses the bytes as the body of an upload, in pieces of a length given by the first byte.
///
/// # Panics
/// If the files are larger than the input, a file name contains a folder, or the upload does not finish.
pub fn multipart(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let pieces: Vec<Vec<u8>> = body.chunks(usize::from(*first).max(1)).map(<[u8]>::to_vec).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let files = runtime
        .block_on(async { tokio::time::timeout(PATIENCE, eqp_simulator::fuzzing::upload(BOUNDARY, pieces)).await })
        .expect("an upload comes to its end");
    let Some(files) = files else { return };
    let sum: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    assert!(sum <= body.len() as u64, "{sum} bytes out of {}", body.len());
    for (name, _) in files {
        assert!(!name.is_empty() && !name.contains(['/', '\\']), "{name:?} is no name of a file");
    }
}
