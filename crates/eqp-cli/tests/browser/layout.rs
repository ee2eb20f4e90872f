//! The layout of every page: narrow screens, targets for fingers, the keyboard, and colors.

use serde_json::Value;

use crate::chromium::{self, Chromium, Scripts};
use crate::setup::{SUBMISSION, Setup};

/// Every page of a signed-in user.
const PAGES: &[(&str, &str)] = &[
    ("overview", "/"),
    ("submission", "/submissions/s5w9k703ru"),
    ("find", "/find?text=f"),
    ("alerts", "/alerts?all=true"),
    ("alert", "/alerts/1"),
    ("events", "/events"),
    ("event", "/events/1"),
    ("deliveries", "/deliveries"),
    ("delivery", "/deliveries/1"),
    ("subscription", "/subscriptions/note"),
    ("replay", "/replays/1"),
    ("health", "/health"),
    ("not-found", "/nowhere"),
    ("malformed", "/events?limit=0"),
];

/// Returns the elements that are wider than the page, except those inside of a box that scrolls.
const TOO_WIDE: &str = "(() => {
    const wide = [];
    for (const element of document.body.querySelectorAll('*')) {
        const box = element.getBoundingClientRect();
        const style = getComputedStyle(element);
        const hidden = style.clipPath !== 'none' || element.closest('.hidden-text, .skip, thead');
        if (!hidden && !element.parentElement.closest('.raw') && box.right > document.documentElement.clientWidth + 1) {
            wide.push(element.outerHTML.slice(0, 100));
        }
    }
    return document.documentElement.scrollWidth > document.documentElement.clientWidth ? ['the page scrolls', ...wide] : wide;
})()";

/// Returns the links and controls that are too small for fingers. Links within a sentence are exempt.
const TOO_SMALL: &str =
    "(() => [...document.querySelectorAll('button, select, input:not([type=hidden]), nav a, a.button, summary')]
    .filter(element => element.checkVisibility({visibilityProperty: true}) && !element.closest('.skip'))
    .filter(element => element.getBoundingClientRect().height < 44)
    .map(element => element.outerHTML.slice(0, 100)))()";

#[tokio::test(flavor = "multi_thread")]
async fn no_page_scrolls_sideways_and_everything_can_be_reached() {
    let Some(program) = chromium::find() else { return };
    let setup = Setup::start().await;
    setup.run(&["events", "replay", "1", "--to", "note", "--yes"]);
    setup.submission().await;
    // A delivery that waits.
    setup.run(&["subscriptions", "pause", "note", "--reason", &"because-".repeat(20)]);
    sqlx::raw_sql("insert into eqp.delivery (id, subscription_id, resource, source, event_seq) overriding system value values (1, 1, 7, 'event', 1)
                   on conflict (id) do nothing")
        .execute(&setup.vendor.database.pool)
        .await
        .unwrap();
    let mut browser = Chromium::start(&program, Scripts::Run);
    browser.resize(320);
    browser.open(&format!("{}/sign-in", setup.pages));
    assert_eq!(browser.evaluate(TOO_WIDE), Value::Array(Vec::new()), "sign-in");
    browser.call("Page.navigate", &serde_json::json!({"url": setup.link()}));
    // The page is open already, so the link only changes its fragment.
    browser.until("location.pathname !== '/sign-in' && document.readyState === 'complete'");
    for (name, path) in PAGES {
        browser.open(&format!("{}{path}", setup.pages));
        fits(&mut browser, path);
        for (width, scheme) in [(360, "light"), (1280, "light"), (1280, "dark")] {
            if std::env::var_os("EQP_SCREENSHOTS").is_some() {
                browser.resize(width);
                browser.prefer("prefers-color-scheme", scheme);
                browser.screenshot(&format!("{name}-{width}-{scheme}"));
            }
        }
        browser.prefer("prefers-color-scheme", "light");
        browser.resize(1280);
        reaches_everything(&mut browser, path);
        crate::axe::check(&mut browser, path);
    }
    // The script of the page opens a link to a submission, and then asks for another one.
    browser.open("about:blank");
    browser.call("Page.navigate", &serde_json::json!({"url": setup.shared_link()}));
    browser.until(
        "location.pathname === '/shared' && !document.getElementById('secret') && document.readyState === 'complete'",
    );
    assert!(browser.text().contains(SUBMISSION.1), "{}", browser.text());
    assert_eq!(browser.evaluate("location.hash"), "");
    for path in ["/shared", "/shared/open"] {
        browser.open(&format!("{}{path}", setup.pages));
        fits(&mut browser, path);
        browser.resize(1280);
        reaches_everything(&mut browser, path);
        crate::axe::check(&mut browser, path);
    }
}

/// Checks that nothing is wider than narrow and wide screens, and that fingers can hit everything on a narrow one.
fn fits(browser: &mut Chromium, path: &str) {
    for width in [1920, 360, 320] {
        browser.resize(width);
        assert_eq!(browser.evaluate(TOO_WIDE), Value::Array(Vec::new()), "{path} at {width} px");
    }
    assert_eq!(browser.evaluate(TOO_SMALL), Value::Array(Vec::new()), "{path}");
}

/// Presses Tab until the focus leaves the page, and checks that every control had it, visibly. The first one skips the navigation.
fn reaches_everything(browser: &mut Chromium, path: &str) {
    let controls = "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]')]
        .filter(element => element.checkVisibility({visibilityProperty: true}))";
    let count = browser.evaluate(&format!("{controls}.length")).as_u64().unwrap();
    browser.evaluate("document.activeElement.blur(); window.reached = new Set(); window.invisible = []");
    browser.evaluate("document.addEventListener('focusin', event => {
        window.reached.add(event.target);
        const style = getComputedStyle(event.target);
        if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) window.invisible.push(event.target.outerHTML.slice(0, 100));
    }); 0");
    browser.press("Tab");
    assert_eq!(browser.evaluate("document.activeElement.textContent"), "Skip to the content", "{path}");
    for _ in 0..count + 5 {
        browser.press("Tab");
    }
    let missed = browser.evaluate(&format!(
        "{controls}.filter(element => !window.reached.has(element)).map(element => element.outerHTML.slice(0, 100))"
    ));
    assert_eq!(missed, Value::Array(Vec::new()), "{path}: cannot be reached by keyboard");
    let invisible = browser.evaluate("window.invisible");
    assert_eq!(invisible, Value::Array(Vec::new()), "{path}: the focus is not visible");
}
