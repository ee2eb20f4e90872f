//! What a release is to achieve, as arguments say it.

use clap::ValueEnum;
use eqp_types::{Actions, Flow};

pub(super) use crate::commands::track::Track;

/// How far a release is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Until {
    /// Submit, and wait for nothing that the Marketplace does not insist on
    None,
    /// The malware scan of its files; then it is submitted
    Scan,
    /// The end of the technical review
    Technical,
    /// The end of the marketing review
    Marketing,
    /// The release to the store
    Released,
}

impl Until {
    /// The flow whose end is waited for, if it is one of a review.
    pub(super) fn flow(self) -> Option<Flow> {
        match self {
            Self::None | Self::Scan => None,
            Self::Technical => Some(Flow::Technical),
            Self::Marketing => Some(Flow::Marketing),
            Self::Released => Some(Flow::Overall),
        }
    }
}

/// What a release is to achieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) track: Track,
    pub(super) until: Until,
    /// A version in review is taken back for this one.
    pub(super) supersede: bool,
    /// What was rejected is submitted again though nothing of it changed.
    pub(super) resubmit: bool,
}

/// Some of the two reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reviews {
    pub(super) technical: bool,
    pub(super) marketing: bool,
}

impl Reviews {
    /// None of them.
    pub(super) fn is_empty(self) -> bool {
        !self.technical && !self.marketing
    }

    /// Those that are among `others` too.
    pub(super) fn of(self, others: Self) -> Self {
        Self { technical: self.technical && others.technical, marketing: self.marketing && others.marketing }
    }

    /// What a request asks for to do the same with each: `submit`, `recall`.
    pub(super) fn ask(self, action: &str) -> Actions {
        let asked = |is_wanted: bool| is_wanted.then(|| action.to_owned());
        Actions { overall: None, technical: asked(self.technical), marketing: asked(self.marketing) }
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

impl Goal {
    /// The reviews that are asked for.
    pub(super) fn reviews(self) -> Reviews {
        Reviews { technical: self.track != Track::Marketing, marketing: self.track != Track::Technical }
    }
}
