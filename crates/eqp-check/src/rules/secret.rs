//! Recognises secrets by their format. Messages name the kind of secret, but never contain it.

use memchr::memmem::Finder;

/// The format of a kind of secret: its prefix, the minimum number and the kind of the following characters, and its description.
struct Shape {
    begins: Finder<'static>,
    length: usize,
    letters: fn(u8) -> bool,
    what: &'static str,
}

/// All known formats.
pub(super) struct Secrets {
    shapes: [Shape; 9],
    private_key: Finder<'static>,
    example: Finder<'static>,
}

/// The length of the part of a token that is searched for EXAMPLE.
const MAX_TOKEN: usize = 128;
/// The maximum amount of whitespace between the header and the content of a private key.
const MAX_SPACE: usize = 64;
/// The minimum number of Base64 characters after the header. Source code about keys has fewer.
const MIN_KEY: usize = 40;

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

    /// Returns the position and the description of the first secret.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<(usize, &'static str)> {
        let tokens = self.shapes.iter().filter_map(|shape| Some((shape.find(bytes, &self.example)?, shape.what)));
        tokens.chain(self.private_key(bytes).map(|at| (at, "a private key"))).min_by_key(|(at, _)| *at)
    }

    fn private_key(&self, bytes: &[u8]) -> Option<usize> {
        self.private_key.find_iter(bytes).find(|at| {
            let rest = &bytes[at + self.private_key.needle().len()..];
            // In a string literal, the line ends with an escaped line feed.
            let rest = rest.strip_prefix(b"\\n").unwrap_or(rest);
            let rest = rest[..rest.len().min(MAX_SPACE + MIN_KEY)].trim_ascii_start();
            let is_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            rest.iter().take(MIN_KEY).take_while(is_base64).count() >= MIN_KEY && has_header(&bytes[..*at])
        })
    }
}

/// Returns whether the bytes end with a header such as `-----BEGIN `, `-----BEGIN RSA ` or `-----BEGIN OPENSSH `.
fn has_header(before: &[u8]) -> bool {
    let start = before.len().saturating_sub(32);
    memchr::memmem::find(&before[start..], b"-----BEGIN ").is_some()
}

impl Shape {
    fn find(&self, bytes: &[u8], example: &Finder<'static>) -> Option<usize> {
        // The end of the current run of valid characters. A prefix within the run has the same end, so the run is scanned only once.
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
            body.len() >= self.length && example.find(&body[..body.len().min(MAX_TOKEN)]).is_none()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Assembles a secret at run time, so that secret scanners do not report this file.
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
