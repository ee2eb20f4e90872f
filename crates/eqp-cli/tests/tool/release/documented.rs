//! The shell blocks of README and docs/ci, run against a simulator as a reader would type them.
//!
//! Every block is listed here: a new one fails the test until it is run, or has a reason not to be.

use std::path::Path;
use std::process::Command;

use eqp_simulator::Simulator;
use eqp_test_support::TestDatabase;
use eqp_test_support::submission::{PDF, Submission};
use serde_json::{Value, json};

use super::scene::{Scene, at_once};

/// The pages whose blocks are run.
const PAGES: &[&str] = &["README.md", "docs/ci/README.md"];

/// What is done with a block, found by how it begins.
enum Done {
    /// It is run; lines that begin so are left out, each for a reason.
    Run(&'static [(&'static str, &'static str)]),
    /// It is not run, for this reason.
    NotRun(&'static str),
    /// It is written to this file, for the blocks after it.
    Written(&'static str),
}

/// Every block that a reader runs or writes down, in the order of the pages.
const BLOCKS: &[(&str, &str, Done)] = &[
    ("README.md", "cargo run --release -- demo", Done::NotRun("builds everything; the demo has tests of its own")),
    ("README.md", "export EQP_DATABASE_URL_FILE=", Done::Run(&[])),
    ("README.md", "eqp serve --listen", Done::NotRun("stays up, on a port that needs rights; served in other tests")),
    (
        "README.md",
        "eqp login --environment",
        Done::Run(&[
            ("eqp login", "asks for the key on a terminal"),
            ("eqp whoami", "its comment goes on from the line above; it is run by itself below"),
        ]),
    ),
    ("README.md", "eqp events tail", Done::Run(&[("eqp events tail", "follows events until somebody stops it")])),
    ("README.md", "eqp packages init", Done::Run(&[])),
    ("README.md", "[package]", Done::Written("release.toml")),
    ("README.md", "eqp packages check", Done::Run(&[])),
    (
        "README.md",
        "export EQP_DATABASE_URL=$DATABASE_URL",
        Done::NotRun(
            "needs the database of a service; `callbacks add` is run above, and the service in a test of its own",
        ),
    ),
    ("docs/ci/README.md", "code=0", Done::Run(&[])),
];

/// What a page says, and what stands for it here.
struct Names {
    database_file: String,
    submission: String,
}

impl Names {
    fn put_into(&self, text: &str) -> String {
        text.replace("/etc/eqp/database-url", &self.database_file).replace("s5w9k703ru", &self.submission)
    }
}

/// A block of a page.
struct Block {
    language: String,
    text: String,
}

/// The fenced blocks of a page, without the indent of the list that they stand in.
fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut open): (Vec<Block>, Option<(usize, Block)>) = (Vec::new(), None);
    for line in page.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        match (&mut open, content.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some((indent, Block { language: language.to_owned(), text: String::new() }));
            }
            (Some(_), Some("")) => found.extend(open.take().map(|(_, block)| block)),
            (Some((outer, block)), _) => {
                block.text.push_str(line.get(*outer..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    found
}

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

fn is_of_interest(block: &Block) -> bool {
    matches!(block.language.as_str(), "sh" | "bash" | "shell" | "console" | "text" | "toml" | "")
}

#[test]
fn every_shell_block_of_readme_and_ci_is_run_or_has_a_reason_not_to_be() {
    let mut listed = BLOCKS.iter();
    for name in PAGES {
        for block in blocks(&page(name)).iter().filter(|block| is_of_interest(block)) {
            let next = listed.next();
            let is_it = next.is_some_and(|(page, begin, _)| page == name && block.text.starts_with(begin));
            assert!(is_it, "{name}: list this block, and run it:\n{}", block.text);
        }
    }
    assert!(listed.next().is_none(), "a block is listed that no page has any more");
}

/// Runs a block in the scene's home, ending with the first command that fails; answers what it printed.
fn run(scene: &Scene, script: &str) -> String {
    let path = format!("{}:/usr/bin:/bin", scene.home.path().join("bin").display());
    let script = format!("export PATH='{path}'\n{script}");
    let mut command = scene.home.command_of(&["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", &script]);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(output.status.success(), "{script}\n{said}");
    said
}

fn put_tool_on_path(scene: &Scene) {
    let bin = scene.home.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_eqp"), bin.join("eqp")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_blocks_of_readme_and_ci_work_as_printed() {
    let mut scene = Scene::with(Simulator::builder().script(at_once()).packages(40)).await;
    let released = |package: &&eqp_simulator::PackageSnapshot| package.status.to_string().starts_with("released_to");
    let submission = scene.look().accounts[0].packages.iter().find(released).unwrap().submission_id.to_string();
    let database = TestDatabase::create().await;
    let database_file = scene.home.write("database-url", &database.url()).display().to_string();
    scene.home.set("EQP_DATABASE_URL_FILE", database_file.clone());
    let names = Names { database_file, submission };
    put_tool_on_path(&scene);
    let home = scene.home.path();
    std::fs::remove_file(home.join("release.toml")).unwrap();
    for folder in ["dist", "docs"] {
        std::fs::create_dir_all(home.join(folder)).unwrap();
    }
    std::fs::write(home.join("docs/guide.pdf"), PDF).unwrap();
    let checkout = Submission::module().composer(|composer| composer["name"] = json!("acme/module-checkout"));
    std::fs::write(home.join("dist/checkout-1.2.0.zip"), checkout.bytes()).unwrap();

    let mut listed = BLOCKS.iter();
    for name in PAGES {
        if *name == "docs/ci/README.md" {
            scene.prepare(&Submission::module(), |_| {});
            std::fs::rename(home.join("submission.zip"), home.join("acme-badges-1.2.0.zip")).unwrap();
        }
        for block in blocks(&page(name)).iter().filter(|block| is_of_interest(block)) {
            match &listed.next().unwrap().2 {
                Done::NotRun(reason) => println!("not run: {} ({reason})", block.text.trim()),
                Done::Written(file) => drop(scene.home.write(file, &block.text)),
                Done::Run(left_out) => {
                    let is_run = |line: &&str| {
                        let reason = left_out.iter().find(|(begin, _)| line.starts_with(begin));
                        reason.inspect(|(_, reason)| println!("not run: {line} ({reason})")).is_none()
                    };
                    let lines: Vec<&str> = block.text.lines().filter(is_run).collect();
                    let said = run(&scene, &names.put_into(&lines.join("\n")));
                    if *name == "docs/ci/README.md" {
                        assert!(said.contains("in review as "), "{said}");
                    }
                }
            }
        }
    }
    run(&scene, "eqp whoami");

    // What README's step 6 says is what happens: the manifest asks for the technical review alone.
    let by_item = scene.home.run_aside(&["packages", "list", "--item", "checkout-1.2.0", "--json"]);
    let told: Value = serde_json::from_str(by_item.stdout.lines().next().unwrap()).unwrap();
    assert!(told.to_string().contains("\"marketing\":\"draft\""), "{told}");
}

#[test]
fn the_workflows_own_steps_are_shell_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let workflow = yaml_rust2::YamlLoader::load_from_str(&page("docs/ci/github.yml")).unwrap().remove(0);
    for step in workflow["jobs"]["release"]["steps"].as_vec().unwrap() {
        let Some(script) = step["run"].as_str() else { continue };
        assert!(!script.contains("${{"), "text from outside reaches the shell through the environment: {script}");
        if script.starts_with("zip ") && Command::new("zip").arg("-v").output().is_err() {
            println!("not run: there is no zip");
            continue;
        }
        std::fs::write(folder.path().join("composer.json"), "{}").unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(folder.path());
        let ended = command.env("GITHUB_REF_NAME", "v1.2.0").env("HANDLE", "s1; exit 9").output().unwrap();
        assert!(ended.status.success(), "{script}: {ended:?}");
    }
    assert!(folder.path().join("acme-badges-v1.2.0.zip").exists() || Command::new("zip").output().is_err());
}
