//! Prompts on a terminal: a line, or a secret that is not echoed.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use eqp_sync::Confirmation;
use eqp_types::{Environment, Secret};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{Paint, sanitized};
use crate::failure::{Exit, Failure, Result};
use crate::shutdown;

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];
const CLEAR: u8 = 21;
const ENTER: [u8; 2] = [b'\n', b'\r'];

/// Returns whether a person can answer a question.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Prompts for a line.
pub(crate) fn ask_line(question: &str) -> Result<String> {
    answer(&format!("{question}: "))
}

/// Prints a question unchanged, and reads a line.
pub(super) fn answer(question: &str) -> Result<String> {
    prompt(question).map_err(|error| cannot_ask(&error))?;
    typed(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    })
}

/// Prompts for a secret, which is not echoed.
pub(crate) fn ask_secret(question: &str) -> Result<Secret> {
    // Echo is turned off before the question appears, in case the user types immediately.
    let echo_off = EchoOff::start().map_err(|error| cannot_ask(&error))?;
    prompt(&format!("{question}: ")).map_err(|error| cannot_ask(&error))?;
    let secret = typed(|| type_secret(io::stdin().lock()));
    drop(echo_off);
    anstream::eprintln!();
    secret?.ok_or_else(|| Failure::new(Exit::Interrupted, "aborted: no input"))
}

fn typed<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    shutdown::read_input(read)?.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Failure::interrupted(),
        _ => cannot_ask(&error),
    })
}

fn prompt(question: &str) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{}", sanitized(question))?;
    stderr.flush()
}

fn cannot_ask(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "cannot read from the terminal").because(error)
}

/// Reads until Enter. Returns `None` if nothing was typed.
fn type_secret(mut keys: impl Read) -> io::Result<Option<Secret>> {
    let mut typed = Vec::new();
    let mut key = [0];
    loop {
        if keys.read(&mut key)? == 0 {
            break;
        }
        match key[0] {
            INTERRUPT => return Err(io::ErrorKind::Interrupted.into()),
            END => break,
            CLEAR => typed.clear(),
            key if ENTER.contains(&key) => break,
            key if BACKSPACE.contains(&key) => {
                // One character may be several bytes: those that follow its first one begin with the bits 10.
                while typed.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            key => typed.push(key),
        }
    }
    let text = String::from_utf8(typed).map_err(|_| io::Error::other("the input is not UTF-8"))?;
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

/// Turns off echo until it is dropped. Keys such as Ctrl-C are read as characters, because a program that is ended by
/// them would leave the terminal without echo.
struct EchoOff {
    before: Termios,
}

impl EchoOff {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// How changes are confirmed: by a question on the terminal, or by `--yes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirm {
    /// `--yes`.
    pub(crate) given: bool,
    /// The API is not that of the Marketplace, but of a simulator.
    pub(crate) is_simulated: bool,
}

impl Confirm {
    /// Asks before an action in production. Does not ask in the sandbox, for a simulator, with `--yes`, or without a terminal.
    pub(crate) fn ask(self, environment: Environment, action: &str) -> Result<Confirmation> {
        if environment != Environment::Production || self.is_simulated || self.given || !can_ask() {
            return Ok(Confirmation::given());
        }
        let bold = Paint(anstyle::Style::new().bold());
        Self::question(&format!("{action} in {bold}production{bold:#}"))
    }

    /// Asks before an action that cannot be undone, in any environment. Does not ask with `--yes`, and fails without a terminal: nobody has
    /// confirmed the action.
    pub(crate) fn ask_anyway(self, action: &str) -> Result<Confirmation> {
        if self.given {
            return Ok(Confirmation::given());
        }
        if !can_ask() {
            return Err(Failure::usage(format!("not confirmed: {action}"))
                .why("it cannot be undone, and there is no terminal to ask for confirmation")
                .next("pass --yes to confirm it, or --dry-run to see what it would do"));
        }
        Self::question(action)
    }

    fn question(action: &str) -> Result<Confirmation> {
        match answer(&format!("{action}? [y/N] "))?.as_str() {
            "y" | "Y" | "yes" => Ok(Confirmation::given()),
            _ => Err(Failure::new(Exit::Failed, "aborted")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_a_secret() {
        for (keys, secret) in [
            ("hush\n", Some("hush")),
            ("hüx\u{7f}\u{7f}ush\r", Some("hush")),
            ("wrong\u{15}hush\n", Some("hush")),
            ("hush\u{4}", Some("hush")),
            ("\n", None),
            ("", None),
        ] {
            let typed = type_secret(keys.as_bytes()).unwrap();
            assert_eq!(typed.as_ref().map(Secret::expose), secret, "{keys:?}");
        }
        assert_eq!(type_secret("hush\u{3}\n".as_bytes()).unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
