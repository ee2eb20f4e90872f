//! Checks workflow files, the GitHub action, the GitLab component and shell scripts with linters, if they are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use crate::setup::{installed, root};

/// Returns the files of a folder with this extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|own| own == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} contains no .{extension} file");
    files
}

/// The workflows of the repository and of the documentation: name and text.
fn workflows() -> Vec<(String, String)> {
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    let mut found: Vec<_> = [files(".github/workflows", "yml"), files("docs/ci", "yml")]
        .concat()
        .into_iter()
        .filter(|path| !path.ends_with("gitlab.yml"))
        .map(|path| (name(&path), fs::read_to_string(path).unwrap()))
        .collect();
    for page in [files("docs", "md"), files("docs/ci", "md")].concat() {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let complete = blocks.filter(|block| block.contains("\non:\n") || block.starts_with("on:\n"));
        found.extend(complete.filter(|block| block.contains("\njobs:\n")).map(|block| (name(&page), block.to_owned())));
    }
    found
}

fn steps(workflow: &Yaml) -> Vec<&Yaml> {
    let jobs = workflow["jobs"].as_hash().unwrap().values();
    jobs.flat_map(|job| job["steps"].as_vec().unwrap()).collect()
}

#[test]
fn the_workflows_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, text)) in workflows().into_iter().enumerate() {
        let workflow = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")).remove(0);
        assert!(!workflow["permissions"].is_badvalue(), "{name} does not limit the rights of its token");
        for step in steps(&workflow) {
            let script = step["run"].as_str().unwrap_or_default();
            assert!(!script.contains("${{"), "{name}: text reaches a script through the environment: {script}");
            if let Some(action) = step["uses"].as_str() {
                let version = action.split_once('@').unwrap_or_else(|| panic!("{name}: {action} has no version")).1;
                assert!(!["main", "master"].contains(&version), "{name}: {action}");
            }
        }
        let file = format!("{number:02}-{}.yml", name.replace('/', "-"));
        // A placeholder for the repository is not a repository.
        fs::write(folder.path().join(file), text.replace("OWNER/REPOSITORY@COMMIT", "acme/eqp@v1")).unwrap();
    }
    let output = if let Some(program) = installed("actionlint") {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        Command::new(program).args(["-oneline", "-no-color"]).args(names).output().unwrap()
    } else if let Some(program) = std::env::var_os("EQP_ACTIONLINT") {
        Command::new("node").arg(program).arg("*.yml").env("NO_COLOR", "1").current_dir(folder.path()).output().unwrap()
    } else {
        println!("not run: there is no actionlint");
        return;
    };
    let printed = String::from_utf8(output.stdout).unwrap();
    // This runner is newer than the linter's list.
    let newer = |line: &&str| !line.contains("label \"macos-15-intel\" is unknown");
    let findings: Vec<_> = printed.lines().filter(|line| line.contains(".yml:")).filter(newer).collect();
    assert!(findings.is_empty() && !printed.is_empty(), "{}{}", printed, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_shell_scripts_have_no_findings() {
    let Some(program) = installed("shellcheck") else {
        println!("not run: there is no shellcheck");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut scripts: Vec<PathBuf> = ["deploy", "deploy/release", "deploy/debian", "docs/ci"]
        .iter()
        .flat_map(|folder| files(folder, "sh"))
        .collect();
    let others = [
        "deploy/debian/postinst",
        "deploy/debian/prerm",
        "deploy/debian/postrm",
        "docker/healthcheck",
        "docker/make-secrets",
        ".ci/run",
    ];
    scripts.extend(others.iter().map(|name| root().join(name)));
    let mut write = |name: String, shell: &str, script: &str| {
        let path = folder.path().join(name.replace('/', "-"));
        fs::write(&path, format!("#!{shell}\n{script}")).unwrap();
        scripts.push(path);
    };
    for (name, text) in workflows() {
        let workflow = YamlLoader::load_from_str(&text).unwrap().remove(0);
        for (number, step) in steps(&workflow).iter().enumerate() {
            if let Some(script) = step["run"].as_str() {
                write(format!("{name}-{number}"), "/bin/bash", script);
            }
        }
    }
    let action = YamlLoader::load_from_str(&fs::read_to_string(root().join("action.yml")).unwrap()).unwrap().remove(0);
    for (number, step) in action["runs"]["steps"].as_vec().unwrap().iter().enumerate() {
        if let Some(script) = step["run"].as_str() {
            write(format!("action-{number}"), "/bin/bash", script);
        }
    }
    let component = fs::read_to_string(root().join("templates/release.yml")).unwrap();
    for (name, job) in YamlLoader::load_from_str(&component).unwrap().remove(1).as_hash().unwrap() {
        for part in ["before_script", "script"] {
            let lines = job[part].as_vec().into_iter().flatten().map(|line| line.as_str().unwrap());
            let lines: Vec<_> = lines.collect();
            if !lines.is_empty() {
                write(format!("{}-{part}", name.as_str().unwrap()), "/bin/sh", &lines.join("\n"));
            }
        }
    }
    assert!(scripts.len() > 25, "{scripts:?}");
    // Steps use variables of their environment (SC2153), and --then expands variables later (SC2016).
    let options = ["--format", "gcc", "--exclude", "SC2016,SC2153"];
    let output = Command::new(program).args(options).args(&scripts).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
