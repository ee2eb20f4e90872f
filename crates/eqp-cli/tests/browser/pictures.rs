//! The pictures of pages in the documentation: `cargo xtask screenshots`.

use std::path::Path;

use crate::chromium::{self, Chromium, Scripts};
use crate::story::{REJECTED, Story};

/// The environment variable with the folder of the pictures.
const FOLDER: &str = "EQP_PICTURES";
/// The size limit of a picture in bytes.
const LARGEST: u64 = 150_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the pictures of the documentation: cargo xtask screenshots"]
async fn pictures_of_the_pages_are_small() {
    let Some(program) = chromium::find() else { return };
    let Some(folder) = std::env::var_os(FOLDER) else {
        println!("not run: {FOLDER} is not set; use cargo xtask screenshots");
        return;
    };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    let story = Story::start(crate::EQP).await;
    let mut browser = Chromium::start(&program, Scripts::Run);
    browser.hide_scroll_bars();
    browser.prefer("prefers-color-scheme", "light");
    browser.open(&format!("{}/sign-in", story.pages));
    browser.call("Page.navigate", &serde_json::json!({"url": story.link()}));
    browser.until("location.pathname !== '/sign-in' && document.readyState === 'complete'");
    let submission = format!("/submissions/{REJECTED}");
    let event = {
        browser.open(&format!("{}/events?resource_id={REJECTED}", story.pages));
        browser.evaluate("document.querySelector('tbody th a').pathname").as_str().unwrap().to_owned()
    };
    for (name, path, width, height) in [
        ("overview", "/", 1280, 855),
        ("submission", submission.as_str(), 1280, 1025),
        ("submission-narrow", submission.as_str(), 360, 835),
        ("alerts", "/alerts", 1280, 900),
        ("event", event.as_str(), 1280, 740),
        ("deliveries", "/deliveries", 1280, 900),
        ("health", "/health", 1280, 780),
    ] {
        browser.resize(width);
        browser.open(&format!("{}{path}", story.pages));
        let file = folder.join(format!("{name}.png"));
        browser.picture(&file, height);
        let size = std::fs::metadata(&file).unwrap().len();
        assert!(size < LARGEST, "{} has {size} bytes", file.display());
        println!("wrote {} ({size} bytes)", file.display());
    }
}
