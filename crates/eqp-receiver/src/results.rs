//! Results that the metrics count: how requests were answered, and how callbacks were projected.

use std::time::Duration;

/// The reason why a request was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 401: no valid credential.
    Unauthorized,
    /// 429 instead of 401, after too many failures. The source is allowed again after this time.
    TooManyFailures(Duration),
    /// 404: the path belongs to the embedding service.
    NotFound,
    /// 405: not a POST.
    WrongMethod,
    /// 413: the body is too large.
    TooLarge,
    /// 408: the body took too long.
    TooSlow,
    /// The sender disconnected before the body was complete.
    Aborted,
    /// 503: too many callbacks wait to be stored, or there is no memory for the body.
    Busy,
    /// 503: the callback could not be made durable, or it is not known whether it is.
    NotStored,
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestResult {
    /// Stored and answered 200.
    Stored,
    /// Stored and answered 400, because the body is not JSON.
    StoredInvalidJson,
    /// A canary, which was stored and proves nothing about the Marketplace.
    Canary,
    /// Not stored.
    Refused(Refusal),
}

impl RequestResult {
    /// The label values of the metric, indexed by [`index`](Self::index).
    pub(crate) const LABELS: [&'static str; 11] = [
        "stored",
        "stored_invalid_json",
        "unauthorized",
        "not_found",
        "wrong_method",
        "too_large",
        "timeout",
        "aborted",
        "busy",
        "not_stored",
        "canary",
    ];

    /// Returns the index of its label.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Stored => 0,
            Self::StoredInvalidJson => 1,
            Self::Refused(Refusal::Unauthorized | Refusal::TooManyFailures(_)) => 2,
            Self::Refused(Refusal::NotFound) => 3,
            Self::Refused(Refusal::WrongMethod) => 4,
            Self::Refused(Refusal::TooLarge) => 5,
            Self::Refused(Refusal::TooSlow) => 6,
            Self::Refused(Refusal::Aborted) => 7,
            Self::Refused(Refusal::Busy) => 8,
            Self::Refused(Refusal::NotStored) => 9,
            Self::Canary => 10,
        }
    }
}

/// How the callbacks and API reads of a batch were projected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Events of a track, including those that are counted below as late, ambiguous or corrected.
    pub(crate) events: u64,
    /// Reports that said nothing new.
    pub(crate) duplicates: u64,
    /// Events that arrived after a later one.
    pub(crate) late: u64,
    /// Events that may or may not be the latest of their track.
    pub(crate) ambiguous: u64,
    /// Events with which an API read corrected a status.
    pub(crate) corrected: u64,
    /// API reads that were discarded because another report had overtaken them.
    pub(crate) discarded: u64,
    /// Callbacks with an undocumented event code.
    pub(crate) unknown: u64,
    /// Reports that could not be decoded.
    pub(crate) undecodable: u64,
    /// Undecodable reports whose projection panicked.
    pub(crate) panicked: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.ambiguous += other.ambiguous;
        self.corrected += other.corrected;
        self.discarded += other.discarded;
        self.unknown += other.unknown;
        self.undecodable += other.undecodable;
        self.panicked += other.panicked;
    }
}
