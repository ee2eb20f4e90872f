//! Runs the steps of the GitHub action and of the GitLab jobs, as far as a shell can.

use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_simulator::{Decision, Review, Scan};
use yaml_rust2::{Yaml, YamlLoader};

use super::fixture::{Fixture, at_once, only_scans, reviewed};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn yaml(path: &str) -> Yaml {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")).remove(0)
}

/// The result of a script.
#[derive(Debug)]
struct Ended {
    code: i32,
    said: String,
}

/// Runs a script like a CI runner, which stops at the first command that fails.
fn bash(fixture: &Fixture, script: &str, environment: &HashMap<String, String>) -> Ended {
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    command.env_clear().env("HOME", fixture.home.path()).current_dir(fixture.home.path());
    command.env("EQP_DATA_DIR", fixture.home.path().join("data"));
    command.env("EQP_API_URL", fixture.simulator.base_url()).env("EQP_CA_FILE", fixture.home.path().join("ca.pem"));
    command.envs(environment);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    Ended { code: output.status.code().unwrap_or(-1), said }
}

/// Creates a folder with the tool, or with a script `cargo` that records its arguments and installs the tool.
fn programs(fixture: &Fixture, cargo_only: bool) -> String {
    let bin = fixture.home.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let tool = env!("CARGO_BIN_EXE_eqp");
    if cargo_only {
        let script = format!(
            "#!/bin/sh\necho \"cargo $*\" >&2\nwhile [ \"$1\" != --root ]; do shift; done\nmkdir -p \"$2/bin\" && ln -sf '{tool}' \"$2/bin/eqp\"\n"
        );
        std::fs::write(bin.join("cargo"), script).unwrap();
        std::fs::set_permissions(bin.join("cargo"), Permissions::from_mode(0o755)).unwrap();
    } else {
        std::os::unix::fs::symlink(tool, bin.join("eqp")).unwrap();
    }
    format!("{}:/usr/bin:/bin", bin.display())
}

/// Runs the action with inputs, and returns its result and outputs.
fn act(fixture: &Fixture, inputs: &[(&str, &str)], path: &str) -> (Ended, HashMap<String, String>) {
    let action = yaml("action.yml");
    let mut values: HashMap<String, String> = action["inputs"]
        .as_hash()
        .unwrap()
        .iter()
        .filter_map(|(name, input)| Some((name.as_str()?.to_owned(), input["default"].as_str()?.to_owned())))
        .collect();
    values.extend(inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let given = |expression: &str| {
        if expression.trim() == "github.action_path" {
            return root().display().to_string();
        }
        let value = expression.trim().strip_prefix("inputs.").and_then(|name| values.get(name));
        value.unwrap_or_else(|| panic!("{expression} is no input, or has no value")).clone()
    };
    let files: HashMap<String, String> = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"]
        .into_iter()
        .map(|name| (name.to_owned(), fixture.home.write(name, "").display().to_string()))
        .collect();
    let read = |name: &str| -> HashMap<String, String> {
        let text = std::fs::read_to_string(&files[name]).unwrap();
        text.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    };
    let mut last = None;
    for step in action["runs"]["steps"].as_vec().unwrap() {
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let mut environment = files.clone();
        environment.insert("PATH".to_owned(), path.to_owned());
        environment.insert("RUNNER_TEMP".to_owned(), fixture.home.path().display().to_string());
        environment.extend(read("GITHUB_ENV"));
        for (name, value) in step["env"].as_hash().unwrap() {
            let expression = value.as_str().unwrap().strip_prefix("${{").unwrap().strip_suffix("}}").unwrap();
            environment.insert(name.as_str().unwrap().to_owned(), given(expression));
        }
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "what comes from outside goes through the environment");
        let ended = bash(fixture, script, &environment);
        let has_failed = ended.code != 0;
        last = Some(ended);
        if has_failed {
            break;
        }
    }
    (last.unwrap(), read("GITHUB_OUTPUT"))
}

const NEEDED: &[(&str, &str)] = &[
    ("archive", "submission.zip"),
    ("environment", "production"),
    ("application-id", "app"),
    ("application-secret", "hush"),
    ("allow-not-run", "code-sniffer"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_action_releases_and_reports_its_result() {
    let fixture = Fixture::open(only_scans()).await;
    let tool = [NEEDED, &[("eqp", env!("CARGO_BIN_EXE_eqp"))]].concat();
    let (ended, outputs) = act(&fixture, &tool, "/usr/bin:/bin");
    let id = fixture.look().accounts[0].packages[0].submission_id.to_string();
    assert_eq!((ended.code, &outputs["handle"], outputs["result"].as_str()), (0, &id, "done"), "{ended:?}");
    let summary = std::fs::read_to_string(fixture.home.path().join("GITHUB_STEP_SUMMARY")).unwrap();
    assert_eq!(summary, format!("**submission.zip**: done (`{id}`)\n"));

    let waiting = [&tool[..], &[("until", "released"), ("timeout", "1s")]].concat();
    let (ended, outputs) = act(&fixture, &waiting, "/usr/bin:/bin");
    assert_eq!((ended.code, &outputs["handle"], outputs["result"].as_str()), (6, &id, "timed_out"), "{ended:?}");

    let fixture = Fixture::open(reviewed(Review::default().marketing([Decision::Reject]))).await;
    let until = [&tool[..], &[("until", "released")]].concat();
    let (ended, outputs) = act(&fixture, &until, "/usr/bin:/bin");
    assert_eq!((ended.code, outputs["result"].as_str()), (5, "rejected"), "{ended:?}");
    assert!(ended.said.contains("Does not meet the guidelines"), "{}", ended.said);
    // The output contains the reasons but no secret.
    assert!(!ended.said.contains("hush"), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_action_builds_the_tool_from_its_own_sources() {
    let fixture = Fixture::open(only_scans()).await;
    let (ended, outputs) = act(&fixture, NEEDED, &programs(&fixture, true));
    assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{ended:?}");
    let step = yaml("action.yml")["runs"]["steps"][0]["run"].as_str().unwrap().to_owned();
    let folder = step.split_once("--path \"$SOURCES/").and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
    let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"eqp\""), "the folder that is built has the tool");
}

/// Returns the lines of a GitLab job, with the common lines before them.
fn job(name: &str) -> String {
    let jobs = yaml("docs/ci/gitlab.yml");
    let lines = |job: &str, part: &str| -> Vec<String> {
        jobs[job][part].as_vec().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let base = jobs[name]["extends"].as_str().unwrap();
    [lines(base, "before_script"), lines(name, "script")].concat().join("\n")
}

fn variables(fixture: &Fixture, more: &[(&str, &str)]) -> HashMap<String, String> {
    let names = yaml("docs/ci/gitlab.yml")["variables"].clone();
    let mut variables: HashMap<String, String> = names
        .as_hash()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned()))
        .collect();
    variables.insert("PATH".to_owned(), programs(fixture, false));
    for (name, value) in
        [("EQP_APPLICATION_ID", "app"), ("EQP_APPLICATION_SECRET", "hush"), ("EQP_ARCHIVE", "submission.zip")]
            .iter()
            .chain(more)
    {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    variables
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlabs_jobs_release_and_then_wait() {
    let fixture = Fixture::open(at_once()).await;
    let given = variables(&fixture, &[("EQP_WAIT", "60s")]);
    let ended = bash(&fixture, &job("marketplace-release"), &given);
    assert_eq!(ended.code, 0, "{ended:?}");
    let handle = std::fs::read_to_string(fixture.home.path().join("eqp.env")).unwrap();
    let handle = handle.trim().strip_prefix("EQP_HANDLE=").unwrap().to_owned();
    assert_eq!(handle, fixture.look().accounts[0].packages[0].submission_id.as_str());

    let mut given = given;
    given.insert("EQP_HANDLE".to_owned(), handle);
    let ended = bash(&fixture, &job("marketplace-review"), &given);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.said.contains("overall released_to_store"), "{}", ended.said);

    given.insert("EQP_FLOW".to_owned(), "technical".to_owned());
    let ended = bash(&fixture, &job("marketplace-review"), &given);
    assert!(ended.code == 0 && ended.said.contains("technical approved"), "{ended:?}");

    let fixture = Fixture::open(at_once().scan("*.zip", Scan::Fails)).await;
    let ended = bash(&fixture, &job("marketplace-release"), &variables(&fixture, &[]));
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(fixture.home.path().join("eqp.env").exists(), "the handle is kept where it ends badly, too");
}

#[test]
fn no_script_of_the_workflow_holds_text_of_others() {
    let workflow = yaml("docs/ci/github.yml");
    let steps = workflow["jobs"]["release"]["steps"].as_vec().unwrap();
    let scripts: Vec<_> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert!(scripts.len() > 1 && scripts.iter().all(|script| !script.contains("${{")), "{scripts:?}");
    let action = yaml("action.yml");
    let steps = action["runs"]["steps"].as_vec().unwrap();
    for step in steps {
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "{script}");
    }
    let wait = job("marketplace-review");
    assert!(wait.contains("-- \"$EQP_HANDLE\""), "an option in the place of a handle: {wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_end_in_a_handle_sets_no_output_and_no_variable() {
    let fixture = Fixture::open(only_scans()).await;
    let bin = fixture.home.path().join("odd");
    std::fs::create_dir(&bin).unwrap();
    let script = "#!/bin/sh\nprintf 's1\\nEVIL=1\\nresult=evil\\n'\n";
    std::fs::write(bin.join("eqp"), script).unwrap();
    std::fs::set_permissions(bin.join("eqp"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let tool = bin.join("eqp").display().to_string();
    let (ended, outputs) = act(&fixture, &[NEEDED, &[("eqp", tool.as_str())]].concat(), "/usr/bin:/bin");
    assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{ended:?}");
    assert!(!outputs.contains_key("EVIL"), "{outputs:?}");
    let mut given = variables(&fixture, &[]);
    given.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", bin.display()));
    let ended = bash(&fixture, &job("marketplace-release"), &given);
    assert_eq!(ended.code, 0, "{ended:?}");
    let written = std::fs::read_to_string(fixture.home.path().join("eqp.env")).unwrap();
    assert_eq!(written.lines().count(), 1, "{written}");
}

#[test]
fn the_workflow_names_what_the_action_has() {
    let workflow = yaml("docs/ci/github.yml");
    let steps = workflow["jobs"]["release"]["steps"].as_vec().unwrap();
    let with = steps.iter().find_map(|step| step["with"].as_hash()).unwrap();
    let action = yaml("action.yml");
    for name in with.keys() {
        assert!(!action["inputs"][name.as_str().unwrap()].is_badvalue(), "{name:?}");
    }
    for (name, input) in action["inputs"].as_hash().unwrap() {
        let is_needed = input["required"].as_bool() == Some(true);
        assert!(!is_needed || with.contains_key(name), "{name:?} is missing");
    }
}
