//! Runs the jobs of the GitLab component, as far as a shell can.

use std::collections::HashMap;

use eqp_simulator::Scan;
use eqp_test_support::submission::Submission;
use yaml_rust2::YamlLoader;

use super::ci::{bash, cargo, path, program, release, root, yaml};
use super::fixture::{Fixture, at_once, only_scans};

/// A fixture with a repository whose tag is v1.2.0.
async fn repository(script: eqp_simulator::Script) -> Fixture {
    let fixture = Fixture::open(script).await;
    Submission::module().write_files(fixture.home.path()).unwrap();
    fixture.home.write("CHANGELOG.md", "# Changelog\n\n## 1.2.0\n\n- Badges\n");
    fixture.home.write("tagged.toml", &without_notes(&fixture));
    let commit = "git init --quiet && git add composer.json registration.php LICENSE.txt README.md etc Model view i18n CHANGELOG.md && \
                  git -c user.name=A -c user.email=a@example.com commit --quiet --message x && git tag v1.2.0";
    let ended = bash(&fixture, commit, &HashMap::from([("PATH".to_owned(), path(&fixture))]));
    assert_eq!(ended.code, 0, "{ended:?}");
    fixture
}

/// Returns the manifest without archive and release notes.
fn without_notes(fixture: &Fixture) -> String {
    let text = std::fs::read_to_string(fixture.home.path().join("release.toml")).unwrap();
    let mut manifest: toml::Table = text.parse().unwrap();
    let package = manifest["package"].as_table_mut().unwrap();
    package.remove("release_notes").unwrap();
    package.remove("artifact");
    toml::to_string(&manifest).unwrap()
}

/// Returns the lines of a job, with the common lines before them.
fn job(name: &str) -> String {
    let jobs = yaml("templates/release.yml");
    let lines = |job: &str, part: &str| -> Vec<String> {
        jobs[job][part].as_vec().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let base = jobs[name]["extends"].as_str().unwrap();
    let script = [lines(base, "before_script"), lines(name, "script")].concat().join("\n");
    assert!(!script.contains("$[["), "inputs reach the scripts as variables");
    script
}

/// Returns the variables of the jobs: the component's, with these inputs, and the project's.
fn variables(fixture: &Fixture, inputs: &[(&str, &str)]) -> HashMap<String, String> {
    let text = std::fs::read_to_string(root().join("templates/release.yml")).unwrap();
    let spec = YamlLoader::load_from_str(&text).unwrap().remove(0);
    let default = |name: &str| {
        let input = &spec["spec"]["inputs"][name];
        assert!(!input.is_badvalue(), "{name} is not an input");
        let default = &input["default"];
        default.as_str().map_or_else(|| default.as_bool().unwrap().to_string(), str::to_owned)
    };
    let mut variables = HashMap::new();
    for (name, value) in yaml("templates/release.yml")[".eqp"]["variables"].as_hash().unwrap() {
        let input = value.as_str().unwrap().strip_prefix("$[[ inputs.").unwrap().strip_suffix(" ]]").unwrap();
        let given = inputs.iter().find(|(name, _)| *name == input).map(|(_, value)| (*value).to_owned());
        variables.insert(name.as_str().unwrap().to_owned(), given.unwrap_or_else(|| default(input)));
    }
    for (name, value) in
        [("EQP_APPLICATION_ID", "app"), ("EQP_APPLICATION_SECRET", "hush"), ("CI_COMMIT_TAG", "v1.2.0")]
    {
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables.insert("PATH".to_owned(), path(fixture));
    variables
}

/// Makes the tool available, as in an image that contains it.
fn put_tool_on_path(fixture: &Fixture) {
    program(fixture, "eqp", &format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_eqp")));
}

const INPUTS: &[(&str, &str)] =
    &[("environment", "production"), ("manifest", "tagged.toml"), ("wait", "60s"), ("allow-not-run", "code-sniffer")];

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_release_a_tag_and_then_wait() {
    let fixture = repository(at_once()).await;
    put_tool_on_path(&fixture);
    let mut given = variables(&fixture, INPUTS);
    let ended = bash(&fixture, &job("marketplace-release"), &given);
    assert_eq!(ended.code, 0, "{ended:?}");
    let handle = std::fs::read_to_string(fixture.home.path().join("eqp.env")).unwrap();
    let handle = handle.trim().strip_prefix("EQP_HANDLE=").unwrap().to_owned();
    assert_eq!(handle, fixture.look().accounts[0].packages[0].submission_id.as_str());

    given.insert("EQP_HANDLE".to_owned(), handle);
    let ended = bash(&fixture, &job("marketplace-review"), &given);
    assert!(ended.code == 0 && ended.said.contains("overall released_to_store"), "{ended:?}");
    given.insert("EQP_FLOW".to_owned(), "technical".to_owned());
    let ended = bash(&fixture, &job("marketplace-review"), &given);
    assert!(ended.code == 0 && ended.said.contains("technical approved"), "{ended:?}");
    let wait = job("marketplace-review");
    assert!(wait.contains("-- \"$EQP_HANDLE\""), "an option in the place of a handle: {wait}");

    let fixture = repository(at_once().scan("*.zip", Scan::Fails)).await;
    put_tool_on_path(&fixture);
    let ended = bash(&fixture, &job("marketplace-release"), &variables(&fixture, INPUTS));
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(fixture.home.path().join("eqp.env").exists(), "the handle is stored even if the version is rejected");

    // A merge request of a fork has no access key.
    let mut given = variables(&fixture, INPUTS);
    given.retain(|name, _| !name.starts_with("EQP_APPLICATION"));
    given.insert("EQP_API_URL".to_owned(), "https://127.0.0.1:1".to_owned());
    given.insert("EQP_FROM_PREVIOUS".to_owned(), "true".to_owned());
    let ended = bash(&fixture, &job("marketplace-check"), &given);
    assert!(ended.code == 0 && ended.said.contains("0 blocking"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tool_is_downloaded_verified_and_cached_or_built() {
    let fixture = Fixture::open(only_scans()).await;
    let install = |inputs: &[(&str, &str)]| {
        let mut given = variables(&fixture, inputs);
        // The real `curl` reads `file:` addresses; the folder /tmp/eqp of the jobs is shared by all tests.
        given.insert("TMP".to_owned(), fixture.home.path().display().to_string());
        let script =
            yaml("templates/release.yml")[".eqp"]["before_script"].as_vec().unwrap()[0].as_str().unwrap().to_owned();
        bash(&fixture, &format!("{}\ncommand -v eqp", script.replace("/tmp/eqp", "$TMP/eqp")), &given)
    };
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        println!("not run: there is no curl");
        return;
    }
    let (address, sum) = release(&fixture);
    let wrong = "0".repeat(64);
    let from = ("download-from", address.as_str());
    assert_ne!(install(&[from, ("checksum", &wrong)]).code, 0);
    let ended = install(&[from]);
    assert!(ended.code == 0 && ended.said.contains("/eqp/eqp\n"), "{ended:?}");
    // With the checksum, the cached archive is used.
    let ended = install(&[("download-from", "file:///nowhere"), ("checksum", &sum)]);
    assert!(ended.code == 0 && ended.said.contains("/eqp/eqp\n"), "{ended:?}");
    assert_eq!(std::fs::read_to_string(fixture.home.path().join(".eqp-cache/.gitignore")).unwrap(), "*\n");
    cargo(&fixture);
    for is_first in [true, false] {
        let ended = install(&[("download-from", "file:///nowhere"), ("sources", "https://git.example.com/eqp")]);
        assert!(ended.code == 0 && ended.said.contains("/built/bin/eqp\n"), "{ended:?}");
        assert_eq!(
            ended.said.contains("cargo install --quiet --locked --git https://git.example.com/eqp --tag v"),
            is_first
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_end_in_a_handle_sets_no_variable() {
    let fixture = Fixture::open(only_scans()).await;
    program(&fixture, "eqp", "#!/bin/sh\nprintf 's1\\nEVIL=1\\n'\n");
    let ended = bash(&fixture, &job("marketplace-release"), &variables(&fixture, INPUTS));
    assert_eq!(ended.code, 0, "{ended:?}");
    let written = std::fs::read_to_string(fixture.home.path().join("eqp.env")).unwrap();
    assert_eq!(written.lines().count(), 1, "{written}");
}

#[test]
fn the_example_includes_the_component_of_this_version() {
    let example = yaml("docs/ci/gitlab.yml");
    let include = &example["include"].as_vec().unwrap()[0];
    assert!(include["component"].as_str().unwrap().ends_with(concat!("/release@", env!("CARGO_PKG_VERSION"))));
    let text = std::fs::read_to_string(root().join("templates/release.yml")).unwrap();
    let inputs = &YamlLoader::load_from_str(&text).unwrap()[0]["spec"]["inputs"];
    assert_eq!(inputs["version"]["default"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    for name in include["inputs"].as_hash().unwrap().keys() {
        assert!(!inputs[name.as_str().unwrap()].is_badvalue(), "{name:?}");
    }
}
