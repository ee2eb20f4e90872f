//! What a submission is for.

/// The reviews that a submission is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracks {
    /// Both at once.
    #[default]
    Both,
    /// The technical review alone.
    Technical,
    /// The marketing review alone.
    Marketing,
}

impl Tracks {
    /// Whether the technical review is asked for.
    pub(crate) fn technical(self) -> bool {
        self != Self::Marketing
    }

    /// Whether the marketing review is asked for.
    pub(crate) fn marketing(self) -> bool {
        self != Self::Technical
    }
}
