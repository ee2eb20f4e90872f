//! Which reviews a submission is for: `--track` and the manifest's `action`, which must agree.

use clap::ValueEnum;
use eqp_check::Tracks;

use crate::failure::{Failure, Outcome};
use crate::manifest::Action;

/// The review that a package is submitted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Track {
    /// Both
    Both,
    /// The technical review alone
    Technical,
    /// The marketing review alone
    Marketing,
}

impl Track {
    /// The reviews, as the check knows them.
    pub(super) fn tracks(self) -> Tracks {
        match self {
            Self::Both => Tracks::Both,
            Self::Technical => Tracks::Technical,
            Self::Marketing => Tracks::Marketing,
        }
    }

    /// Its value on the command line.
    fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Technical => "technical",
            Self::Marketing => "marketing",
        }
    }
}

/// What `--track` and a manifest ask for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Neither says anything.
    Nothing,
    /// The manifest saves a draft: it submits nothing.
    Draft,
    /// These reviews.
    Submit(Track),
}

/// Returns what is asked for: by `--track`, else by the manifest's `action`.
///
/// # Errors
/// The two contradict each other, or the manifest asks for something other than a submission (`recall`, `remove`, `cancel`).
pub(super) fn asked(flag: Option<Track>, action: Option<&Action>) -> Outcome<Asked> {
    let by_manifest = match action {
        None => Asked::Nothing,
        Some(action) => of_action(action)?,
    };
    match (flag, by_manifest) {
        (None, by_manifest) => Ok(by_manifest),
        (Some(flag), Asked::Nothing) => Ok(Asked::Submit(flag)),
        (Some(flag), Asked::Submit(track)) if flag == track => Ok(Asked::Submit(flag)),
        (Some(flag), other) => {
            let manifest = match other {
                Asked::Submit(track) => format!("submits {}", reviews(track)),
                Asked::Draft | Asked::Nothing => "only saves a draft".to_owned(),
            };
            Err(Failure::usage(format!("--track {} contradicts the manifest", flag.as_str()))
                .why(format!("its `action` {manifest}"))
                .next("leave out --track, or change `action` in the manifest"))
        }
    }
}

fn of_action(action: &Action) -> Outcome<Asked> {
    let flows = [("technical", &action.technical), ("marketing", &action.marketing), ("overall", &action.overall)];
    let given = flows.iter().filter_map(|(flow, action)| Some((*flow, action.as_deref().filter(|a| !a.is_empty())?)));
    let (mut technical, mut marketing, mut is_given) = (false, false, false);
    for (flow, action) in given {
        is_given = true;
        match (flow, action) {
            ("technical", "submit") => technical = true,
            ("marketing", "submit") => marketing = true,
            ("technical" | "marketing", "draft") => {}
            _ => {
                return Err(Failure::usage(format!(
                    "the manifest asks for `{flow} = \"{action}\"`, not for a submission"
                ))
                .next("`action` takes `technical` and `marketing`, each `submit` or `draft`, or leave it out")
                .next("`eqp packages update` sends other actions, `eqp packages recall` recalls from review"));
            }
        }
    }
    Ok(match (technical, marketing, is_given) {
        (true, true, _) => Asked::Submit(Track::Both),
        (true, false, _) => Asked::Submit(Track::Technical),
        (false, true, _) => Asked::Submit(Track::Marketing),
        (false, false, true) => Asked::Draft,
        (false, false, false) => Asked::Nothing,
    })
}

fn reviews(track: Track) -> &'static str {
    match track {
        Track::Both => "both reviews",
        Track::Technical => "the technical review alone",
        Track::Marketing => "the marketing review alone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(technical: Option<&str>, marketing: Option<&str>, overall: Option<&str>) -> Action {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Action { overall: text(overall), technical: text(technical), marketing: text(marketing) }
    }

    #[test]
    fn the_manifests_action_decides_unless_track_is_given_and_a_contradiction_is_an_error() {
        use Asked::{Draft, Nothing, Submit};
        use Track::{Both, Marketing, Technical};
        let (submit, draft) = (Some("submit"), Some("draft"));
        // (--track, technical, marketing, what is asked for; none for an error)
        for (flag, technical, marketing, expected) in [
            (None, None, None, Some(Nothing)),
            (None, submit, None, Some(Submit(Technical))),
            (None, submit, draft, Some(Submit(Technical))),
            (None, None, submit, Some(Submit(Marketing))),
            (None, draft, submit, Some(Submit(Marketing))),
            (None, submit, submit, Some(Submit(Both))),
            (None, draft, draft, Some(Draft)),
            (None, draft, None, Some(Draft)),
            (None, Some(""), Some(""), Some(Nothing)),
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
            let found = asked(flag, Some(&action(technical, marketing, None))).ok();
            assert_eq!(found, expected, "{flag:?} {technical:?} {marketing:?}");
        }
        assert_eq!(asked(None, None).ok(), Some(Nothing));
        assert_eq!(asked(Some(Technical), None).ok(), Some(Submit(Technical)));
        for overall in ["remove", "cancel"] {
            assert_eq!(asked(None, Some(&action(submit, None, Some(overall)))).unwrap_err().exit_code(), 2);
        }
    }
}
