//! Determines the reviews of a submission from the caller's choice and the manifest's `action`, which must agree.

use eqp_check::Tracks;

use eqp_types::Actions;

/// The reviews that a package is submitted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Track {
    /// Both reviews
    Both,
    /// The technical review only
    Technical,
    /// The marketing review only
    Marketing,
}

impl Track {
    /// Returns the reviews for a check.
    pub fn tracks(self) -> Tracks {
        match self {
            Self::Both => Tracks::Both,
            Self::Technical => Tracks::Technical,
            Self::Marketing => Tracks::Marketing,
        }
    }

    /// Returns the name: `both`, `technical` or `marketing`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The action that the caller and the manifest request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedAction {
    /// Neither specifies an action.
    Unspecified,
    /// The manifest only saves a draft.
    Draft,
    /// A submission for these reviews.
    Submit(Track),
}

/// The reason why the reviews of a submission cannot be determined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// The caller and the manifest contradict each other.
    #[error("the track {} contradicts the manifest's `action`", track.as_str())]
    Contradiction {
        /// The caller's choice.
        track: Track,
        /// The action in the manifest.
        manifest: RequestedAction,
    },
    /// The manifest requests another action than a submission, such as `recall`, `remove` or `cancel`.
    #[error("the manifest requests `{flow} = \"{action}\"`, which is not a submission")]
    NotASubmission {
        /// The flow.
        flow: &'static str,
        /// The requested action.
        action: String,
    },
}

/// Returns the requested action: that of `track`, otherwise of the manifest's `action`.
///
/// # Errors
/// [`TrackError::Contradiction`] if both are set and differ; [`TrackError::NotASubmission`] if the manifest requests another action.
pub fn requested_action(track: Option<Track>, action: Option<&Actions>) -> Result<RequestedAction, TrackError> {
    let by_manifest = match action {
        None => RequestedAction::Unspecified,
        Some(action) => from_manifest(action)?,
    };
    match (track, by_manifest) {
        (None, by_manifest) => Ok(by_manifest),
        (Some(flag), RequestedAction::Unspecified) => Ok(RequestedAction::Submit(flag)),
        (Some(flag), RequestedAction::Submit(track)) if flag == track => Ok(RequestedAction::Submit(flag)),
        (Some(track), manifest) => Err(TrackError::Contradiction { track, manifest }),
    }
}

fn from_manifest(action: &Actions) -> Result<RequestedAction, TrackError> {
    let flows = [
        ("technical", action.technical.as_ref().map(AsRef::as_ref)),
        ("marketing", action.marketing.as_ref().map(AsRef::as_ref)),
        ("overall", action.overall.as_ref().map(AsRef::as_ref)),
    ];
    let actions =
        flows.iter().filter_map(|(flow, action)| Some((*flow, action.filter(|action: &&str| !action.is_empty())?)));
    let (mut technical, mut marketing, mut is_specified) = (false, false, false);
    for (flow, action) in actions {
        is_specified = true;
        match (flow, action) {
            ("technical", "submit") => technical = true,
            ("marketing", "submit") => marketing = true,
            ("technical" | "marketing", "draft") => {}
            _ => {
                return Err(TrackError::NotASubmission { flow, action: action.to_owned() });
            }
        }
    }
    Ok(match (technical, marketing, is_specified) {
        (true, true, _) => RequestedAction::Submit(Track::Both),
        (true, false, _) => RequestedAction::Submit(Track::Technical),
        (false, true, _) => RequestedAction::Submit(Track::Marketing),
        (false, false, true) => RequestedAction::Draft,
        (false, false, false) => RequestedAction::Unspecified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(technical: Option<&str>, marketing: Option<&str>, overall: Option<&str>) -> Actions {
        Actions {
            overall: overall.map(Into::into),
            technical: technical.map(Into::into),
            marketing: marketing.map(Into::into),
            ..Actions::default()
        }
    }

    #[test]
    fn the_manifests_action_decides_unless_track_is_specified_and_a_contradiction_is_an_error() {
        use RequestedAction::{Draft, Submit, Unspecified};
        use Track::{Both, Marketing, Technical};
        let (submit, draft) = (Some("submit"), Some("draft"));
        // (--track, technical, marketing, requested action; `None` for an error)
        for (flag, technical, marketing, expected) in [
            (None, None, None, Some(Unspecified)),
            (None, submit, None, Some(Submit(Technical))),
            (None, submit, draft, Some(Submit(Technical))),
            (None, None, submit, Some(Submit(Marketing))),
            (None, draft, submit, Some(Submit(Marketing))),
            (None, submit, submit, Some(Submit(Both))),
            (None, draft, draft, Some(Draft)),
            (None, draft, None, Some(Draft)),
            (None, Some(""), Some(""), Some(Unspecified)),
            (None, Some("recall"), None, None),
            (None, Some("submitt"), None, None),
            (Some(Both), None, None, Some(Submit(Both))),
            (Some(Marketing), None, None, Some(Submit(Marketing))),
            (Some(Technical), submit, None, Some(Submit(Technical))),
            (Some(Technical), submit, draft, Some(Submit(Technical))),
            (Some(Both), submit, submit, Some(Submit(Both))),
            (Some(Both), submit, None, None),
            (Some(Technical), submit, submit, None),
            (Some(Marketing), submit, None, None),
            (Some(Technical), draft, None, None),
        ] {
            let found = requested_action(flag, Some(&action(technical, marketing, None))).ok();
            assert_eq!(found, expected, "{flag:?} {technical:?} {marketing:?}");
        }
        assert_eq!(requested_action(None, None).ok(), Some(Unspecified));
        assert_eq!(requested_action(Some(Technical), None).ok(), Some(Submit(Technical)));
        for overall in ["remove", "cancel"] {
            let error = requested_action(None, Some(&action(submit, None, Some(overall)))).unwrap_err();
            assert_eq!(error, TrackError::NotASubmission { flow: "overall", action: overall.to_owned() });
        }
    }
}
