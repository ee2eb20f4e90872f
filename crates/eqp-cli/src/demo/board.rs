//! The state of the demo's submissions, which is built from the receiver's events only, without I/O.

use anstyle::Style;

use super::progress::{TrackKind, painted, step_of, track_line};

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
/// The status of a review that has ended with a rejection.
const REJECTED: &str = "rejected";

/// The tracks of one submission and its file.
#[derive(Debug)]
struct Row {
    title: String,
    file: Option<String>,
    submission: Option<String>,
    tracks: Vec<Track>,
}

#[derive(Debug)]
struct Track {
    kind: TrackKind,
    now: String,
    furthest: usize,
    /// The number of rejections.
    rejections: usize,
}

/// Every submission of the demo.
#[derive(Debug, Default)]
pub(crate) struct Board {
    rows: Vec<Row>,
}

impl Board {
    /// Adds a submission, whose file has just been uploaded.
    pub(crate) fn add(&mut self, title: &str, file_upload_id: &str) {
        let scan = Track { kind: TrackKind::Scan, now: "in-progress".to_owned(), furthest: 0, rejections: 0 };
        self.rows.push(Row {
            title: title.to_owned(),
            file: Some(file_upload_id.to_owned()),
            submission: None,
            tracks: vec![scan],
        });
    }

    /// Records the submission ID of the package `title`.
    pub(crate) fn created(&mut self, title: &str, submission_id: &str) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.title == title) {
            row.submission = Some(submission_id.to_owned());
        }
    }

    /// Applies an event that changed a track.
    pub(crate) fn moved(&mut self, subject: &str, flow: &str, outcome: &str) {
        let Some(kind) = TrackKind::of(flow) else { return };
        let Some(row) = self.rows.iter_mut().find(|row| row.is(subject)) else { return };
        let position = row.tracks.iter().position(|track| track.kind == kind);
        let index = position.unwrap_or_else(|| {
            row.tracks.push(Track { kind, now: String::new(), furthest: 0, rejections: 0 });
            row.tracks.len() - 1
        });
        let track = &mut row.tracks[index];
        match step_of(kind, outcome) {
            Some(step) => track.furthest = step,
            None => track.rejections += 1,
        }
        outcome.clone_into(&mut track.now);
        row.tracks.sort_by_key(|track| track.kind as u8);
    }

    /// Returns the title of the submission or file with this ID.
    pub(crate) fn title_of(&self, subject: &str) -> Option<&str> {
        self.rows.iter().find(|row| row.is(subject)).map(|row| row.title.as_str())
    }

    /// Returns the current status of a track.
    pub(crate) fn outcome(&self, title: &str, kind: TrackKind) -> Option<&str> {
        let row = self.rows.iter().find(|row| row.title == title)?;
        row.tracks.iter().find(|track| track.kind == kind).map(|track| track.now.as_str())
    }

    /// Returns the number of submissions in the store.
    pub(crate) fn released(&self) -> usize {
        let released = |row: &&Row| row.tracks.iter().any(|track| track.now == "released_to_store");
        self.rows.iter().filter(released).count()
    }

    /// Returns the number of submissions.
    pub(crate) fn submissions(&self) -> usize {
        self.rows.iter().filter(|row| row.submission.is_some()).count()
    }

    /// Formats the board, with a line for each title and each track.
    pub(crate) fn draw(&self) -> String {
        self.rows.iter().map(Row::draw).collect::<Vec<_>>().join("\n")
    }
}

impl Row {
    fn is(&self, subject: &str) -> bool {
        self.file.as_deref() == Some(subject) || self.submission.as_deref() == Some(subject)
    }

    /// Returns the status of a track. The Marketplace reports a submission as in progress although a review has rejected it.
    fn status_of<'a>(&self, track: &'a Track) -> &'a str {
        let is_rejected = self.tracks.iter().any(|other| other.kind != TrackKind::Store && other.now == REJECTED);
        if track.kind == TrackKind::Store && track.now == "in_progress" && is_rejected { REJECTED } else { &track.now }
    }

    fn draw(&self) -> String {
        let id = self.submission.as_deref().unwrap_or("not submitted yet");
        let mut lines = vec![format!("  {}  {}", painted(TITLE, &self.title), painted(FAINT, id))];
        for track in &self.tracks {
            let again = match track.rejections {
                0 => String::new(),
                _ if step_of(track.kind, &track.now).is_none() => String::new(),
                _ => painted(FAINT, ", submitted again"),
            };
            let label = painted(FAINT, &format!("{:<10}", track.kind.label()));
            lines.push(format!("    {label} {}{again}", track_line(track.kind, self.status_of(track), track.furthest)));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let mut board = Board::default();
        board.add("Gift Registry", "1.2.0");
        board.created("Gift Registry", "s1");
        board
    }

    fn plain(board: &Board) -> String {
        crate::output::plain(&board.draw())
    }

    #[test]
    fn tracks_appear_in_their_order_however_they_are_heard() {
        let mut board = board();
        board.moved("s1", "overall", "in_progress");
        board.moved("s1", "marketing", "awaiting_marketing_review");
        board.moved("1.2.0", "malware", "passed");
        let text = plain(&board);
        let places: Vec<_> = ["scan", "marketing", "store"].iter().map(|label| text.find(label).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn a_second_attempt_is_reported() {
        let mut board = board();
        for outcome in ["in_marketing_review", "rejected", "awaiting_marketing_review"] {
            board.moved("s1", "marketing", outcome);
        }
        assert!(plain(&board).contains("awaiting review, submitted again"));
    }

    #[test]
    fn a_submission_with_a_rejected_review_is_not_in_progress() {
        let mut board = board();
        board.moved("s1", "overall", "in_progress");
        board.moved("s1", "technical", "rejected");
        let store = |board: &Board| plain(board).lines().last().unwrap().to_owned();
        assert!(store(&board).contains("store") && store(&board).ends_with("rejected"), "{}", store(&board));
        board.moved("s1", "technical", "in_automation");
        assert!(store(&board).ends_with("in progress"), "{}", store(&board));
    }

    #[test]
    fn a_release_is_counted_once() {
        let mut board = board();
        board.moved("s1", "overall", "released_to_store");
        assert_eq!((board.released(), board.submissions()), (1, 1));
        assert_eq!(board.title_of("1.2.0"), Some("Gift Registry"));
    }

    #[test]
    fn an_event_of_somebody_else_changes_nothing() {
        let mut board = board();
        let before = plain(&board);
        board.moved("s2", "overall", "in_progress");
        board.moved("s1", "astrology", "rising");
        assert_eq!(plain(&board), before);
    }
}
