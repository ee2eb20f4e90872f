//! Creating endpoints and credentials.

use eqp_store::{CredentialState, Endpoints, MasterKey, NewEndpoint};
use eqp_test_support::TestDatabase;
use eqp_types::{Environment, MageId, Secret};

use eqp_test_support::receiver::{PATH, TestReceiver, endpoint};

async fn endpoints() -> (TestDatabase, Endpoints) {
    let database = TestDatabase::create().await;
    eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
    let endpoints = Endpoints::open(database.pool.clone(), MasterKey::ephemeral().unwrap()).await.unwrap();
    (database, endpoints)
}

#[tokio::test]
async fn an_account_has_one_id() {
    let (_database, endpoints) = endpoints().await;
    let number = async |environment, mage_id: &str| {
        endpoints.ensure_account(environment, &MageId::new(mage_id).unwrap()).await.unwrap()
    };
    let first = number(Environment::Production, "MAG1").await;
    assert_eq!(number(Environment::Production, "MAG1").await, first);
    assert_ne!(number(Environment::Sandbox, "MAG1").await, first);
}

#[tokio::test]
async fn names_and_paths_are_unique_and_checked() {
    let (_database, endpoints) = endpoints().await;
    endpoint(&endpoints, "main", None).await;
    let account = endpoints.list().await.unwrap();
    assert_eq!((account[0].name.as_str(), account[0].path.as_str()), ("main", "/callbacks/main"));
    let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG123456789").unwrap()).await.unwrap();
    let create = async |name: &str, path: Option<&str>| {
        let public_url = "https://callbacks.example.com/x".parse().unwrap();
        let mut new = NewEndpoint::new(account, name, public_url);
        new.path = path.map(str::to_owned);
        endpoints.create(&new).await
    };
    assert!(matches!(create("main", Some("/other")).await, Err(eqp_store::Error::EndpointExists { .. })));
    assert!(matches!(create("other", Some("/callbacks/main")).await, Err(eqp_store::Error::EndpointExists { .. })));
    assert!(matches!(create("a/b", None).await, Err(eqp_store::Error::EndpointName { .. })));
    assert!(matches!(create("other", Some("/readyz")).await, Err(eqp_store::Error::EndpointPath { .. })));
    create("other", Some("/rest/v1/callback")).await.unwrap();
}

#[tokio::test]
async fn a_receiver_lists_its_endpoint_paths_sorted() {
    let receiver = TestReceiver::new().await;
    for name in ["z", "a"] {
        endpoint(&receiver.endpoints, name, Some(&format!("/own/{name}"))).await;
    }
    let beside = receiver.builder(receiver.database.options.clone()).build().await.unwrap();
    assert_eq!(beside.endpoint_paths(), [PATH, "/own/a", "/own/z"]);
    drop(beside);
    receiver.stop().await;
}

#[tokio::test]
async fn an_issued_password_can_be_read_again_with_the_master_key_only() {
    let (database, endpoints) = endpoints().await;
    let main = endpoint(&endpoints, "main", None).await;
    let issued = endpoints.issue_credential(main).await.unwrap();
    assert!(issued.username.starts_with("eqp-"));
    assert_eq!(issued.password.expose().len(), 43, "32 bytes in URL-safe base64");
    assert!(!format!("{issued:?}").contains(issued.password.expose()));
    let url = "https://callbacks.example.com/callbacks/main";
    let read = endpoints.password(url, &issued.username).await.unwrap().unwrap();
    assert_eq!(read.expose(), issued.password.expose());
    assert!(endpoints.password("https://callbacks.example.com/", &issued.username).await.unwrap().is_none());
    assert!(endpoints.password(url, "other").await.unwrap().is_none());
    let leaked: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select password_hmac, ciphertext from eqp.credential join eqp.sealed_secret on credential_id = id",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let secret = issued.password.expose().as_bytes();
    for (hash, sealed) in leaked {
        assert!(!hash.windows(secret.len()).chain(sealed.windows(secret.len())).any(|window| window == secret));
    }
}

#[tokio::test]
async fn a_user_name_that_basic_cannot_carry_is_refused() {
    let (_database, endpoints) = endpoints().await;
    let main = endpoint(&endpoints, "main", None).await;
    for name in ["", "a:b", ":", "a\nb", &"x".repeat(256)] {
        let refused = endpoints.import_credential(main, name, &Secret::new("x")).await;
        assert!(matches!(refused, Err(eqp_store::Error::CredentialName)), "{name:?}: {refused:?}");
    }
    for name in ["x", &"x".repeat(255)] {
        endpoints.import_credential(main, name, &Secret::new("x")).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotation_has_two_credentials_in_use_and_never_three() {
    let (_database, endpoints) = endpoints().await;
    let main = endpoint(&endpoints, "main", None).await;
    let old = endpoints.import_credential(main, "key", &Secret::new("secret")).await.unwrap();
    assert!(matches!(
        endpoints.import_credential(main, "key", &Secret::new("x")).await,
        Err(eqp_store::Error::CredentialExists { .. })
    ));
    assert!(matches!(
        endpoints.import_credential(main, "a:b", &Secret::new("x")).await,
        Err(eqp_store::Error::CredentialName)
    ));
    endpoints.activate(old).await.unwrap();
    let new = endpoints.issue_credential(main).await.unwrap();
    assert!(matches!(endpoints.issue_credential(main).await, Err(eqp_store::Error::TooManyCredentials { .. })));
    let states = async || {
        let listed = endpoints.list().await.unwrap();
        listed[0].credentials.iter().map(|credential| (credential.id, credential.state)).collect::<Vec<_>>()
    };
    assert_eq!(states().await, [(new.id, CredentialState::Pending), (old, CredentialState::Active)]);
    endpoints.activate(new.id).await.unwrap();
    assert_eq!(states().await, [(new.id, CredentialState::Active), (old, CredentialState::Retiring)]);
    endpoints.retire_credential(old).await.unwrap();
    assert_eq!(states().await, [(new.id, CredentialState::Active)]);
    assert!(matches!(endpoints.activate(old).await, Err(eqp_store::Error::UnknownCredential { .. })));
    let url = "https://callbacks.example.com/callbacks/main";
    assert!(endpoints.password(url, "key").await.unwrap().is_none(), "a retired password is forgotten");
    endpoints.issue_credential(main).await.unwrap();
}

#[tokio::test]
async fn a_retired_endpoint_is_no_longer_listed() {
    let (_database, endpoints) = endpoints().await;
    let main = endpoint(&endpoints, "main", None).await;
    endpoints.retire(main).await.unwrap();
    assert!(endpoints.list().await.unwrap().is_empty());
    assert!(matches!(endpoints.retire(main).await, Err(eqp_store::Error::UnknownEndpoint { .. })));
    assert!(matches!(endpoints.issue_credential(main).await, Err(eqp_store::Error::UnknownEndpoint { .. })));
}
