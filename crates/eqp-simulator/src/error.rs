//! The errors of a simulator.

use std::net::SocketAddr;
use std::time::Duration;

use crate::review::InvalidTransition;

/// An error of a simulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The server certificate cannot be created, or the CA folder cannot be used.
    #[error("cannot create a server certificate")]
    Certificate(#[from] eqp_tls::Error),
    /// A CA to trust is not a certificate in PEM format.
    #[error("the CA to trust is not a certificate in PEM format")]
    TrustedCertificate(#[source] HttpError),
    /// The HTTP client that sends callbacks cannot be set up.
    #[error("cannot set up the HTTP client for callbacks")]
    Sender(#[source] HttpError),
    /// The speed is not a positive, finite number.
    #[error("invalid speed {0}: it must be a positive number")]
    Speed(f64),
    /// Two accounts share a `mage_id` or an application ID.
    #[error("account {0} is configured twice: its mage_id and its application ID must be unique")]
    AccountTwice(String),
    /// A callback cannot be sent to this URL.
    #[error("invalid callback URL: {why}")]
    TargetUrl {
        /// The reason why the URL is invalid.
        why: &'static str,
    },
    /// The text of a fault rule cannot be parsed.
    #[error("{}", unreadable(.word, .why, .nearest.as_deref()))]
    Fault {
        /// The invalid word.
        word: String,
        /// The reason why the word is invalid.
        why: &'static str,
        /// The valid word that is most similar.
        nearest: Option<String>,
    },
    /// There is no resource of this kind with this ID.
    #[error("{0} not found")]
    NotFound(String),
    /// The current status of the review does not allow this.
    #[error("the current status of the review does not allow this")]
    Review(#[from] InvalidTransition),
    /// The condition was not fulfilled in time.
    #[error("timed out after {} s", .0.as_secs_f64())]
    TimedOut(Duration),
}

/// An error of the HTTP client that sends callbacks. Its inner type is hidden.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HttpError(pub(crate) reqwest::Error);

impl Error {
    /// Returns the error for an invalid word of a fault rule, with the most similar word of `known`.
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

/// Returns the word of `known` that is most similar to `word`; `None` if there are no known words.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&word, &known.to_lowercase());
    known.into_iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_the_nearest_word() {
        assert_eq!(nearest("Laticy", ["late", "latency", "cut"]), Some("latency"));
        assert_eq!(nearest("x", []), None);
    }
}
