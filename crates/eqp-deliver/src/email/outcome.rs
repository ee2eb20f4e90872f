//! The meaning of the replies of mail servers.

use crate::AttemptOutcome;

/// The part of a session that a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The greeting, TLS and the authentication, which do not depend on the mail.
    Session,
    /// The sender, which is the same for all mails.
    Sender,
    /// A recipient, or the mail.
    Mail,
}

/// Returns the outcome of an attempt to which the server replied with an error.
pub(super) fn of_reply(stage: Stage, code: u16, reason: &str) -> AttemptOutcome {
    match (stage, code) {
        // The authentication is missing, too weak, rejected, or needs TLS.
        (_, 530 | 534 | 535 | 538) | (Stage::Sender, 500..) => AttemptOutcome::Misconfigured(reason.to_owned()),
        // The server is closing the connection, or refuses to talk.
        (_, 421) | (Stage::Session, _) => AttemptOutcome::HandlerDown { retry_after: None },
        // SMTP says that the same request will fail again, as HTTP does with 400. A few attempts are made nevertheless, because some
        // servers also reply so when they cannot look up a recipient.
        (Stage::Mail, 500..) => AttemptOutcome::Invalid,
        (Stage::Sender | Stage::Mail, _) => AttemptOutcome::EventFailed { retry_after: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_an_outcome() {
        let misconfigured = || AttemptOutcome::Misconfigured("why".to_owned());
        let down = || AttemptOutcome::HandlerDown { retry_after: None };
        let failed = || AttemptOutcome::EventFailed { retry_after: None };
        for (stage, code, outcome) in [
            (Stage::Session, 421, down()),
            (Stage::Session, 454, down()),
            (Stage::Session, 554, down()),
            (Stage::Session, 534, misconfigured()),
            (Stage::Session, 535, misconfigured()),
            (Stage::Session, 538, misconfigured()),
            (Stage::Sender, 421, down()),
            (Stage::Sender, 451, failed()),
            (Stage::Sender, 530, misconfigured()),
            (Stage::Sender, 553, misconfigured()),
            (Stage::Mail, 421, down()),
            (Stage::Mail, 450, failed()),
            (Stage::Mail, 452, failed()),
            (Stage::Mail, 530, misconfigured()),
            (Stage::Mail, 550, AttemptOutcome::Invalid),
            (Stage::Mail, 554, AttemptOutcome::Invalid),
        ] {
            assert_eq!(of_reply(stage, code, "why"), outcome, "{stage:?} {code}");
        }
    }
}
