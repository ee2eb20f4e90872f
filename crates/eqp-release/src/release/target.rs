//! The target of a release.

use eqp_types::{Actions, Flow, ReviewAction};

pub(super) use crate::reviews::Track;

/// The stage that a release waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Submit without waiting for more than the Marketplace requires
    None,
    /// Wait for the malware scan of its files, then submit
    Scan,
    /// Wait for the end of the technical review
    Technical,
    /// Wait for the end of the marketing review
    Marketing,
    /// Wait for the release to the store
    Released,
}

impl Until {
    /// Returns the flow whose end is awaited, if any.
    pub fn flow(self) -> Option<Flow> {
        match self {
            Self::None | Self::Scan => None,
            Self::Technical => Some(Flow::Technical),
            Self::Marketing => Some(Flow::Marketing),
            Self::Released => Some(Flow::Overall),
        }
    }

    /// Returns the reviews that are required to reach this stage.
    pub fn reviews(self) -> Reviews {
        Reviews {
            technical: matches!(self, Self::Technical | Self::Released),
            marketing: matches!(self, Self::Marketing | Self::Released),
        }
    }
}

/// The target of a release.
///
/// ```
/// use eqp_release::{Target, Track, Until};
///
/// let mut target = Target::new(Track::Both, Until::Released);
/// target.supersede = true;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The reviews that the package is submitted for.
    pub track: Track,
    /// The stage to wait for.
    pub until: Until,
    /// Whether versions in review are recalled for this one.
    pub supersede: bool,
    /// Whether a rejected version is submitted again without changes.
    pub resubmit: bool,
    /// Whether to wait for required packages of the same vendor that the store does not have yet, instead of ending the release.
    pub wait_for_dependencies: bool,
}

/// A set of reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reviews {
    /// The technical review.
    pub technical: bool,
    /// The marketing review.
    pub marketing: bool,
}

impl Reviews {
    /// Returns whether the set is empty.
    pub fn is_empty(self) -> bool {
        !self.technical && !self.marketing
    }

    /// Returns the intersection of two sets.
    #[must_use]
    pub fn of(self, others: Self) -> Self {
        Self { technical: self.technical && others.technical, marketing: self.marketing && others.marketing }
    }

    /// Returns a request for the same action for each review.
    pub fn ask(self, action: &ReviewAction) -> Actions {
        let requested_action = |is_selected: bool| is_selected.then(|| action.clone());
        Actions {
            technical: requested_action(self.technical),
            marketing: requested_action(self.marketing),
            ..Actions::default()
        }
    }
}

impl std::fmt::Display for Reviews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (self.technical, self.marketing) {
            (true, true) => "technical and marketing review",
            (true, false) => "technical review",
            (false, true) => "marketing review",
            (false, false) => "no review",
        })
    }
}

impl Target {
    /// Creates a target that submits for the reviews of `track` and waits for `until`. Versions in review, and rejected versions without
    /// changes, are left unchanged.
    pub fn new(track: Track, until: Until) -> Self {
        Self { track, until, supersede: false, resubmit: false, wait_for_dependencies: false }
    }

    /// Returns the requested reviews.
    pub fn reviews(self) -> Reviews {
        Reviews { technical: self.track != Track::Marketing, marketing: self.track != Track::Technical }
    }
}
