//! Questions on a terminal: a line, or a secret that does not show.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use eqp_types::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::screened;
use crate::compose::shutdown;
use crate::failure::{Exit, Failure, Outcome};

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];
const CLEAR: u8 = 21;
const ENTER: [u8; 2] = [b'\n', b'\r'];

/// Whether somebody is there to answer.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line.
pub(crate) fn ask_line(question: &str) -> Outcome<String> {
    answer(&format!("{question}: "))
}

/// Asks with these words as they are, and waits for a line.
pub(super) fn answer(question: &str) -> Outcome<String> {
    prompt(question).map_err(|error| cannot_ask(&error))?;
    typed(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    })
}

/// Asks for a secret; what is typed does not show.
pub(crate) fn ask_secret(question: &str) -> Outcome<Secret> {
    // Silent before it asks: whoever answers at once is not seen either.
    let hidden = Hidden::start().map_err(|error| cannot_ask(&error))?;
    prompt(&format!("{question}: ")).map_err(|error| cannot_ask(&error))?;
    let secret = typed(|| type_secret(io::stdin().lock()));
    drop(hidden);
    anstream::eprintln!();
    secret?.ok_or_else(|| Failure::new(Exit::Interrupted, "not done: the question was not answered"))
}

/// Reads on a thread of its own, which nobody waits for any longer once a signal has come.
fn typed<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Outcome<T> {
    shutdown::wait_for(async {
        let (sender, typed) = tokio::sync::oneshot::channel();
        // Whoever asked may be gone by the time somebody types.
        std::thread::spawn(move || drop(sender.send(read())));
        let typed = typed.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        typed.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => Failure::interrupted(),
            _ => cannot_ask(&error),
        })
    })
}

fn prompt(question: &str) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{}", screened(question))?;
    stderr.flush()
}

fn cannot_ask(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "cannot ask").because(error)
}

/// Reads up to Enter. `None` if it ended before anything was typed.
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
    let text = String::from_utf8(typed).map_err(|_| io::Error::other("what was typed is not UTF-8"))?;
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

/// The terminal shows nothing while this lives, and leaves keys such as Ctrl-C to us: a program that they ended would
/// leave a silent terminal behind.
struct Hidden {
    before: Termios,
}

impl Hidden {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that went away.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
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
