//! Times as they are shown: always in UTC.

use eqp_types::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `2022-08-25 19:20:21`, the form that the Marketplace uses too; table heads say that it is UTC.
pub(crate) fn utc(moment: OffsetDateTime) -> String {
    Timestamp::of(moment).to_string()
}

/// The same moment for programs.
pub(crate) fn rfc3339(moment: OffsetDateTime) -> String {
    moment.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc() {
        let moment = time::macros::datetime!(2022-08-25 21:20:21.5 +2);
        assert_eq!(utc(moment), "2022-08-25 19:20:21");
        assert_eq!(rfc3339(moment), "2022-08-25T19:20:21.5Z");
    }
}
