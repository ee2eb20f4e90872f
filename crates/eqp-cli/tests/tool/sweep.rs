//! No secret in logs, errors, output or tables, whatever is switched on.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eqp_receiver::{Endpoints, MasterKey};

use crate::market::{APPLICATION_SECRET, Market, scan};

const THEIR_PASSWORD: &str = "hush-their-password-91c2";
const WRONG_APPLICATION_SECRET: &str = "hush-wrong-secret-55e0";

/// A secret in every spelling in which it could slip out.
fn spellings(username: &str, secret: &str) -> Vec<String> {
    let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![secret.to_owned(), STANDARD.encode(secret), STANDARD.encode(format!("{username}:{secret}")), hex.concat()]
}

/// All that the database holds, as `pg_dump` prints it; none where there is no `pg_dump`.
fn dump(market: &Market) -> Option<String> {
    let options = &market.database.options;
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

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_out_though_everything_is_logged() {
    let mut market = Market::open().await;
    for variable in ["EQP_LOG", "RUST_LOG"] {
        market.home.set(variable, "trace");
    }
    let (serve, base) = market.serve();
    // An entry of others leads to our path with a password that is none of ours: each send to it is a wrong try.
    let (ours, theirs) = (format!("{base}/callbacks/main"), format!("{base}/callbacks/main?of=others"));
    market.register_theirs(&theirs, "others", THEIR_PASSWORD).await;
    market.home.write("theirs", THEIR_PASSWORD);
    let mut said = Vec::new();
    for arguments in [
        &["callbacks", "add", "--name", "main", "--url", &ours][..],
        &["callbacks", "add", "--name", "main", "--url", &ours, "--password-of", &format!("{theirs}=theirs"), "--json"],
        &["callbacks", "list", "--json"],
        &["whoami"],
        &["whoami", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["login"],
        &["keys", "create", "sweep", "--json"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["keys", "disable", "sweep"],
        &["reports", "sales"],
        &["packages", "list", "--all", "--json"],
        &["files", "list"],
        &["logout"],
    ] {
        said.push((arguments.join(" "), market.home.run_aside(arguments)));
    }
    let codes: Vec<_> = said.iter().map(|(_, ended)| ended.code).collect();
    assert_eq!(codes, [&[1][..], &[0; 15]].concat(), "{said:?}");
    // The password of a key is said once, by the command that made it; nowhere else, and in no log.
    let made: serde_json::Value = {
        let (_, ended) = said.iter_mut().find(|(name, _)| name.starts_with("keys create")).unwrap();
        serde_json::from_str(&std::mem::take(&mut ended.stdout)).unwrap()
    };
    let key_password = made["m2"][0]["password_key"].as_str().unwrap();
    assert_eq!(market.send("malware_scan_complete", scan("a")).await, [200, 401]);
    market.is_projected().await;
    said.push(("events list".into(), market.home.run_aside(&["events", "list", "--json"])));
    market.home.set("EQP_APPLICATION_SECRET", WRONG_APPLICATION_SECRET);
    said.push(("whoami, wrongly".into(), market.home.run_aside(&["whoami"])));
    assert_eq!(said.last().unwrap().1.code, 3);
    serve.terminate();
    said.push(("serve".into(), tokio::task::block_in_place(|| serve.end())));
    let log = &said.last().unwrap().1.stderr;
    assert!(log.contains("DEBUG") && log.contains("insert into eqp.callback"), "statements are logged too: {log}");

    let key = MasterKey::open(&market.home.path().join("data/master.key")).unwrap();
    let endpoints = Endpoints::open(market.database.pool.clone(), key).await.unwrap();
    let username = endpoints.list().await.unwrap()[0].credentials[0].username.clone();
    let issued = endpoints.password(&ours, &username).await.unwrap().unwrap();

    let mut places: Vec<(String, String)> =
        said.into_iter().map(|(name, ended)| (name, ended.stdout + &ended.stderr)).collect();
    if let Some(dump) = dump(&market) {
        assert!(dump.contains(&username), "credentials are in the dump");
        places.push(("the tables".to_owned(), dump));
    }
    let spools: Vec<_> = std::fs::read_dir(market.home.path())
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.unwrap().path().join("spool.redb")).ok())
        .collect();
    let spools = String::from_utf8_lossy(&spools.concat()).into_owned();
    assert!(spools.contains(&username), "the endpoints are in the spool");
    places.push(("the spool".to_owned(), spools));
    let secrets = [
        ("the issued password", username.as_str(), issued.expose()),
        ("the password of others", "others", THEIR_PASSWORD),
        ("the application secret", "app", APPLICATION_SECRET),
        ("a wrong application secret", "app", WRONG_APPLICATION_SECRET),
        ("the password of a Composer key", made["m2"][0]["user_key"].as_str().unwrap(), key_password),
    ];
    for (name, text) in &places {
        for (what, username, secret) in secrets {
            for spelling in spellings(username, secret) {
                let lines = text.lines().filter(|line| line.contains(&spelling)).count();
                assert_eq!(lines, 0, "{what} is in {name}");
            }
        }
    }
}
