//! The actions that a developer can request, and the statuses that allow them.

use eqp_types::{MarketingStatus as M, OverallStatus as O, TechnicalStatus as T};
use strum::{EnumString, IntoStaticStr};

use super::{InvalidTransition, ReviewStatus};

/// An action of one review. Unlike [`eqp_types::ReviewAction`] it has no unknown value: those are rejected when a
/// request is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ReviewAction {
    /// Saves a draft.
    Draft,
    /// Submits the package to this review.
    Submit,
    /// Withdraws the package from this review.
    Recall,
}

/// An action of the submission as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum OverallAction {
    /// Removes the package from the store.
    Remove,
    /// Cancels this version.
    Cancel,
}

/// The actions of one request; a missing one means `draft`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) overall: Option<OverallAction>,
    pub(crate) technical: Option<ReviewAction>,
    pub(crate) marketing: Option<ReviewAction>,
}

/// Returns whether the technical fields may be changed.
pub(crate) fn technical_is_open(status: &ReviewStatus) -> bool {
    !status.is_at_its_end() && !status.is_live() && matches!(status.technical, T::Draft | T::Rejected | T::Recalled)
}

/// Returns whether the marketing fields may be changed.
pub(crate) fn marketing_is_open(status: &ReviewStatus) -> bool {
    if status.is_at_its_end() || status.marketing_runs() {
        return false;
    }
    let was_in_store = status.is_live() || status.overall == O::DeveloperRemovedFromStore;
    was_in_store || matches!(status.marketing, M::Draft | M::Rejected | M::Recalled)
}

/// Returns the status after a request.
///
/// `edits_listing` is whether the request changes a marketing field: on a released package this alone makes a modification
/// that waits for its review.
///
/// # Errors
/// [`InvalidTransition`] if the status does not allow the request.
pub(crate) fn apply(
    status: &ReviewStatus,
    asked: Actions,
    edits_listing: bool,
) -> Result<ReviewStatus, InvalidTransition> {
    if status.is_at_its_end() {
        return Err(InvalidTransition::AtItsEnd(status.overall.to_string()));
    }
    if let Some(ask) = asked.overall {
        return overall(status, ask);
    }
    let recalls = asked.technical == Some(ReviewAction::Recall) || asked.marketing == Some(ReviewAction::Recall);
    if !recalls && !technical_is_open(status) && !marketing_is_open(status) {
        return Err(InvalidTransition::InReview);
    }
    let mut next = status.clone();
    if let Some(ask) = asked.technical {
        next.technical = technical(status, ask)?;
    }
    if let Some(ask) = asked.marketing {
        next.marketing = marketing(status, ask)?;
    }
    if status.is_live() && edits_listing && next.marketing == M::Approved {
        next.marketing = M::ApprovedWithModificationsPending;
    }
    if status.overall == O::DeveloperRemovedFromStore && next.marketing_runs() {
        next.overall = O::InProgress;
    }
    Ok(next.with_overall_of_reviews())
}

fn overall(status: &ReviewStatus, ask: OverallAction) -> Result<ReviewStatus, InvalidTransition> {
    let overall = match (ask, &status.overall) {
        (OverallAction::Remove, O::ReleasedToStore) => O::DeveloperRemovedFromStore,
        (OverallAction::Cancel, O::Draft | O::InProgress | O::Approved) => O::CanceledByDeveloper,
        (OverallAction::Remove | OverallAction::Cancel, _) => {
            return Err(InvalidTransition::Action {
                flow: "overall",
                action: ask.into(),
                status: status.overall.to_string(),
            });
        }
    };
    Ok(ReviewStatus { overall, ..status.clone() })
}

fn technical(status: &ReviewStatus, ask: ReviewAction) -> Result<T, InvalidTransition> {
    let refused = || {
        let status = status.technical.to_string();
        Err(InvalidTransition::Action { flow: "technical", action: ask.into(), status })
    };
    match ask {
        ReviewAction::Draft => Ok(status.technical.clone()),
        ReviewAction::Submit if technical_is_open(status) => Ok(T::InAutomation),
        ReviewAction::Recall if status.technical_runs() => Ok(T::Recalled),
        ReviewAction::Submit | ReviewAction::Recall => refused(),
    }
}

fn marketing(status: &ReviewStatus, ask: ReviewAction) -> Result<M, InvalidTransition> {
    let refused = || {
        let status = status.marketing.to_string();
        Err(InvalidTransition::Action { flow: "marketing", action: ask.into(), status })
    };
    match ask {
        ReviewAction::Draft => Ok(status.marketing.clone()),
        ReviewAction::Submit if marketing_is_open(status) => Ok(M::AwaitingMarketingReview),
        ReviewAction::Recall if status.marketing_runs() => Ok(M::Recalled),
        ReviewAction::Submit | ReviewAction::Recall => refused(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> ReviewStatus {
        let mut parts = text.split('/');
        let mut part = || parts.next().unwrap();
        ReviewStatus { overall: part().into(), technical: part().into(), marketing: part().into() }
    }

    const BOTH: Actions =
        Actions { overall: None, technical: Some(ReviewAction::Submit), marketing: Some(ReviewAction::Submit) };
    const TECHNICAL: Actions = Actions { overall: None, technical: Some(ReviewAction::Submit), marketing: None };
    const MARKETING: Actions = Actions { overall: None, technical: None, marketing: Some(ReviewAction::Submit) };
    const RECALL: Actions = Actions { overall: None, technical: Some(ReviewAction::Recall), marketing: None };
    const RECALL_MARKETING: Actions = Actions { overall: None, technical: None, marketing: Some(ReviewAction::Recall) };
    const REMOVE: Actions = Actions { overall: Some(OverallAction::Remove), technical: None, marketing: None };
    const CANCEL: Actions = Actions { overall: Some(OverallAction::Cancel), technical: None, marketing: None };
    const SAVE: Actions = Actions { overall: None, technical: None, marketing: None };

    #[test]
    fn every_allowed_request_leads_where_it_should() {
        for (from, asked, to) in [
            ("draft/draft/draft", SAVE, "draft/draft/draft"),
            ("draft/draft/draft", BOTH, "in_progress/in_automation/awaiting_marketing_review"),
            ("draft/draft/draft", TECHNICAL, "in_progress/in_automation/draft"),
            ("in_progress/in_automation/draft", MARKETING, "in_progress/in_automation/awaiting_marketing_review"),
            ("in_progress/approved/rejected", MARKETING, "in_progress/approved/awaiting_marketing_review"),
            ("in_progress/rejected/approved", TECHNICAL, "in_progress/in_automation/approved"),
            ("in_progress/recalled/approved", TECHNICAL, "in_progress/in_automation/approved"),
            ("in_progress/in_automation/draft", RECALL, "draft/recalled/draft"),
            ("in_progress/in_manual_qa/in_marketing_review", RECALL, "in_progress/recalled/in_marketing_review"),
            ("in_progress/approved/in_marketing_review", RECALL_MARKETING, "in_progress/approved/recalled"),
            ("released_to_store/approved/approved", REMOVE, "developer_removed_from_store/approved/approved"),
            ("released_to_store/approved/approved", MARKETING, "released_to_store/approved/awaiting_marketing_review"),
            (
                "released_to_store/approved/approved_with_modifications_pending",
                MARKETING,
                "released_to_store/approved/awaiting_marketing_review",
            ),
            (
                "developer_removed_from_store/approved/approved",
                MARKETING,
                "in_progress/approved/awaiting_marketing_review",
            ),
            ("in_progress/in_automation/draft", CANCEL, "canceled_by_developer/in_automation/draft"),
            ("approved/approved/approved", CANCEL, "canceled_by_developer/approved/approved"),
        ] {
            let next = apply(&state(from), asked, false);
            assert_eq!(next.as_ref().map(ToString::to_string), Ok(to.to_owned()), "{from} {asked:?}");
        }
    }

    #[test]
    fn every_other_request_is_refused() {
        for (from, asked) in [
            ("in_progress/in_automation/awaiting_marketing_review", SAVE),
            ("in_progress/in_automation/draft", TECHNICAL),
            ("in_progress/approved/in_marketing_review", MARKETING),
            ("in_progress/approved/rejected", BOTH),
            ("draft/draft/draft", RECALL),
            ("in_progress/rejected/draft", RECALL),
            ("in_progress/approved/approved", RECALL_MARKETING),
            ("draft/draft/draft", REMOVE),
            ("approved/approved/approved", REMOVE),
            ("released_to_store/approved/approved", CANCEL),
            ("released_to_store/approved/approved", TECHNICAL),
            ("canceled_by_developer/draft/draft", BOTH),
            ("admin_removed_from_store/approved/approved", MARKETING),
        ] {
            assert!(apply(&state(from), asked, false).is_err(), "{from} {asked:?}");
        }
    }

    #[test]
    fn an_edit_of_a_live_listing_waits_for_its_review() {
        let next = apply(&state("released_to_store/approved/approved"), SAVE, true).unwrap();
        assert_eq!(next.to_string(), "released_to_store/approved/approved_with_modifications_pending");
    }

    #[test]
    fn after_the_release_only_marketing_is_open() {
        let live = state("released_to_store/approved/approved");
        assert!(marketing_is_open(&live) && !technical_is_open(&live));
    }
}
