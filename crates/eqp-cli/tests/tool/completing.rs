//! Completions of IDs, SKUs and names, by the script of bash and by the call that all scripts make.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use eqp_test_support::callbacks::{CallbackDatabase, first_form, scan};
use eqp_test_support::tool::Home;

/// Completes command lines with the script, as bash does after a press of the tab key. Prints the suggestions for each line after `>`.
const BASH: &str = r#"
source <(eqp completions bash)
function_of_eqp=$(complete -p eqp | sed 's/.*-F \([^ ]*\) .*/\1/')
complete_line() {
    COMP_LINE="$1" COMP_POINT=${#1}
    read -ra COMP_WORDS <<< "$1"
    [[ $1 == *' ' ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    # Bash separates words at `=` too.
    local current="${COMP_WORDS[COMP_CWORD]##*=}"
    COMPREPLY=()
    "$function_of_eqp" eqp "$current" "${COMP_WORDS[COMP_CWORD-1]}"
    echo "> $1"
    printf '%s\n' "${COMPREPLY[@]}"
}
"#;

/// Returns the suggestions of bash for each line.
fn in_bash(home: &Home, lines: &[&str]) -> Vec<Vec<String>> {
    let bin = home.path().join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(crate::EQP, bin.join("eqp")).unwrap();
    }
    let calls: String = lines.iter().flat_map(|line| ["complete_line '", *line, "'\n"]).collect();
    let script = format!("export PATH='{}':\"$PATH\"\n{BASH}{calls}", bin.display());
    let mut command = home.command_of(&["bash", "--noprofile", "--norc", "-c", &script]);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let answers = printed.split("> ").skip(1);
    answers.map(|answer| answer.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_ids_skus_and_names_from_the_database_and_the_configuration() {
    let database = CallbackDatabase::new().await;
    database.callback(first_form("s5w9k703ru", "technical", "in_progress")).await;
    database.callback(first_form("s7aaaaaaaa", "technical", "approved")).await;
    database.callback(scan("2309480238.238475.0", "passed")).await;
    database.callback(scan("$(touch pwned)", "passed")).await;
    database.project().await;
    for sql in [
        "insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku, version)
         select id, 'submission', resource, sku, '1.0.0'
         from eqp.account, (values ('s5w9k703ru', 'acme/checkout'), ('s7aaaaaaaa', 'acme/$(touch pwned)')) as new (resource, sku)",
        r#"insert into eqp.subscription (name, filter, handler) values ('chat', '{}', '{"type": "pull"}')"#,
        "insert into eqp.subscription_state (subscription_id) select id from eqp.subscription",
        "insert into eqp.delivery (subscription_id, resource, source, event_seq) values (1, 7, 'event', 1)",
    ] {
        sqlx::query(sql).execute(&database.pool).await.unwrap();
    }
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    home.configure(
        "[profiles.acme-live.marketplace]\nenvironment = \"production\"\n\
         [products.\"acme/wishlist\"]\nowner = \"web\"\n\
         [subscriptions.build]\nwebhook = \"https://ci.example.com/hook\"\n",
    );
    let lines = [
        "eqp submissions show ",
        "eqp submissions show s5",
        "eqp status acme/",
        "eqp files show ",
        "eqp events show ",
        "eqp deliveries show ",
        "eqp subscriptions pause ",
        "eqp --profile ",
        "eqp --profile=acme",
        "eqp doctor --canary ma",
        "eqp submissions sh",
    ];
    let sorted = || {
        let sort = |mut values: Vec<String>| {
            values.sort();
            values
        };
        in_bash(&home, &lines).into_iter().map(sort).collect::<Vec<_>>()
    };
    let expected: &[&[&str]] = &[
        &["s5w9k703ru", "s7aaaaaaaa"],
        &["s5w9k703ru"],
        // A value that a shell would run is not offered.
        &["acme/checkout", "acme/wishlist"],
        &["2309480238.238475.0"],
        &["1", "2", "3", "4"],
        &["1"],
        &["build", "chat"],
        &["acme-live"],
        &["acme-live"],
        &["main"],
        &["show"],
    ];
    // A completion waits for at most 0.3 seconds, which a busy machine can exceed.
    let mut found = sorted();
    for _ in 0..9 {
        if found == expected {
            break;
        }
        found = sorted();
    }
    assert_eq!(found, expected);
    assert!(!home.path().join("pwned").exists());
}

#[test]
fn fish_completes_names_from_the_configuration() {
    if std::process::Command::new("fish").arg("--version").output().is_err() {
        println!("not run: there is no fish");
        return;
    }
    let home = Home::new(crate::EQP);
    home.configure("[profiles.acme-live.marketplace]\nenvironment = \"production\"\n[products.\"acme/wishlist\"]\nowner = \"web\"\n");
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(crate::EQP, bin.join("eqp")).unwrap();
    let script = format!(
        "set -gx PATH {} $PATH; eqp completions fish | source
         for line in 'eqp --profile ' 'eqp --profile=ac' 'eqp packages show --sku ' 'eqp status ac'; complete -C $line; end",
        bin.display()
    );
    let output = home.command_of(&["fish", "--no-config", "-c", &script]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "acme-live\n--profile=acme-live\nacme/wishlist\nacme/wishlist\n", "{:?}", output.stderr);
}

#[test]
fn a_completion_ends_soon_and_silently_and_creates_nothing() {
    let complete = |home: &Home, words: &[&str]| {
        let ended = home.run(&[&["complete", "--", "eqp"], words].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{words:?}: {ended:?}");
        ended.stdout
    };
    let home = Home::new(crate::EQP);
    assert_eq!(complete(&home, &["submissions", "show", ""]), "");
    assert!(!home.path().join("data").exists(), "no database is created");

    // A database and a server that accept connections and never respond.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", format!("postgres://a:hush@{address}/eqp"));
    home.configure("[products.\"acme/wishlist\"]\nowner = \"web\"\n");
    let begun = Instant::now();
    assert_eq!(complete(&home, &["status", "ac"]), "acme/wishlist\n");
    home.set("EQP_TOKEN", "hush");
    assert_eq!(complete(&home, &["--server", &format!("http://{address}"), "submissions", "show", ""]), "");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    // Errors in the configuration are reported by the command, not while it is typed.
    home.configure("profile = 7");
    assert_eq!(complete(&home, &["--profile", ""]), "");
    assert_eq!(complete(&home, &[]), "");
    assert_eq!(home.run(&["complete", "submissions"]).code, 2, "it is not a command");
}
