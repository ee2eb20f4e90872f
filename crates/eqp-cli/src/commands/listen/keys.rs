//! The keys of `eqp listen` on a terminal.

use std::io::{self, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// The request of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Send the last message to the handler again.
    Resend,
    /// Show the last message.
    Details,
    Quit,
}

/// The keys that are pressed. Without a terminal, there are none.
pub(super) struct Keys {
    pressed: Option<mpsc::Receiver<Key>>,
    _mode: Option<KeyMode>,
}

impl Keys {
    pub(super) fn start() -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        let Some(mode) = is_terminal.then(KeyMode::start).and_then(Result::ok) else {
            return Self { pressed: None, _mode: None };
        };
        // Keys that are pressed faster than they are processed are ignored.
        let (sender, pressed) = mpsc::channel(4);
        // Nothing ends a read from a terminal, so the thread is abandoned at the end.
        std::thread::spawn(move || {
            for byte in io::stdin().lock().bytes().map_while(Result::ok) {
                let closed = key(byte)
                    .is_some_and(|key| matches!(sender.try_send(key), Err(mpsc::error::TrySendError::Closed(_))));
                if closed {
                    return;
                }
            }
        });
        Self { pressed: Some(pressed), _mode: Some(mode) }
    }

    /// Returns whether keys can be pressed.
    pub(super) fn are_read(&self) -> bool {
        self.pressed.is_some()
    }

    /// Waits for a key.
    pub(super) async fn next(&mut self) -> Key {
        match &mut self.pressed {
            Some(pressed) => match pressed.recv().await {
                Some(key) => key,
                // The terminal was closed.
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

fn key(byte: u8) -> Option<Key> {
    match byte {
        b'r' | b'R' => Some(Key::Resend),
        b'd' | b'D' => Some(Key::Details),
        b'q' | b'Q' => Some(Key::Quit),
        _ => None,
    }
}

/// Delivers each key at once and without echo, until it is dropped. Ctrl-C remains a signal.
struct KeyMode {
    before: Termios,
}

impl KeyMode {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut keys = before.clone();
        keys.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
        tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
        Ok(Self { before })
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
