//! Runs every command, and checks that no secret appears in logs, errors, output, tables, metrics or process lists.

use std::collections::BTreeSet;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use eqp_store::{Endpoints, MasterKey};
use eqp_test_support::callbacks::later_form;
use eqp_test_support::submission::Submission;
use eqp_types::{ApiKey, Secret};

use eqp_test_support::tool::{Ended, NOWHERE, Running};
use eqp_test_support::vendor::{APPLICATION_SECRET, TestVendor, scan};

const THEIR_PASSWORD: &str = "hush-their+password/91c2";
const WRONG_APPLICATION_SECRET: &str = "hush-wrong-secret-55e0";
const DATABASE_PASSWORD: &str = "hush-database~password-3b7d";

/// Returns a secret in every encoding in which it could leak.
fn spellings(username: &str, secret: &str) -> BTreeSet<String> {
    let as_header = format!("{username}:{secret}");
    let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let in_url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_path = in_url.replace('+', "%20");
    [
        secret.to_owned(),
        STANDARD.encode(secret),
        STANDARD.encode(&as_header),
        URL_SAFE.encode(secret),
        URL_SAFE.encode(&as_header),
        hex.concat(),
        in_url.to_lowercase(),
        in_url,
        in_path,
    ]
    .into()
}

/// Returns the contents of the database as printed by `pg_dump`, or `None` if it is not installed.
fn dump(vendor: &TestVendor) -> Option<String> {
    let options = &vendor.database.options;
    let host = options.get_socket().map_or(options.get_host().into(), |folder| folder.as_os_str().to_owned());
    let dumped = Command::new("pg_dump")
        .env("PGHOST", host)
        .env("PGPORT", options.get_port().to_string())
        .env("PGUSER", options.get_username())
        .env("PGDATABASE", options.get_database().unwrap())
        .output();
    let Ok(dumped) = dumped else {
        println!("did not look into the tables: there is no pg_dump");
        return None;
    };
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    Some(String::from_utf8_lossy(&dumped.stdout).into_owned())
}

/// Returns what `ps` shows: arguments and environment of a process and its children, and the arguments of all other
/// processes.
fn processes(ours: &Running) -> String {
    let mut reported = String::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        let number = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if number == Some(ours.number()) || parent == Some(ours.number()) {
            reported += &String::from_utf8_lossy(&read("environ")).replace('\0', "\n");
        }
        reported += &(String::from_utf8_lossy(&read("cmdline")).replace('\0', " ") + "\n");
    }
    reported
}

/// Returns every command without subcommands.
fn commands(command: &clap::Command, name: &str) -> BTreeSet<String> {
    let below = command.get_subcommands().map(|below| (below, format!("{name} {}", below.get_name())));
    let found: BTreeSet<_> = below.flat_map(|(below, name)| commands(below, name.trim_start())).collect();
    if found.is_empty() { BTreeSet::from([name.to_owned()]) } else { found }
}

/// The collected output, with its origin.
#[derive(Default)]
struct Said {
    places: Vec<(String, String)>,
    swept: BTreeSet<String>,
    /// Commands with an unexpected exit code.
    unexpected: Vec<String>,
}

impl Said {
    /// Runs a command, which must exit with this code.
    fn run(&mut self, vendor: &TestVendor, code: i32, arguments: &[&str]) -> Ended {
        let ended = vendor.home.run_aside(arguments);
        if ended.code != code {
            let reason: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with("20")).collect();
            self.unexpected.push(format!("{arguments:?} {}: {reason:?}", ended.code));
        }
        self.ended(arguments, &ended);
        ended
    }

    fn ended(&mut self, arguments: &[&str], ended: &Ended) {
        self.command(arguments);
        self.places.push((arguments.join(" "), format!("{}{}", ended.stdout, ended.stderr)));
    }

    /// Returns the name of the command.
    fn command(&mut self, arguments: &[&str]) {
        let all = commands(&eqp_cli::definition(), "");
        let is_called = |command: &&String| {
            let words: Vec<_> = command.split(' ').collect();
            arguments.starts_with(&words)
        };
        self.swept.extend(all.iter().filter(is_called).cloned());
    }
}

/// Runs all commands that end on their own, against a working Marketplace and receiver.
fn run_all(vendor: &TestVendor, said: &mut Said, ours: &str, theirs: &str) {
    let home = &vendor.home;
    let archive = Submission::module().write(home.path()).unwrap();
    let archive = archive.to_str().unwrap();
    home.write("draft.json", r#"[{"item_id": "swept", "type": "extension", "name": "Swept", "version": "1.2.0", "platform": "M2", "long_description": "x"}]"#);
    std::fs::create_dir(home.path().join("package")).unwrap();
    home.write("package/composer.json", "{}");
    let taken_from = format!("{theirs}=theirs");
    for (code, arguments) in [
        (1, &["callbacks", "add", "--name", "main", "--url", ours][..]),
        (0, &["callbacks", "add", "--name", "main", "--url", ours, "--password-of", &taken_from, "--json"]),
        (0, &["callbacks", "list", "--json"]),
        (0, &["callbacks", "plan", "--json"]),
        (0, &["trigger", "malware_scan_complete", "--file", "swept", "--to", "main", "--at", ours]),
        (0, &["whoami"]),
        (0, &["whoami", "--json"]),
        (0, &["doctor", "--listen", NOWHERE]),
        (0, &["doctor", "--json", "--listen", NOWHERE]),
        (0, &["init", "--output", "init/eqp.toml", "--json"]),
        (0, &["login"]),
        (0, &["accounts", "add", "--json"]),
        (0, &["accounts", "list"]),
        (0, &["products", "list"]),
        (0, &["reconcile", "--json"]),
        (0, &["status"]),
        (4, &["find", "nothing"]),
        (0, &["alerts", "list"]),
        (4, &["alerts", "show", "999"]),
        (4, &["alerts", "ack", "999", "--by", "ops"]),
        (4, &["alerts", "snooze", "999", "--for", "1d"]),
        (4, &["alerts", "note", "999", "asked"]),
        (4, &["alerts", "resolve", "999"]),
        (4, &["submissions", "letter", "s000000000"]),
        (0, &["submissions", "links"]),
        (4, &["submissions", "unlink", "999", "--yes"]),
        (0, &["accounts", "remove", "MAG123456789"]),
        (0, &["keys", "list"]),
        (0, &["keys", "list", "--json"]),
        (0, &["keys", "disable", "sweep"]),
        (0, &["keys", "enable", "sweep"]),
        (0, &["packages", "published", "--key", "sweep"]),
        (0, &["packages", "recertify", "--commerce", "2.4.9"]),
        (0, &["listings", "due"]),
        (0, &["keys", "delete", "sweep", "--yes"]),
        (0, &["reports", "sales"]),
        (0, &["reports", "pageviews"]),
        (0, &["reports", "totals"]),
        (0, &["reports", "refunds"]),
        (0, &["reports", "metrics"]),
        (0, &["packages", "list", "--all", "--json"]),
        (0, &["packages", "rules"]),
        (0, &["packages", "init", archive]),
        (0, &["packages", "check", archive, "--skip-programs"]),
        (5, &["packages", "build", "package", "--working-tree", "--skip-programs", "--json"]),
        (0, &["listings", "pull"]),
        (4, &["listings", "diff"]),
        (4, &["listings", "push", "--only", "prices", "--yes"]),
        (0, &["packages", "create", "draft.json", "--yes"]),
        (0, &["packages", "show", "--item", "swept"]),
        (0, &["packages", "update", "draft.json", "--yes"]),
        (4, &["packages", "report", "s000000000"]),
        (4, &["packages", "explain", "s000000000"]),
        (0, &["tools", "list"]),
        (2, &["tools", "install", "--from", "none.zip"]),
        (4, &["packages", "recall", "--submission", "s000000000", "--yes"]),
        (6, &["release", archive, "--manifest", "draft.json", "--skip-check", "--yes", "--timeout", "1s"]),
        (0, &["files", "upload", archive, "--yes"]),
        (0, &["files", "list"]),
        (4, &["files", "show", "1.2.3"]),
        (4, &["files", "delete", "1.2.3", "--yes"]),
        (4, &["wait", "s000000000", "--timeout", "1s"]),
    ] {
        said.run(vendor, code, arguments);
    }
    for (code, arguments) in UPKEEP {
        said.run(vendor, *code, arguments);
    }
}

/// The commands about the database, the spool, tokens and subscriptions, each with its exit code.
const UPKEEP: &[(i32, &[&str])] = &[
    (0, &["migrate"]),
    (0, &["spool", "show", "--spool-dir", "spool"]),
    (0, &["spool", "export", "--spool-dir", "spool"]),
    (1, &["spool", "drain", "--spool-dir", "spool"]),
    (1, &["spool", "set-aside", "--spool-dir", "spool"]),
    (0, &["reproject", "--since", "1d"]),
    (0, &["retention", "--older-than", "400d", "--yes"]),
    (0, &["token", "create", "swept", "--scope", "read,operate,admin", "--expires", "90d"]),
    (0, &["token", "link", "swept", "--json"]),
    (0, &["token", "list", "--json"]),
    (0, &["token", "revoke", "swept", "--yes"]),
    (4, &["token", "revoke", "swept", "--yes"]),
    (0, &["audit", "list", "--json"]),
    (0, &["subscriptions", "add", "swept", "--exec", "swept", "--status", "approved", "--json"]),
    (0, &["subscriptions", "list", "--json"]),
    (0, &["subscriptions", "show", "swept"]),
    (0, &["subscriptions", "recipes"]),
    (2, &["subscriptions", "rotate-secret", "swept"]),
    // The server's configuration has no such program.
    (1, &["subscriptions", "test", "swept"]),
    (0, &["subscriptions", "pause", "swept", "--reason", "a test"]),
    (0, &["subscriptions", "resume", "swept"]),
    (0, &["deliveries", "list"]),
    (4, &["deliveries", "show", "999999"]),
    (4, &["deliveries", "retry", "999999"]),
    (4, &["deliveries", "discard", "999999", "--yes"]),
    (0, &["events", "replay", "--since", "1d", "--to", "swept", "--yes"]),
    (4, &["events", "replay", "999999", "--yes"]),
    (0, &["replays", "list", "--json"]),
    (4, &["replays", "show", "999999"]),
    (4, &["replays", "cancel", "999999", "--yes"]),
    (0, &["subscriptions", "remove", "swept", "--yes"]),
    (0, &["ca"]),
    (0, &["completions", "bash"]),
    (0, &["man", "man"]),
    (0, &["logout"]),
];

/// Runs the commands that need a projected callback, that change its registration, and that run until they are stopped.
fn look_and_change(vendor: &TestVendor, said: &mut Said, theirs: &str) {
    for arguments in [&["events", "list", "--json"][..], &["events", "show", "1"], &["submissions", "list"]] {
        said.run(vendor, 0, arguments);
    }
    said.run(vendor, 4, &["submissions", "show", "s000000000"]);
    let taken_from = format!("{theirs}=theirs");
    for arguments in [
        &["callbacks", "rotate", "--name", "main", "--password-of", &taken_from][..],
        &["callbacks", "retire", "--name", "main"],
        &[
            "callbacks",
            "adopt",
            "--name",
            "others",
            "--path",
            "/callbacks/others",
            "--url",
            theirs,
            "--password-file",
            "theirs",
        ],
        &["callbacks", "remove", "--name", "main"],
    ] {
        said.run(vendor, 0, arguments);
    }
    // It still accepts callbacks.
    said.run(vendor, 1, &["callbacks", "forget", "--name", "main"]);
    for (arguments, is_up) in [
        (&["events", "tail", "--after", "0", "--json"][..], true),
        (&["listen", "--since", "1d", "--json"], true),
        (&["simulator", "--listen", "127.0.0.1:0", "--json"], true),
        (&["demo", "--exit"], false),
    ] {
        let mut running = vendor.home.start(arguments);
        if is_up {
            tokio::task::block_in_place(|| running.json_line());
            running.terminate();
        }
        said.ended(arguments, &tokio::task::block_in_place(|| running.end()));
    }
}

/// Creates a link to a submission and opens it in a browser. Returns the secret, which the command prints once.
async fn open_link(vendor: &TestVendor, said: &mut Said, operator: &str) -> String {
    let arguments = ["submissions", "link", "s9", "--at", "https://ops.example.com", "--json"];
    let mut made = vendor.home.run_aside(&arguments);
    let created: serde_json::Value = serde_json::from_str(&std::mem::take(&mut made.stdout)).unwrap();
    said.ended(&arguments, &made);
    let link = created["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let shared = format!("{operator}/shared");
    let form = http.post(&shared).header("origin", operator);
    let form = form.header("content-type", "application/x-www-form-urlencoded").body(format!("secret={link}"));
    let opened = form.send().await.unwrap();
    assert_eq!(opened.status(), 303);
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = http.get(&shared).header("cookie", cookie).send().await.unwrap();
    assert_eq!(page.status(), 200);
    said.places.push(("the shared page".to_owned(), page.text().await.unwrap()));
    // The end of the secret, which may contain underscores itself.
    link[link.len() - 32..].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_out_though_every_command_is_run_and_everything_is_logged() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    for variable in ["EQP_LOG", "RUST_LOG"] {
        vendor.home.set(variable, "trace");
    }
    vendor.home.set("RUST_BACKTRACE", "full");
    // From files, as for services, so that no secret is in an environment.
    let database_url = vendor.database.url().replacen('@', &format!(":{DATABASE_PASSWORD}@"), 1);
    for (variable, secret) in [("EQP_APPLICATION_SECRET", APPLICATION_SECRET), ("EQP_DATABASE_URL", &database_url)] {
        let file = vendor.home.write(&variable.to_lowercase(), secret);
        vendor.home.set(variable, "");
        vendor.home.set(&format!("{variable}_FILE"), file.display().to_string());
    }
    let serving =
        ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--spool-dir", "spool", "--json"];
    let mut serve = vendor.home.start(&serving);
    let begun = tokio::task::block_in_place(|| serve.json_line());
    vendor.simulator.trust_pem(&vendor.home.run_aside(&["ca"]).stdout).unwrap();
    let base = begun["listening"].as_str().unwrap();
    // An unmanaged entry with our path and an unknown password: each callback to it fails to authenticate.
    let (ours, theirs) = (format!("{base}/callbacks/main"), format!("{base}/callbacks/main?of=others"));
    vendor.register_theirs(&theirs, "others", THEIR_PASSWORD).await;
    vendor.home.write("theirs", THEIR_PASSWORD);

    let mut said = Said::default();
    // The password of a key is printed once, by the command that created it, and never logged.
    let mut made = vendor.home.run_aside(&["keys", "create", "sweep", "--json"]);
    let key: serde_json::Value = serde_json::from_str(&std::mem::take(&mut made.stdout)).unwrap();
    said.ended(&["keys", "create"], &made);
    run_all(&vendor, &mut said, &ours, &theirs);
    assert_eq!(vendor.send("malware_scan_complete", scan("a")).await, [200, 401]);
    assert_eq!(vendor.send("eqp_status_update", later_form("s9", "technical", ["draft"; 3], 1)).await, [200, 401]);
    vendor.is_projected().await;
    let link = open_link(&vendor, &mut said, begun["operator"].as_str().unwrap()).await;
    look_and_change(&vendor, &mut said, &theirs);
    vendor.home.set("EQP_APPLICATION_SECRET", WRONG_APPLICATION_SECRET);
    said.run(&vendor, 3, &["whoami"]);

    let operator = begun["operator"].as_str().unwrap();
    let metrics = reqwest::get(format!("{operator}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("eqp_"), "{metrics}");
    said.places.push(("the metrics".to_owned(), metrics));
    said.places.push(("the list of processes".to_owned(), processes(&serve)));
    serve.terminate();
    let ended = tokio::task::block_in_place(|| serve.end());
    assert!(ended.stderr.contains("insert into eqp.callback"), "statements are logged too: {}", ended.stderr);
    said.ended(&serving, &ended);

    let file = vendor.home.path().join("data/master.key");
    let master_key = MasterKey::open(&file).unwrap();
    let endpoints = Endpoints::open(vendor.database.pool.clone(), master_key.clone()).await.unwrap();
    let username = endpoints.list().await.unwrap()[0].credentials[0].username.clone();
    let issued = endpoints.password(&ours, &username).await.unwrap().unwrap();
    // The `Debug` output, which a panic would print.
    let application = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new(APPLICATION_SECRET) };
    said.places.push(("a panic".to_owned(), format!("{master_key:?} {endpoints:?} {issued:?} {application:?}")));
    if let Some(dump) = dump(&vendor) {
        assert!(dump.contains(&username), "credentials are in the dump");
        said.places.push(("the tables".to_owned(), dump));
    }
    let spool = std::fs::read(vendor.home.path().join("spool/spool.redb")).unwrap();
    let spool = String::from_utf8_lossy(&spool).into_owned();
    assert!(spool.contains(&username), "the endpoints are in the spool");
    said.places.push(("the spool".to_owned(), spool));

    let master_key = std::fs::read_to_string(&file).unwrap();
    let secrets = [
        ("the issued password", username.as_str(), issued.expose()),
        ("the password of others", "others", THEIR_PASSWORD),
        ("the application secret", "app", APPLICATION_SECRET),
        ("a wrong application secret", "app", WRONG_APPLICATION_SECRET),
        ("the password of the database", "eqp", DATABASE_PASSWORD),
        (
            "the password of a Composer key",
            key["m2"][0]["user_key"].as_str().unwrap(),
            key["m2"][0]["password_key"].as_str().unwrap(),
        ),
        ("the master key", "", master_key.trim()),
        ("the secret of a link to a submission", "", link.as_str()),
        ("the control token of the simulator", "", vendor.simulator.control_token().expose()),
    ];
    assert_eq!(said.unexpected, [""; 0]);
    for (name, text) in &said.places {
        for (what, username, secret) in secrets {
            for spelling in spellings(username, secret) {
                assert!(!text.contains(&spelling), "{what} is in {name}");
            }
        }
        // Only the simulator knows the session tokens.
        for (_, behind) in text.match_indices("Bearer ").map(|(at, word)| text[at..].split_at(word.len())) {
            let token = behind.split(|byte: char| !byte.is_ascii_alphanumeric() && byte != '.').next().unwrap();
            assert!(token.len() < 20, "a token is in {name}");
        }
    }
    let not_swept: Vec<_> =
        commands(&eqp_cli::definition(), "").into_iter().filter(|command| !said.swept.contains(command)).collect();
    assert!(not_swept.is_empty(), "run these too: {not_swept:?}");
}
