//! Reads the fields of a certificate that rustls does not expose: names, validity and public key.

use time::OffsetDateTime;
use yasna::tags::TAG_GENERALIZEDTIME;
use yasna::{ASN1Result, BERReader, BERReaderSeq, Tag, parse_der};

use crate::error::rfc3339;

/// The period in which a certificate is valid.
///
/// ```
/// # fn example(identity: &eqp_tls::Identity) {
/// let validity = identity.validity();
/// println!("expires at {}", validity.not_after);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// The first second at which it is valid.
    pub not_before: OffsetDateTime,
    /// The last second at which it is valid.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// Returns the period of a certificate in DER format, or `None` for other data.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        Some(Certificate::read(der)?.validity)
    }

    /// Returns whether the certificate is valid at this time.
    pub fn contains(self, time: OffsetDateTime) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }

    /// Returns why the certificate is not valid at this time, or `None` if it is.
    pub fn problem_at(self, time: OffsetDateTime) -> Option<ValidityProblem> {
        if time < self.not_before {
            return Some(ValidityProblem::NotYetValid { from: self.not_before });
        }
        (time > self.not_after).then_some(ValidityProblem::Expired { at: self.not_after })
    }
}

/// The reason why a certificate is not valid at a time. Displayed as the end of a sentence that begins with the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidityProblem {
    /// It is valid later.
    #[error("is not valid before {}", rfc3339(from))]
    NotYetValid {
        /// The first second at which it is valid.
        from: OffsetDateTime,
    },
    /// It was valid earlier.
    #[error("expired on {}", rfc3339(at))]
    Expired {
        /// The last second at which it was valid.
        at: OffsetDateTime,
    },
}

/// The fields of a certificate. Names and key are in DER format, because they are only compared.
pub(crate) struct Certificate {
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Validity,
    pub(crate) subject: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    /// Parses a certificate in DER format. Returns `None` for other data.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        parse_der(der, |reader| {
            reader.read_sequence(|outer| {
                let certificate = outer.next().read_sequence(signed)?;
                skip_rest(outer)?;
                Ok(certificate)
            })
        })
        .ok()
    }
}

/// Reads the signed part of a certificate.
fn signed(fields: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Certificate> {
    // Version, serial number, signature algorithm.
    fields.read_optional(|version| version.read_tagged(Tag::context(0), skip))?;
    skip(fields.next())?;
    skip(fields.next())?;
    let issuer = fields.next().read_der()?;
    let validity = fields
        .next()
        .read_sequence(|dates| Ok(Validity { not_before: date(dates.next())?, not_after: date(dates.next())? }))?;
    let subject = fields.next().read_der()?;
    let public_key = fields.next().read_der()?;
    skip_rest(fields)?;
    Ok(Certificate { issuer, validity, subject, public_key })
}

/// Reads a date. Years from 2050 on have another ASN.1 type.
fn date(reader: BERReader<'_, '_>) -> ASN1Result<OffsetDateTime> {
    if reader.lookahead_tag()? == TAG_GENERALIZEDTIME {
        return Ok(*reader.read_generalized_time()?.datetime());
    }
    Ok(*reader.read_utctime()?.datetime())
}

fn skip(field: BERReader<'_, '_>) -> ASN1Result<()> {
    field.read_der().map(drop)
}

fn skip_rest(fields: &mut BERReaderSeq<'_, '_>) -> ASN1Result<()> {
    while fields.read_optional(skip)?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn dates_are_read_in_both_forms() {
        for (not_before, not_after) in [
            (datetime!(2026-01-02 03:04:05 UTC), datetime!(2049-12-31 23:59:59 UTC)),
            (datetime!(1999-12-31 23:59:59 UTC), datetime!(2050-01-01 0:00 UTC)),
            (datetime!(2051-06-07 8:09 UTC), datetime!(9999-12-31 23:59:59 UTC)),
        ] {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            (params.not_before, params.not_after) = (not_before, not_after);
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let read = Certificate::read(certificate.der()).unwrap();
            assert_eq!(read.validity, Validity { not_before, not_after });
            assert_eq!(read.issuer, read.subject);
        }
    }

    #[test]
    fn other_data_is_not_a_certificate() {
        for bytes in [&b""[..], b"\x30", b"\x30\x00", b"\x30\x82\xff\xff", b"text"] {
            assert!(Certificate::read(bytes).is_none(), "{bytes:?}");
        }
    }
}
