//! Every call of the client, for tests.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::OnceLock;

use eqp_client::files::NoProgress;
use eqp_client::keys::{KeyFilter, NewKey};
use eqp_client::reports::Report;
use eqp_client::types::calls::{self, ApiCall};
use eqp_client::types::{FileUploadId, ItemId, PackageDraft, PackageUpdate, Sku, SubmissionId, ToolRunId};
use eqp_client::users::ProfileUpdate;
use eqp_client::{Client, Error, PackageFilter};
use futures_util::TryStreamExt;

/// One method of the client, with its entry in the table of calls.
pub(crate) struct KnownCall {
    pub(crate) api_call: &'static ApiCall,
    /// The call as source text.
    pub(crate) written: &'static str,
    make: fn(Client, &'static str) -> Making,
}

type Making = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl KnownCall {
    /// Makes the call, with `id` as every ID.
    pub(crate) async fn make(&self, client: &Client, id: &'static str) -> Result<(), Error> {
        (self.make)(client.clone(), id).await
    }

    /// Returns whether it calls `method`, in the form `packages().list()`.
    pub(crate) fn is_of(&self, method: &str) -> bool {
        let written: String = self.written.split_whitespace().collect();
        written.starts_with(&format!("client.{}", method.trim_end_matches(')')))
    }
}

macro_rules! calls {
    ($( $api_call:ident => |$client:ident, $id:ident| $call:expr; )*) => {
        &[$( KnownCall {
            api_call: &calls::$api_call,
            written: stringify!($call),
            make: |$client, $id| {
                let _ = $id;
                Box::pin(async move { $call.await.map(drop) })
            },
        } ),*]
    };
}

/// Returns every call.
pub(crate) const CALLS: &[KnownCall] = calls! {
    SESSION_TOKEN => |client, id| client.session();
    USERS_GET => |client, id| client.users().get();
    USERS_SUMMARY => |client, id| client.users().summary();
    USERS_PUT => |client, id| client.users().put(&ProfileUpdate::default());
    KEYS_LIST => |client, id| client.keys().list(&KeyFilter::default());
    KEYS_CREATE => |client, id| client.keys().create(&[NewKey::new(id)]);
    KEYS_UPDATE => |client, id| client.keys().set_enabled(id, None, true);
    KEYS_DELETE => |client, id| client.keys().delete(id, Some(id));
    REPORTS_GET => |client, id| client.reports().get(Report::PageViews);
    REPORTS_METRICS => |client, id| client.reports().metrics();
    REPORTS_METRIC => |client, id| client.reports().metric(id);
    FILES_UPLOAD => |client, id| client.files().upload(&[picture()]);
    FILES_UPLOAD => |client, id| client.files().upload_with_progress(&[picture()], NoProgress);
    FILES_GET => |client, id| client.files().get(&file(id));
    FILES_LIST => |client, id| client.files().list(0, 10);
    FILES_LIST => |client, id| client.files().stream().try_collect::<Vec<_>>();
    FILES_DELETE => |client, id| client.files().delete(&file(id));
    PACKAGES_CREATE => |client, id| client.packages().create(&[PackageDraft::default()]);
    PACKAGES_CREATE => |client, id| client.packages().create_one(&PackageDraft::default());
    PACKAGES_UPDATE => |client, id| client.packages().update(&[PackageUpdate::default()]);
    PACKAGES_UPDATE_ONE => |client, id| client.packages().update_one(&item(id), &PackageUpdate::default());
    PACKAGES_LIST => |client, id| client.packages().list(&PackageFilter::new());
    PACKAGES_LIST => |client, id| client.packages().stream(PackageFilter::new()).try_collect::<Vec<_>>();
    PACKAGES_GET => |client, id| client.packages().get(&submission(id));
    PACKAGES_SKUS => |client, id| client.packages().skus(&PackageFilter::new());
    PACKAGES_SKUS => |client, id| client.packages().skus_stream(PackageFilter::new()).try_collect::<Vec<_>>();
    PACKAGES_BY_SKU => |client, id| client.packages().by_sku(&sku(id), Some(id));
    PACKAGES_ITEMS => |client, id| client.packages().items(&PackageFilter::new());
    PACKAGES_ITEMS => |client, id| client.packages().items_stream(PackageFilter::new()).try_collect::<Vec<_>>();
    PACKAGES_BY_ITEM => |client, id| client.packages().by_item(&item(id));
    TESTS_OF_SUBMISSION => |client, id| client.test_results().summary(&submission(id));
    TESTS_OF_SKU => |client, id| client.test_results().summary_by_sku(&sku(id));
    TESTS_OF_ITEM => |client, id| client.test_results().summary_by_item(&item(id));
    TEST_REPORT => |client, id| client.test_results().report(&submission(id), id, &run(id));
};

fn submission(id: &str) -> SubmissionId {
    SubmissionId::new(id).unwrap()
}

fn item(id: &str) -> ItemId {
    ItemId::new(id).unwrap()
}

fn sku(id: &str) -> Sku {
    Sku::new(id).unwrap()
}

fn file(id: &str) -> FileUploadId {
    FileUploadId::new(id).unwrap()
}

fn run(id: &str) -> ToolRunId {
    ToolRunId::new(id).unwrap()
}

/// Returns a file that can be uploaded.
fn picture() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("icon.png"), b"picture").unwrap();
        folder
    });
    folder.path().join("icon.png")
}
