//! The bodies of callbacks: always the same one, or the sequence of many reviews.

use std::borrow::Cow;
use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::{datetime, format_description};

/// The example in the API's documentation.
const DOCUMENTED: &str = r#"{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved"}}"#;

/// A review from submission to release: the flow that changes, then the statuses of overall, technical and marketing.
const COURSE: [(&str, [&str; 3]); 7] = [
    ("technical", ["in_progress", "in_automation", "draft"]),
    ("marketing", ["in_progress", "in_automation", "awaiting_marketing_review"]),
    ("technical", ["in_progress", "awaiting_manual_qa", "awaiting_marketing_review"]),
    ("marketing", ["in_progress", "awaiting_manual_qa", "approved"]),
    ("technical", ["in_progress", "in_manual_qa", "approved"]),
    ("technical", ["approved", "approved", "approved"]),
    ("technical", ["released_to_store", "approved", "approved"]),
];
/// After this number of callbacks one is sent a second time.
const COPY_EVERY: usize = 10;
/// Of this number of callbacks about files, all but one are duplicates.
const FILE_EVERY: usize = 10;

/// The kinds of bodies.
#[derive(Clone, Debug)]
pub(crate) enum Bodies {
    /// Always the example in the API's documentation, 170 bytes.
    Documented,
    /// One submission after another goes through its review, in the newer format; one callback in ten is a duplicate of
    /// the previous one.
    Reviews,
    /// Scans of files in the newer format; nine callbacks in ten are duplicates of the one before them.
    Files,
}

impl Bodies {
    /// Returns the bodies of one connection; no two connections share a submission.
    pub(crate) fn of(&self, connection: usize) -> BodiesOfOne {
        BodiesOfOne { kind: self.clone(), connection, number: 0, last: String::new() }
    }
}

/// The bodies that one connection sends, in order.
#[derive(Debug)]
pub(crate) struct BodiesOfOne {
    kind: Bodies,
    connection: usize,
    number: usize,
    last: String,
}

impl BodiesOfOne {
    pub(crate) fn next(&mut self) -> Cow<'_, str> {
        match self.kind {
            Bodies::Documented => return Cow::Borrowed(DOCUMENTED),
            Bodies::Files => return Cow::Borrowed(self.file()),
            Bodies::Reviews => self.number += 1,
        }
        if self.number.is_multiple_of(COPY_EVERY) {
            return Cow::Borrowed(&self.last);
        }
        let reviewed = self.number - self.number / COPY_EVERY - 1;
        let (submission, step) = (reviewed / COURSE.len(), reviewed % COURSE.len());
        let (flow, [overall, technical, marketing]) = COURSE[step];
        let status = if flow == "technical" { technical } else { marketing };
        let minutes = i64::try_from(step).expect("a review has few steps");
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

    fn file(&mut self) -> &str {
        if self.number.is_multiple_of(FILE_EVERY) {
            self.last = file_body(&format!("b{}x{}", self.connection, self.number));
        }
        self.number += 1;
        &self.last
    }
}

/// Returns a callback about the scan of a file, which is one event.
pub(crate) fn file_body(file: &str) -> String {
    format!(
        r#"{{"callback_event":"malware_scan_complete","update_info":{{"file_upload_id":"{file}","tool_result":"passed","modified_at":"2026-01-31 12:00:00"}}}}"#
    )
}

fn time_of(time: OffsetDateTime) -> String {
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .expect("a time has every component of the format")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn reviews_go_through_their_steps_and_one_in_ten_callbacks_is_a_duplicate() {
        let mut bodies = Bodies::Reviews.of(3);
        let sent: Vec<String> = (0..20).map(|_| bodies.next().into_owned()).collect();
        assert_eq!(sent.iter().zip(&sent[1..]).filter(|(one, next)| one == next).count(), 2);
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&sent[7])["update_info"]["submission_id"], "b3x1");
        assert_eq!(read(&sent[6])["update_info"]["eqp_status"]["overall"], "released_to_store");
        assert_eq!(read(&sent[1])["update_info"]["modified_at"], "2026-01-31 12:01:00");
    }

    #[test]
    fn one_in_ten_callbacks_about_files_is_new() {
        let mut bodies = Bodies::Files.of(3);
        let sent: Vec<String> = (0..30).map(|_| bodies.next().into_owned()).collect();
        let new = sent.iter().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(new.len(), 3);
        let read: Value = serde_json::from_str(&sent[10]).unwrap();
        assert_eq!(read["update_info"]["file_upload_id"], "b3x10");
    }
}
