//! Tests manifests with their files, and the commands that list, show and change packages and files.

use serde_json::{Value, json};

use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::TestVendor;

/// Writes a manifest with all fields for a submission, and its files to a separate folder.
fn write_manifest(home: &Home, name: &str) -> String {
    std::fs::create_dir_all(home.path().join("shop")).unwrap();
    for file in ["checkout.zip", "guide.pdf", "icon.png", "first.png"] {
        home.write(&format!("shop/{file}"), file);
    }
    let manifest = format!("shop/{name}.toml");
    home.write(&manifest, &text(name));
    manifest
}

fn text(name: &str) -> String {
    format!(
        r#"
[package]
item_id = "{name}"
type = "extension"
platform = "M2"
name = "{name}"
version = "1.2.0"
sku = "acme/{name}"
release_notes = "First"
long_description = "Something"
license_type = "mit"
categories = ["Extensions//Content"]
requested_launch_date = 2020-01-01
artifact = "checkout.zip"
version_compatibility = [{{ edition = "CE", versions = ["2.4"] }}]
documentation_artifacts = {{ user = "guide.pdf" }}
media_artifacts = {{ icon_image = {{ file = "icon.png" }}, gallery_images = ["first.png", "icon.png"] }}
pricing_model = {{ pricing_type = "one-time", payment_period = 1 }}
prices = [{{ edition = "CE", price = 25.5 }}]
action = {{ technical = "submit", marketing = "submit" }}
"#
    )
}

/// Writes packages with only a name, which is enough for a draft.
fn drafts(home: &Home, count: usize) {
    let packages: Vec<_> = (0..count)
        .map(|at| {
            json!({"item_id": format!("draft-{at:03}"), "type": "extension", "name": format!("Draft {at}"),
            "version": format!("1.0.{at}"), "platform": "M2", "long_description": "x"})
        })
        .collect();
    home.write("drafts.json", &json!(packages).to_string());
    let created = home.run_aside(&["packages", "create", "drafts.json", "--json", "--quiet"]);
    assert_eq!(created.code, 0, "{created:?}");
}

fn read(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_uploaded_and_created_and_looked_at_and_recalled() {
    let vendor = TestVendor::scanning_at_once(crate::EQP).await;
    let home = &vendor.home;
    let manifest = write_manifest(home, "checkout");

    let planned = home.run_aside(&["packages", "create", &manifest, "--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    insta::assert_snapshot!(planned.stdout, @r"
    would upload shop/checkout.zip
    would upload shop/guide.pdf
    would upload shop/icon.png
    would upload shop/first.png
    would create checkout in production: technical submit, marketing submit
    ");
    assert_eq!(home.run_aside(&["packages", "list", "--json"]).stdout.matches("checkout").count(), 0);

    let created = home.run_aside(&["packages", "create", &manifest, "--json"]);
    assert_eq!(created.stderr.matches("uploaded shop/").count(), 4, "each file once: {}", created.stderr);
    let submission = read(&created)["packages"][0]["submission_id"].as_str().unwrap().to_owned();

    let shown = read(&home.run_aside(&["packages", "show", &submission, "--json"]));
    let package = &shown["package"];
    assert_eq!((&package["sku"], &package["prices"][0]["price"]), (&json!("acme/checkout"), &json!(25.5)));
    assert_eq!(package["requested_launch_date"], json!("2020-01-01 00:00:00"));
    for arguments in [
        &["--sku", "acme/checkout"][..],
        &["--item", "checkout"],
        &["checkout"],
        &["--sku", "acme/checkout", "--version", "1.2.0"],
    ] {
        let text = home.run_aside(&[&["packages", "show"], arguments].concat());
        assert!(text.code == 0 && text.stdout.contains(&submission), "{arguments:?}: {text:?}");
    }
    assert_eq!(home.run_aside(&["packages", "show", "--item", "nobody"]).code, 4);
    assert_eq!(home.run_aside(&["packages", "show"]).code, 2);
    let file = home.run_aside(&["packages", "show", "2309480238.238475.0"]);
    assert!(file.code == 4 && file.stderr.contains("eqp files show 2309480238.238475.0"), "{file:?}");
    let by_item = home.run_aside(&["packages", "report", "checkout", "--json"]);
    assert_eq!(read(&by_item)["submission_id"], json!(submission));

    // A duplicate item ID is rejected by name.
    let again = home.run_aside(&["packages", "create", &manifest, "--quiet"]);
    assert_eq!(again.code, 5, "{again:?}");
    assert!(again.stderr.contains("why: checkout: "), "{}", again.stderr);

    let recalled = home.run_aside(&["packages", "recall", &manifest, "--json"]);
    let status = &read(&recalled)["packages"][0]["eqp_status"];
    assert_eq!((&status["technical"], &status["marketing"]), (&json!("recalled"), &json!("recalled")));
    for id in [submission.as_str(), "checkout"] {
        let nothing = home.run_aside(&["packages", "recall", "--submission", id]);
        assert!(nothing.code == 0 && nothing.stderr.contains("is not in review"), "{nothing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_can_be_changed_and_sent_back() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    drafts(home, 1);
    let mut shown = read(&home.run_aside(&["packages", "show", "--item", "draft-000", "--json"]))["package"].clone();
    shown["name"] = json!("Another");
    home.write("back.json", &shown.to_string());
    read(&home.run_aside(&["packages", "update", "back.json", "--json"]));
    // By the developer's own ID, too.
    home.write("by-item.toml", "[package]\nitem_id = \"draft-000\"\nrelease_notes = \"New\"\n");
    let planned = home.run_aside(&["packages", "update", "by-item.toml", "--dry-run", "--json"]);
    assert_eq!(read(&planned)["would_update"][0]["submission_id"], shown["submission_id"]);
    let updated = home.run_aside(&["packages", "update", "by-item.toml"]);
    assert!(updated.code == 0 && updated.stdout.contains("draft-000"), "{updated:?}");
    let now = read(&home.run_aside(&["packages", "show", "--item", "draft-000", "--json"]))["package"].clone();
    assert_eq!((&now["name"], &now["release_notes"]), (&json!("Another"), &json!("New")));

    home.write("nobody.toml", "[package]\nitem_id = \"nobody\"\nname = \"x\"\n");
    assert_eq!(home.run_aside(&["packages", "update", "nobody.toml"]).code, 4);
    home.write("which.toml", "[package]\nname = \"x\"\n");
    assert_eq!(home.run_aside(&["packages", "update", "which.toml"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn good_packages_are_made_beside_bad_ones_and_each_has_its_line() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    home.write(
        "many.toml",
        "[[package]]\nitem_id = \"good\"\ntype = \"extension\"\nname = \"Good\"\n\
         [[package]]\nitem_id = \"bad\"\ntype = \"extension\"\nname = \"Bad\"\naction.technical = \"submit\"\n",
    );
    let created = home.run_aside(&["packages", "create", "many.toml"]);
    assert_eq!(created.code, 5, "{created:?}");
    let (good, bad) = created.stdout.split_once("bad").unwrap();
    assert!(good.contains("good") && good.contains("200") && bad.contains("1208"), "{}", created.stdout);
    assert!(created.stderr.contains("1 of 2 packages were not created"), "{}", created.stderr);

    home.write("again.toml", "[package]\nitem_id = \"bad\"\naction.technical = \"submit\"\n");
    let error = home.run_aside(&["packages", "create", "again.toml", "--json"]);
    let reported: Value = serde_json::from_str(&error.stderr).unwrap();
    assert_eq!((error.code, &reported["error"]["exit_code"]), (5, &json!(5)));
    assert!(reported["error"]["why"][0].as_str().unwrap().contains("1208"), "{reported}");
}

#[test]
fn a_manifest_that_cannot_be_meant_is_refused_before_anything_is_sent() {
    let home = Home::new(crate::EQP);
    let refused = |name: &str, text: &str, expected: &[&str]| {
        home.write(name, text);
        let ended = home.run(&["packages", "create", name, "--dry-run"]);
        assert_eq!(ended.code, 2, "{ended:?}");
        for part in expected {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
    };
    refused(
        "a.toml",
        "[package]\nname = \"a\"\n[package.documentation_artifacts]\nuser = { file_uplod_id = \"1\" }\n",
        &["unknown key `package.documentation_artifacts.user.file_uplod_id`", "did you mean", "file_upload_id"],
    );
    refused("b.toml", "[[package]]\nname = \"a\"\n[[package]]\nlicence_type = \"mit\"\n", &["package[1].license_type"]);
    refused("c.toml", "[package]\nversion = 1.2\n", &["`package.version`", "1.2"]);
    refused("d.toml", "[package]\nartifact = \"not-there.zip\"\n", &["there is no file not-there.zip"]);
    refused("e.json", "[]", &["contains no package"]);
    refused("f.json", "{\"name\": ", &["cannot be parsed"]);
    refused("g.toml", "[packages]\nname = \"a\"\n", &["unknown key"]);
    assert_eq!(home.run(&["packages", "create", "nowhere.toml"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_stream_and_short_ones_are_one_answer() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    // More than two pages; at most 100 go into one request.
    for (at, count) in [(0, 100), (1, 100), (2, 5)] {
        let packages: Vec<_> =
            (0..count).map(|n| json!({"item_id": format!("p-{at}-{n}"), "name": "n", "type": "extension"})).collect();
        home.write("p.json", &json!(packages).to_string());
        assert_eq!(home.run_aside(&["packages", "create", "p.json", "--quiet"]).code, 0);
    }
    let all = home.run_aside(&["packages", "list", "--all", "--json"]);
    let all = lines(&all.stdout);
    let mut ids: Vec<_> = all.iter().map(|package| package["item_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((all.len(), ids.len()), (205, 205));
    assert!(all.iter().all(|package| package["environment"] == json!("production")));

    let page = read(&home.run_aside(&["packages", "list", "--limit", "150", "--offset", "10", "--json"]));
    assert_eq!((page["packages"].as_array().unwrap().len(), &page["total"]), (150, &json!(205)));
    let text = home.run_aside(&["packages", "list", "--item", "p-2-", "--sort", "item_id"]);
    let rows: Vec<_> = text.stdout.lines().skip(1).map(|row| row.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(rows, ["p-2-0", "p-2-1", "p-2-2", "p-2-3", "p-2-4"]);
    let text = home.run_aside(&["packages", "list", "--all"]);
    assert_eq!(text.stdout.lines().filter(|line| line.contains("submission")).count(), 1, "one head for all pages");
    let short = home.run_aside(&["packages", "list"]);
    assert!(short.stderr.contains("20 of 205"), "{}", short.stderr);
    let none = home.run_aside(&["packages", "list", "--where", "eqp_status.overall=on_the_moon"]);
    assert!(none.code == 0 && none.stdout.is_empty() && none.stderr.contains("no packages"), "{none:?}");
    for wrong in [&["--overall", "aproved"][..], &["--sort", "colour"], &["--all", "--limit", "5"], &["--limit", "0"]] {
        assert_eq!(home.run_aside(&[&["packages", "list"], wrong].concat()).code, 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_and_deleted() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    home.write("a.zip", "a");
    home.write("b.pdf", "bb");
    let uploaded = read(&home.run_aside(&["files", "upload", "a.zip", "b.pdf", "--json"]));
    let id = uploaded["files"][0]["file_upload_id"].as_str().unwrap();
    let listed = home.run_aside(&["files", "list"]).stdout;
    assert!(listed.contains(id) && listed.contains("b.pdf") && listed.contains("production"), "{listed}");
    let streamed = lines(&home.run_aside(&["files", "list", "--all", "--json"]).stdout);
    assert_eq!(streamed.len(), 2);
    let deleted = read(&home.run_aside(&["files", "delete", id, "--json"]));
    assert_eq!(deleted["deleted"], json!(true));
    assert_eq!(home.run_aside(&["files", "show", id]).code, 4);
    assert_eq!(home.run_aside(&["files", "delete", id]).code, 4);
}
