//! How a request and a connection can end, and the words for it.

/// What became of a request for a callback's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Stored and answered 200.
    Stored,
    /// Stored and answered 400, because it is not JSON.
    StoredNotJson,
    /// Wrong or missing credential: 401, or 429 after too many.
    WrongCredential,
    /// 404.
    NotFound,
    /// 405.
    WrongMethod,
    /// 413.
    TooLarge,
    /// 408.
    TooSlow,
    /// The sender broke off.
    BrokenOff,
    /// 503: too much at once.
    Busy,
    /// 503: neither Postgres nor the spool took it.
    NotStored,
}

impl Accept {
    pub(super) const ALL: [(Self, &'static str); 10] = [
        (Self::Stored, "stored"),
        (Self::StoredNotJson, "stored_not_json"),
        (Self::WrongCredential, "wrong_credential"),
        (Self::NotFound, "not_found"),
        (Self::WrongMethod, "wrong_method"),
        (Self::TooLarge, "too_large"),
        (Self::TooSlow, "too_slow"),
        (Self::BrokenOff, "broken_off"),
        (Self::Busy, "busy"),
        (Self::NotStored, "not_stored"),
    ];
}

/// Why the receiver closed a connection, or did not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It had waited longest when there was no room for another.
    ForRoom,
    /// It did not send a request in time.
    TooSlow,
    /// Nobody could be closed for it: all were at work.
    Refused,
    /// It did not come through the TLS handshake.
    Handshake,
}

impl Closed {
    pub(super) const ALL: [(Self, &'static str); 4] = [
        (Self::ForRoom, "for_room"),
        (Self::TooSlow, "too_slow"),
        (Self::Refused, "refused"),
        (Self::Handshake, "handshake"),
    ];
}
