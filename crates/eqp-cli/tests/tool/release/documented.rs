//! The commands of the documentation, run against a simulator as a reader would type them.
//!
//! A shell block is run, unless a comment before it says otherwise: `<!-- not run: REASON -->`, `<!-- file: PATH -->` for a block
//! that is written to a file for the blocks after it, or `<!-- script: NAME -->` (`, file: PATH`) for blocks that are run as one script
//! by a separate test. Every other command that a page names has to exist with its flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_simulator::Simulator;
use eqp_test_support::TestDatabase;
use eqp_test_support::submission::{PDF, Submission};
use serde_json::{Value, json};

use super::fixture::{Fixture, at_once};

/// The pages in the root whose commands are current; the changelog also names commands of earlier versions.
const ROOT_PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md"];

/// The number of blocks with a comment that they are not run. Increase it only deliberately.
const NOT_RUN: usize = 25;

/// The pages whose blocks are run by other tests, or cannot be run.
const ELSEWHERE: &[(&str, &str)] = &[
    ("docs/building.md", "each command needs a git repository with tags; the tests of `packages build` create them"),
    (
        "docs/code-sniffer.md",
        "the commands need Composer and its downloads; the tests of `tools install` have a stand-in",
    ),
    (
        "docs/manifest.md",
        "the manifest is read by a test of eqp-release; updates from manifests have tests of their own",
    ),
    (
        "docs/following.md",
        "the scheduled job is run by a test of its own; the other ways need a receiver, and their blocks are on other pages",
    ),
    (
        "docs/installing.md",
        "installer and package need a release; the tests `distribution` of xtask build one and install it",
    ),
    ("docs/listen.md", "listeners run until they are stopped; their tests run each handler"),
    (
        "docs/registrations.md",
        "each command needs another state of the list; the tests of drift, rotation and leaks create them",
    ),
    ("docs/reliability.md", "fuzzing takes long; the fuzz targets and corpora are tests of their own"),
    ("docs/rules.md", "the excerpt of a manifest is tested by eqp-check"),
    ("docs/simulator.md", "run by eqp-simulator's tests of the marketplace"),
    ("docs/simulator-walkthrough.md", "run by eqp-simulator's tests of the marketplace"),
    ("docs/webhooks.md", "run by eqp-deliver's tests of handlers"),
];

/// The scripts, each run by a test in `scripts.rs`, and their pages.
const SCRIPTS: &[(&str, &str)] =
    &[("README.md", super::scripts::REHEARSAL), ("docs/tutorial.md", super::scripts::TUTORIAL)];

/// How a block is tested.
pub(super) enum Treatment {
    Run,
    NotRun(String),
    WrittenTo(String),
    /// A part of a script with this name; written to a file if it has a path.
    PartOf(String, Option<String>),
}

/// A block of a page.
pub(super) struct Block {
    language: String,
    pub(super) treatment: Treatment,
    pub(super) text: String,
}

impl Block {
    /// Returns whether a reader would run or save the block.
    fn is_command(&self) -> bool {
        match self.language.as_str() {
            // A file of a script, in any language.
            _ if matches!(self.treatment, Treatment::PartOf(_, Some(_))) => true,
            "sh" | "bash" | "shell" | "console" | "toml" => true,
            "text" | "" => self.text.lines().any(is_command_line),
            _ => false,
        }
    }
}

fn is_command_line(line: &str) -> bool {
    ["eqp ", "cargo ", "$ "].iter().any(|begin| line.starts_with(begin))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Returns the pages with commands, in an order in which a reader can follow them.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["docs", "docs/ci", "docs/reference"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                pages.push(format!("{folder}/{name}"));
            }
        }
    }
    pages.sort();
    ROOT_PAGES.iter().map(|&name| name.to_owned()).chain(pages).collect()
}

fn treatment(line_before: &str) -> Treatment {
    let comment = line_before.trim().strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
    match comment.and_then(|comment| comment.split_once(": ")) {
        Some(("not run", reason)) => Treatment::NotRun(reason.to_owned()),
        Some(("file", path)) => Treatment::WrittenTo(path.to_owned()),
        Some(("script", name)) => match name.split_once(", file: ") {
            Some((name, path)) => Treatment::PartOf(name.to_owned(), Some(path.to_owned())),
            None => Treatment::PartOf(name.to_owned(), None),
        },
        _ => Treatment::Run,
    }
}

/// Returns the fenced blocks of a page, without the indent of the list that contains them.
fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut open, mut before): (Vec<Block>, Option<(usize, Block)>, &str) = (Vec::new(), None, "");
    for line in page.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        match (&mut open, content.strip_prefix("```")) {
            (None, Some(language)) => {
                let block = Block { language: language.to_owned(), treatment: treatment(before), text: String::new() };
                open = Some((indent, block));
            }
            (Some(_), Some("")) => found.extend(open.take().map(|(_, block)| block)),
            (Some((outer, block)), _) => {
                block.text.push_str(line.get(*outer..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
        before = line;
    }
    assert!(open.is_none(), "a block does not end");
    found
}

pub(super) fn command_blocks(name: &str) -> Vec<Block> {
    blocks(&page(name)).into_iter().filter(Block::is_command).collect()
}

/// Examples in the pages, with their replacements in this test.
struct Names {
    database_file: String,
    submission: String,
}

impl Names {
    fn put_into(&self, text: &str) -> String {
        text.replace("/etc/eqp/database-url", &self.database_file).replace("s5w9k703ru", &self.submission)
    }
}

/// Runs a block in the fixture's home, ending with the first command that fails; returns its output.
fn run(fixture: &Fixture, script: &str) -> String {
    let path = format!("{}:/usr/bin:/bin", fixture.home.path().join("bin").display());
    let script = format!("export PATH='{path}'\n{script}");
    let mut command = fixture.home.command_of(&["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", &script]);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let printed = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(output.status.success(), "{script}\n{printed}");
    printed
}

fn put_tool_on_path(fixture: &Fixture) {
    let bin = fixture.home.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_eqp"), bin.join("eqp")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_blocks_of_the_documentation_work_as_printed() {
    let mut fixture = Fixture::with(Simulator::builder().script(at_once()).packages(40)).await;
    let released = |package: &&eqp_simulator::PackageSnapshot| package.status.to_string().starts_with("released_to");
    let submission = fixture.look().accounts[0].packages.iter().find(released).unwrap().submission_id.to_string();
    let database = TestDatabase::create().await;
    let database_file = fixture.home.write("database-url", &database.url()).display().to_string();
    fixture.home.set("EQP_DATABASE_URL_FILE", database_file.clone());
    let names = Names { database_file, submission };
    put_tool_on_path(&fixture);
    let home = fixture.home.path();
    std::fs::remove_file(home.join("release.toml")).unwrap();
    for folder in ["dist", "docs"] {
        std::fs::create_dir_all(home.join(folder)).unwrap();
    }
    std::fs::write(home.join("docs/guide.pdf"), PDF).unwrap();
    let checkout = Submission::module().composer(|composer| composer["name"] = json!("acme/module-checkout"));
    std::fs::write(home.join("dist/checkout-1.2.0.zip"), checkout.bytes()).unwrap();

    let mut not_run = 0;
    for name in pages() {
        if let Some((_, reason)) = ELSEWHERE.iter().find(|(page, _)| *page == name) {
            let blocks = command_blocks(&name).len();
            assert!(blocks > 0, "{name} has no blocks any more");
            println!("not run: {blocks} blocks of {name} ({reason})");
            continue;
        }
        if name == "docs/ci/README.md" {
            fixture.prepare(&Submission::module(), |_| {});
            std::fs::rename(home.join("submission.zip"), home.join("acme-badges-1.2.0.zip")).unwrap();
        }
        for block in command_blocks(&name) {
            match &block.treatment {
                Treatment::NotRun(reason) => {
                    not_run += 1;
                    println!("not run: {} ({reason})", block.text.trim());
                }
                Treatment::WrittenTo(file) => drop(fixture.home.write(file, &block.text)),
                Treatment::PartOf(script, _) => assert!(SCRIPTS.contains(&(name.as_str(), script)), "{name}: {script}"),
                Treatment::Run => {
                    println!("{name}: {}", block.text.trim());
                    let printed = run(&fixture, &names.put_into(&block.text));
                    if name == "docs/ci/README.md" {
                        assert!(printed.contains("in review as "), "{printed}");
                    }
                }
            }
        }
    }
    assert_eq!(not_run, NOT_RUN, "the number of blocks that are not run has changed");

    // As README states, its manifest selects the technical review only.
    let by_item = fixture.home.run_aside(&["packages", "list", "--item", "checkout-1.2.0", "--json"]);
    let listed: Value = serde_json::from_str(by_item.stdout.lines().next().unwrap()).unwrap();
    assert!(listed.to_string().contains("\"marketing\":\"draft\""), "{listed}");
}

/// The help texts of commands, by their names.
#[derive(Default)]
struct Helps(BTreeMap<String, String>);

impl Helps {
    fn of(&mut self, path: &[&str]) -> &str {
        self.0.entry(path.join(" ")).or_insert_with(|| {
            let output = Command::new(env!("CARGO_BIN_EXE_eqp")).args(path).arg("--help").output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
    }

    fn is_group(&mut self, path: &[&str]) -> bool {
        self.of(path).contains("\nCommands:\n")
    }

    fn has_subcommand(&mut self, path: &[&str], name: &str) -> bool {
        let listed = self.of(path).split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap());
        listed.is_some_and(|listed| listed.lines().any(|line| line.split_whitespace().next() == Some(name)))
    }

    /// Returns the reason why a command line cannot be run as it is written.
    fn problem(&mut self, line: &str) -> Option<String> {
        let mut words = line.split_whitespace().skip(1).peekable();
        let mut path: Vec<&str> = Vec::new();
        while self.is_group(&path)
            && let Some(word) = words.next_if(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()))
        {
            if !self.has_subcommand(&path, word) {
                return Some(format!("`eqp {}` has no command `{word}`", path.join(" ")));
            }
            path.push(word);
        }
        let mut flags = words.filter_map(|word| word.strip_prefix("--")).filter(|flag| !flag.is_empty());
        flags.find_map(|flag| {
            let flag = format!("--{}", flag.split(['=', '[']).next().unwrap_or_default());
            let known = self.of(&path).split([' ', ',', '=', '[', '\n']).any(|word| word == flag);
            (!known).then(|| format!("`eqp {}` has no flag `{flag}`", path.join(" ")))
        })
    }
}

/// Returns the commands that a page names in its text and in its blocks, without comments.
fn named_commands(page: &str) -> impl Iterator<Item = &str> {
    let spans = page.split('`').skip(1).step_by(2);
    let lines = page.lines().map(|line| line.trim_start().trim_start_matches("$ "));
    spans.chain(lines).filter(|command| command.starts_with("eqp ")).map(|command| {
        let end = [" #", " |", ";", " &&", "\n"].iter().filter_map(|mark| command.find(mark)).min();
        &command[..end.unwrap_or(command.len())]
    })
}

#[test]
fn every_command_that_a_page_names_exists_with_its_flags() {
    let mut helps = Helps::default();
    let mut problems = Vec::new();
    for name in pages() {
        for command in named_commands(&page(&name)) {
            problems.extend(helps.problem(command).map(|problem| format!("{name}: {command}: {problem}")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_link_between_pages_leads_to_a_file() {
    for name in pages() {
        let text = page(&name);
        let folder = root().join(&name).parent().unwrap().to_owned();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            assert!(folder.join(file).exists(), "{name} links to {target}, which does not exist");
        }
    }
}

#[test]
fn the_workflows_own_steps_are_shell_that_runs() {
    let workflow = yaml_rust2::YamlLoader::load_from_str(&page("docs/ci/github.yml")).unwrap().remove(0);
    let steps = workflow["jobs"]["release"]["steps"].as_vec().unwrap();
    let scripts: Vec<_> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(scripts.len(), 1, "{scripts:?}");
    let mut command = Command::new("bash");
    let ended = command.args(["-euo", "pipefail", "-c", scripts[0]]).env("HANDLE", "s1; exit 9").output().unwrap();
    assert!(ended.status.success() && ended.stdout == b"in review as s1; exit 9\n", "{ended:?}");
}
