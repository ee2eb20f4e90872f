//! Tests uploads: what is sent, and what is rejected before.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use eqp_client::{Client, Error, FileProblem};
use eqp_test_support::api_server::{ApiServer, Count, with_tokens};
use serde_json::json;

const UPLOADS: &str = "/rest/v1/files/uploads";

/// The received uploads: headers and body.
type Seen = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Starts a server that accepts one file per `filename=` in the body.
fn client() -> (Client, Seen) {
    let seen = Seen::default();
    let seeing = Arc::clone(&seen);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let count = String::from_utf8_lossy(&body).matches("filename=").count();
        seeing.lock().unwrap().push((headers, body));
        let file = |n: usize| json!({"file_upload_id": format!("{n}.0"), "size": n});
        axum::Json((0..count).map(file).collect::<Vec<_>>())
    };
    let routes = Router::new().route(UPLOADS, post(take)).layer(DefaultBodyLimit::disable());
    (ApiServer::start(with_tokens(routes).0).client(), seen)
}

fn file(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Creates a sparse file.
fn large(folder: &Path, name: &str, bytes: u64) -> PathBuf {
    let path = folder.join(name);
    std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    path
}

async fn problem(path: &Path) -> FileProblem {
    let (client, seen) = client();
    let error = client.files().upload(&[path]).await.unwrap_err();
    assert!(seen.lock().unwrap().is_empty() && !error.is_retryable());
    assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    match error {
        Error::File { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_file_is_a_part_with_its_name_and_type() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [file(folder.path(), "mödule \"1\".zip", b"PK-content"), file(folder.path(), "Icon.PNG", b"picture")];
    let (client, seen) = client();
    let uploaded = client.files().upload(&paths).await.unwrap();
    assert_eq!(uploaded.iter().map(|file| file.file_upload_id.as_str()).collect::<Vec<_>>(), ["0.0", "1.0"]);
    let seen = seen.lock().unwrap();
    let (headers, body) = &seen[0];
    let boundary = headers["content-type"].to_str().unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    assert_eq!(headers["content-length"].to_str().unwrap(), body.len().to_string());
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file[]\"; filename=\"mödule \\\"1\\\".zip\"\r\n\
         content-type: application/zip\r\n\r\nPK-content\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file[]\"; filename=\"Icon.PNG\"\r\n\
         content-type: image/png\r\n\r\npicture\r\n--{boundary}--\r\n"
    );
    assert_eq!(std::str::from_utf8(body).unwrap(), expected);
}

#[tokio::test]
async fn a_large_file_arrives_complete_and_reports_its_progress() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let path = file(folder.path(), "a.zip", &content);
    let (client, seen) = client();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&steps);
    client
        .files()
        .upload_with_progress(&[path], move |file, sent, total| noted.lock().unwrap().push((file, sent, total)))
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    let begin = seen[0].1.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(seen[0].1[begin..begin + content.len()] == content);
    let steps = steps.lock().unwrap();
    assert!(steps.len() > 10 && steps.windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert_eq!(steps.last(), Some(&(0, 3_000_000, 3_000_000)));
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_before_a_byte_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let limit = |bytes, limit| FileProblem::TooLarge { bytes, limit };
    assert_eq!(problem(&large(folder, "a.zip", 31_457_281)).await, limit(31_457_281, 31_457_280));
    assert_eq!(problem(&large(folder, "a.pdf", 5_242_881)).await, limit(5_242_881, 5_242_880));
    assert_eq!(problem(&large(folder, "a.jpg", 5_242_881)).await, limit(5_242_881, 5_242_880));
    assert_eq!(problem(&file(folder, "empty.zip", b"")).await, FileProblem::Empty);
    assert_eq!(problem(&file(folder, "a.exe", b"MZ")).await, FileProblem::UnknownType);
    assert_eq!(problem(&file(folder, "a\n.zip", b"PK")).await, FileProblem::UnusableName);
    assert_eq!(problem(folder).await, FileProblem::Folder);
    assert!(matches!(problem(&folder.join("none.zip")).await, FileProblem::Unreadable(_)));
    let socket = folder.join("socket.zip");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(problem(&socket).await, FileProblem::NotAFile);
}

/// The environment variable with the file to read, for this test when it is run again as another user.
const SECRET_FILE: &str = "EQP_TEST_UNREADABLE_FILE";

#[test]
fn a_file_that_may_not_be_read_is_refused_before_a_byte_is_sent() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os(SECRET_FILE).map_or_else(|| file(folder.path(), "secret.zip", b"PK"), PathBuf::from);
    if std::env::var_os(SECRET_FILE).is_none() {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        if std::fs::File::open(&path).is_ok() {
            // Root can read every file, so another user has to try, with a copy of this program that every user can
            // run.
            let program = folder.path().join("test");
            std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
            for open in [folder.path(), &program] {
                std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            let test = "a_file_that_may_not_be_read_is_refused_before_a_byte_is_sent";
            let mut again = std::process::Command::new(program);
            again.args(["--exact", test, "--nocapture"]).env(SECRET_FILE, &path).current_dir("/").uid(65534).gid(65534);
            let output = again.output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
            return;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let problem = runtime.block_on(problem(&path));
    assert!(matches!(&problem, FileProblem::Unreadable(why) if why.contains("denied")), "{problem:?}");
}

#[tokio::test]
async fn a_file_of_exactly_the_limit_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = client();
    client.files().upload(&[large(folder.path(), "a.pdf", 5_242_880)]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_shrinks_or_grows_while_it_is_sent_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for other_size in [100_000, 3_000_000] {
        let path = large(folder.path(), "a.zip", 2_000_000);
        let (client, seen) = client();
        let changed = path.clone();
        let change = move |_, sent, _| {
            if sent < 100_000 {
                std::fs::OpenOptions::new().write(true).open(&changed).unwrap().set_len(other_size).unwrap();
            }
        };
        let error = client.files().upload_with_progress(&[path], change).await.unwrap_err();
        assert!(
            matches!(error, Error::File { problem: FileProblem::Changed { expected: 2_000_000 }, .. }),
            "{other_size}: {error:?}"
        );
        assert!(seen.lock().unwrap().is_empty(), "the server got a whole upload");
    }
}

#[tokio::test]
async fn an_upload_is_sent_again_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.zip", b"PK-content");
    let count = Count::default();
    let counted = count.clone();
    let flaky = move |body: Bytes| async move {
        assert!(String::from_utf8_lossy(&body).contains("PK-content"));
        match counted.next() {
            0 => StatusCode::UNAUTHORIZED.into_response(),
            1 => StatusCode::BAD_GATEWAY.into_response(),
            _ => axum::Json(json!([{"file_upload_id": "1.0"}])).into_response(),
        }
    };
    let client = ApiServer::start(with_tokens(Router::new().route(UPLOADS, post(flaky))).0).client();
    let uploaded = client.files().upload(&[path]).await.unwrap();
    assert_eq!((uploaded[0].file_upload_id.as_str(), count.get()), ("1.0", 3));
}

#[tokio::test]
async fn a_file_is_read_no_faster_than_the_server_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = large(folder.path(), "a.zip", 30_000_000);
    // The body is never read, so that only the buffers can fill.
    let hold = |_body: axum::body::Body| std::future::pending::<()>();
    let client = ApiServer::start(with_tokens(Router::new().route(UPLOADS, post(hold))).0).client();
    let read = Arc::new(Mutex::new(0));
    let noted = Arc::clone(&read);
    let paths = [path];
    let upload = client.files().upload_with_progress(&paths, move |_, sent, _| *noted.lock().unwrap() = sent);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), upload).await.is_err());
    let read = *read.lock().unwrap();
    assert!(read > 0 && read < 12_000_000, "{read} bytes were read ahead");
}

#[tokio::test]
async fn nothing_to_upload_asks_nobody() {
    let (client, seen) = client();
    assert_eq!(client.files().upload::<&str>(&[]).await.unwrap(), []);
    assert!(seen.lock().unwrap().is_empty());
}
