//! The keyring of the operating system, through the platform's own tool: `secret-tool` on Linux, `security` on macOS.
//!
//! A keyring library would add D-Bus and a second crypto stack to every build. Secrets are passed to the tool through
//! standard input, because arguments are visible in the process list.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use eqp_types::{Environment, Secret};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::failure::{Exit, Failure, Result};
use crate::shutdown;

/// The service name of our secrets in the keyring.
const SERVICE: &str = "eqp";
/// The time limit of a keyring operation. The user may have to unlock the keyring first.
const PATIENCE: Duration = Duration::from_mins(2);

/// The command for a keyring operation: program, arguments and standard input.
trait Keyring {
    /// Returns the program, and how to install it.
    fn program(&self) -> (&'static str, &'static str);
    fn store(&self, account: &str, secret: &Secret) -> (Vec<String>, Secret);
    fn read(&self, account: &str) -> Vec<String>;
    fn forget(&self, account: &str) -> Vec<String>;
}

struct SecretTool;

impl Keyring for SecretTool {
    fn program(&self) -> (&'static str, &'static str) {
        ("secret-tool", "install libsecret's tools (Debian: libsecret-tools)")
    }

    fn store(&self, account: &str, secret: &Secret) -> (Vec<String>, Secret) {
        let label = format!("--label=eqp: application secret of {account}");
        (words(&["store", &label, "service", SERVICE, "account", account]), secret.clone())
    }

    fn read(&self, account: &str) -> Vec<String> {
        words(&["lookup", "service", SERVICE, "account", account])
    }

    fn forget(&self, account: &str) -> Vec<String> {
        words(&["clear", "service", SERVICE, "account", account])
    }
}

struct Security;

impl Keyring for Security {
    fn program(&self) -> (&'static str, &'static str) {
        ("security", "it comes with macOS")
    }

    /// Uses the interactive mode, which is the only one that reads a secret from standard input. The secret is passed
    /// in hexadecimal, because its quoting does not support every character.
    fn store(&self, account: &str, secret: &Secret) -> (Vec<String>, Secret) {
        let hex = secret.expose().bytes().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let line = format!("add-generic-password -U -s {SERVICE} -a \"{account}\" -X {hex}\n");
        (words(&["-i"]), Secret::new(line))
    }

    fn read(&self, account: &str) -> Vec<String> {
        words(&["find-generic-password", "-s", SERVICE, "-a", account, "-w"])
    }

    fn forget(&self, account: &str) -> Vec<String> {
        words(&["delete-generic-password", "-s", SERVICE, "-a", account])
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn keyring() -> Box<dyn Keyring> {
    if cfg!(target_os = "macos") { Box::new(Security) } else { Box::new(SecretTool) }
}

/// Returns the account name under which an application secret is stored.
fn account(environment: Environment, application_id: &str) -> Result<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.@".contains(letter);
    if application_id.chars().all(is_plain) {
        return Ok(format!("{environment}/{application_id}"));
    }
    Err(Failure::usage("this application ID cannot be used as a keyring entry name")
        .why("it contains characters other than letters, digits and - _ . @")
        .next("omit --keyring: the secret is then stored in a file with mode 0600"))
}

/// Stores the secret of an access key.
pub(crate) fn store(environment: Environment, application_id: &str, secret: &Secret) -> Result {
    let keyring = keyring();
    let (arguments, input) = keyring.store(&account(environment, application_id)?, secret);
    let ended = run(keyring.as_ref(), &arguments, Some(&input))?;
    if ended.status.success() { Ok(()) } else { Err(refused("store the secret", &ended)) }
}

/// Returns the secret of an access key, if the keyring contains it.
pub(super) fn read(environment: Environment, application_id: &str) -> Result<Option<Secret>> {
    let keyring = keyring();
    let ended = run(keyring.as_ref(), &keyring.read(&account(environment, application_id)?), None)?;
    let secret = ended.stdout.expose().strip_suffix('\n').unwrap_or(ended.stdout.expose());
    if ended.status.success() && !secret.is_empty() {
        return Ok(Some(Secret::new(secret)));
    }
    if ended.stderr.trim().is_empty() || ended.stderr.contains("could not be found") {
        return Ok(None);
    }
    Err(refused("return the secret", &ended))
}

/// Removes the secret of an access key from the keyring. Succeeds if there is none.
pub(crate) fn forget(environment: Environment, application_id: &str) -> Result {
    let keyring = keyring();
    run(keyring.as_ref(), &keyring.forget(&account(environment, application_id)?), None).map(drop)
}

/// The result of the keyring tool. Its output may contain a secret.
struct Ended {
    status: ExitStatus,
    stdout: Secret,
    stderr: String,
}

fn run(keyring: &dyn Keyring, arguments: &[String], input: Option<&Secret>) -> Result<Ended> {
    let (program, remedy) = keyring.program();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Failure::usage(format!("the keyring cannot be used: {program} is not installed"))
            .next(remedy)
            .next("or omit --keyring: the secret is then stored in a file with mode 0600"),
        _ => Failure::new(Exit::Failed, format!("cannot use {program}")).because(&error),
    };
    shutdown::wait_for(async {
        let mut child = command(program, arguments).spawn().map_err(failed)?;
        // The input is much smaller than the buffer of a pipe, so writing cannot block. An error is ignored, because a
        // tool that has ended reports the reason itself.
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.map_or("", |input| input.expose()).as_bytes()).await;
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.map_err(|_| {
            Failure::new(Exit::TimedOut, format!("{program} did not answer within {} s", PATIENCE.as_secs()))
                .next("unlock the keyring, then run the same command again")
        })?;
        let output = output.map_err(failed)?;
        let text = |bytes| String::from_utf8(bytes).map_err(|error| failed(std::io::Error::other(error)));
        Ok(Ended { status: output.status, stdout: Secret::new(text(output.stdout)?), stderr: text(output.stderr)? })
    })
}

/// Returns the command that runs the tool. It never runs a program of the current folder, and does not pass on secrets
/// of our environment.
fn command(program: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").kill_on_drop(true);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EQP_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn refused(what: &str, ended: &Ended) -> Failure {
    let why = ended.stderr.lines().next().unwrap_or("it gave no reason").to_owned();
    Failure::new(Exit::Failed, format!("the keyring did not {what}"))
        .why(why)
        .next("check that the keyring is running and unlocked, or omit --keyring to store the secret in a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_in_an_argument() {
        let secret = Secret::new("hush \"quoted\"\nü");
        let keyrings: [&dyn Keyring; 2] = [&SecretTool, &Security];
        for keyring in keyrings {
            let (arguments, input) = keyring.store("sandbox/app", &secret);
            assert!(arguments.iter().all(|argument| !argument.contains("hush") && !argument.contains("68757368")));
            assert!(input.expose().contains("hush") || input.expose().contains("68757368"));
            assert_eq!(
                input.expose().trim_end().lines().count(),
                if keyring.program().0 == "security" { 1 } else { 2 }
            );
        }
    }

    #[test]
    fn an_account_cannot_break_out_of_its_line() {
        assert_eq!(account(Environment::Sandbox, "app-1").unwrap(), "sandbox/app-1");
        for id in ["a\" -X 00", "a\nb", "a b"] {
            assert_eq!(account(Environment::Sandbox, id).unwrap_err().exit_code(), 2);
        }
    }
}
