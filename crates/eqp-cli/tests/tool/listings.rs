//! Tests listings in git: pull, compare, and send prices.

use std::path::PathBuf;

use eqp_types::SubmissionId;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use crate::release::fixture::{Fixture, at_once};

const SKU: &str = "acme/module-badges";
const FOLDER: &str = "listings/acme/module-badges";

struct Shop {
    fixture: Fixture,
    id: SubmissionId,
}

impl Shop {
    /// Releases a product, and pulls its listing.
    async fn open() -> Self {
        let fixture = Fixture::open(at_once()).await;
        let released = fixture.release(&["--until", "released", "--timeout", "60s"]);
        assert_eq!(released.code, 0, "{released:?}");
        let shop = Self { id: SubmissionId::new(released.stdout.trim()).unwrap(), fixture };
        let dry = shop.json(&["pull", "--dry-run"]);
        assert_eq!((&dry["dry_run"], &dry["listings"][0]["result"]), (&json!(true), &json!("created")), "{dry}");
        assert!(!shop.path("").exists(), "a dry run writes nothing");
        let pulled = shop.json(&["pull"]);
        assert_eq!((&pulled["listings"][0]["sku"], &pulled["listings"][0]["version"]), (&json!(SKU), &json!("1.2.0")));
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.fixture.home.path().join(FOLDER).join(name)
    }

    fn run(&self, arguments: &[&str]) -> eqp_test_support::tool::Ended {
        self.fixture.home.run_aside(&[&["listings"], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Returns `field changed_in starts_review` of each difference.
    fn differences(&self) -> Vec<String> {
        let compared = self.json(&["diff"]);
        let changes = compared["listings"][0]["changes"].as_array().unwrap();
        let told = |change: &Value| {
            let words = ["field", "changed_in"].map(|name| change[name].as_str().unwrap());
            format!("{} {}", words.join(" "), change["starts_review"])
        };
        changes.iter().map(told).collect()
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut fields: Value =
            serde_json::from_str(&std::fs::read_to_string(self.path("listing.json")).unwrap()).unwrap();
        change(&mut fields);
        std::fs::write(self.path("listing.json"), fields.to_string()).unwrap();
    }

    /// Changes the package in another program, such as the Developer Portal.
    async fn elsewhere(&self, changes: Value) {
        let simulator = &self.fixture.simulator;
        let ca = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([ca]).build().unwrap();
        let url = format!("{}/rest/v1", simulator.base_url());
        let token: Value = http
            .post(format!("{url}/app/session/token"))
            .basic_auth("app", Some("hush"))
            .json(&json!({"grant_type": "session"}))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let request =
            http.put(format!("{url}/products/packages/{}", self.id)).bearer_auth(token["ust"].as_str().unwrap());
        assert!(request.json(&changes).send().await.unwrap().status().is_success());
    }

    fn marketing_status(&self) -> String {
        self.fixture.look().package(self.id.as_str()).unwrap().status.to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_prices_are_sent_without_a_review_and_other_edits_stay_in_the_folder() {
    let shop = Shop::open().await;
    assert_eq!(shop.differences(), Vec::<String>::new());
    shop.edit(|fields| {
        fields["prices"][0]["price"] = json!("149.50");
        fields["name"] = json!("Better Badges");
    });
    assert_eq!(shop.differences(), ["name folder true", "prices folder false"]);
    let compared = shop.run(&["diff", "--exit-code"]);
    assert_eq!(compared.code, 8, "{compared:?}");
    assert!(compared.stdout.contains("starts a review") && compared.stdout.contains("no review"), "{compared:?}");

    let before = shop.marketing_status();
    let dry = shop.json(&["push", "--only", "prices", "--dry-run"]);
    assert_eq!(dry["would_send"][0]["prices"][0]["price"], "149.50");
    assert_eq!(dry["would_send"][0].as_object().unwrap().len(), 2, "only the ID and the prices: {dry}");
    assert_eq!(shop.differences().len(), 2, "a dry run sends nothing");
    let pushed = shop.run(&["push", "--only", "prices", SKU, "--yes"]);
    assert_eq!((pushed.code, pushed.stdout.trim()), (0, "acme/module-badges: prices changed"), "{pushed:?}");
    assert_eq!(shop.marketing_status(), before, "no review was started");
    assert_eq!(shop.differences(), ["name folder true"]);
    let again = shop.json(&["push", "--only", "prices", "--yes"]);
    assert_eq!(again["changed"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_elsewhere_is_taken_over_and_never_overwritten() {
    let shop = Shop::open().await;
    let description = std::fs::read_to_string(shop.path("long_description.html")).unwrap();
    std::fs::write(shop.path("long_description.html"), format!("{description}<p>More</p>\n")).unwrap();
    shop.edit(|fields| fields["prices"][0]["price"] = json!(120));
    shop.elsewhere(json!({"prices": [{"edition": "CE", "currency_code": "USD", "price": 99.5}], "name": "Portal"}))
        .await;
    assert_eq!(shop.differences(), ["long_description folder true", "name marketplace true", "prices both false"]);

    let refused = shop.run(&["push", "--only", "prices", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("changed at the Marketplace") && refused.stderr.contains("nothing was sent"));
    let conflict = shop.run(&["pull"]);
    assert_eq!(conflict.code, 1, "{conflict:?}");
    assert!(conflict.stdout.contains("prices") && conflict.stderr.contains("--overwrite"), "{conflict:?}");
    assert_eq!(shop.differences().len(), 3, "nothing was written");

    // Without the edited prices, the edited description stays, and the name is taken over.
    shop.edit(|fields| fields["prices"] = json!([{"edition": "CE", "currency_code": "USD", "price": 99.5}]));
    let pulled = shop.json(&["pull", SKU]);
    assert_eq!(
        (&pulled["listings"][0]["result"], &pulled["listings"][0]["fields"]),
        (&json!("updated"), &json!(["name"]))
    );
    assert_eq!(shop.differences(), ["long_description folder true"]);
    assert_eq!(shop.run(&["pull", "--overwrite"]).code, 0);
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_used_is_an_error_that_names_the_file() {
    let shop = Shop::open().await;
    for (code, arguments, expected) in [
        (4, &["diff", "--dir", "none"][..], "eqp listings pull"),
        (4, &["diff", "acme/other"], "was not pulled"),
        (4, &["pull", "acme/other"], "no version of acme/other is in the store"),
        (2, &["push"], "--only"),
    ] {
        let refused = shop.run(arguments);
        assert_eq!(refused.code, code, "{arguments:?} {refused:?}");
        assert!(refused.stderr.contains(expected), "{arguments:?} {refused:?}");
    }
    for (name, content, expected) in [
        ("listing.json", &b"{"[..], "listing.json is not valid"),
        ("listing.json", br#"{"sales": 1}"#, "sales is not a field of a listing"),
        ("listing.json", br#"{"long_description": "x"}"#, "long_description.html as well"),
        ("long_description.html", b"\xff", "it is not UTF-8"),
        ("pulled.json", b"[]", "pulled.json is not valid"),
    ] {
        let before = std::fs::read(shop.path(name)).unwrap();
        std::fs::write(shop.path(name), content).unwrap();
        let refused = shop.run(&["diff"]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(expected), "{name}: {refused:?}");
        std::fs::write(shop.path(name), before).unwrap();
    }
    // Wrong prices are rejected before anything is sent.
    for price in [
        json!({"price": {"amount": 3}}),
        json!({"price": 30}),
        json!({"edition": "CE", "currency_code": "EUR", "price": 30}),
        json!({"edition": "CE", "price": "9.999"}),
    ] {
        shop.edit(|fields| fields["prices"] = json!([price]));
        let refused = shop.run(&["push", "--only", "prices", "--yes"]);
        assert!(refused.code == 1 && refused.stderr.contains("not valid"), "{price}: {refused:?}");
    }
    assert_eq!(shop.run(&["pull", "--overwrite"]).code, 0);
    assert_eq!(shop.differences(), Vec::<String>::new());
}
