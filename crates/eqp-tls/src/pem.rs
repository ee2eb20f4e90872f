//! Parses certificates and keys in PEM format, with a separate error for each common mistake.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;

/// The byte order marks of UTF-8, and of UTF-16 in both byte orders.
const BYTE_ORDER_MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// Parses the certificates in a text, at least one.
pub(crate) fn chain(text: &[u8], origin: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    check_mark(text, origin)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let no_certificate = |why| Error::NoCertificate { origin: origin.to_owned(), why };
    match certificates {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if contains(text, "PRIVATE KEY-----") => {
            Err(no_certificate("it is a private key; are the two files swapped?"))
        }
        _ => Err(no_certificate(why_not(text, "-----BEGIN CERTIFICATE-----"))),
    }
}

/// Parses the private key in a text.
pub(crate) fn key(text: &[u8], origin: &str) -> Result<PrivateKeyDer<'static>, Error> {
    check_mark(text, origin)?;
    // The older kind of encryption is declared by a header inside the block.
    if contains(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || contains(text, "Proc-Type: 4,ENCRYPTED") {
        return Err(Error::EncryptedKey { origin: origin.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        let why = if contains(text, "-----BEGIN CERTIFICATE-----") && !contains(text, "PRIVATE KEY-----") {
            "it is a certificate; are the two files swapped?"
        } else {
            why_not(text, "PRIVATE KEY-----")
        };
        Error::NoKey { origin: origin.to_owned(), why }
    })
}

fn check_mark(text: &[u8], origin: &str) -> Result<(), Error> {
    if BYTE_ORDER_MARKS.iter().any(|mark| text.starts_with(mark)) {
        return Err(Error::ByteOrderMark { origin: origin.to_owned() });
    }
    Ok(())
}

/// Returns why a text without a usable block is not PEM.
fn why_not(text: &[u8], line: &str) -> &'static str {
    if text.trim_ascii().is_empty() {
        "it is empty"
    } else if contains(text, line) {
        "its content is truncated or damaged"
    } else if text.starts_with(b"\x30\x82") {
        "it is in DER format; convert it with openssl, for example: openssl x509 -inform der -in FILE -out FILE.pem"
    } else {
        "it contains no such PEM block"
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}
