//! Tests that dry runs, plans and declined prompts change neither files nor the database nor the Marketplace.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use eqp_types::Environment;

use sqlx::{AssertSqlSafe, PgPool};

use crate::other_tool::OtherTool;
use crate::terminal::Terminal;
use eqp_test_support::submission::Submission;
use eqp_test_support::tool::Ended;
use eqp_test_support::vendor::{TestVendor, scan};

const OURS: &str = "https://eqp.example.com/callbacks/main";
const NO_SHA256: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const THEIRS: &str = "https://other.example.com/hook";

/// Every dry run, with its arguments and exit codes: with a registered endpoint, and before any setup.
const SHOWN: &[(&[&str], i32, i32)] = &[
    (&["callbacks", "plan"], 0, 0),
    (&["callbacks", "add", "--name", "new", "--url", "https://eqp.example.com/new", "--dry-run"], 0, 0),
    // The endpoint already has this URL.
    (&["callbacks", "add", "--name", "new", "--url", OURS, "--dry-run"], 2, 0),
    (&["callbacks", "add", "--name", "main", "--dry-run"], 0, 2),
    (&["callbacks", "add", "--name", "not a name", "--url", "https://eqp.example.com/new", "--dry-run"], 2, 2),
    (&["callbacks", "adopt", "--name", "their", "--url", THEIRS, "--dry-run"], 0, 0),
    (&["callbacks", "adopt", "--name", "their", "--url", THEIRS, "--password-file", "theirs", "--dry-run"], 0, 0),
    (&["callbacks", "rotate", "--name", "main", "--dry-run"], 0, 4),
    (&["callbacks", "rotate", "--name", "main", "--grace", "0s", "--dry-run"], 0, 4),
    (&["callbacks", "remove", "--name", "main", "--dry-run"], 0, 4),
    (&["callbacks", "remove", "--entry", THEIRS, "--dry-run"], 0, 0),
    // It is still registered.
    (&["callbacks", "forget", "--name", "main", "--dry-run"], 1, 4),
    // Nothing was replaced.
    (&["callbacks", "retire", "--name", "main", "--dry-run"], 4, 4),
    (&["packages", "create", "new.toml", "--dry-run"], 0, 0),
    (&["listings", "pull", "--dry-run"], 0, 0),
    (&["listings", "push", "--only", "prices", "--dry-run"], 4, 4),
    (
        &[
            "release",
            "--skip-check",
            "new.zip",
            "--manifest",
            "new.toml",
            "--until",
            "released",
            "--then",
            "touch ran",
            "--then-unless",
            "touch checked",
            "--dry-run",
        ],
        0,
        0,
    ),
    (&["packages", "update", "draft.toml", "--dry-run"], 0, 0),
    (&["packages", "recall", "draft.toml", "--dry-run"], 0, 0),
    (&["release", "--skip-check", "new.zip", "--manifest", "new.toml", "--dry-run"], 0, 0),
    (&["files", "upload", "new.zip", "--dry-run"], 0, 0),
    (&["files", "delete", "1", "--dry-run"], 0, 0),
    (&["keys", "create", "build", "--dry-run"], 0, 0),
    (&["keys", "enable", "build", "--dry-run"], 0, 0),
    (&["keys", "disable", "build", "--dry-run"], 0, 0),
    (&["keys", "delete", "build", "--dry-run"], 0, 0),
    (&["accounts", "add", "--dry-run"], 0, 0),
    (&["accounts", "remove", "MAG123456789", "--dry-run"], 4, 4),
    (&["reconcile", "--dry-run"], 0, 4),
    (&["alerts", "ack", "1", "--by", "ops", "--dry-run"], 4, 4),
    (&["alerts", "snooze", "1", "--for", "1d", "--dry-run"], 4, 4),
    (&["alerts", "note", "1", "asked", "--dry-run"], 4, 4),
    (&["alerts", "resolve", "1", "--dry-run"], 4, 4),
    (&["migrate", "--dry-run"], 0, 0),
    (&["reproject", "--since", "30d", "--dry-run"], 0, 4),
    (&["retention", "--older-than", "1d", "--dry-run"], 0, 4),
    (&["submissions", "link", "s1", "--dry-run"], 4, 4),
    (&["submissions", "unlink", "1", "--dry-run"], 4, 4),
    (&["token", "create", "ci", "--scope", "read", "--dry-run"], 0, 4),
    (&["token", "link", "ci", "--dry-run"], 4, 4),
    (&["token", "revoke", "ci", "--dry-run"], 4, 4),
    (
        &[
            "subscriptions",
            "add",
            "shop",
            "--webhook",
            "https://shop.example.com/eqp",
            "--generate-secret",
            "--dry-run",
        ],
        0,
        4,
    ),
    (&["subscriptions", "add", "shop", "--exec", "deploy", "--status", "approved", "--dry-run"], 0, 4),
    (&["subscriptions", "test", "shop", "--dry-run"], 4, 4),
    (&["subscriptions", "pause", "shop", "--dry-run"], 4, 4),
    (&["subscriptions", "resume", "shop", "--dry-run"], 4, 4),
    (&["subscriptions", "rotate-secret", "shop", "--dry-run"], 4, 4),
    (&["subscriptions", "remove", "shop", "--dry-run"], 4, 4),
    (&["deliveries", "retry", "1", "--dry-run"], 4, 4),
    (&["deliveries", "discard", "1", "--dry-run"], 4, 4),
    (&["events", "replay", "--since", "1d", "--dry-run"], 0, 4),
    (&["events", "replay", "--dry-run"], 2, 2),
    (&["replays", "cancel", "1", "--dry-run"], 4, 4),
    (&["spool", "drain", "--dry-run"], 4, 4),
    (&["spool", "set-aside", "--dry-run"], 4, 4),
    // The folder has no git repository; without one there is no tag.
    (&["packages", "build", "package", "--working-tree", "--skip-programs", "--dry-run"], 5, 5),
    (&["packages", "build", "package", "--tag", "v1.0.0", "--skip-programs", "--dry-run"], 2, 2),
    // The file is not an archive, and the manifest already exists.
    (&["packages", "init", "new.zip", "--dry-run"], 1, 1),
    (&["packages", "init", "module.zip", "--dry-run"], 0, 0),
    (&["packages", "init", "module.zip", "--output", "new.toml", "--dry-run"], 2, 2),
    (&["packages", "init", "module.zip", "--output", "new.toml", "--force", "--dry-run"], 0, 0),
    // A file without a checksum, and one that does not exist.
    (&["tools", "install", "--from", "new.zip", "--dry-run"], 2, 2),
    (&["tools", "install", "--from", "new.zip", "--sha256", NO_SHA256, "--php", "none", "--dry-run"], 2, 2),
    (&["trigger", "malware_scan_complete", "--dry-run"], 0, 4),
    (&["trigger", "malware_scan_complete", "--to", OURS, "--dry-run"], 0, 0),
    (&["init", "--dry-run"], 0, 0),
    // It exists, and is not a configuration file.
    (&["init", "--output", "new.toml", "--dry-run"], 2, 2),
    (&["init", "--output", "new.toml", "--force", "--dry-run"], 0, 0),
    // The key is neither prompted for nor sent.
    (&["login", "--dry-run"], 0, 0),
    (&["logout", "--dry-run"], 4, 4),
    (&["ca", "--dry-run"], 0, 0),
];

/// Every command that may prompt for confirmation.
const ASKING: &[&str] = &[
    "alerts resolve",
    "callbacks add",
    "callbacks adopt",
    "callbacks remove",
    "callbacks retire",
    "callbacks rotate",
    "deliveries discard",
    "events replay",
    "files delete",
    "files upload",
    "init",
    "keys create",
    "keys delete",
    "keys disable",
    "keys enable",
    "login",
    "packages create",
    "packages recall",
    "packages update",
    "release",
    "replays cancel",
    "retention",
    "submissions unlink",
    "subscriptions remove",
    "subscriptions rotate-secret",
    "token revoke",
    "trigger",
];

/// All other commands: they only read, run until they are stopped (`demo`, `serve`, `simulator`), write a new file
/// that is given in the arguments (`man`, `spool export`), or run a command that is given there (`wait --then`).
const AT_ONCE: &[&str] = &[
    "accounts list",
    "listings diff",
    "listings due",
    "packages published",
    "packages recertify",
    "products list",
    "alerts list",
    "alerts show",
    "audit list",
    "callbacks list",
    "completions",
    "deliveries list",
    "deliveries show",
    "demo",
    "doctor",
    "events list",
    "events show",
    "events tail",
    "files list",
    "files show",
    "find",
    "keys list",
    "listen",
    "man",
    "packages check",
    "packages explain",
    "packages list",
    "packages report",
    "packages rules",
    "packages show",
    "reports metrics",
    "reports pageviews",
    "reports refunds",
    "reports sales",
    "reports totals",
    "replays list",
    "replays show",
    "serve",
    "simulator",
    "spool export",
    "spool show",
    "status",
    "submissions letter",
    "tools list",
    "submissions links",
    "submissions list",
    "submissions show",
    "subscriptions list",
    "subscriptions recipes",
    "subscriptions show",
    "token list",
    "wait",
    "whoami",
];

/// Returns every command without subcommands, with its definition.
fn commands(command: &clap::Command, name: &str, all: &mut BTreeMap<String, clap::Command>) {
    for below in command.get_subcommands() {
        commands(below, format!("{name} {}", below.get_name()).trim_start(), all);
    }
    if !command.has_subcommands() {
        all.insert(name.to_owned(), command.clone());
    }
}

#[test]
fn no_command_is_forgotten_here() {
    let mut all = BTreeMap::new();
    commands(&eqp_cli::definition(), "", &mut all);
    let is_called = |name: &str| {
        let words: Vec<_> = name.split(' ').collect();
        SHOWN.iter().any(|(arguments, _, _)| arguments.starts_with(&words))
    };
    for (name, command) in &all {
        let has_dry_run =
            command.get_arguments().any(|argument| argument.get_id() == "dry_run") || name.ends_with(" plan");
        assert_eq!(is_called(name), has_dry_run, "`{name}` belongs into the table of dry runs, or not");
        let known = [ASKING.contains(&name.as_str()), AT_ONCE.contains(&name.as_str()), has_dry_run];
        assert!(known.contains(&true), "say whether `{name}` may ask");
        assert!(!(known[1] && (known[0] || known[2])), "`{name}` cannot be both");
    }
    let names: BTreeSet<_> = all.keys().map(String::as_str).collect();
    assert!(ASKING.iter().chain(AT_ONCE).all(|name| names.contains(name)), "{names:?}");
}

/// Returns every file and folder with its mode and content.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let content = if metadata.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        found.insert(path.display().to_string(), (metadata.permissions().mode(), content));
        if metadata.is_dir() {
            found.extend(files(&path));
        }
    }
    found
}

/// Returns every table with its rows.
async fn tables(pool: &PgPool) -> BTreeMap<String, String> {
    let names: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut tables = BTreeMap::new();
    for name in names {
        let rows = format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {name} t");
        let rows: String = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(pool).await.unwrap();
        tables.insert(name, rows);
    }
    tables
}

/// The state that must not change.
#[derive(Debug, PartialEq)]
struct World {
    files: BTreeMap<String, (u32, Vec<u8>)>,
    tables: BTreeMap<String, String>,
    usernames: Vec<String>,
    marketplace: String,
}

impl World {
    async fn of(vendor: &TestVendor) -> Self {
        Self {
            files: files(vendor.home.path()),
            tables: tables(&vendor.database.pool).await,
            usernames: OtherTool::of(&vendor.simulator).usernames().await,
            marketplace: format!("{:?}", vendor.simulator.snapshot()),
        }
    }
}

/// Returns a Marketplace with a draft and an unmanaged callback, and a home with manifests.
async fn vendor() -> TestVendor {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.register_theirs(THEIRS, "key", "secret").await;
    let home = &vendor.home;
    home.write("theirs", "secret\n");
    home.write("new.zip", "no archive");
    std::fs::write(home.path().join("module.zip"), Submission::module().bytes()).unwrap();
    std::fs::create_dir(home.path().join("package")).unwrap();
    home.write("package/composer.json", "{}");
    home.write("draft.toml", "[package]\nitem_id = \"draft\"\ntype = \"extension\"\nname = \"Draft\"\n");
    home.write(
        "new.toml",
        "[package]\nitem_id = \"new\"\ntype = \"extension\"\nname = \"New\"\nsku = \"acme/new\"\nversion = \"1.0.0\"\n\
         artifact = \"new.zip\"\n",
    );
    assert_eq!(home.run_aside(&["packages", "create", "draft.toml", "--quiet"]).code, 0);
    vendor
}

/// Runs a command of the table. Commands that change a list get the password of the unmanaged entry.
fn run(vendor: &TestVendor, arguments: &[&str]) -> Ended {
    let supplied = format!("{THEIRS}=theirs");
    let mut arguments = arguments.to_vec();
    let writes_list = ["add", "adopt", "rotate", "remove"].iter().any(|verb| arguments[1] == *verb);
    if arguments[0] == "callbacks" && writes_list && !arguments.contains(&"--entry") && !arguments.contains(&"their") {
        arguments.extend(["--password-of", &supplied]);
    }
    vendor.home.run_aside(&arguments)
}

async fn nothing_changes(vendor: &TestVendor, commands: impl IntoIterator<Item = (&'static [&'static str], i32)>) {
    let keys = || vendor.home.run_aside(&["keys", "list", "--json"]).stdout;
    let before = (World::of(vendor).await, keys());
    for (arguments, code) in commands {
        for form in [&[][..], &["--json"]] {
            let ended = run(vendor, &[arguments, form].concat());
            assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        }
        assert_eq!(World::of(vendor).await, before.0, "{arguments:?} changed something");
    }
    assert_eq!(keys(), before.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_shown_changes_nothing_of_a_registration() {
    let vendor = vendor().await;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS];
    assert_eq!(run(&vendor, &add).code, 0);
    nothing_changes(&vendor, SHOWN.iter().map(|(arguments, code, _)| (*arguments, *code))).await;

    // During the grace period of a rotation.
    assert_eq!(run(&vendor, &["callbacks", "rotate", "--name", "main"]).code, 0);
    let shown: &[(&[&str], i32)] = &[
        (&["callbacks", "plan"], 0),
        (&["callbacks", "retire", "--name", "main", "--dry-run"], 0),
        (&["callbacks", "rotate", "--name", "main", "--dry-run"], 1),
        (&["callbacks", "remove", "--name", "main", "--dry-run"], 0),
    ];
    nothing_changes(&vendor, shown.iter().copied()).await;

    // Another program has removed the entry from the list, so only our side is left to remove.
    let theirs = serde_json::json!([{"url": THEIRS, "username": "key", "password": "secret"}]);
    OtherTool::of(&vendor.simulator).overwrites(theirs).await;
    let remove: &[&str] = &["callbacks", "remove", "--name", "main", "--dry-run"];
    let shown = run(&vendor, remove);
    assert!(shown.stdout.contains("main: reject eqp-"), "{shown:?}");
    nothing_changes(&vendor, [(remove, 0)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_was_not_heard_of_is_not_noted_by_a_dry_run() {
    let vendor = vendor().await;
    for fault in ["answer-lost call=users.put", "status=503 call=users.get nth=3,4,5,6"] {
        vendor.simulator.add_fault(fault.parse().unwrap());
    }
    assert_ne!(run(&vendor, &["callbacks", "add", "--name", "main", "--url", OURS]).code, 0);
    vendor.simulator.clear_faults();
    vendor.credential("pending").await;

    let shown = run(&vendor, &["callbacks", "add", "--name", "main", "--dry-run"]);
    assert!(shown.stdout.contains("becomes the active one"), "{shown:?}");
    let shown: &[(&[&str], i32)] = &[
        (&["callbacks", "add", "--name", "main", "--dry-run"], 0),
        (&["callbacks", "rotate", "--name", "main", "--dry-run"], 0),
        (&["callbacks", "rotate", "--name", "main", "--grace", "0s", "--dry-run"], 0),
        (&["callbacks", "remove", "--name", "main", "--dry-run"], 0),
        (&["callbacks", "plan"], 0),
    ];
    nothing_changes(&vendor, shown.iter().copied()).await;
    assert_eq!(run(&vendor, &["callbacks", "add", "--name", "main"]).code, 0);
    vendor.credential("active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_was_set_up_a_dry_run_makes_nothing() {
    for has_database in [true, false] {
        let mut vendor = vendor().await;
        if !has_database {
            // The embedded database would be created.
            vendor.home.set("EQP_DATABASE_URL", "");
        }
        let code = |code: i32, arguments: &[&str]| match arguments[0] {
            // A database without tables differs from a missing one.
            "accounts" | "alerts" | "reconcile" | "reproject" | "retention" | "subscriptions" | "deliveries"
            | "events" | "replays" | "submissions" | "token" | "trigger"
                if has_database && code == 4 =>
            {
                1
            }
            _ => code,
        };
        nothing_changes(&vendor, SHOWN.iter().map(|(arguments, _, empty)| (*arguments, code(*empty, arguments)))).await;
        assert!(!vendor.home.path().join("data").exists());
        let shown = run(&vendor, &["callbacks", "add", "--name", "main", "--url", OURS, "--dry-run"]);
        assert!(shown.stdout.contains("add https://eqp.example.com/callbacks/main"), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_asks_and_deletes_nothing_without_a_yes() {
    let vendor = vendor().await;
    let (_serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    assert_eq!(run(&vendor, &["callbacks", "add", "--name", "main", "--url", &url]).code, 0);
    // The Marketplace's production API cannot be reached.
    vendor.send("malware_scan_complete", scan("a")).await;
    vendor.is_projected().await;
    sqlx::query("update eqp.callback set id = '01000000-0000-7000-8000-000000000000'")
        .execute(&vendor.database.pool)
        .await
        .unwrap();
    let callbacks = "select count(*) from eqp.callback";
    for (answer, left) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let ended = tokio::task::block_in_place(|| {
            let mut terminal = Terminal::start(&vendor.home, &["retention", "--older-than", "400d"])?;
            terminal.shows("? [y/N]");
            terminal.type_keys(answer);
            Some(terminal.end())
        });
        let Some((code, screen)) = ended else { return };
        assert_eq!(code, left, "{screen}");
        let found: i64 = sqlx::query_scalar(callbacks).fetch_one(&vendor.database.pool).await.unwrap();
        assert_eq!(found, i64::from(left), "{answer:?}: {screen}");
    }
}

/// Starts a proxy that connects to the simulator for every host, and returns its URL. The tool therefore uses the
/// production API, and asks before it writes.
fn proxy(simulator: &str) -> String {
    let target = simulator.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let target = target.clone();
            std::thread::spawn(move || tunnel(client, &target));
        }
    });
    url
}

/// Reads the request for a tunnel, then forwards data in both directions.
fn tunnel(mut client: TcpStream, target: &str) -> Option<()> {
    let mut request = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    while request.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let mut server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut back, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut back, &mut to_client));
    std::io::copy(&mut request, &mut server).ok().map(drop)
}

/// Answers "no" to the prompt of each command, and compares the state with the previous one.
async fn no_changes_nothing(vendor: &TestVendor, commands: &[&[&str]]) {
    let before = World::of(vendor).await;
    for arguments in commands {
        let ended = tokio::task::block_in_place(|| {
            let mut terminal = Terminal::start(&vendor.home, arguments)?;
            terminal.shows("in production? [y/N]");
            terminal.type_keys("n\n");
            Some(terminal.end())
        });
        let Some((code, screen)) = ended else { return };
        assert_eq!(code, 1, "{arguments:?}: {screen}");
        assert_eq!(World::of(vendor).await, before, "{arguments:?} changed something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_answered_with_no_changes_nothing() {
    let mut vendor = vendor().await;
    let simulator = vendor.simulator.base_url().to_owned();
    vendor.home.set("HTTPS_PROXY", proxy(&simulator));
    vendor.home.set("EQP_API_URL", Environment::Production.base_url());
    let supplied = format!("{THEIRS}=theirs");
    let add = ["callbacks", "add", "--name", "main", "--url", OURS, "--password-of", &supplied];
    let adopt = ["callbacks", "adopt", "--name", "their", "--url", THEIRS];
    let remove_theirs = ["callbacks", "remove", "--entry", THEIRS];

    // Without any setup, an embedded database would be created.
    let database = vendor.database.url();
    vendor.home.set("EQP_DATABASE_URL", "");
    no_changes_nothing(&vendor, &[&add, &adopt, &remove_theirs]).await;
    assert!(!vendor.home.path().join("data").exists());

    vendor.home.set("EQP_DATABASE_URL", database);
    no_changes_nothing(&vendor, &[&add, &adopt]).await;
    assert!(!vendor.home.path().join("data").exists());
    assert_eq!(run(&vendor, &add).code, 0);
    assert_eq!(run(&vendor, &["callbacks", "rotate", "--name", "main"]).code, 0);
    no_changes_nothing(
        &vendor,
        &[
            &["callbacks", "retire", "--name", "main"],
            &["callbacks", "remove", "--name", "main", "--password-of", &supplied],
            &remove_theirs,
            &["packages", "create", "new.toml"],
            &["packages", "update", "draft.toml"],
            &["release", "--skip-check", "new.zip", "--manifest", "new.toml"],
            &["files", "upload", "new.zip"],
            &["files", "delete", "1.2.3"],
            &["keys", "create", "build"],
            &["keys", "delete", "build"],
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_run_refuses_is_refused_in_a_dry_run_as_well() {
    let vendor = vendor().await;
    let home = &vendor.home;
    let package = |item: &str, artifact: &str| {
        format!(
            "[[package]]\nitem_id = \"{item}\"\ntype = \"extension\"\nname = \"{item}\"\nartifact = \"{artifact}\"\n"
        )
    };
    home.write("empty.zip", "");
    home.write("notes.txt", "no archive");
    home.write("device.toml", &package("a", "/dev/zero"));
    home.write("empty.toml", &package("a", "empty.zip"));
    home.write("text.toml", &package("a", "notes.txt"));
    home.write("twice.toml", &(package("a", "new.zip") + &package("b", "new.zip") + &package("a", "new.zip")));
    let before = World::of(&vendor).await;
    for (manifest, reason) in [
        ("device.toml", "is not a regular file"),
        ("empty.toml", "is empty"),
        ("text.toml", "notes.txt"),
        ("twice.toml", "two packages of the manifest have the item_id `a`"),
    ] {
        let create = ["packages", "create", manifest];
        let shown = home.run_aside(&[&create[..], &["--dry-run"]].concat());
        let done = home.run_aside(&create);
        assert!(shown.code == 2 && shown.stderr.contains(reason), "{manifest}: {shown:?}");
        assert_eq!((shown.code, &shown.stderr), (done.code, &done.stderr), "{manifest}");
    }
    let shown = home.run_aside(&["files", "upload", "new.zip", "empty.zip", "--dry-run"]);
    assert!(shown.code == 2 && shown.stderr.contains("is empty"), "{shown:?}");
    assert_eq!(World::of(&vendor).await, before);
}
