//! `cargo xtask check`: every line runs, whatever the others say; one whose tool is not installed is "not run".

use std::path::Path;

use crate::process::{answers, cargo, output, program, run as run_program};
use crate::{Outcome, docs, queries};

/// How a line ended.
enum Verdict {
    Ok,
    Failed(String),
    NotRun,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        outcome.map_or_else(Self::Failed, |()| Self::Ok)
    }
}

pub(crate) async fn run() -> Outcome {
    let lines = [
        ("format", format().await),
        ("lints", lints().await),
        ("licences", licences().await),
        ("documentation", documentation().await),
        ("wasm32", wasm32().await),
        ("made pages", docs::check().await.into()),
        ("query data", queries::check().await.into()),
        ("compose file", compose_file().await),
    ];
    let mut failed = Vec::new();
    for (name, verdict) in lines {
        match verdict {
            Verdict::Ok => println!("{name:<14} ok"),
            Verdict::NotRun => println!("{name:<14} not run"),
            Verdict::Failed(reason) => {
                println!("{name:<14} failed: {reason}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("{} failed", failed.join(", "))) }
}

async fn format() -> Verdict {
    run_program(cargo(["fmt", "--all", "--check"])).await.into()
}

async fn lints() -> Verdict {
    run_program(cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])).await.into()
}

/// Without the advisories: their database has to be fetched, and a check must not depend on the network.
async fn licences() -> Verdict {
    if !answers(cargo(["deny", "--version"])).await {
        return Verdict::NotRun;
    }
    run_program(cargo(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])).await.into()
}

async fn documentation() -> Verdict {
    let mut doc = cargo(["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run_program(doc).await.into()
}

/// The schemas have no I/O and build for the browser.
async fn wasm32() -> Verdict {
    const TARGET: &str = "wasm32-unknown-unknown";
    let library = output(program("rustc", ["--print", "target-libdir", "--target", TARGET])).await;
    if !library.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Verdict::NotRun;
    }
    run_program(cargo(["check", "--quiet", "--package", "eqp-types", "--target", TARGET])).await.into()
}

/// With whichever compose tool there is.
async fn compose_file() -> Verdict {
    for tool in [&["docker", "compose"][..], &["docker-compose"]] {
        let with = |arguments: &[&'static str]| program(tool[0], tool[1..].iter().chain(arguments));
        if answers(with(&["version"])).await {
            return run_program(with(&["config", "--quiet"])).await.into();
        }
    }
    Verdict::NotRun
}
