//! What a server finds about the listings in the store: conflicts with Packagist, and dates.

use std::sync::{Arc, Mutex};

use eqp_store::{AlertSeverity, MasterKey};
use eqp_sync::{
    AlertKind, CheckListings, Connect, ListingDue, ListingFindings, ListingRule, PackagistConflict, ReconcileService,
};
use eqp_test_support::marketplace::client_of;
use eqp_test_support::receiver::until;
use eqp_types::{ApiKey, Environment};
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::harness::{Watch, pool_of};
use crate::setup::Setup;

/// A server that reconciles an account, and finds what the test says.
struct Listings {
    setup: Setup,
    key: MasterKey,
    found: Arc<Mutex<Result<ListingFindings, String>>>,
}

impl Listings {
    async fn new() -> Self {
        let setup = Setup::new().await;
        let key = MasterKey::ephemeral().unwrap();
        setup.stores_key(&key).await;
        Self { setup, key, found: Arc::new(Mutex::new(Ok(ListingFindings::default()))) }
    }

    /// Runs the reconcile part of a server until it has checked the listings.
    async fn checked(&self, found: ListingFindings) {
        *self.found.lock().unwrap() = Ok(found);
        let begun = OffsetDateTime::now_utc();
        self.runs(std::time::Duration::ZERO, async || {
            until("the listings are checked", || async {
                let checked: Option<OffsetDateTime> =
                    sqlx::query_scalar("select max(checked_at) from eqp.listing_check")
                        .fetch_one(&self.setup.database.pool)
                        .await
                        .unwrap();
                checked.is_some_and(|at| at >= begun)
            })
            .await;
        })
        .await;
    }

    /// Runs the reconcile part of a server, with the privileges of its role.
    async fn runs(&self, interval: std::time::Duration, until: impl AsyncFnOnce()) {
        let client = client_of(self.setup.simulator());
        let connect: Connect = Arc::new(move |_: Environment, _: ApiKey| Ok(client.clone()));
        let found = Arc::clone(&self.found);
        let check: CheckListings = Arc::new(move |_client| {
            let found = found.lock().unwrap().clone();
            Box::pin(async move { found.map_err(Into::into) })
        });
        let pool = pool_of(&self.setup.database.database, "eqp_reconcile");
        let service = ReconcileService::new(pool, self.key.clone(), connect).check_listings(check, interval);
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(service.run(shutdown.clone()));
        until().await;
        shutdown.cancel();
        serving.await.unwrap();
    }

    fn conflict(packagist: &str) -> ListingFindings {
        let now = OffsetDateTime::now_utc();
        let consequence = "customers who require ^2.1 get \"Higher matching version\" from Composer";
        let mut findings = ListingFindings::default();
        findings.conflicts =
            vec![PackagistConflict::new("acme/wishlist", packagist, Some("2.1.0".to_owned()), consequence, now)];
        findings
    }

    fn due(skus: &[&str], due_at: OffsetDateTime) -> ListingFindings {
        let now = OffsetDateTime::now_utc();
        let due = |sku: &&str| {
            let line = Some("2.4.9".to_owned());
            ListingDue::new(*sku, ListingRule::Compatibility, line, due_at, now)
        };
        let mut findings = ListingFindings::default();
        findings.dates = skus.iter().map(due).collect();
        findings
    }
}

#[tokio::test]
async fn a_version_that_only_packagist_has_opens_a_ticket_until_the_store_has_it() {
    let listings = Listings::new().await;
    let mut watch = Watch::of(&listings.setup.database.database).await;
    listings.checked(Listings::conflict("2.1.1")).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 1);
    let id = watch.the(AlertKind::PackagistConflict).await.id;
    for packagist in ["2.1.2", "2.1.3"] {
        listings.checked(Listings::conflict(packagist)).await;
        assert_eq!(watch.after(Duration::hours(2)).await.updated, 1);
    }
    let text = watch.acknowledge(AlertKind::PackagistConflict, AlertSeverity::Ticket).await;
    assert_eq!((text.title.as_str(), text.lost.as_str()), ("acme/wishlist", "Nothing is lost."));
    assert!(text.meaning.starts_with("Packagist has 2.1.3, the store 2.1.0: customers who require ^2.1"), "{text:?}");
    assert_eq!(text.first_check, "eqp packages published acme/wishlist");

    // What cannot be read is not an end of the conflict, and neither is a check that fails.
    let mut unread = ListingFindings::default();
    unread.unread = vec!["acme/wishlist".to_owned()];
    listings.checked(unread).await;
    assert_eq!(watch.after(Duration::hours(4)).await.resolved, 0);
    listings.checked(ListingFindings::default()).await;
    assert_eq!(watch.now().await.resolved, 1);
    watch.is_resolved(id).await;
}

#[tokio::test]
async fn listings_with_the_same_date_open_one_ticket_until_they_meet_the_rule() {
    let listings = Listings::new().await;
    let mut watch = Watch::of(&listings.setup.database.database).await;
    let due_at = (watch.begun - Duration::days(3)).date().midnight().assume_utc();
    let mut seen = Vec::new();
    for (skus, hours) in [(&["acme/blog"][..], 0), (&["acme/blog", "acme/ship"], 2), (&["acme/ship"], 4)] {
        listings.checked(Listings::due(skus, due_at)).await;
        let evaluation = watch.after(Duration::hours(hours)).await;
        seen.push((evaluation.opened, evaluation.updated));
    }
    assert_eq!(seen, [(1, 0), (0, 1), (0, 1)]);
    let id = watch.the(AlertKind::ListingDue).await.id;
    let text = watch.acknowledge(AlertKind::ListingDue, AlertSeverity::Ticket).await;
    assert_eq!((text.title.as_str(), text.scope.as_deref()), ("listing due", Some("acme/ship")));
    assert!(
        text.meaning.starts_with("1 listing shows no version compatible with Commerce 2.4.9 (was due "),
        "{text:?}"
    );
    listings.checked(ListingFindings::default()).await;
    assert_eq!(watch.now().await.resolved, 1);
    watch.is_resolved(id).await;
}

#[tokio::test]
async fn a_check_is_not_repeated_within_its_interval_and_findings_end_after_seven_days() {
    let listings = Listings::new().await;
    let mut watch = Watch::of(&listings.setup.database.database).await;
    listings.checked(Listings::conflict("2.1.1")).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 1);
    *listings.found.lock().unwrap() = Ok(ListingFindings::default());
    let runs = || async {
        let sql = "select count(*) from eqp.reconcile_run where finished_at is not null";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&listings.setup.database.pool).await.unwrap();
        count
    };
    let before = runs().await;
    listings
        .runs(std::time::Duration::from_hours(24), async || {
            until("the account is reconciled", || async { runs().await > before }).await;
        })
        .await;
    assert_eq!(watch.now().await.resolved, 0, "the listings were not checked again");
    assert_eq!(watch.after(Duration::days(8)).await.resolved, 1, "nobody checks these listings any more");
}
