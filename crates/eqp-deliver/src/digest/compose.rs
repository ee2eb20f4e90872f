//! Composes the data of a digest. A pure function of what was read.

use eqp_store::internal::{DigestedChange, DigestedSubmission};
use time::{Duration, OffsetDateTime};

use crate::{DigestChange, DigestData, DigestProduct, DigestSubmission, OpenAlert, SubscriptionFilter};

/// The maximum number of submissions in a digest.
const MAX_SUBMISSIONS: usize = 200;
/// The maximum number of alerts in a digest.
const MAX_ALERTS: usize = 100;

/// Returns the data of the digest of the week before `end`, or `None` if there is nothing to report.
pub(super) fn compose(
    end: OffsetDateTime,
    submissions: &[DigestedSubmission],
    changes: &[DigestedChange],
    alerts: Vec<OpenAlert>,
    filter: &SubscriptionFilter,
) -> Option<DigestData> {
    let matching = submissions
        .iter()
        .filter(|one| filter.matches_account(one.environment, &one.mage_id) && filter.matches_sku(one.sku.as_deref()));
    let matching: Vec<&DigestedSubmission> = matching.collect();
    if matching.is_empty() && alerts.is_empty() {
        return None;
    }
    let mut data = DigestData::new((end - Duration::WEEK, end), Vec::new(), alerts);
    data.omitted = matching.len().saturating_sub(MAX_SUBMISSIONS) + data.alerts.len().saturating_sub(MAX_ALERTS);
    data.alerts.truncate(MAX_ALERTS);
    // Submissions of a product are adjacent.
    for stored in matching.into_iter().take(MAX_SUBMISSIONS) {
        let of_this = |change: &&DigestedChange| {
            (change.environment, &change.mage_id, &change.resource_id)
                == (stored.environment, &stored.mage_id, &stored.resource_id)
        };
        let submission = DigestSubmission {
            resource_id: stored.resource_id.clone(),
            version: stored.version.clone(),
            statuses: stored.statuses.iter().cloned().collect(),
            in_review: stored.is_in_review,
            changes: changes.iter().filter(of_this).map(change).collect(),
        };
        match data.products.last_mut() {
            Some(product)
                if product.sku.is_some()
                    && (product.environment, &product.mage_id, &product.sku)
                        == (stored.environment, &stored.mage_id, &stored.sku) =>
            {
                product.submissions.push(submission);
            }
            _ => data.products.push(DigestProduct {
                environment: stored.environment,
                mage_id: stored.mage_id.clone(),
                sku: stored.sku.clone(),
                store_version: stored.store_version.clone(),
                submissions: vec![submission],
            }),
        }
    }
    data.describe();
    Some(data)
}

fn change(stored: &DigestedChange) -> DigestChange {
    DigestChange {
        flow: stored.flow.clone(),
        status: stored.status.clone(),
        previous_status: stored.previous_status.clone(),
        at: stored.at,
    }
}

#[cfg(test)]
mod tests {
    use eqp_types::{Environment, Flow};
    use time::macros::datetime;

    use super::*;

    const END: OffsetDateTime = datetime!(2026-11-30 08:00 UTC);

    fn submission(id: &str, sku: Option<&str>) -> DigestedSubmission {
        DigestedSubmission {
            environment: Environment::Production,
            mage_id: "MAG1".parse().unwrap(),
            resource_id: id.to_owned(),
            sku: sku.map(str::to_owned),
            version: Some("1.5.0".to_owned()),
            statuses: vec![("overall".to_owned(), "in_progress".to_owned())],
            store_version: None,
            is_in_review: id == "s1",
        }
    }

    fn change(id: &str) -> DigestedChange {
        DigestedChange {
            environment: Environment::Production,
            mage_id: "MAG1".parse().unwrap(),
            resource_id: id.to_owned(),
            flow: Flow::Overall,
            status: "in_progress".to_owned(),
            previous_status: None,
            at: END - Duration::DAY,
        }
    }

    fn alert() -> OpenAlert {
        OpenAlert::new((12, "review_stuck", "ticket"), "stuck", END - Duration::DAY)
    }

    #[test]
    fn submissions_are_grouped_by_product_and_chosen_by_the_filter() {
        let submissions = [
            submission("s1", Some("acme/a")),
            submission("s2", Some("acme/a")),
            submission("s3", Some("acme/b")),
            submission("s4", None),
            submission("s5", None),
        ];
        let changes = [change("s1"), change("s1"), change("s3")];
        let of = |filter: &SubscriptionFilter| compose(END, &submissions, &changes, vec![alert()], filter).unwrap();
        let all = of(&SubscriptionFilter::default());
        let ids = |data: &DigestData| -> Vec<Vec<String>> {
            let of = |product: &DigestProduct| product.submissions.iter().map(|one| one.resource_id.clone()).collect();
            data.products.iter().map(of).collect()
        };
        assert_eq!(ids(&all), [vec!["s1", "s2"], vec!["s3"], vec!["s4"], vec!["s5"]]);
        assert_eq!(all.title, "Marketplace, 23 to 30 Nov 2026: 3 changes, 1 in review, 1 open alert");
        let one = of(&SubscriptionFilter { skus: vec!["*/b".to_owned()], ..SubscriptionFilter::default() });
        assert_eq!((ids(&one), one.products[0].submissions[0].changes.len()), (vec![vec!["s3".to_owned()]], 1));
        let other = of(&SubscriptionFilter { accounts: vec!["MAG2".to_owned()], ..SubscriptionFilter::default() });
        assert_eq!(other.title, "Marketplace, 23 to 30 Nov 2026: 1 open alert");
    }

    #[test]
    fn without_anything_to_report_there_is_no_digest_and_a_long_one_says_what_is_missing() {
        assert_eq!(compose(END, &[], &[], Vec::new(), &SubscriptionFilter::default()), None);
        let many: Vec<_> = (0..203).map(|n| submission(&format!("s{n}"), None)).collect();
        let data = compose(END, &many, &[], Vec::new(), &SubscriptionFilter::default()).unwrap();
        assert_eq!((data.products.len(), data.omitted), (200, 3));
    }
}
