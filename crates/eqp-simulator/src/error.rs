//! What can go wrong with a simulator.

use std::net::SocketAddr;
use std::time::Duration;

use crate::nearest::nearest;
use crate::review::Refusal;

/// Why a simulator cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// There is no usable server certificate.
    #[error("cannot make a server certificate")]
    Certificate(#[from] eqp_tls::Error),
    /// A text that should be trusted as a CA is no certificate in PEM form.
    #[error("the text to trust is no certificate in PEM form")]
    TrustedCertificate(#[source] reqwest::Error),
    /// The client that sends callbacks cannot be set up.
    #[error("cannot set up the sender of callbacks")]
    Sender(#[source] reqwest::Error),
    /// The speed is not a positive, finite number.
    #[error("a speed of {0} is not possible; it must be a positive number")]
    Speed(f64),
    /// Two accounts share a mage id or an application id.
    #[error("the account {0} is there twice")]
    AccountTwice(String),
    /// A callback cannot be sent to this URL.
    #[error("callbacks cannot be sent there: {why}")]
    TargetUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A fault cannot be read.
    #[error("{}", unreadable(.word, .why, .nearest.as_deref()))]
    Fault {
        /// The word that is wrong.
        word: String,
        /// What is wrong with it.
        why: &'static str,
        /// The nearest right word.
        nearest: Option<String>,
    },
    /// Nothing of this kind has this id.
    #[error("there is no {0}")]
    NotFound(String),
    /// The review cannot take this step from where it is.
    #[error("the review cannot do that now")]
    Review(#[from] Refusal),
    /// What was waited for did not come in time.
    #[error("waited {} s in vain", .0.as_secs_f64())]
    TimedOut(Duration),
}

impl Error {
    /// A word of a fault that cannot be, where one of `known` should be.
    pub(crate) fn fault(word: &str, why: &'static str, known: impl IntoIterator<Item = &'static str>) -> Self {
        Self::Fault { word: word.to_owned(), why, nearest: nearest(word, known).map(str::to_owned) }
    }
}

fn unreadable(word: &str, why: &str, nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("`{word}` {why}; did you mean `{nearest}`?"),
        None => format!("`{word}` {why}"),
    }
}
