//! The rules of axe-core, if its script was fetched: `EQP_AXE` is the path of `axe.min.js`.

use serde_json::Value;

use crate::chromium::Chromium;

/// Checks a page, if the script is available.
pub(crate) fn check(browser: &mut Chromium, path: &str) {
    let Some(script) = std::env::var_os("EQP_AXE") else {
        println!("not run: axe-core on {path}");
        return;
    };
    let script = std::fs::read_to_string(script).unwrap();
    browser.evaluate(&format!("{script}; 0"));
    for scheme in ["light", "dark"] {
        browser.prefer("prefers-color-scheme", scheme);
        let violations = browser.evaluate(
            "axe.run().then(result => result.violations.map(one => [one.id, one.help, one.nodes.map(node => node.html + ' ' + node.failureSummary).slice(0, 3)]))",
        );
        assert_eq!(violations, Value::Array(Vec::new()), "{path} in the {scheme} scheme");
    }
    browser.prefer("prefers-color-scheme", "light");
}
