//! Composes mails.

use lettre::Address;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

use crate::chat::{Markup, Text};

/// The maximum length of the subject in characters.
const MAX_SUBJECT: usize = 150;

/// A mail.
pub(super) struct Mail<'a> {
    /// The ID of the message, which is the same in every attempt.
    pub(super) id: &'a str,
    /// The ID of the first message about the subject.
    pub(super) reply_to: Option<&'a str>,
    pub(super) text: &'a Text,
}

impl Mail<'_> {
    /// Returns the mail with its headers.
    pub(super) fn compose(&self, from: &Mailbox, to: &[Address]) -> Result<Vec<u8>, lettre::error::Error> {
        let domain = from.email.domain();
        let mut mail = Message::builder()
            .from(from.clone())
            .subject(subject(&self.text.title))
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .header(AutoSubmitted);
        for recipient in to {
            mail = mail.to(Mailbox::new(None, recipient.clone()));
        }
        if let Some(first) = self.reply_to {
            let first = format!("<{first}@{domain}>");
            mail = mail.in_reply_to(first.clone()).references(first);
        }
        let text = Markup::Plain.render(&self.text.change);
        Ok(mail.header(ContentType::TEXT_PLAIN).body(text)?.formatted())
    }
}

/// Returns the subject of a title, which is in one line.
fn subject(title: &str) -> String {
    // Otherwise, text of others could be an encoded word.
    let title = title.replace("=?", "= ?");
    let mut subject: String = title.chars().take(MAX_SUBJECT).collect();
    if subject.len() < title.len() {
        subject.push('…');
    }
    format!("[eqp] {subject}")
}

/// The header that keeps programs from answering, for example with a notice of absence.
#[derive(Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Line;

    fn composed(title: &str) -> String {
        let change = vec![Line::bold("acme: rejected"), Line::plain(".\u{e4}")];
        let text = Text {
            title: title.to_owned(),
            state: Vec::new(),
            change,
            subject: None,
            is_decisive: true,
            says_more: false,
        };
        let from: Mailbox = "eqp <eqp@example.com>".parse().unwrap();
        let to = ["ann@example.com", "bob@example.com"].map(|address| address.parse().unwrap());
        let mail = Mail { id: "evt_2", reply_to: Some("evt_1"), text: &text };
        String::from_utf8(mail.compose(&from, &to).unwrap()).unwrap()
    }

    #[test]
    fn a_mail_has_the_headers_of_its_thread() {
        let mail = composed("acme/checkout 1.5.0 rejected by technical review");
        let (headers, body) = mail.split_once("\r\n\r\n").unwrap();
        for header in [
            "From: eqp <eqp@example.com>",
            "To: ann@example.com, bob@example.com",
            "Subject: [eqp] acme/checkout 1.5.0 rejected by technical review",
            "Message-ID: <evt_2@example.com>",
            "In-Reply-To: <evt_1@example.com>",
            "References: <evt_1@example.com>",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
        ] {
            assert!(headers.lines().any(|line| line == header), "{header}: {headers}");
        }
        assert!(headers.contains("\r\nDate: "), "{headers}");
        assert_eq!(body, "acme: rejected\r\n.=C3=A4");
    }

    #[test]
    fn a_title_of_others_cannot_add_headers() {
        let long = "x".repeat(1_000);
        for title in ["äöü\u{2028}Bcc: evil@example.com", "=?utf-8?Q?=0D=0ABcc:_evil@example.com?=", &long] {
            let mail = composed(title);
            let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
            assert!(headers.is_ascii(), "{headers}");
            assert!(headers.lines().all(|line| line.len() <= 200 && !line.starts_with("Bcc")), "{headers}");
            assert!(!headers.contains("=?utf-8?Q?"), "{headers}");
        }
    }
}
