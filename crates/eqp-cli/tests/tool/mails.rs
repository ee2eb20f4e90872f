//! Mails of a server, through the mail server of its configuration.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE};
use eqp_test_support::mail::{MailMode, PASSWORD, PostOffice, USER};
use eqp_test_support::tool::Home;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_subscription_sends_mails_through_the_configured_server() {
    let Some(office) = PostOffice::start(MailMode::StartTls) else { return };
    let database = CallbackDatabase::new().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    home.write("ca.pem", &office.ca_pem);
    let password = home.write("mail-password", PASSWORD);
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        "[mail]\nhost = \"localhost\"\nport = {}\nca_file = \"ca.pem\"\nusername = \"{USER}\"\n\
         password_file = \"mail-password\"\nfrom = \"eqp <eqp@example.com>\"\ntimeout = \"10s\"\n\n\
         [subscriptions.team]\nemail = [\"ann@example.com\"]\ndigest = \"weekly\"\n\n\
         [deliver]\ndigest_at = \"Fri 17:00\"\n",
        office.port
    );
    let config = home.write("worker.toml", &config);
    home.set("EQP_CONFIG", config.display().to_string());
    let mut serve = home.start(&["serve", "--role", "deliver", "--operator-listen", "127.0.0.1:0", "--json"]);
    block_in_place(|| serve.json_line());
    // The declaration is applied once the database has answered.
    let testing = async {
        loop {
            let tested = block_in_place(|| home.run_aside(&["subscriptions", "test", "team"]));
            if tested.code != 4 {
                return tested;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let tested = timeout(PATIENCE, testing).await.expect("the subscription is declared in time");
    assert_eq!(tested.code, 0, "{tested:?}");
    let mail = block_in_place(|| office.arrived());
    assert_eq!(mail.header("Subject"), ["[eqp] team: This is a test. Nothing has happened."]);
    assert_eq!((&mail.0["user"], &mail.0["recipients"][0]), (&USER.into(), &"ann@example.com".into()));
    let added = home.run_aside(&["subscriptions", "add", "bob", "--email", "bob@example.com"]);
    assert_eq!((added.code, added.stderr.as_str()), (0, ""), "the configuration has a mail server");
    serve.terminate();
    assert_eq!(block_in_place(|| serve.end()).code, 0);
}
