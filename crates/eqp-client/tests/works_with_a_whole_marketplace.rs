//! Tests every call against the simulator, over TLS.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::time::Duration;

use eqp_client::callbacks::{AllowedLosses, DesiredState, EntryName, KnownPasswords, Registration};
use eqp_client::keys::{KeyFilter, NewKey};
use eqp_client::reports::Report;
use eqp_client::types::{
    Actions, BatchItem, Environment, FileReference, ItemId, LicenseType, MalwareStatus, OverallStatus, Package,
    PackageDraft, PackageType, PackageUpdate, Platform, Secret, Sku, TestDetails,
};
use eqp_client::users::ProfileUpdate;
use eqp_client::{Client, PackageField, PackageFilter};
use eqp_simulator::{CallbackList, Simulator};
use futures_util::TryStreamExt;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(20);

fn client(simulator: &Simulator) -> Client {
    Client::builder(Environment::Production, simulator.api_key().clone())
        .api_url(simulator.base_url().parse().unwrap())
        .trusted_ca_pem(simulator.ca_pem())
        .build()
        .unwrap()
}

fn draft(item: &str) -> PackageDraft {
    PackageDraft {
        item_id: Some(ItemId::new(item).unwrap()),
        kind: Some(PackageType::Extension),
        platform: Some(Platform::M2),
        name: Some(format!("Name of {item}")),
        version: Some("1.0.0".to_owned()),
        long_description: Some("long".to_owned()),
        ..PackageDraft::default()
    }
}

#[tokio::test]
async fn who_am_i_and_what_does_my_profile_say() {
    let simulator = Simulator::builder().start().await.unwrap();
    let client = client(&simulator);
    assert_eq!(client.session().await.unwrap().mage_id, *simulator.mage_id());
    assert_eq!(client.users().get().await.unwrap().mage_id.as_ref(), Some(simulator.mage_id()));
    assert!(client.users().summary().await.unwrap().api_callbacks.is_none());
    let fields = json!({"screen_name": "somebody"}).as_object().unwrap().clone();
    client.users().put(&ProfileUpdate { action: None, fields }).await.unwrap();
    assert_eq!(client.users().get().await.unwrap().screen_name.as_deref(), Some("somebody"));
}

#[tokio::test]
async fn a_marketplace_that_forgets_all_sessions_is_asked_for_a_new_one() {
    let simulator = Simulator::builder().start().await.unwrap();
    let client = client(&simulator);
    client.users().get().await.unwrap();
    simulator.end_sessions();
    client.users().get().await.unwrap();
}

#[tokio::test]
async fn two_callbacks_live_side_by_side_whatever_is_done_with_the_list() {
    for behaviour in [CallbackList::Replace, CallbackList::Merge] {
        let simulator = Simulator::builder().callback_list(behaviour).start().await.unwrap();
        let client = client(&simulator);
        let mut store = KnownPasswords::new();
        for (url, username) in
            [("https://a.example/cb", "a1"), ("https://b.example/cb", "b1"), ("https://a.example/cb", "a2")]
        {
            let password = Secret::new(format!("hush-{username}"));
            let desired = DesiredState::Register(Registration::new(url, username, password.clone()).unwrap());
            client.callbacks().change(&desired, &store, &AllowedLosses::none()).await.unwrap();
            store = store.managed(url, username, password);
        }
        let list = client.callbacks().list().await.unwrap();
        for name in [EntryName::new("https://a.example/cb", "a2"), EntryName::new("https://b.example/cb", "b1")] {
            assert!(list.iter().any(|entry| EntryName::of(entry) == name), "{name}");
        }
    }
}

#[tokio::test]
async fn a_file_is_uploaded_scanned_and_sold() {
    let simulator = Simulator::builder().speed(2000.0).start().await.unwrap();
    let client = client(&simulator);
    let folder = tempfile::tempdir().unwrap();
    let paths = [folder.path().join("module.zip"), folder.path().join("icon.png"), folder.path().join("guide.pdf")];
    for path in &paths {
        std::fs::write(path, b"content").unwrap();
    }
    let uploaded = client.files().upload(&paths).await.unwrap();
    let ids: Vec<_> = uploaded.iter().map(|file| file.file_upload_id.clone()).collect();
    assert_eq!(uploaded[0].content_type.as_deref(), Some("application/zip"));

    let all: Vec<_> = client.files().stream().try_collect().await.unwrap();
    assert_eq!(all.len(), 3);
    let mut revision = simulator.revision();
    tokio::time::timeout(PATIENCE, async {
        for id in &ids {
            while !client
                .files()
                .get(id)
                .await
                .unwrap()
                .malware_status
                .is_some_and(|status: MalwareStatus| status.has_passed())
            {
                revision.changed().await.unwrap();
            }
        }
    })
    .await
    .unwrap();

    let mut package = draft("release-1");
    package.sku = Some(Sku::new("vendor/module").unwrap());
    package.artifact = Some(FileReference::new(ids[0].clone()));
    package.release_notes = Some("first".to_owned());
    package.license_type = Some(LicenseType::Mit);
    package.action = Some(Actions::submit_both());
    let listing: PackageDraft = serde_json::from_value(json!({
        "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}],
        "prices": [{"edition": "CE", "price": "25.00"}],
        "categories": ["Extensions // Content & Customizations"],
        "documentation_artifacts": {"user": {"file_upload_id": ids[2]}},
        "media_artifacts": {"icon_image": {"file_upload_id": ids[1]}, "gallery_images": [{"file_upload_id": ids[1]}]},
    }))
    .unwrap();
    package.version_compatibility = listing.version_compatibility;
    package.prices = listing.prices;
    package.categories = listing.categories;
    package.documentation_artifacts = listing.documentation_artifacts;
    package.media_artifacts = listing.media_artifacts;
    let created = client.packages().create_one(&package).await.unwrap();
    let id = created.submission_id.unwrap();
    tokio::time::timeout(PATIENCE, async {
        loop {
            let overall = client.packages().get(&id).await.unwrap().eqp_status.unwrap().overall.unwrap();
            if overall == OverallStatus::ReleasedToStore {
                break;
            }
            revision.changed().await.unwrap();
        }
    })
    .await
    .unwrap();

    let runs = client.test_results().summary(&id).await.unwrap();
    assert!(!runs.is_empty() && runs.iter().all(|run| run.status.as_ref().unwrap().has_passed()));
    let item = ItemId::new("release-1").unwrap();
    assert_eq!(client.test_results().summary_by_item(&item).await.unwrap().len(), runs.len());
    let run = runs.iter().find(|run| run.name.as_deref() == Some("phpcs")).unwrap();
    let report = client.test_results().report(&id, "phpcs", run.tool_run_id.as_ref().unwrap()).await.unwrap();
    assert!(report.status.as_ref().unwrap().has_passed() && report.failures().is_empty());
    assert!(matches!(report.reports()[0].details, Some(TestDetails::CodeSniffer(_))));

    let sku = Sku::new("vendor/module").unwrap();
    assert_eq!(client.packages().by_sku(&sku, Some("1.0.0")).await.unwrap()[0].submission_id, Some(id.clone()));
    assert_eq!(client.packages().by_item(&item).await.unwrap().unwrap().submission_id, Some(id));
}

#[tokio::test]
async fn good_items_of_a_batch_succeed_beside_bad_ones() {
    let simulator = Simulator::builder().start().await.unwrap();
    let client = client(&simulator);
    let bad = PackageDraft { action: Some(Actions::submit_both()), ..draft("bad") };
    let items = client.packages().create(&[draft("one"), bad, draft("two")]).await.unwrap();
    assert_eq!(items.iter().map(BatchItem::is_success).collect::<Vec<_>>(), [true, false, true]);
    let error = client.packages().create_one(&draft("one")).await.unwrap_err();
    assert!(error.code().is_some() && !error.is_retryable(), "{error}");

    let id = items[0].submission_id.clone().unwrap();
    let renamed = PackageDraft { name: Some("Another name".to_owned()), ..PackageDraft::default() };
    let renamed = PackageUpdate::from(renamed);
    client.packages().update_one(&id, &renamed).await.unwrap();
    assert_eq!(client.packages().get(&id).await.unwrap().name, renamed.changes.name);
    let longer = PackageDraft { long_description: Some("longer".to_owned()), ..PackageDraft::default() };
    let again = PackageUpdate::new(id, longer);
    assert!(client.packages().update(&[again]).await.unwrap()[0].is_success());
    assert!(client.packages().by_item(&ItemId::new("never seen").unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn packages_are_filtered_sorted_and_paged() {
    let simulator = Simulator::builder().start().await.unwrap();
    let client = client(&simulator);
    let drafts: Vec<_> = (0..25).map(|n| draft(&format!("item-{n:02}"))).collect();
    client.packages().create(&drafts).await.unwrap();
    let filter = PackageFilter::new()
        .matching(PackageField::ItemId, "item-0")
        .matching(PackageField::OverallStatus, "draft")
        .descending(PackageField::ItemId);
    let page = client.packages().list(&filter.clone().limit(4)).await.unwrap();
    let items =
        |packages: &[Package]| packages.iter().map(|p| p.item_id.clone().unwrap().to_string()).collect::<Vec<_>>();
    assert_eq!(items(&page.items), ["item-09", "item-08", "item-07", "item-06"]);
    let all: Vec<_> = client.packages().stream(filter.limit(4)).try_collect().await.unwrap();
    assert_eq!(all.len(), 10);
    assert_eq!(items(&all)[9], "item-00");
    assert_eq!(client.packages().items(&PackageFilter::new().limit(3)).await.unwrap().items.len(), 3);
    let with_item: Vec<_> = client.packages().items_stream(PackageFilter::new().limit(7)).try_collect().await.unwrap();
    assert_eq!(with_item.len(), 25);
    // A draft without an archive has no SKU yet.
    let with_sku: Vec<_> = client.packages().skus_stream(PackageFilter::new()).try_collect().await.unwrap();
    assert_eq!((with_sku.len(), client.packages().skus(&PackageFilter::new()).await.unwrap().total), (0, Some(0)));
}

#[tokio::test]
async fn keys_and_reports_are_answered() {
    let simulator = Simulator::builder().start().await.unwrap();
    let client = client(&simulator);
    let label = "build server / 1 %";
    let outcomes = client.keys().create(&[NewKey::new(label)]).await.unwrap();
    assert!(outcomes[0].is_success());
    client.keys().set_enabled(label, None, false).await.unwrap();
    let keys = client.keys().list(&KeyFilter::default()).await.unwrap();
    let key = keys.m2.iter().find(|key| key.label == label).unwrap();
    assert_eq!(key.is_enabled, Some(false));
    client.keys().delete(label, None).await.unwrap();
    assert!(client.keys().list(&KeyFilter::default()).await.unwrap().m2.iter().all(|key| key.label != label));
    for report in Report::ALL {
        client.reports().get(*report).await.unwrap();
    }
    client.reports().metrics().await.unwrap();
}
