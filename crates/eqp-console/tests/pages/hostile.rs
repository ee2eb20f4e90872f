//! Text of other programs and people is never markup.

use eqp_console::Scope;

use crate::fixture::{PAGES, filled};
use crate::server::Server;

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_stored_text_is_shown_as_text() {
    let database = filled(HOSTILE).await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read, Scope::Operate, Scope::Admin]).await;
    let mut shown = 0;
    for path in PAGES {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        let lower = page.text.to_lowercase();
        assert!(!lower.contains("<script>") && !lower.contains("<img"), "{path}: {}", page.text);
        assert!(!lower.contains("&amp;lt;"), "{path} is not escaped twice");
        shown += usize::from(page.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }
    assert!(shown >= 10, "{shown}");
    let encoded: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        "/events?status=",
        "/events?resource_id=",
        "/events?kind=",
        "/deliveries?subscription=",
        "/sign-in?next=",
        "/nowhere?x=",
    ] {
        let page = browser.get(&format!("{path}{encoded}")).await;
        assert!(!page.text.contains("<script>") && !page.text.contains("<img"), "{path}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_character_of_a_page_changes_the_direction_of_text() {
    const REVERSED: &str = "a\u{202e}b\u{2066}c\u{200f}d";
    let database = filled(REVERSED).await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read, Scope::Operate, Scope::Admin]).await;
    let encoded: String = url::form_urlencoded::byte_serialize(REVERSED.as_bytes()).collect();
    let searches =
        ["/find?text=", "/events?status=", "/deliveries?subscription="].map(|path| format!("{path}{encoded}"));
    let mut shown = 0;
    for path in PAGES.iter().map(|path| (*path).to_owned()).chain(searches) {
        let page = browser.get(&path).await;
        let changes =
            page.text.find(|letter| matches!(letter, '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        assert_eq!(changes.map(|at| &page.text[at.saturating_sub(40)..at]), None, "{path}");
        shown += usize::from(page.text.contains("\\u{202e}"));
    }
    assert!(shown >= 10, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_text_are_shown_in_hexadecimal() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let browser = server.signed_in("ops", &[Scope::Read]).await;
    let page = browser.get("/events?kind=undecodable").await;
    let (_, rest) = page.text.split_once("href=\"/events/").unwrap();
    let event = rest.split('"').next().unwrap();
    let page = browser.get(&format!("/events/{event}")).await;
    assert!(page.text.contains("It is not UTF-8, so it is shown in hexadecimal."), "{}", page.text);
    assert!(page.text.contains("000000  ff 00 20 6e 6f 20 74 65 78 74"), "{}", page.text);
    // The headers end with a byte that is not UTF-8, either.
    assert!(page.text.contains("x-evil") && page.text.contains("78 2d 65 76 69 6c 3a 20 ff"), "{}", page.text);
    assert!(page.text.contains("tabindex=\"0\" role=\"region\" aria-label=\"Body, in hexadecimal\""), "{}", page.text);
}
