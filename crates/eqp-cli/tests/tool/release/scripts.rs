//! Blocks of a page that a reader runs one after the other in one shell, starting with an empty home folder.

use std::path::Path;
use std::process::Command;

use eqp_test_support::submission::{PDF, PNG, Submission};
use eqp_test_support::tool::Home;

use super::documented::{Treatment, command_blocks};

/// From an archive to a released version and the callbacks about it.
pub(super) const REHEARSAL: &str = "rehearsal";
/// From nothing to a first callback and a first release.
pub(super) const TUTORIAL: &str = "tutorial";

/// The shell script that a page's blocks are, with `ports` in place of the documented ones.
fn script(page: &str, name: &str, ports: &[(&str, String)]) -> String {
    let mut script = String::new();
    for block in command_blocks(page) {
        let Treatment::PartOf(part_of, file) = &block.treatment else { continue };
        if part_of != name {
            continue;
        }
        match file {
            Some(path) => {
                script += &["cat > ", path, " <<'END OF FILE'\n", &block.text, "END OF FILE\n"].concat();
            }
            None => script += &block.text,
        }
    }
    ports.iter().fold(script, |script, (documented, port)| script.replace(documented, port))
}

/// Ports that were free a moment ago.
fn free_ports<const COUNT: usize>() -> [String; COUNT] {
    let listeners = [(); COUNT].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

fn put_tool_on_path(home: &Path) -> String {
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_eqp"), bin.join("eqp")).unwrap();
    format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())
}

/// The developer's own files, as the page names them.
fn write_own_files(home: &Path) {
    for folder in ["dist", "docs"] {
        std::fs::create_dir_all(home.join(folder)).unwrap();
    }
    std::fs::write(home.join("dist/badges-1.2.0.zip"), Submission::module().bytes()).unwrap();
    for (name, content) in [("guide.pdf", PDF), ("icon.png", PNG), ("admin.png", PNG), ("store.png", PNG)] {
        std::fs::write(home.join("docs").join(name), content).unwrap();
    }
}

/// Runs the script of a page in a home, and returns what it prints. A command `before` is inserted before another one: a reader looks again
/// until something has happened.
fn run(home: &mut Home, page: &str, name: &str, before: &[(&str, &str)]) -> Option<String> {
    for program in ["curl", "git"] {
        if Command::new(program).arg("--version").output().is_err() {
            println!("not run: there is no {program}");
            return None;
        }
    }
    let path = put_tool_on_path(home.path());
    home.set("PATH", path);
    let [simulator, receiver, operator] = free_ports();
    let commands = script(page, name, &[("8443", receiver)]);
    assert!(commands.contains("eqp release") && commands.contains("eqp events list"), "{commands}");
    // The addresses that the page leaves at their defaults may be in use here.
    let commands = commands.replace("eqp simulator ", &format!("eqp simulator --listen 127.0.0.1:{simulator} "));
    let commands = commands.replace("eqp serve ", &format!("eqp serve --operator-listen 127.0.0.1:{operator} "));
    let commands = before.iter().fold(commands, |commands, (command, wait)| {
        assert!(commands.contains(command), "{command}: {commands}");
        commands.replacen(command, &format!("{wait}\n{command}"), 1)
    });
    // Whatever happens, nothing is left running.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n{commands}wait\n");
    let output = home
        .command_of(&["timeout", "120", "bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", &script])
        .output()
        .unwrap();
    let printed = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    let logs = ["simulator.log", "receiver.log"].map(|log| std::fs::read_to_string(home.path().join(log)));
    assert!(output.status.success(), "{printed}\n{logs:?}");
    Some(printed)
}

#[test]
fn the_readme_alone_leads_from_an_empty_home_to_a_released_version_and_its_callbacks() {
    let mut home = Home::new(crate::EQP);
    write_own_files(home.path());
    let arrived = "until eqp events list --status released_to_store | grep released_to_store; do sleep 0.1; done";
    let Some(printed) = run(&mut home, "README.md", REHEARSAL, &[("eqp submissions list\n", arrived)]) else { return };
    let listed = printed.contains("overall released_to_store · technical approved · marketing approved");
    assert!(listed && printed.contains("is in the store"), "{printed}");
}

#[test]
fn the_tutorial_leads_from_an_empty_home_to_a_first_callback_and_a_first_release() {
    let mut home = Home::new(crate::EQP);
    let scanned = "until eqp events list | grep malware; do sleep 0.1; done";
    let approved = "until eqp events list --status approved | grep technical; do sleep 0.1; done";
    let waits = [("eqp events list\n", scanned), ("eqp status\n", approved)];
    let Some(printed) = run(&mut home, "docs/tutorial.md", TUTORIAL, &waits) else { return };
    for shown in ["stored callback", "passed", "technical approved", "/sign-in#"] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    assert!(!home.path().join("eqp-tutorial").exists(), "nothing remains");
}
