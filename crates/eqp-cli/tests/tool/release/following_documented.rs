//! Runs the scheduled job of docs/following.md, with a stand-in for the program `gh`.

use std::path::Path;

use eqp_simulator::Step;
use eqp_test_support::submission::Submission;
use serde_json::Value;
use yaml_rust2::YamlLoader;

use super::fixture::{Fixture, only_scans};

/// Returns the script of a step.
pub(super) fn step(id: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/following.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let steps = blocks.flat_map(|block| {
        let block = YamlLoader::load_from_str(block).unwrap().remove(0);
        block.as_vec().or_else(|| block["jobs"]["follow"]["steps"].as_vec()).cloned().unwrap_or_default()
    });
    let step = steps.into_iter().find(|step| step["id"].as_str() == Some(id)).unwrap();
    step["run"].as_str().unwrap().to_owned()
}

/// Lets the only version pass its reviews, and waits until it is in the store.
pub(super) async fn in_store(fixture: &Fixture) {
    let id = fixture.look().accounts[0].packages[0].submission_id.clone();
    for step in [Step::TechnicalApproved, Step::MarketingApproved, Step::Launched] {
        // The launch may follow the approvals at once.
        let _ = fixture.simulator.step(&id, step);
    }
    fixture.until(|seen| seen.accounts[0].packages[0].status.to_string().starts_with("released_to_store")).await;
}

/// Runs a script in the repository, as a CI service does, and returns its exit code and output.
pub(super) fn bash(fixture: &Fixture, script: &str) -> (i32, String) {
    let home = fixture.home.path();
    let mut command = fixture.home.command_of(&["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    command.env("PATH", format!("{}:/usr/bin:/bin", home.join("bin").display())).current_dir(home.join("shop"));
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap_or(-1), said)
}

/// A repository with the tag v1.2.0, the tool, and a program `gh` that stores releases as folders.
pub(super) async fn repository() -> Fixture {
    let fixture = Fixture::open(only_scans()).await;
    let home = fixture.home.path();
    let (bin, shop) = (home.join("bin"), home.join("shop"));
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_eqp"), bin.join("eqp")).unwrap();
    let program = "#!/bin/sh\ncase $2 in\n  view) test -d \"../$3\" ;;\n  create) echo \"$*\" >> ../calls && mkdir \"../$3\" ;;\nesac\n";
    fixture.home.write("bin/gh", program);
    std::fs::set_permissions(bin.join("gh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    Submission::module().write_files(&shop).unwrap();
    let commit = "git init --quiet && git add --all && git -c user.name=A -c user.email=a@example.com commit --quiet \
                  --message x && git tag v1.2.0";
    let (code, said) = bash(&fixture, commit);
    assert_eq!(code, 0, "{said}");
    let mut listing: Value = Submission::module().listing(&shop).unwrap();
    listing.as_object_mut().unwrap().remove("artifact");
    let table: toml::Table = serde_json::from_value(serde_json::json!({"package": listing})).unwrap();
    fixture.home.write("shop/release.toml", &toml::to_string(&table).unwrap());
    fixture
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduled_job_is_green_in_review_and_publishes_once() {
    let fixture = repository().await;
    let calls = || std::fs::read_to_string(fixture.home.path().join("calls")).unwrap_or_default();
    for _ in 0..2 {
        let (code, said) = bash(&fixture, &step("follow"));
        assert!(code == 0 && said.contains("v1.2.0 is still in review"), "{said}");
    }
    assert_eq!(calls(), "");
    in_store(&fixture).await;
    for _ in 0..2 {
        let (code, said) = bash(&fixture, &step("follow"));
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(calls(), "release create v1.2.0 --verify-tag --generate-notes\n");
    assert_eq!(fixture.look().accounts[0].packages.len(), 1);
}
