//! Tests that secrets in URLs are never repeated, even in places where they do not belong.

use eqp_test_support::tool::Home;

/// A part of every secret here, so that a fragment of a secret is noticed too.
const MARKER: &str = "hush";

/// A database URL for each place that may contain a password, usable or not. Nothing listens on its address.
const DATABASES: &[&str] = &[
    "postgres://me:hush@127.0.0.1:1/eqp",
    "postgres://me:hu%73h-%68ush@127.0.0.1:1/eqp",
    "postgres://127.0.0.1:1/eqp?user=me&password=hush",
    "postgres://me@127.0.0.1:1/eqp?Password=hush",
    "postgres://me@127.0.0.1:1/eqp?PASSWORD=hush",
    "postgres://me@127.0.0.1:1/eqp?sslpassword=hush",
    "postgres://me@127.0.0.1:1/eqp?passwd=hush",
    "postgres://me@127.0.0.1:1/eqp?password=a&hush",
    "postgres://me@127.0.0.1:1/eqp?password=a&hush=b",
    "postgres://me@127.0.0.1:1/eqp?sslmode=hush",
    "postgres://me@127.0.0.1:1/eqp?sslkey=-----BEGIN%20PRIVATE%20KEY-----hush-----END%20PRIVATE%20KEY-----",
    "postgres://me:a?hush@127.0.0.1:1/eqp",
    "postgres://me:a?hush=b@127.0.0.1:1/eqp",
    "postgres://me:a#hush@127.0.0.1:1/eqp",
    "postgres://me:a/hush@127.0.0.1:1/eqp",
    "postgres://me:1/hush@127.0.0.1:1/eqp",
    "postgres://me:a@hush@127.0.0.1:1/eqp",
    "postgres://me:hush%@127.0.0.1:1/eqp",
    "postgres://me:hush @127.0.0.1:1/eqp",
    "postgres://me:hush:127.0.0.1/eqp",
    "postgres://me:hush@127.0.0.1:hush/eqp",
    "postgres://me:hush@[::1/eqp",
    "postgres://me:hush@a,b/eqp",
    "jdbc:postgresql://127.0.0.1:1/eqp?user=me&password=hush",
    "mysql://me:hush@127.0.0.1:1/eqp",
    "https://me:hush@127.0.0.1:1/eqp",
    "me:hush@127.0.0.1:1/eqp",
    "host=127.0.0.1 user=me password=hush",
    "hush",
];

const API_URLS: &[&str] = &[
    "https://me:hush@127.0.0.1:1",
    "https://hush@127.0.0.1:1",
    "https://me:a/hush@127.0.0.1:1",
    "https://me:1/hush@127.0.0.1:1",
    "https://127.0.0.1:1/?token=hush",
    "https://127.0.0.1:1/#hush",
    "http://me:hush@127.0.0.1:1",
    "me:hush@127.0.0.1:1",
    "https://me:hush@",
    "hush",
];

/// Runs commands with the most and the least logging, and checks that their output does not contain the secret.
fn says_nothing(home: &Home, place: &str, commands: &[&[&str]], code: impl Fn(i32) -> bool) {
    for arguments in commands {
        let ended = home.run(arguments);
        assert!(code(ended.code), "{place} {arguments:?}: {ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains(MARKER) && !said.contains("hu%73h"), "{place} {arguments:?}: {said}");
    }
}

/// Returns a home with the most verbose logging.
fn loud() -> Home {
    let mut home = Home::new(crate::EQP);
    for variable in ["EQP_LOG", "RUST_LOG"] {
        home.set(variable, "trace");
    }
    home.set("RUST_BACKTRACE", "full");
    home
}

#[test]
fn no_part_of_a_database_url_reaches_an_error_or_a_log() {
    let with_database: &[&[&str]] = &[
        &["events", "list", "--quiet"],
        &["migrate", "--dry-run", "--json"],
        &["doctor", "-vv"],
        &["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off"],
    ];
    for url in DATABASES {
        let is_refused = |code| [1, 2, 7].contains(&code);
        let mut home = loud();
        home.set("EQP_DATABASE_URL", *url);
        says_nothing(&home, url, with_database, is_refused);
        let quiet = {
            let mut home = Home::new(crate::EQP);
            home.set("EQP_DATABASE_URL", *url);
            home
        };
        says_nothing(&quiet, url, &[&["events", "list"], &["doctor", "--json"]], is_refused);
        let home = loud();
        let arguments = ["events", "list", "--database", url];
        says_nothing(&home, url, &[&arguments], |code| code == 2);
        home.write("mine.toml", &format!("[database]\nurl = {url:?}\n"));
        says_nothing(&home, url, &[&["doctor", "--config", "mine.toml"]], is_refused);
        let mut home = loud();
        home.set("EQP_DATABASE_URL_FILE", home.write("url", url).display().to_string());
        says_nothing(&home, url, &[&["events", "list"]], is_refused);
    }
}

#[test]
fn no_part_of_an_api_url_reaches_an_error_or_a_log() {
    for url in API_URLS {
        let mut home = loud();
        home.set("EQP_APPLICATION_ID", "app");
        home.set("EQP_APPLICATION_SECRET", "hush-hush");
        let by_flag = ["whoami", "--api-url", url];
        says_nothing(&home, url, &[&by_flag], |code| code == 2);
        home.write("mine.toml", &format!("[marketplace]\napi_url = {url:?}\n"));
        says_nothing(&home, url, &[&["whoami", "--config", "mine.toml"]], |code| code == 2);
        home.set("EQP_API_URL", *url);
        says_nothing(&home, url, &[&["whoami"], &["doctor", "--json"], &["login", "--quiet"]], |code| {
            [1, 2].contains(&code)
        });
    }
}

#[test]
fn no_part_of_a_url_that_callbacks_are_sent_to_reaches_an_error_or_a_log() {
    let home = loud();
    for url in
        ["https://me:hush@127.0.0.1:1/a", "https://hush@127.0.0.1:1/a", "https://127.0.0.1:1/a#hush", "ftp://hush"]
    {
        let add = ["callbacks", "add", "--name", "main", "--url", url];
        let trigger = ["trigger", "malware_scan_complete", "--to", url];
        says_nothing(&home, url, &[&add, &trigger], |code| code == 2);
    }
}

#[test]
fn the_password_of_a_proxy_reaches_neither_an_error_nor_a_log() {
    for variable in ["HTTPS_PROXY", "all_proxy"] {
        for proxy in
            ["http://me:hush@127.0.0.1:1", "http://me:hu%73h@127.0.0.1:1", "me:hush@127.0.0.1:1", "http://me:hush@"]
        {
            let mut home = loud();
            home.set(variable, proxy);
            home.set("EQP_APPLICATION_ID", "app");
            home.set("EQP_APPLICATION_SECRET", "hush-hush");
            home.set("EQP_API_URL", "https://127.0.0.1:1");
            says_nothing(&home, proxy, &[&["whoami"]], |code| code == 7);
        }
    }
}

#[test]
fn a_line_of_pgpass_that_cannot_be_read_is_not_logged() {
    let mut home = loud();
    home.write(".pgpass", "hush-without-any-colon\n127.0.0.1:1:hush\n");
    home.set("EQP_DATABASE_URL", "postgres://me@127.0.0.1:1/eqp");
    says_nothing(&home, ".pgpass", &[&["events", "list"], &["doctor"]], |code| [1, 7].contains(&code));
}
