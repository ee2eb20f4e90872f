//! Runs the steps of the GitHub action, as far as a shell can.

use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_simulator::{Decision, Review};
use yaml_rust2::{Yaml, YamlLoader};

use super::fixture::{Fixture, only_scans, reviewed};

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Reads the last document of a file.
pub(super) fn yaml(path: &str) -> Yaml {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")).pop().unwrap()
}

/// The result of a script.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) said: String,
}

/// Returns the command that runs a script like a CI runner, which stops at the first command that fails.
pub(super) fn shell(fixture: &Fixture, script: &str, environment: &HashMap<String, String>) -> Command {
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    command.env_clear().env("HOME", fixture.home.path()).current_dir(fixture.home.path());
    command.env("EQP_DATA_DIR", fixture.home.path().join("data"));
    command.env("EQP_API_URL", fixture.simulator.base_url()).env("EQP_CA_FILE", fixture.home.path().join("ca.pem"));
    command.envs(environment);
    command
}

pub(super) fn bash(fixture: &Fixture, script: &str, environment: &HashMap<String, String>) -> Ended {
    let output = tokio::task::block_in_place(|| shell(fixture, script, environment).output().unwrap());
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    Ended { code: output.status.code().unwrap_or(-1), said }
}

/// Writes a script into a folder of programs.
pub(super) fn program(fixture: &Fixture, name: &str, script: &str) {
    let path = fixture.home.path().join("bin").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Returns a search path with the programs of the fixture.
pub(super) fn path(fixture: &Fixture) -> String {
    format!("{}:/usr/bin:/bin", fixture.home.path().join("bin").display())
}

/// Creates a script `cargo` that records its arguments and installs the tool.
pub(super) fn cargo(fixture: &Fixture) {
    let tool = env!("CARGO_BIN_EXE_eqp");
    let script = format!(
        "#!/bin/sh\necho \"cargo $*\" >&2\nwhile [ \"$1\" != --root ]; do shift; done\nmkdir -p \"$2/bin\" && ln -sf '{tool}' \"$2/bin/eqp\"\n"
    );
    program(fixture, "cargo", &script);
}

/// Creates the folder `dist` with a release for x86-64, whose program runs the tool; returns its address and the checksum of the archive.
pub(super) fn release(fixture: &Fixture) -> (String, String) {
    program(fixture, "uname", "#!/bin/sh\ncase $1 in -s) echo Linux ;; *) echo x86_64 ;; esac\n");
    let script = format!(
        "name=eqp-{version}-x86_64-unknown-linux-musl; mkdir -p dist/v{version} build/$name
         printf '#!/bin/sh\nexec {tool} \"$@\"\n' > build/$name/eqp && chmod 755 build/$name/eqp
         tar -C build -czf dist/v{version}/$name.tar.gz $name && cd dist/v{version} && shasum -a 256 -- * > SHA256SUMS",
        version = env!("CARGO_PKG_VERSION"),
        tool = env!("CARGO_BIN_EXE_eqp"),
    );
    let ended = bash(fixture, &script, &HashMap::from([("PATH".to_owned(), path(fixture))]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let folder = fixture.home.path().join("dist");
    let sums = std::fs::read_to_string(folder.join(format!("v{}/SHA256SUMS", env!("CARGO_PKG_VERSION")))).unwrap();
    (format!("file://{}", folder.display()), sums[..64].to_owned())
}

/// A run of the action: its inputs, and the files to which its steps write.
pub(super) struct Action<'a> {
    fixture: &'a Fixture,
    inputs: HashMap<String, String>,
    /// Variables that the runner sets.
    runner: HashMap<String, String>,
}

impl<'a> Action<'a> {
    pub(super) fn new(fixture: &'a Fixture, inputs: &[(&str, &str)], path: &str) -> Self {
        let action = yaml("action.yml");
        let defaults = action["inputs"].as_hash().unwrap().iter();
        let mut values: HashMap<String, String> = defaults
            .map(|(name, input)| (name.as_str().unwrap().to_owned(), input["default"].as_str().unwrap().to_owned()))
            .collect();
        for (name, value) in inputs {
            assert!(values.insert((*name).to_owned(), (*value).to_owned()).is_some(), "{name} is not an input");
        }
        let mut runner = HashMap::from([("PATH".to_owned(), path.to_owned())]);
        runner.insert("RUNNER_TEMP".to_owned(), fixture.home.path().display().to_string());
        for name in ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] {
            runner.insert(name.to_owned(), fixture.home.write(name, "").display().to_string());
        }
        Self { fixture, inputs: values, runner }
    }

    /// Sets a variable of the runner.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.runner.insert(name.to_owned(), value.to_owned());
        self
    }

    fn read(&self, file: &str) -> HashMap<String, String> {
        let text = std::fs::read_to_string(&self.runner[file]).unwrap();
        text.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    /// Returns the value of an expression such as `inputs.tag`.
    fn value(&self, expression: &str) -> String {
        match expression {
            "github.action_path" => root().display().to_string(),
            // As in a workflow of the action's own repository.
            "github.action_repository" | "github.token" => String::new(),
            "github.server_url" => "https://github.com".to_owned(),
            _ => {
                if let Some(input) = expression.strip_prefix("inputs.") {
                    return self.inputs[input].clone();
                }
                let output = expression.strip_prefix("steps.choose.outputs.").expect(expression);
                self.read("GITHUB_OUTPUT")[output].clone()
            }
        }
    }

    /// Returns the steps that are scripts.
    fn steps() -> Vec<Yaml> {
        let action = yaml("action.yml");
        let steps = action["runs"]["steps"].as_vec().unwrap().iter();
        // The cache of GitHub cannot be run. The folder that it would restore is preserved between two runs in a home.
        steps.filter(|step| step["uses"].as_str() != Some("actions/cache@v4")).cloned().collect()
    }

    /// Returns the command of a step.
    fn command(&self, step: &Yaml) -> Command {
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let mut environment = self.runner.clone();
        environment.extend(self.read("GITHUB_ENV"));
        for (name, value) in step["env"].as_hash().unwrap() {
            let expression = value.as_str().unwrap().strip_prefix("${{").unwrap().strip_suffix("}}").unwrap();
            environment.insert(name.as_str().unwrap().to_owned(), self.value(expression.trim()));
        }
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "text from outside goes through the environment");
        shell(self.fixture, script, &environment)
    }

    /// Runs all steps but the last one, which runs the tool; returns its command, or the result of the step that failed.
    pub(super) fn until_last(&self) -> Result<Command, Ended> {
        let mut steps = Self::steps();
        let last = steps.pop().unwrap();
        for step in &steps {
            let ended = run(&mut self.command(step));
            if ended.code != 0 {
                return Err(ended);
            }
        }
        Ok(self.command(&last))
    }

    /// Runs the action, and returns its result and outputs.
    pub(super) fn run(&self) -> (Ended, HashMap<String, String>) {
        let ended = self.until_last().map_or_else(|ended| ended, |mut command| run(&mut command));
        (ended, self.read("GITHUB_OUTPUT"))
    }
}

fn run(command: &mut Command) -> Ended {
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    Ended { code: output.status.code().unwrap_or(-1), said }
}

fn act(fixture: &Fixture, inputs: &[(&str, &str)], path: &str) -> (Ended, HashMap<String, String>) {
    Action::new(fixture, inputs, path).run()
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
async fn the_action_downloads_the_tool_and_verifies_it() {
    let fixture = Fixture::open(only_scans()).await;
    let (address, sum) = release(&fixture);
    let from = format!("{address}/v{}", env!("CARGO_PKG_VERSION"));
    let inputs = [NEEDED, &[("download-from", from.as_str())]].concat();
    let wrong = "0".repeat(64);
    for (code, more) in [(1, ("checksum", wrong.as_str())), (3, ("version", "9.9.9"))] {
        // Neither is replaced with a program that was built from the sources: there is no cargo.
        let (ended, _) = act(&fixture, &[&inputs[..], &[more]].concat(), &path(&fixture));
        assert!(ended.code == code && fixture.look().accounts[0].packages.is_empty(), "{ended:?}");
    }
    let (ended, outputs) = act(&fixture, &inputs, &path(&fixture));
    assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{ended:?}");
    assert!(outputs["key"].starts_with(&format!("eqp-{}-", env!("CARGO_PKG_VERSION"))), "{outputs:?}");
    // Later steps of the job find the program.
    let bin = std::fs::read_to_string(fixture.home.path().join("GITHUB_PATH")).unwrap();
    assert!(Path::new(bin.trim()).join("eqp").exists(), "{bin}");
    // The archive is in the folder that is cached, so with its checksum nothing is downloaded.
    let pinned = [NEEDED, &[("download-from", "nowhere"), ("checksum", sum.as_str())]].concat();
    let (ended, outputs) = act(&fixture, &pinned, &path(&fixture));
    assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_program_for_the_runner_the_action_builds_its_own_sources_once() {
    let fixture = Fixture::open(only_scans()).await;
    cargo(&fixture);
    let action = Action::new(&fixture, &[NEEDED, &[("download-from", "nowhere")]].concat(), &path(&fixture));
    let install = Action::steps()[1]["run"].as_str().unwrap().to_owned();
    for is_first in [true, false] {
        let mut commands = Action::steps().into_iter();
        let chosen = run(&mut action.command(&commands.next().unwrap()));
        assert_eq!(chosen.code, 0, "{chosen:?}");
        let installed = run(&mut action.command(&commands.next().unwrap()));
        assert!(installed.code == 0 && installed.said.contains("cargo install") == is_first, "{installed:?}");
    }
    let (ended, outputs) = action.run();
    assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{ended:?}");
    let folder = install.split_once("--path \"$SOURCES/").and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
    let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"eqp\""), "the folder that is built has the tool");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_needs_no_access_key_and_a_release_needs_a_tag() {
    let fixture = Fixture::open(only_scans()).await;
    let tool = [("eqp", env!("CARGO_BIN_EXE_eqp"))];
    let check = [&tool[..], &[("run", "check"), ("archive", "submission.zip")]].concat();
    let (ended, _) = Action::new(&fixture, &check, "/usr/bin:/bin").set("EQP_API_URL", "https://127.0.0.1:1").run();
    assert!(ended.code == 0 && ended.said.contains("0 blocking"), "{ended:?}");
    std::fs::write(fixture.home.path().join("submission.zip"), "no archive").unwrap();
    let (ended, _) = Action::new(&fixture, &check, "/usr/bin:/bin").set("GITHUB_ACTIONS", "true").run();
    assert!(ended.code == 5 && ended.said.contains("::error "), "{ended:?}");
    assert_eq!(act(&fixture, &[&tool[..], &[("run", "install")]].concat(), "/usr/bin:/bin").0.code, 0);
    for (inputs, expected) in
        [(("run", "deploy"), "must be release, check or install"), (("tag", ""), "set the input tag")]
    {
        let (ended, _) = act(&fixture, &[&tool[..], &[inputs]].concat(), "/usr/bin:/bin");
        assert!(ended.code == 2 && ended.said.contains(expected), "{ended:?}");
    }
}

#[test]
fn no_script_contains_text_from_outside() {
    for file in ["docs/ci/github.yml", "docs/ci/github-pull-request.yml"] {
        let workflow = yaml(file);
        for job in workflow["jobs"].as_hash().unwrap().values() {
            for script in job["steps"].as_vec().unwrap().iter().filter_map(|step| step["run"].as_str()) {
                assert!(!script.contains("${{"), "{script}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_end_in_a_handle_sets_no_output() {
    let fixture = Fixture::open(only_scans()).await;
    program(&fixture, "eqp", "#!/bin/sh\nprintf 's1\\nEVIL=1\\nresult=evil\\n'\n");
    let tool = fixture.home.path().join("bin/eqp").display().to_string();
    let inputs = [NEEDED, &[("eqp", tool.as_str()), ("version", "1\nEVIL=1")]].concat();
    let (ended, outputs) = act(&fixture, &inputs, "/usr/bin:/bin");
    assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{ended:?}");
    assert!(!outputs.contains_key("EVIL"), "{outputs:?}");
}

#[test]
fn the_workflows_use_inputs_of_the_action() {
    for file in ["docs/ci/github.yml", "docs/ci/github-pull-request.yml"] {
        let workflow = yaml(file);
        let steps = workflow["jobs"].as_hash().unwrap().values().flat_map(|job| job["steps"].as_vec().unwrap());
        let mut own = steps.filter(|step| step["uses"].as_str() == Some("OWNER/REPOSITORY@COMMIT"));
        let with = own.next().unwrap();
        for name in with["with"].as_hash().unwrap().keys() {
            assert!(!yaml("action.yml")["inputs"][name.as_str().unwrap()].is_badvalue(), "{file}: {name:?}");
        }
    }
}
