//! Secrets by their shape. What is found is named, never shown.

use memchr::memmem::Finder;

/// How a kind of secret looks: what it begins with, how many letters of which kind follow, and what it is.
struct Shape {
    begins: Finder<'static>,
    length: usize,
    letters: fn(u8) -> bool,
    what: &'static str,
}

/// All shapes that are known.
pub(super) struct Secrets {
    shapes: [Shape; 9],
    private_key: Finder<'static>,
    example: Finder<'static>,
}

/// In so much of a token it is looked for whether it is an example.
const LONGEST_TOKEN: usize = 128;
/// So much white space between the head of a private key and its letters is passed over.
const LONGEST_SPACE: usize = 64;
/// So many letters of base64 after its head make a private key of what could be a piece of code about keys.
const LEAST_OF_A_KEY: usize = 40;

impl Secrets {
    pub(super) fn new() -> Self {
        let alphanumeric = |byte: u8| byte.is_ascii_alphanumeric();
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let shape = |begins, length, letters, what| Shape { begins: Finder::new(begins), length, letters, what };
        Self {
            shapes: [
                shape("AKIA", 16, upper, "an AWS access key"),
                shape("ghp_", 36, alphanumeric, "a GitHub token"),
                shape("github_pat_", 22, word, "a GitHub token"),
                shape("glpat-", 20, word, "a GitLab token"),
                shape("xoxb-", 20, word, "a Slack token"),
                shape("xoxp-", 20, word, "a Slack token"),
                shape("sk_live_", 16, alphanumeric, "a Stripe key"),
                shape("rk_live_", 16, alphanumeric, "a Stripe key"),
                shape("AIza", 35, word, "a Google API key"),
            ],
            private_key: Finder::new("PRIVATE KEY-----"),
            example: Finder::new("EXAMPLE"),
        }
    }

    /// The first secret, and what it is.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<(usize, &'static str)> {
        let tokens = self.shapes.iter().filter_map(|shape| Some((shape.find(bytes, &self.example)?, shape.what)));
        tokens.chain(self.private_key(bytes).map(|at| (at, "a private key"))).min_by_key(|(at, _)| *at)
    }

    fn private_key(&self, bytes: &[u8]) -> Option<usize> {
        self.private_key.find_iter(bytes).find(|at| {
            let rest = &bytes[at + self.private_key.needle().len()..];
            // In a quoted text a line ends with a backslash and an n.
            let rest = rest.strip_prefix(b"\\n").unwrap_or(rest);
            let rest = rest[..rest.len().min(LONGEST_SPACE + LEAST_OF_A_KEY)].trim_ascii_start();
            let is_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            rest.iter().take(LEAST_OF_A_KEY).take_while(is_base64).count() >= LEAST_OF_A_KEY && has_head(&bytes[..*at])
        })
    }
}

/// `-----BEGIN `, `-----BEGIN RSA `, `-----BEGIN OPENSSH ` …
fn has_head(before: &[u8]) -> bool {
    let start = before.len().saturating_sub(32);
    memchr::memmem::find(&before[start..], b"-----BEGIN ").is_some()
}

impl Shape {
    fn find(&self, bytes: &[u8], example: &Finder<'static>) -> Option<usize> {
        // Up to where the letters of a body go on: what begins inside of it has the rest of it as its own body.
        let mut end = 0;
        self.begins.find_iter(bytes).find(|at| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            if before.is_some_and(u8::is_ascii_alphanumeric) {
                return false;
            }
            let begin = at + self.begins.needle().len();
            if end < begin {
                end = begin + bytes[begin..].iter().take_while(|byte| (self.letters)(**byte)).count();
            }
            let body = &bytes[begin..end];
            body.len() >= self.length && example.find(&body[..body.len().min(LONGEST_TOKEN)]).is_none()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that no scanner takes this file for a leak.
    fn text(begin: &str, letter: char, length: usize) -> String {
        format!("$key = '{begin}{}';", letter.to_string().repeat(length))
    }

    #[test]
    fn a_secret_is_known_by_its_shape() {
        let secrets = Secrets::new();
        for (begin, letter, length) in
            [("AKIA", 'Q', 16), ("ghp_", 'a', 36), ("glpat-", 'x', 20), ("sk_live_", '4', 24)]
        {
            let text = text(begin, letter, length);
            assert_eq!(secrets.find(text.as_bytes()).map(|(at, _)| at), Some(8), "{text}");
        }
        let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n", "Mi4+".repeat(16));
        assert_eq!(secrets.find(key.as_bytes()).map(|(_, what)| what), Some("a private key"));
        let quoted = format!("\"-----BEGIN PRIVATE KEY-----\\n{}\"", "Mi4+".repeat(16));
        assert!(secrets.find(quoted.as_bytes()).is_some());
    }

    #[test]
    fn what_only_speaks_of_secrets_is_none() {
        let secrets = Secrets::new();
        let example = format!("{}IOSFODNN7EXAMPLE", "AKIA");
        for text in [
            "$head = \"-----BEGIN PRIVATE KEY-----\\n\" . $body;",
            "-----BEGIN PUBLIC KEY-----",
            "if (str_starts_with($key, 'sk_live_')) {",
            "AKIAabc",
            &example,
        ] {
            assert_eq!(secrets.find(text.as_bytes()), None, "{text}");
        }
    }
}
