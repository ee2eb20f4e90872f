//! A headless Chromium, driven by its own protocol over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The timeout of everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// The environment variable with a folder for screenshots, which are otherwise not taken.
const SCREENSHOTS: &str = "EQP_SCREENSHOTS";

/// A browser with one page. It is killed on drop.
pub(crate) struct Chromium {
    child: Child,
    writer: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    session: Option<String>,
    _profile: TempDir,
}

/// Whether the browser runs the scripts of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    Run,
    Disabled,
}

/// Returns the path of Chromium. Without one, reports that the test is not run.
pub(crate) fn find() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        println!("not run: no Chromium");
    }
    found
}

impl Chromium {
    /// Starts a browser.
    pub(crate) fn start(program: &Path, scripts: Scripts) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The browser reads commands from descriptor 3, and writes to descriptor 4.
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-extensions",
                "--mute-audio",
            ])
            .args(["--no-proxy-server", "--force-prefers-reduced-motion"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let writer = child.stdin.take().unwrap();
        let messages = read_messages(child.stdout.take().unwrap());
        let mut browser = Self { child, writer, messages, last_id: 0, session: None, _profile: profile };
        let targets = browser.call("Target.getTargets", &json!({}));
        let pages = targets["targetInfos"].as_array().unwrap();
        let page = pages.iter().find(|target| target["type"] == "page").expect("the browser has a page");
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach)["sessionId"].as_str().unwrap().to_owned();
        browser.session = Some(session);
        browser.call("Page.enable", &json!({}));
        if scripts == Scripts::Disabled {
            browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
        }
        browser
    }

    /// Calls a method of the browser, and returns the result.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        tokio::task::block_in_place(|| self.exchange(method, parameters))
    }

    fn exchange(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.writer.write_all(&bytes).unwrap();
        self.writer.flush().unwrap();
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no response to {method}"));
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method} {parameters}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Returns the value of an expression in the page. Works also if the scripts of the page are disabled.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", &parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, expression: &str) {
        let began = Instant::now();
        while self.evaluate(&format!("Boolean({expression})")) != true {
            if began.elapsed() > PATIENCE {
                let text = self.evaluate("location.href + ' ' + document.body.innerText");
                panic!("timed out waiting for {expression}: {text}");
            }
            tokio::task::block_in_place(|| std::thread::sleep(POLL));
        }
    }

    /// Opens an address, and waits until the page is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        // A page that is left is not taken for the new one.
        self.evaluate("window.left = true");
        self.call("Page.navigate", &json!({"url": url}));
        self.until("!window.left && document.readyState === 'complete'");
    }

    /// Clicks an element as a user does, and waits until the next page is loaded if it leads to one.
    pub(crate) fn click(&mut self, selector: &str) {
        let found = format!(
            "(() => {{ const element = document.querySelector({selector:?});
               if (!element) return null;
               element.scrollIntoView({{block: 'center'}});
               const box = element.getBoundingClientRect();
               return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let center = self.evaluate(&found);
        assert!(center.is_array(), "there is no {selector}: {}", self.text());
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": center[0], "y": center[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Clicks an element that leads to another page, and waits until that is loaded.
    pub(crate) fn follow(&mut self, selector: &str) {
        self.evaluate("window.left = true");
        self.click(selector);
        self.until("!window.left && document.readyState === 'complete'");
    }

    /// Types a text into the element that has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Presses a key without a character, such as `Tab`, or `Enter`.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("the key {other} is not known"),
        };
        let event =
            |kind: &str| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", &event(if text.is_empty() { "rawKeyDown" } else { "keyDown" }));
        self.call("Input.dispatchKeyEvent", &event("keyUp"));
    }

    /// Returns the visible text of the page.
    pub(crate) fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Returns the path and the query of the page.
    pub(crate) fn path(&mut self) -> String {
        self.evaluate("location.pathname + location.search").as_str().unwrap().to_owned()
    }

    /// Sets the size of the page in CSS pixels.
    pub(crate) fn resize(&mut self, width: u32) {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Hides the scroll bars, which would cover the right edge of pictures.
    pub(crate) fn hide_scroll_bars(&mut self) {
        self.call("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
    }

    /// Sets a media feature, such as `prefers-color-scheme`.
    pub(crate) fn prefer(&mut self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Takes a screenshot of the whole page, if the environment variable chooses a folder.
    pub(crate) fn screenshot(&mut self, name: &str) {
        let Some(folder) = std::env::var_os(SCREENSHOTS) else { return };
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder).unwrap();
        self.picture(&folder.join(format!("{name}.png")), u32::MAX);
    }

    /// Writes a picture of the page, from its top to at most this height in CSS pixels.
    pub(crate) fn picture(&mut self, file: &Path, height: u32) {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap().min(f64::from(height));
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let taken = self.call("Page.captureScreenshot", &json!({"captureBeyondViewport": true, "clip": clip}));
        std::fs::write(file, STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }
}

/// Reads the messages of the browser on a thread. Each ends with a NUL.
fn read_messages(pipe: impl std::io::Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while pipe.read_until(0, &mut bytes).is_ok_and(|length| length > 0) {
            bytes.pop();
            if sender.send(serde_json::from_slice(&bytes).unwrap()).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    receiver
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
