//! The machine that figures were measured on.

use std::fs;
use std::process::Command;

/// Returns cores, processor, memory, system and Postgres, as far as they are known.
pub(super) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let facts = [
        Some(format!("{cores} cores")),
        field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal").and_then(|total| {
            let kilobytes: u64 = total.trim_end_matches("kB").trim().parse().ok()?;
            Some(format!("{} GB of memory", (kilobytes + 512 * 1024) / (1024 * 1024)))
        }),
        said("uname", &["-sr"]),
        installed_postgres(),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Returns the version of the Postgres that is most likely used.
fn installed_postgres() -> Option<String> {
    said("pg_config", &["--version"])
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
