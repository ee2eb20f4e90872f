//! An operator's work: sign in, watch a callback arrive, replay it, test a subscription, acknowledge an alert.

use crate::chromium::{self, Chromium, Scripts};
use crate::setup::{SUBMISSION, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_signs_in_watches_replays_tests_and_acknowledges() {
    let Some(program) = chromium::find() else { return };
    let setup = Setup::start().await;
    let mut browser = Chromium::start(&program, Scripts::Run);
    browser.resize(1280);
    // The script sends the code, which does not stay in the address.
    browser.open(&format!("{}/events", setup.pages));
    assert_eq!(browser.path(), "/sign-in?next=%2Fevents");
    browser.screenshot("sign-in-1280");
    browser.evaluate("window.left = true");
    browser.call("Page.navigate", &serde_json::json!({"url": setup.link()}));
    browser.until("!window.left && location.pathname !== '/sign-in' && document.readyState === 'complete'");
    assert_eq!(browser.evaluate("location.hash"), "");

    // A callback arrives while the page is open. Nothing moves until the user asks for it.
    browser.open(&format!("{}/events", setup.pages));
    let rows = "document.querySelectorAll('tbody tr').length";
    assert_eq!(browser.evaluate(rows), 2);
    setup.callback("second").await;
    browser.until("document.getElementById('news').textContent === '1 new event, show'");
    assert_eq!(browser.evaluate(rows), 2);
    browser.screenshot("events-new-1280");
    browser.follow("#news a");
    assert_eq!(browser.evaluate(rows), 3);
    assert!(browser.text().contains("second"));

    // Copying an identifier reports its result.
    browser.call(
        "Browser.grantPermissions",
        &serde_json::json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}),
    );
    browser.click("button.copy");
    browser.until("document.querySelector('button.copy + span').textContent === 'Copied.'");

    // The event is opened and delivered again.
    browser.follow("tbody tr a");
    assert!(browser.text().contains("malware: ✓\u{a0}passed"), "{}", browser.text());
    browser.follow("form[action$='/replay'] button");
    assert!(browser.text().contains("This creates 1 delivery"), "{}", browser.text());
    browser.follow("form[action$='/replay'] button");
    assert!(browser.text().contains("The replay is requested."), "{}", browser.text());

    // A test of the subscription is delivered, and the page offers to show it.
    browser.open(&format!("{}/deliveries", setup.pages));
    browser.follow("form[action='/subscriptions/note/test'] button");
    assert!(browser.text().contains("The test is requested."), "{}", browser.text());
    let reload = "fetch(location.href).then(response => response.text()).then(text => text.includes('Delivery') && text.includes(': delivered'))";
    browser.until(&format!("await {reload}").replace("await ", ""));

    // An alert is acknowledged with a note.
    browser.open(&format!("{}/alerts", setup.pages));
    browser.follow("article a");
    browser.click("textarea[id='form-alerts-1-acknowledge-note']");
    browser.type_text("I look at it");
    browser.follow("form[action='/alerts/1/acknowledge'] button");
    let text = browser.text();
    assert!(text.contains("The alert is acknowledged.") && text.contains("I look at it"), "{text}");

    // When the session ends, the page says so instead of stopping silently.
    browser.open(&format!("{}/events", setup.pages));
    let revoked = setup.vendor.home.run_aside(&["token", "revoke", "ops", "--yes"]);
    assert_eq!(revoked.code, 0, "{revoked:?}");
    browser.until("document.getElementById('news').textContent.startsWith('Your session has ended.')");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_works_without_scripts() {
    let Some(program) = chromium::find() else { return };
    let setup = Setup::start().await;
    let mut browser = Chromium::start(&program, Scripts::Disabled);
    browser.open(&setup.link());
    browser.click("#secret");
    browser.type_text(&setup.link());
    browser.follow("form.sign-in button");
    assert!(!browser.path().starts_with("/sign-in"), "{}", browser.text());
    browser.open(&format!("{}/events", setup.pages));
    assert!(browser.text().contains("This page is loaded again every 10 seconds."), "{}", browser.text());
    browser.follow(".live a.button");
    assert!(browser.text().contains("Updates are paused."), "{}", browser.text());
    browser.follow("tbody tr a");
    browser.follow("form[action$='/replay'] button");
    browser.follow("form[action$='/replay'] button");
    assert!(browser.text().contains("The replay is requested."), "{}", browser.text());
    browser.open(&format!("{}/alerts/1", setup.pages));
    browser.click("textarea[id='form-alerts-1-notes-note']");
    browser.type_text("a note without scripts");
    browser.follow("form[action='/alerts/1/notes'] button");
    assert!(browser.text().contains("a note without scripts"), "{}", browser.text());
    browser.follow("form[action='/sign-out'] button");
    assert!(browser.text().contains("You have signed out."), "{}", browser.text());
    // A visitor pastes the link to a submission.
    setup.submission().await;
    let link = setup.shared_link();
    browser.open(&link);
    assert!(browser.text().contains("to people who have a link to it"), "{}", browser.text());
    browser.click("#secret");
    browser.type_text(&link);
    browser.follow("form.sign-in button");
    assert_eq!(browser.path(), "/shared");
    assert!(browser.text().contains(SUBMISSION.1), "{}", browser.text());
}
