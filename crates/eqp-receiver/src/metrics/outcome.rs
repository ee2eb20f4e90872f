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

/// Why the receiver closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It had waited longest when its slot or the memory for half requests was needed for others.
    ForRoom,
    /// It did not send a request in time.
    TooSlow,
    /// It did not come through the TLS handshake.
    Handshake,
}

impl Closed {
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::ForRoom, "for_room"), (Self::TooSlow, "too_slow"), (Self::Handshake, "handshake")];
}
