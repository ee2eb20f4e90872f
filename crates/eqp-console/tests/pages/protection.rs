//! The headers of every response, and requests that are malformed.

use eqp_console::Scope;
use eqp_test_support::callbacks::CallbackDatabase;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST};

use crate::fixture::{PAGES, filled};
use crate::server::{Page, Server, read};

const ALL: &[Scope] = &[Scope::Read, Scope::Operate, Scope::Admin];

fn is_protected(page: &Page, path: &str) {
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.headers[name], value, "{path}");
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && policy.ends_with("frame-ancestors 'none'"), "{path}");
    assert!(!policy.contains("unsafe"), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_headers_that_protect_it_and_loads_nothing_from_elsewhere() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", ALL).await;
    let others = ["/sign-in", "/nowhere", "/events/seven", "/events/99999", "/alerts/1/notes"];
    let mut assets = std::collections::BTreeSet::new();
    for path in PAGES.iter().chain(&others) {
        let page = browser.get(path).await;
        is_protected(&page, path);
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
        if page.status == 303 {
            continue;
        }
        assert_eq!(page.headers[CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
        assert_eq!(page.text.matches("<h1>").count(), 1, "{path}");
        assert!(page.text.contains("<title>") && page.text.contains(" · eqp</title>"), "{path}");
        assert!(page.text.contains("class=\"skip\" href=\"#main\""), "{path}");
        for attribute in ["style=\"", "onclick=", "javascript:", "<style", "<iframe"] {
            assert!(!page.text.contains(attribute), "{path} contains {attribute}");
        }
        for attribute in ["src=\"", "href=\"", "action=\""] {
            for (_, rest) in page.text.match_indices(attribute).map(|(at, _)| page.text.split_at(at + attribute.len()))
            {
                let target = rest.split('"').next().unwrap();
                assert!(target.starts_with(['/', '#']) && !target.starts_with("//"), "{path}: {target}");
                if target.starts_with("/assets/") {
                    assets.insert(target.to_owned());
                }
            }
        }
    }
    assert_eq!(assets.len(), 3, "{assets:?}");
    let anyone = server.browser();
    for path in assets {
        let asset = anyone.get(&path).await;
        is_protected(&asset, &path);
        assert_eq!(
            (asset.status, &asset.headers["cache-control"]),
            (200, &"public, max-age=31536000, immutable".parse().unwrap())
        );
        let addresses = asset.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!addresses.contains("http:") && !addresses.contains("https:") && !addresses.contains("url("), "{path}");
    }
    let stream = browser.request(Method::GET, "/live").send().await.unwrap();
    let stream = Page { status: stream.status().as_u16(), headers: stream.headers().clone(), text: String::new() };
    is_protected(&stream, "/live");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_needs_a_session() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut browser = server.browser();
    for path in PAGES {
        let page = browser.get(path).await;
        let target = if *path == "/" { "/sign-in" } else { "/sign-in?next=%2F" };
        assert!(page.status == 303 && page.location().starts_with(target), "{path}: {}", page.text);
        assert_eq!(read(browser.request(Method::HEAD, path)).await.status, 303, "{path}");
    }
    for path in crate::fixture::WRITES {
        assert_eq!(browser.post(path, &[("csrf", "x")]).await.status, 401, "{path}");
    }
    // A token is not a session.
    let token = server.token("ops", ALL).await;
    let bearer = browser.request(Method::GET, "/alerts").bearer_auth(token.expose());
    assert_eq!(read(bearer).await.status, 303);
    browser.sign_in(token.expose()).await;
    let api = read(browser.request(Method::GET, "/api/v1/events")).await;
    assert_eq!((api.status, &api.headers[CONTENT_TYPE]), (401, &"application/problem+json".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_answered_with_a_page_that_names_the_field() {
    let database = CallbackDatabase::new().await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", ALL).await;
    for (path, status, words) in [
        ("/events?limit=0", 400, "limit is not in the range"),
        ("/events?limit=1000000000", 400, "limit is not in the range"),
        ("/events?limit=-1", 400, "limit: "),
        ("/events?kind=other", 400, "kind: "),
        ("/events?environment=staging", 400, "environment: "),
        ("/events?since=yesterday", 400, "since: "),
        ("/events?limt=1", 400, "unknown field `limt`"),
        ("/events?kind=file&kind=submission", 400, "kind"),
        ("/events?status=a%00b", 400, "status: contains a NUL character"),
        ("/events/seven", 400, "the number of the event is not a whole number"),
        ("/events/99999999999999999999", 400, "the number of the event is not a whole number"),
        ("/events/7", 404, "there is no event 7"),
        ("/alerts?all=perhaps", 400, "all: "),
        ("/alerts/x", 400, "the number of the alert is not a whole number"),
        ("/alerts/7", 404, "there is no alert 7"),
        ("/deliveries?limit=0", 400, "limit is not in the range"),
        ("/deliveries?state=lost", 400, "state: "),
        ("/deliveries?subscription=nothing", 404, "nothing"),
        ("/deliveries/x", 400, "the number of the delivery is not a whole number"),
        ("/deliveries/7", 404, "there is no delivery 7"),
        ("/subscriptions/nothing", 404, "nothing"),
        ("/subscriptions/%ff", 400, "the path is not UTF-8"),
        ("/replays/x", 400, "the number of the replay is not a whole number"),
        ("/replays/7", 404, "7"),
        ("/submissions/%0a", 400, "the ID of the submission contains a control character"),
        ("/submissions/nothing", 404, "no report about submission nothing is stored"),
        ("/submissions/s1?kind=other", 400, "kind: "),
        ("/nowhere", 404, "Unknown path"),
        ("/sign-out", 405, "Method not allowed"),
        // Parameters that were left empty are missing.
        ("/events?kind=&status=&limit=", 200, "No event"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, &page.headers[CONTENT_TYPE]),
            (status, &"text/html; charset=utf-8".parse().unwrap()),
            "{path}"
        );
        assert!(page.element("main").contains(words), "{path}: {}", page.text);
        if status != 200 {
            assert!(page.text.contains("<nav"), "{path} has the navigation");
        }
    }
    let page = read(browser.request(Method::GET, "/alerts").header(HOST, "evil.example.com")).await;
    assert_eq!(page.status, 421);
    for (method, path, allowed) in
        [(Method::PUT, "/alerts", "GET,HEAD"), (Method::GET, "/sign-out", "POST"), (Method::PUT, "/sign-out", "POST")]
    {
        let page = read(browser.request(method, path)).await;
        assert_eq!((page.status, &page.headers["allow"]), (405, &allowed.parse().unwrap()), "{path}");
    }
}
