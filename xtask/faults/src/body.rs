//! The bodies of callbacks, each with a number that identifies it.

/// The upper bound of all numbers.
const WIDTH: usize = 12;
const MARK: &str = "number-";
/// The submissions of a series that are reported at the same time, and the events of each.
const SUBMISSIONS: u64 = 20;
const EVENTS: u64 = 10;

/// Returns the body with this number. Each becomes one event: almost all are about another
/// resource, some are events in a series about one resource. Some are not
/// valid callbacks, but have to be stored too; some have extreme values.
pub(crate) fn body(number: u64) -> String {
    let name = format!("{MARK}{number:0WIDTH$}");
    match number % 16 {
        3 => format!("this is not JSON: {name}"),
        7 => format!(r#"{{"callback_event": "{name}", "update_info": {{}}}}"#),
        // Values that overflow unchecked arithmetic on times, or that Postgres rejects.
        5 => format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{name}", "eqp_flow": "technical", "current_status": "approved", "modified_at": "9999-12-31T23:59:59-01:00"}}}}"#
        ),
        9 => format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{name}", "item_id": {{}}, "eqp_status": {{"overall": "draft", "technical": [[1e999]]}}, "modified_at": "-9999-01-01 00:00:00"}}}}"#
        ),
        13 => format!(
            r#"{{"callback_event": "malware_scan_complete", "update_info": {{"file_upload_id": "{name}", "tool_result": "passed", "modified_at": "9999-12-31 23:59:59"}}}}"#
        ),
        11 => format!(
            r#"{{"callback_event": "malware_scan_complete", "update_info": {{"file_upload_id": "{name}", "tool_result": "passed"}}}}"#
        ),
        1 => series(number, &name),
        _ => format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{name}", "item_id": "user_upload_version_1", "eqp_flow": "marketing", "current_status": "approved"}}}}"#
        ),
    }
}

/// Returns the body of an event in a series: ten events about one submission, with statuses that no other event has. They arrive in any
/// order.
fn series(number: u64, name: &str) -> String {
    let place = number / 16;
    let (block, submission) = (place / (SUBMISSIONS * EVENTS), place % SUBMISSIONS);
    let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
    let day = number / 86_400;
    // Every day exists: months have at least 28.
    let (year, month, day) = (1990 + day / (12 * 28) % 30, day / 28 % 12 + 1, day % 28 + 1);
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "series-{block}-{submission}", "item_id": "{name}", "eqp_flow": "overall", "current_status": "{name}", "modified_at": "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"}}}}"#
    )
}

/// Returns whether the body with this number has extreme values.
pub(crate) fn is_odd(number: u64) -> bool {
    matches!(number % 16, 5 | 9 | 13)
}

/// Returns the number of a body, if it is byte for byte one of these.
pub(crate) fn number_of(found: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(found).ok()?;
    let (_, rest) = text.split_once(MARK)?;
    let number = rest.get(..WIDTH)?.parse().ok()?;
    (body(number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bodies_are_those_with_odd_times() {
        for number in 0..32 {
            let has_time = body(number).contains("modified_at");
            assert_eq!(is_odd(number), has_time && !body(number).contains("series"), "{number}");
        }
    }

    #[test]
    fn a_body_is_found_by_its_number() {
        for number in (0..100).chain([999_999_999_999]) {
            assert_eq!(number_of(body(number).as_bytes()), Some(number));
        }
        for other in [String::from("{}"), body(3) + " ", body(0).replace("approved", "rejected")] {
            assert_eq!(number_of(other.as_bytes()), None, "{other}");
        }
    }
}
