//! What the developer may ask for, and when.

use eqp_types::{MarketingStatus as M, OverallStatus as O, TechnicalStatus as T};

use super::{Refusal, ReviewStatus};

/// What is asked for one of the two reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Save only.
    Draft,
    /// Review it.
    Submit,
    /// Take it back.
    Recall,
}

impl Ask {
    fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submit => "submit",
            Self::Recall => "recall",
        }
    }
}

/// What is asked for the submission as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskOverall {
    /// Take it out of the store.
    Remove,
    /// Give this version up.
    Cancel,
}

/// The actions of one request; none is the same as `draft`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) overall: Option<AskOverall>,
    pub(crate) technical: Option<Ask>,
    pub(crate) marketing: Option<Ask>,
}

/// The technical fields may be changed.
pub(crate) fn technical_is_open(status: &ReviewStatus) -> bool {
    !status.is_at_its_end() && !status.is_live() && matches!(status.technical, T::Draft | T::Rejected | T::Recalled)
}

/// The marketing fields may be changed.
pub(crate) fn marketing_is_open(status: &ReviewStatus) -> bool {
    if status.is_at_its_end() || status.marketing_runs() {
        return false;
    }
    let was_in_store = status.is_live() || status.overall == O::DeveloperRemovedFromStore;
    was_in_store || matches!(status.marketing, M::Draft | M::Rejected | M::Recalled)
}

/// The state after a request.
///
/// `edits_listing` says that the request changes a marketing field: on a live package that alone makes a
/// modification that waits for its review.
///
/// # Errors
/// An action that the state does not allow.
pub(crate) fn apply(status: &ReviewStatus, asked: Asked, edits_listing: bool) -> Result<ReviewStatus, Refusal> {
    if status.is_at_its_end() {
        return Err(Refusal::AtItsEnd(status.overall.to_string()));
    }
    if let Some(ask) = asked.overall {
        return overall(status, ask);
    }
    let recalls = asked.technical == Some(Ask::Recall) || asked.marketing == Some(Ask::Recall);
    if !recalls && !technical_is_open(status) && !marketing_is_open(status) {
        return Err(Refusal::InReview);
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

fn overall(status: &ReviewStatus, ask: AskOverall) -> Result<ReviewStatus, Refusal> {
    let (overall, action) = match (ask, &status.overall) {
        (AskOverall::Remove, O::ReleasedToStore) => (Some(O::DeveloperRemovedFromStore), "remove"),
        (AskOverall::Remove, _) => (None, "remove"),
        (AskOverall::Cancel, O::Draft | O::InProgress | O::Approved) => (Some(O::CanceledByDeveloper), "cancel"),
        (AskOverall::Cancel, _) => (None, "cancel"),
    };
    match overall {
        Some(overall) => Ok(ReviewStatus { overall, ..status.clone() }),
        None => Err(Refusal::Action { flow: "overall", action, status: status.overall.to_string() }),
    }
}

fn technical(status: &ReviewStatus, ask: Ask) -> Result<T, Refusal> {
    let refused = || {
        let status = status.technical.to_string();
        Err(Refusal::Action { flow: "technical", action: ask.as_str(), status })
    };
    match ask {
        Ask::Draft => Ok(status.technical.clone()),
        Ask::Submit if technical_is_open(status) => Ok(T::InAutomation),
        Ask::Recall if status.technical_runs() => Ok(T::Recalled),
        Ask::Submit | Ask::Recall => refused(),
    }
}

fn marketing(status: &ReviewStatus, ask: Ask) -> Result<M, Refusal> {
    let refused = || {
        let status = status.marketing.to_string();
        Err(Refusal::Action { flow: "marketing", action: ask.as_str(), status })
    };
    match ask {
        Ask::Draft => Ok(status.marketing.clone()),
        Ask::Submit if marketing_is_open(status) => Ok(M::AwaitingMarketingReview),
        Ask::Recall if status.marketing_runs() => Ok(M::Recalled),
        Ask::Submit | Ask::Recall => refused(),
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

    const BOTH: Asked = Asked { overall: None, technical: Some(Ask::Submit), marketing: Some(Ask::Submit) };
    const TECHNICAL: Asked = Asked { overall: None, technical: Some(Ask::Submit), marketing: None };
    const MARKETING: Asked = Asked { overall: None, technical: None, marketing: Some(Ask::Submit) };
    const RECALL: Asked = Asked { overall: None, technical: Some(Ask::Recall), marketing: None };
    const RECALL_MARKETING: Asked = Asked { overall: None, technical: None, marketing: Some(Ask::Recall) };
    const REMOVE: Asked = Asked { overall: Some(AskOverall::Remove), technical: None, marketing: None };
    const CANCEL: Asked = Asked { overall: Some(AskOverall::Cancel), technical: None, marketing: None };
    const SAVE: Asked = Asked { overall: None, technical: None, marketing: None };

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
