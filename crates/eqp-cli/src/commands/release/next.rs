//! What a release does next, from nothing but where it stands: the whole of its course. Pure.
//!
//! Because every step is chosen from what the Marketplace says, a run that was killed is taken up by the next one, and a
//! run that has nothing left to do does nothing.

use eqp_types::{Flow, OverallStatus, SubmissionId};

use super::goal::{Goal, Reviews, Track, Until};
use super::situation::{Files, Known, Sameness, Situation};
use super::stage::{Stage, has_pending_texts, is_ended, is_live, marketing, running, technical};

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Look which of the files the Marketplace has.
    FindFiles,
    /// Upload those that it has not.
    Upload,
    /// Wait until all are scanned.
    WaitForScans,
    /// Take other versions back from review.
    RecallOthers(Vec<SubmissionId>),
    /// Take this version back, to change it.
    RecallThis(Reviews),
    /// Make the submission, as a draft.
    Create,
    /// Bring it up to date and submit it for these reviews, in one request: a run that is killed between the two would
    /// leave a changed submission that nobody submits.
    Submit(Reviews),
    /// Wait until what is asked for has come.
    WaitForOutcome,
    /// There is nothing more to do.
    End(Ending),
}

impl Step {
    /// What is done, after "to".
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::FindFiles => "look for the files",
            Self::Upload => "upload the files",
            Self::WaitForScans => "wait for the scans",
            Self::RecallOthers(_) => "recall other versions",
            Self::RecallThis(_) => "recall this version",
            Self::Create => "create the package",
            Self::Submit(_) => "submit the package",
            Self::WaitForOutcome => "wait for the review",
            Self::End(_) => "end",
        }
    }
}

/// How a release ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// What was waited for has come.
    Reached,
    /// It is submitted, and nobody wanted to wait for more.
    Pending,
    /// It was in the store before this run, and nothing was to be sent.
    AlreadyReleased,
    /// A review has rejected it.
    Rejected(Flow),
    /// A file is not clean.
    ScanFailed,
    /// The version is canceled, or out of the store.
    Ended(OverallStatus),
    /// Somebody took it back from review while it was waited for.
    TakenBack(Flow),
    /// This version is in review with another archive, and is left alone.
    InReview,
    /// Other versions of the product are in review, and are left alone.
    OthersInReview(Vec<SubmissionId>),
    /// This version has passed its technical review with another archive: a version is one archive for ever.
    VersionTaken,
}

/// Decides.
pub(super) fn next(situation: &Situation, goal: Goal) -> Step {
    let Some(known) = &situation.submission else {
        return prepared(situation, goal).unwrap_or(Step::Create);
    };
    if let Some(ending) = ended(situation, known) {
        return Step::End(ending);
    }
    let wanted = goal.reviews();
    let has_other_archive = wanted.technical && known.archive == Sameness::Other;
    if has_other_archive {
        match technical(&known.status) {
            Stage::Approved => return Step::End(Ending::VersionTaken),
            Stage::Running => {
                // A state that nobody knows may be none that can be taken back.
                let running = running(&known.status).of(wanted);
                if situation.submitted || !goal.supersede || !running.technical {
                    return Step::End(Ending::InReview);
                }
                return prepared(situation, goal).unwrap_or(Step::RecallThis(running));
            }
            Stage::Open | Stage::Rejected => {}
        }
    }
    let marketing = match (is_live(&known.status), goal.track) {
        // What is in the store stays there, whatever becomes of a later change of its texts; who releases a version
        // does not mean such a change.
        (true, Track::Both) => Stage::Approved,
        _ => marketing(&known.status),
    };
    let stages = [
        (Flow::Technical, wanted.technical.then(|| technical(&known.status))),
        (Flow::Marketing, wanted.marketing.then_some(marketing)),
    ];
    let is = |stage: Stage| stages.iter().find(|(_, is)| *is == Some(stage)).map(|(flow, _)| flow.clone());
    if let Some(flow) = is(Stage::Rejected) {
        let may_go_again = !situation.submitted;
        let is_changed = goal.resubmit || known.archive == Sameness::Other || known.listing == Sameness::Other;
        match (may_go_again, is_changed, known.listing) {
            (true, true, _) => {}
            (true, false, Sameness::NotLookedAt) => return Step::FindFiles,
            _ => return Step::End(Ending::Rejected(flow)),
        }
    }
    if situation.submitted
        && let Some(flow) = is(Stage::Open)
    {
        return Step::End(Ending::TakenBack(flow));
    }
    let to_submit = Reviews {
        technical: wanted.technical && matches!(technical(&known.status), Stage::Open | Stage::Rejected),
        marketing: wanted.marketing && matches!(marketing, Stage::Open | Stage::Rejected)
            || is_new_text(situation, known, goal),
    };
    if is_live(&known.status) && goal.track == Track::Marketing && known.listing == Sameness::NotLookedAt {
        return Step::FindFiles;
    }
    if !to_submit.is_empty() {
        return prepared(situation, goal).unwrap_or(Step::Submit(to_submit));
    }
    match goal.until {
        Until::None | Until::Scan if is_live(&known.status) && marketing == Stage::Approved && !situation.submitted => {
            Step::End(Ending::AlreadyReleased)
        }
        Until::None | Until::Scan => Step::End(Ending::Pending),
        _ => Step::WaitForOutcome,
    }
}

/// The version is at an end of its own.
fn ended(situation: &Situation, known: &Known) -> Option<Ending> {
    let overall = known.status.overall.clone()?;
    let left_the_store = situation.submitted && overall == OverallStatus::DeveloperRemovedFromStore;
    (is_ended(&known.status) || left_the_store).then_some(Ending::Ended(overall))
}

/// The texts of a package that is live are to change: that is a marketing review while it stays in the store.
fn is_new_text(situation: &Situation, known: &Known, goal: Goal) -> bool {
    goal.track == Track::Marketing
        && is_live(&known.status)
        && (known.listing == Sameness::Other || has_pending_texts(&known.status))
        && marketing(&known.status) == Stage::Approved
        && !situation.submitted
}

/// What has to be done before something is submitted, if anything.
fn prepared(situation: &Situation, goal: Goal) -> Option<Step> {
    let others = &situation.others_in_review;
    if !others.is_empty() && !goal.supersede {
        return Some(Step::End(Ending::OthersInReview(others.clone())));
    }
    match situation.files {
        Files::NotLookedAt => return Some(Step::FindFiles),
        Files::Missing => return Some(Step::Upload),
        Files::Infected => return Some(Step::End(Ending::ScanFailed)),
        Files::Scanning if goal.until != Until::None => return Some(Step::WaitForScans),
        Files::Scanning | Files::Clean => {}
    }
    // Last of all: until then the other version keeps its place in the queue.
    (!others.is_empty()).then(|| Step::RecallOthers(others.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::release::course::course;
    use crate::commands::release::stage::tests::status;

    fn goal(track: Track, until: Until) -> Goal {
        Goal { track, until, supersede: false, resubmit: false }
    }

    fn there(text: &str, archive: Sameness, listing: Sameness) -> Situation {
        Situation {
            files: Files::Clean,
            submission: Some(Known { status: status(text), archive, listing }),
            others_in_review: Vec::new(),
            submitted: false,
        }
    }

    fn nothing(files: Files) -> Situation {
        Situation { files, submission: None, others_in_review: Vec::new(), submitted: false }
    }

    const BOTH: Reviews = Reviews { technical: true, marketing: true };
    const TECHNICAL: Reviews = Reviews { technical: true, marketing: false };
    const MARKETING: Reviews = Reviews { technical: false, marketing: true };

    #[test]
    fn without_a_submission_files_come_first_and_then_a_draft() {
        let scan = goal(Track::Both, Until::Scan);
        for (files, step) in [
            (Files::NotLookedAt, Step::FindFiles),
            (Files::Missing, Step::Upload),
            (Files::Scanning, Step::WaitForScans),
            (Files::Infected, Step::End(Ending::ScanFailed)),
            (Files::Clean, Step::Create),
        ] {
            assert_eq!(next(&nothing(files), scan), step, "{files:?}");
        }
        // Who waits for nothing does not wait for a scan either.
        assert_eq!(next(&nothing(Files::Scanning), goal(Track::Both, Until::None)), Step::Create);
    }

    #[test]
    fn a_submission_is_taken_up_where_it_stands() {
        type Case = (&'static str, Sameness, Sameness, Goal, Step);
        use Ending::{AlreadyReleased, InReview, Pending, Rejected, VersionTaken};
        use Sameness::{NotLookedAt, Other, Same};
        let both = goal(Track::Both, Until::Released);
        let technical = goal(Track::Technical, Until::Technical);
        let marketing = goal(Track::Marketing, Until::Marketing);
        let scan = goal(Track::Both, Until::Scan);
        let superseding = Goal { supersede: true, ..both };
        let resubmitting = Goal { resubmit: true, ..both };
        let cases: &[Case] = &[
            ("draft/draft/draft", Same, Same, both, Step::Submit(BOTH)),
            ("draft/draft/draft", Other, Other, both, Step::Submit(BOTH)),
            ("draft/draft/draft", Same, Same, technical, Step::Submit(TECHNICAL)),
            ("in_progress/in_automation/draft", Same, NotLookedAt, both, Step::Submit(MARKETING)),
            ("in_progress/in_automation/in_marketing_review", Same, NotLookedAt, both, Step::WaitForOutcome),
            ("in_progress/in_automation/in_marketing_review", Same, NotLookedAt, scan, Step::End(Pending)),
            // A state that nobody knows is left alone.
            ("in_progress/on_the_moon/in_marketing_review", Same, NotLookedAt, both, Step::WaitForOutcome),
            ("in_progress/in_manual_qa/approved", Other, NotLookedAt, both, Step::End(InReview)),
            ("in_progress/in_manual_qa/approved", Other, Other, superseding, Step::RecallThis(TECHNICAL)),
            ("in_progress/on_the_moon/approved", Other, Other, superseding, Step::End(InReview)),
            ("in_progress/recalled/recalled", Same, Same, both, Step::Submit(BOTH)),
            ("in_progress/rejected/approved", Same, NotLookedAt, both, Step::FindFiles),
            ("in_progress/rejected/approved", Same, Same, both, Step::End(Rejected(Flow::Technical))),
            ("in_progress/rejected/approved", Same, Same, scan, Step::End(Rejected(Flow::Technical))),
            ("in_progress/rejected/approved", Same, Same, resubmitting, Step::Submit(TECHNICAL)),
            ("in_progress/rejected/approved", Other, Other, both, Step::Submit(TECHNICAL)),
            ("in_progress/approved/rejected", Same, Other, both, Step::Submit(MARKETING)),
            ("in_progress/approved/rejected", Same, Same, both, Step::End(Rejected(Flow::Marketing))),
            ("in_progress/approved/rejected", Same, Same, technical, Step::WaitForOutcome),
            ("in_progress/approved/rejected", Other, Other, both, Step::End(VersionTaken)),
            ("approved/approved/approved", Same, NotLookedAt, both, Step::WaitForOutcome),
            ("released_to_store/approved/approved", Same, NotLookedAt, both, Step::WaitForOutcome),
            ("released_to_store/approved/approved", Same, NotLookedAt, scan, Step::End(AlreadyReleased)),
            ("released_to_store/approved/approved", Other, NotLookedAt, both, Step::End(VersionTaken)),
            ("released_to_store/approved/approved", Same, NotLookedAt, marketing, Step::FindFiles),
            ("released_to_store/approved/approved", Same, Other, marketing, Step::Submit(MARKETING)),
            ("released_to_store/approved/approved", Same, Same, marketing, Step::WaitForOutcome),
            (
                "released_to_store/approved/approved_with_modifications_pending",
                Same,
                Same,
                marketing,
                Step::Submit(MARKETING),
            ),
            ("released_to_store/approved/rejected", Same, NotLookedAt, both, Step::WaitForOutcome),
            ("developer_removed_from_store/approved/approved", Same, Same, both, Step::Submit(MARKETING)),
            (
                "canceled_by_admin/in_automation/draft",
                Same,
                Same,
                both,
                Step::End(Ending::Ended(OverallStatus::CanceledByAdmin)),
            ),
        ];
        for (text, archive, listing, goal, step) in cases {
            assert_eq!(next(&there(text, *archive, *listing), *goal), *step, "{text} {archive:?} {listing:?} {goal:?}");
        }
    }

    #[test]
    fn another_version_in_review_is_left_alone_unless_told() {
        let other = SubmissionId::new("s1").unwrap();
        let both = goal(Track::Both, Until::Scan);
        let superseding = Goal { supersede: true, ..both };
        let beside = |situation: Situation| Situation { others_in_review: vec![other.clone()], ..situation };
        let alone = Step::End(Ending::OthersInReview(vec![other.clone()]));
        assert_eq!(next(&beside(nothing(Files::NotLookedAt)), both), alone);
        // It is taken back when everything else is ready, and not before.
        assert_eq!(next(&beside(nothing(Files::Scanning)), superseding), Step::WaitForScans);
        assert_eq!(next(&beside(nothing(Files::Clean)), superseding), Step::RecallOthers(vec![other.clone()]));
        // A version that is in review itself is only waited for.
        let running = there("in_progress/in_automation/in_marketing_review", Sameness::Same, Sameness::NotLookedAt);
        assert_eq!(next(&beside(running), both), Step::End(Ending::Pending));
    }

    #[test]
    fn what_this_run_submitted_is_not_submitted_by_it_again() {
        let both = Goal { resubmit: true, supersede: true, ..goal(Track::Both, Until::Released) };
        for (text, ending) in [
            ("in_progress/rejected/in_marketing_review", Ending::Rejected(Flow::Technical)),
            ("in_progress/recalled/in_marketing_review", Ending::TakenBack(Flow::Technical)),
            ("draft/draft/draft", Ending::TakenBack(Flow::Technical)),
            ("developer_removed_from_store/approved/approved", Ending::Ended(OverallStatus::DeveloperRemovedFromStore)),
        ] {
            let situation = Situation { submitted: true, ..there(text, Sameness::Same, Sameness::Other) };
            assert_eq!(next(&situation, both), Step::End(ending), "{text}");
        }
    }

    /// Every state there can be, with every goal: it always ends, creates at most once and submits at most once.
    #[test]
    fn every_course_ends_and_submits_at_most_once() {
        let mut situations: Vec<Situation> =
            [Files::NotLookedAt, Files::Missing, Files::Scanning, Files::Infected, Files::Clean].map(nothing).into();
        for overall in OverallStatus::KNOWN {
            for technical in ["draft", "in_automation", "rejected", "recalled", "approved", "new"] {
                for marketing in [
                    "draft",
                    "in_marketing_review",
                    "rejected",
                    "recalled",
                    "approved",
                    "approved_with_modifications_pending",
                    "new",
                ] {
                    for archive in [Sameness::Same, Sameness::Other] {
                        for listing in [Sameness::NotLookedAt, Sameness::Same, Sameness::Other] {
                            let text = format!("{overall}/{technical}/{marketing}");
                            let files =
                                if listing == Sameness::NotLookedAt { Files::NotLookedAt } else { Files::Missing };
                            situations.push(Situation { files, ..there(&text, archive, listing) });
                        }
                    }
                }
            }
        }
        let others = vec![SubmissionId::new("s1").unwrap()];
        let beside: Vec<_> =
            situations.iter().map(|one| Situation { others_in_review: others.clone(), ..one.clone() }).collect();
        situations.extend(beside);
        for situation in &situations {
            for track in [Track::Both, Track::Technical, Track::Marketing] {
                for until in [Until::None, Until::Scan, Until::Technical, Until::Released] {
                    for flags in 0..4 {
                        let goal = Goal { track, until, supersede: flags & 1 == 1, resubmit: flags & 2 == 2 };
                        let steps = course(situation.clone(), goal);
                        let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count();
                        let submits = count(|step| matches!(step, Step::Submit(_)));
                        assert!(submits <= 1 && count(|step| *step == Step::Create) <= 1, "{situation:?} {goal:?}");
                        let last = steps.last().unwrap();
                        assert!(
                            matches!(last, Step::End(_) | Step::WaitForOutcome),
                            "no end: {situation:?} {goal:?} {steps:?}"
                        );
                    }
                }
            }
        }
    }
}
