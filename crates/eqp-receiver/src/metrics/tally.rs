//! How much of what a batch of callbacks became.

/// What came of a batch of callbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// That told something new, those below among them.
    pub(crate) events: u64,
    /// Callbacks that told nothing new.
    pub(crate) copies: u64,
    /// Events that came after later ones.
    pub(crate) late: u64,
    /// Events of which only the Marketplace knows whether they came last.
    pub(crate) tied: u64,
    /// Callbacks with an event code that is not documented.
    pub(crate) unknown: u64,
    /// Callbacks that could not be decoded.
    pub(crate) undecodable: u64,
    /// Of these, the ones over which the program panicked.
    pub(crate) panicked: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.copies += other.copies;
        self.late += other.late;
        self.tied += other.tied;
        self.unknown += other.unknown;
        self.undecodable += other.undecodable;
        self.panicked += other.panicked;
    }
}
