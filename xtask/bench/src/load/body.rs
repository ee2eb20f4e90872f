//! What callbacks say: always the same, or the course of many reviews.

use std::borrow::Cow;
use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::{datetime, format_description};

/// The body of the API's documentation.
const DOCUMENTED: &str = r#"{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved"}}"#;

/// A review from the submission to the store: the flow that changes, then the states of overall, technical, marketing.
const COURSE: [(&str, [&str; 3]); 7] = [
    ("technical", ["in_progress", "in_automation", "draft"]),
    ("marketing", ["in_progress", "in_automation", "awaiting_marketing_review"]),
    ("technical", ["in_progress", "awaiting_manual_qa", "awaiting_marketing_review"]),
    ("marketing", ["in_progress", "awaiting_manual_qa", "approved"]),
    ("technical", ["in_progress", "in_manual_qa", "approved"]),
    ("technical", ["approved", "approved", "approved"]),
    ("technical", ["released_to_store", "approved", "approved"]),
];
/// Every so many callbacks one comes a second time.
const COPY_EVERY: usize = 10;

/// Which.
#[derive(Clone, Debug)]
pub(crate) enum Bodies {
    /// The example of the API's documentation, 170 bytes, again and again.
    Documented,
    /// One submission after the other goes through its review, in the form that is sent today; one callback in ten is
    /// a copy of the one before.
    Reviews,
}

impl Bodies {
    /// Those of one connection: no two share a submission.
    pub(crate) fn of(&self, connection: usize) -> BodiesOfOne {
        BodiesOfOne { reviews: matches!(self, Self::Reviews), connection, number: 0, last: String::new() }
    }
}

/// The bodies that one connection sends, in their order.
#[derive(Debug)]
pub(crate) struct BodiesOfOne {
    reviews: bool,
    connection: usize,
    number: usize,
    last: String,
}

impl BodiesOfOne {
    pub(crate) fn next(&mut self) -> Cow<'_, str> {
        if !self.reviews {
            return Cow::Borrowed(DOCUMENTED);
        }
        self.number += 1;
        if self.number.is_multiple_of(COPY_EVERY) {
            return Cow::Borrowed(&self.last);
        }
        let told = self.number - self.number / COPY_EVERY - 1;
        let (submission, step) = (told / COURSE.len(), told % COURSE.len());
        let (flow, [overall, technical, marketing]) = COURSE[step];
        let status = if flow == "technical" { technical } else { marketing };
        let minutes = i64::try_from(step).unwrap_or_default();
        let modified_at = time_of(datetime!(2026-01-31 12:00:00 UTC) + time::Duration::minutes(minutes));
        self.last.clear();
        // Writing to a string cannot fail.
        let _ = write!(
            self.last,
            r#"{{"callback_event":"eqp_status_update","update_info":{{"submission_id":"b{}x{submission}","item_id":"bench","eqp_flow":"{flow}","current_status":"{status}","eqp_status":{{"overall":"{overall}","technical":"{technical}","marketing":"{marketing}"}},"modified_at":"{modified_at}"}}}}"#,
            self.connection,
        );
        Cow::Borrowed(&self.last)
    }
}

fn time_of(time: OffsetDateTime) -> String {
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn reviews_go_through_their_course_and_one_in_ten_is_a_copy() {
        let mut bodies = Bodies::Reviews.of(3);
        let told: Vec<String> = (0..20).map(|_| bodies.next().into_owned()).collect();
        assert_eq!(told.iter().zip(&told[1..]).filter(|(one, next)| one == next).count(), 2);
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&told[7])["update_info"]["submission_id"], "b3x1");
        assert_eq!(read(&told[6])["update_info"]["eqp_status"]["overall"], "released_to_store");
        assert_eq!(read(&told[1])["update_info"]["modified_at"], "2026-01-31 12:01:00");
    }
}
