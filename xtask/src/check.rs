//! `cargo xtask check`: runs all checks. A check whose tool is not installed is reported as "not run".

use std::path::Path;
use std::time::Instant;

use crate::process::{answers, cargo, output, program, run as run_program};
use crate::{Result, docs, public_items, queries};

/// The result of a check.
enum Line {
    Ok,
    Failed(String),
    NotRun,
}

impl From<Result> for Line {
    fn from(result: Result) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Ok)
    }
}

/// Selects additional checks.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Also package every crate and build the packages, without publishing them
    #[arg(long)]
    publish: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result {
    let mut failed = Vec::new();
    report(&mut failed, "format", format()).await;
    report(&mut failed, "lints", lints()).await;
    report(&mut failed, "features", features()).await;
    report(&mut failed, "licences", licences()).await;
    report(&mut failed, "documentation", documentation()).await;
    report(&mut failed, "public items", public_items()).await;
    report(&mut failed, "wasm32", wasm32()).await;
    report(&mut failed, "generated pages", docs::check()).await;
    report(&mut failed, "query data", queries::check()).await;
    report(&mut failed, "compose file", compose_file()).await;
    if arguments.publish {
        report(&mut failed, "packages", packages()).await;
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("{} failed", failed.join(", "))) }
}

/// Runs a check, and prints its result and duration.
async fn report(failed: &mut Vec<&'static str>, name: &'static str, check: impl Future<Output: Into<Line>>) {
    let start = Instant::now();
    let line = check.await.into();
    let seconds = start.elapsed().as_secs();
    match line {
        Line::Ok => println!("{name:<15} ok, {seconds} s"),
        Line::NotRun => println!("{name:<15} not run"),
        Line::Failed(reason) => {
            println!("{name:<15} failed: {reason}");
            failed.push(name);
        }
    }
}

async fn format() -> Line {
    run_program(cargo(["fmt", "--all", "--check"])).await.into()
}

async fn lints() -> Line {
    run_program(cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])).await.into()
}

/// The documented combinations of cargo features (package, features), which must compile without warnings. The defaults
/// are covered by the lints.
const FEATURES: &[(&str, &str)] = &[
    ("eqp-receiver", ""),
    ("eqp-receiver", "listener"),
    ("eqp-receiver", "local-ca"),
    ("eqp-receiver", "metrics"),
    ("eqp-receiver", "spool"),
    ("eqp-cli", ""),
    ("eqp-cli", "schema"),
];

async fn features() -> Line {
    for (package, features) in FEATURES {
        let arguments = ["clippy", "--quiet", "--package", package, "--no-default-features", "--features", features];
        // Replacements for a disabled feature have unused parameters by design, so the pedantic lints apply to the
        // default features only.
        let lints = ["--", "-D", "warnings", "-A", "clippy::pedantic"];
        let checked = run_program(cargo([&arguments[..], &lints].concat())).await;
        if let Err(reason) = checked {
            return Line::Failed(format!("{package} with the features `{features}`: {reason}"));
        }
    }
    Line::Ok
}

/// Does not check advisories, because their database has to be downloaded, and a check must not depend on the network.
async fn licences() -> Line {
    if !answers(cargo(["deny", "--version"])).await {
        return Line::NotRun;
    }
    run_program(cargo(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])).await.into()
}

async fn documentation() -> Line {
    let mut doc = cargo(["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run_program(doc).await.into()
}

async fn public_items() -> Line {
    if public_items::can_be_listed().await { public_items::check().await.into() } else { Line::NotRun }
}

/// Checks that the crates without I/O build for wasm32.
async fn wasm32() -> Line {
    const TARGET: &str = "wasm32-unknown-unknown";
    let library = output(program("rustc", ["--print", "target-libdir", "--target", TARGET])).await;
    if !library.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Line::NotRun;
    }
    run_program(cargo(["check", "--quiet", "--package", "eqp-types", "--target", TARGET])).await.into()
}

/// Uses the installed compose tool.
async fn compose_file() -> Line {
    for tool in [&["docker", "compose"][..], &["docker-compose"]] {
        let with = |arguments: &[&'static str]| program(tool[0], tool[1..].iter().chain(arguments));
        if answers(with(&["version"])).await {
            return run_program(with(&["config", "--quiet"])).await.into();
        }
    }
    Line::NotRun
}

/// Needs the registry, and builds every dependency again, so it only runs with `--publish`.
async fn packages() -> Line {
    run_program(cargo(["publish", "--workspace", "--dry-run", "--allow-dirty"])).await.into()
}
