//! Reads release notes from a stand-in for GitHub and GitLab.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use eqp_release::notes::{CodeHost, HostedRepository, NotesError, NotesSource, ReleaseNotes, read_notes};
use eqp_types::Secret;

/// A code host that answers by path, and remembers the requests with their credentials.
struct Host {
    url: String,
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Host {
    async fn start() -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let router = Router::new().fallback(move |request: Request| {
            let path = request.uri().path().to_owned();
            let headers = request.headers();
            let names = [header::AUTHORIZATION.as_str(), "private-token", "job-token"];
            let credentials =
                names.iter().find_map(|name| Some(format!("{name}: {}", headers.get(*name)?.to_str().ok()?)));
            seen.lock().unwrap().push((path.clone(), credentials.unwrap_or_default()));
            async move { answer(&path) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, requests }
    }

    fn source(&self, host: CodeHost, repository: &str, token: Option<&str>) -> NotesSource {
        NotesSource::Release(HostedRepository {
            host,
            api_url: self.url.parse().unwrap(),
            repository: repository.to_owned(),
            token: token.map(Secret::new),
        })
    }

    fn requests(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

fn answer(path: &str) -> Response {
    let json = |text: &str| ([(header::CONTENT_TYPE, "application/json")], text.to_owned()).into_response();
    match path {
        "/repos/acme/badges/releases/tags/1%2E5%2E0" => {
            json(r###"{"tag_name": "1.5.0", "body": "## Added\n\n- Badges"}"###)
        }
        "/projects/acme%2Fbadges/releases/v1%2E5%2E0" => json(r#"{"description": "Badges <b>new</b>"}"#),
        "/projects/7/releases/v1%2E5%2E0" => json(r#"{"description": null}"#),
        "/repos/acme/private/releases/tags/v1%2E5%2E0" => StatusCode::UNAUTHORIZED.into_response(),
        "/repos/acme/moved/releases/tags/v1%2E5%2E0" => {
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, "http://127.0.0.1:1/")]).into_response()
        }
        "/repos/acme/html/releases/tags/v1%2E5%2E0" => "<html>".into_response(),
        "/repos/acme/large/releases/tags/v1%2E5%2E0" => "x".repeat(3 * 1024 * 1024).into_response(),
        "/repos/acme/long/releases/tags/v1%2E5%2E0" => json(&format!("{{\"body\": \"{}\"}}", "more ".repeat(2_100))),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn read(source: NotesSource) -> Result<ReleaseNotes, NotesError> {
    read_notes(&[source], Some("1.5.0"), None).await
}

#[tokio::test]
async fn a_release_is_found_by_its_tag_with_or_without_v() {
    let host = Host::start().await;
    let notes = read(host.source(CodeHost::GitHub, "acme/badges", Some("hush"))).await.unwrap();
    assert_eq!(notes.html, "<h3>Added</h3><ul><li>Badges</li></ul>");
    assert_eq!(notes.source, "the release of acme/badges at GitHub");
    let tag = |tag: &str| (format!("/repos/acme/badges/releases/tags/{tag}"), "authorization: Bearer hush".to_owned());
    assert_eq!(host.requests(), [tag("v1%2E5%2E0"), tag("1%2E5%2E0")]);
    let notes = read(host.source(CodeHost::GitLab, "acme/badges", Some("hush"))).await.unwrap();
    assert_eq!((notes.html.as_str(), notes.warnings.len()), ("<p>Badges new</p>", 1));
    assert_eq!(host.requests()[0].1, "private-token: hush");
    assert!(read(host.source(CodeHost::GitLabJob, "acme/badges", Some("hush"))).await.is_ok());
    assert_eq!(host.requests()[0].1, "job-token: hush");
    let with_tag = [host.source(CodeHost::GitHub, "acme/badges", None)];
    assert!(read_notes(&with_tag, None, Some("badges/1.5.0")).await.is_err());
    assert_eq!(host.requests(), [("/repos/acme/badges/releases/tags/badges%2F1%2E5%2E0".to_owned(), String::new())]);
}

#[tokio::test]
async fn sources_are_read_in_order_and_the_first_with_notes_counts() {
    let host = Host::start().await;
    let folder = tempfile::tempdir().unwrap();
    let changelog = folder.path().join("CHANGELOG.md");
    std::fs::write(&changelog, "## 1.4.0\n\n- old\n").unwrap();
    let sources = [
        NotesSource::Changelog(changelog.clone()),
        host.source(CodeHost::GitLab, "7", None),
        host.source(CodeHost::GitLab, "acme/badges", None),
        NotesSource::File(folder.path().join("never-read.md")),
    ];
    let notes = read_notes(&sources, Some("1.5.0"), None).await.unwrap();
    assert_eq!(notes.html, "<p>Badges new</p>");
    let error = read_notes(&sources[..2], Some("1.5.0"), None).await.unwrap_err();
    let NotesError::Missing { tried, .. } = &error else { panic!("{error}") };
    assert!(tried[0].reason.contains("only for 1.4.0") && tried[1].reason.contains("empty"), "{tried:?}");
    let html = folder.path().join("notes.html");
    std::fs::write(&html, "<p>As it is</p>\n").unwrap();
    assert_eq!(read_notes(&[NotesSource::File(html)], None, None).await.unwrap().html, "<p>As it is</p>");
    let no_version = read_notes(&[NotesSource::Changelog(changelog)], None, None).await;
    assert!(matches!(no_version, Err(NotesError::NoVersion)));
}

#[tokio::test]
async fn a_host_that_does_not_answer_usefully_is_an_error() {
    let host = Host::start().await;
    let error = |repository: &str| {
        let source = host.source(CodeHost::GitHub, repository, Some("hush"));
        async move { read(source).await.unwrap_err() }
    };
    assert!(matches!(error("acme/private").await, NotesError::NotAllowed { status: 401, .. }));
    assert!(matches!(error("acme/long").await, NotesError::TooLong { .. }));
    assert!(matches!(error("acme/none").await, NotesError::Missing { .. }));
    for (repository, expected) in
        [("acme/moved", "HTTP 301"), ("acme/html", "not JSON"), ("acme/large", "larger than 2 MiB")]
    {
        let error = error(repository).await;
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
    // A token is not sent in plain text, except to this machine.
    let source = NotesSource::Release(HostedRepository {
        host: CodeHost::GitHub,
        api_url: "http://github.example.com".parse().unwrap(),
        repository: "acme/badges".to_owned(),
        token: Some(Secret::new("hush")),
    });
    assert!(read(source).await.unwrap_err().to_string().contains("only sent over HTTPS"));
    let gone = NotesSource::Release(HostedRepository {
        host: CodeHost::GitHub,
        api_url: "http://127.0.0.1:1".parse().unwrap(),
        repository: "acme/badges".to_owned(),
        token: None,
    });
    assert!(matches!(read(gone).await.unwrap_err(), NotesError::Host { source: Some(_), .. }));
}
