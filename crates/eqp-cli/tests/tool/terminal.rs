//! Tests prompts, which appear on a terminal only.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use eqp_test_support::tool::Home;
use eqp_test_support::vendor::{APPLICATION_SECRET, TestVendor};

/// A run in a separate terminal, created by `script` of util-linux.
pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    output: ChildStdout,
    screen: String,
}

impl Terminal {
    /// Starts the tool. Returns `None` if this `script` is not installed.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Option<Self> {
        Self::start_on("dumb", home, arguments)
    }

    /// Starts the tool on a terminal with this number of columns.
    pub(crate) fn of_width(columns: usize, home: &Home, arguments: &[&str]) -> Option<Self> {
        Self::start_after(&format!("stty cols {columns} rows 40;"), "dumb", home, arguments)
    }

    /// Starts the tool on a terminal of this type.
    pub(crate) fn start_on(kind: &str, home: &Home, arguments: &[&str]) -> Option<Self> {
        Self::start_after("", kind, home, arguments)
    }

    fn start_after(first: &str, kind: &str, home: &Home, arguments: &[&str]) -> Option<Self> {
        let is_there = Command::new("script").arg("--version").output().is_ok_and(|answer| answer.status.success());
        if !is_there {
            println!("not run: there is no `script` of util-linux to make a terminal with");
            return None;
        }
        let quoted: Vec<_> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let mut command = home.command_of(&[
            // A text that never appears must not block the following tests.
            "timeout",
            "120",
            "script",
            "-qefc",
            &format!("{first} \"$EQP_BINARY\" {}", quoted.join(" ")),
            "/dev/null",
        ]);
        command.env("EQP_BINARY", env!("CARGO_BIN_EXE_eqp")).env("SHELL", "/bin/sh").env("TERM", kind);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Self { child, keys, output, screen: String::new() })
    }

    /// Reads until `text` is on the screen.
    pub(crate) fn shows(&mut self, text: &str) {
        let mut piece = [0; 256];
        while !self.screen.contains(text) {
            let read = self.output.read(&mut piece).unwrap();
            assert!(read > 0, "it ended without `{text}`: {}", self.screen);
            self.screen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end, and returns the exit code and the text on the screen.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        self.screen.push_str(&String::from_utf8_lossy(&rest));
        (self.child.wait().unwrap().code().unwrap_or(-1), self.screen)
    }
}

#[test]
fn a_write_to_production_asks_first_and_does_nothing_without_a_yes() {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_APPLICATION_ID", "app");
    home.set("EQP_APPLICATION_SECRET", "hush");
    home.write("a.zip", "a");
    home.write("new.toml", "[package]\nname = \"a\"\nartifact = \"a.zip\"\n");
    home.write("known.toml", "[package]\nsubmission_id = \"s1\"\nname = \"a\"\n");
    home.write("release.toml", "[package]\nitem_id = \"a\"\n");
    let before = crate::dry_runs::files(home.path());
    for arguments in [
        &["files", "upload", "a.zip"][..],
        &["files", "delete", "f1"],
        &["packages", "create", "new.toml"],
        &["packages", "update", "known.toml"],
        &["files", "delete", "f1", "--api-url", "https://developer-api.magento.com"],
        &["keys", "create", "build"],
        &["keys", "enable", "build"],
        &["keys", "disable", "build"],
        &["keys", "delete", "build"],
    ] {
        // Nothing can be reached here, so any answer other than "no" would lead to an error.
        let arguments = [arguments, &["--environment", "production"]].concat();
        let Some(mut terminal) = Terminal::start(&home, &arguments) else { return };
        terminal.shows("in production? [y/N]");
        terminal.type_keys("n\n");
        let (code, screen) = terminal.end();
        assert_eq!(code, 1, "{arguments:?}: {screen}");
        assert!(screen.contains("error: aborted"), "{screen}");
        assert_eq!(crate::dry_runs::files(home.path()), before, "{arguments:?}");
    }
    // A release first observes the current state to show a plan, which is not possible here.
    let release = ["release", "a.zip", "--manifest", "release.toml", "--skip-check", "--environment", "production"];
    let Some(terminal) = Terminal::start(&home, &release) else { return };
    let (code, screen) = terminal.end();
    assert_eq!(code, 7, "{screen}");
    assert_eq!(crate::dry_runs::files(home.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_asks_for_a_secret_that_does_not_show() {
    let vendor = TestVendor::start(crate::EQP).await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_API_URL", vendor.simulator.base_url());
    home.set("EQP_CA_FILE", home.write("ca.pem", vendor.simulator.ca_pem()).display().to_string());
    home.set("EQP_ENVIRONMENT", "production");
    let asked = tokio::task::block_in_place(|| {
        let mut terminal = Terminal::start(&home, &["login"])?;
        terminal.shows("Application ID for production: ");
        terminal.type_keys("app\n");
        terminal.shows("(not shown): ");
        terminal.type_keys(&format!("{APPLICATION_SECRET}\r"));
        Some(terminal.end())
    });
    let Some((code, screen)) = asked else { return };
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("as profile `production` in ") && !screen.contains(APPLICATION_SECRET), "{screen}");

    let interrupted = tokio::task::block_in_place(|| {
        let mut terminal = Terminal::start(&home, &["login", "--application-id", "app"])?;
        terminal.shows("(not shown): ");
        terminal.type_keys("half\u{3}");
        Some(terminal.end())
    });
    let (code, screen) = interrupted.unwrap();
    assert!(code == 130 && screen.contains("interrupted"), "{screen}");
}
