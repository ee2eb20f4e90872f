//! Registrations through the public API, against the simulator and a real Postgres.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use eqp_client::Client;
use eqp_client::callbacks::{AllowedLosses, DesiredState, EntryName, NoPasswords, Registration};
use eqp_client::users::ProfileUpdate;
use eqp_simulator::Simulator;
use eqp_store::{CredentialState, Endpoints, MasterKey};
use eqp_sync::{
    Applied, Confirmation, EntrySelector, Error, NewRegistration, Plan, RegistrationState, Registrations, Removal,
    Snapshot, Step, Unmanaged,
};
use eqp_test_support::TestDatabase;
use eqp_test_support::marketplace::client_of;
use eqp_types::Secret;
use serde_json::{Value, json};

const OURS: &str = "https://eqp.example.com/callbacks/main";
const THEIRS: &str = "https://other.example.com/hook";
const GRACE: Duration = Duration::from_hours(1);

/// A simulated Marketplace and a database.
struct Setup {
    simulator: Simulator,
    database: TestDatabase,
    endpoints: Endpoints,
}

impl Setup {
    async fn new() -> Self {
        let simulator = Simulator::builder().start().await.unwrap();
        let database = TestDatabase::create().await;
        eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
        let endpoints = Endpoints::open(database.pool.clone(), MasterKey::ephemeral().unwrap()).await.unwrap();
        Self { simulator, database, endpoints }
    }

    fn client(&self) -> Client {
        client_of(&self.simulator)
    }

    /// Returns registrations like those of another process.
    fn registrations(&self) -> Registrations {
        Registrations::new(self.client(), self.endpoints.clone())
    }

    async fn observe(&self) -> Snapshot {
        self.registrations().observe().await.unwrap()
    }

    async fn apply(&self, plan: &Plan) -> Result<Applied, Error> {
        self.registrations().apply(plan, Confirmation::given()).await
    }

    /// Registers the endpoint `main`; returns its user name.
    async fn register(&self) -> String {
        let plan = self.observe().await.add(&main()).unwrap();
        self.apply(&plan).await.unwrap();
        plan.username().unwrap().to_owned()
    }

    async fn state(&self) -> RegistrationState {
        self.observe().await.drift().endpoints.remove(0).1
    }

    async fn usernames(&self) -> Vec<String> {
        let list = self.client().callbacks().list().await.unwrap();
        list.iter().filter_map(|entry| entry.known()?.username.clone()).collect()
    }

    /// Returns the accepted credentials of the only endpoint.
    async fn credentials(&self) -> Vec<(String, CredentialState)> {
        let endpoint = self.endpoints.list().await.unwrap().remove(0);
        endpoint.credentials.into_iter().map(|one| (one.username, one.state)).collect()
    }

    /// Adds an entry as another program.
    async fn register_theirs(&self) {
        let theirs = Registration::new(THEIRS, "key", Secret::new("their-password")).unwrap();
        let wish = DesiredState::Register(theirs);
        self.client().callbacks().change(&wish, &NoPasswords, &AllowedLosses::all()).await.unwrap();
    }

    /// Overwrites the list as another program.
    async fn overwrite(&self, list: Value) {
        let mut update = ProfileUpdate::default();
        update.fields.insert("api_callbacks".to_owned(), list);
        self.client().users().put(&update).await.unwrap();
    }

    async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.database.pool).await.unwrap();
    }
}

fn main() -> NewRegistration {
    NewRegistration::new("main").url(OURS.parse().unwrap())
}

fn registered(username: &str) -> RegistrationState {
    RegistrationState::Registered { username: username.to_owned() }
}

#[tokio::test]
async fn an_endpoint_is_added_rotated_and_removed() {
    let setup = Setup::new().await;
    let first = setup.register().await;
    assert_eq!(setup.usernames().await, [first.as_str()]);
    assert_eq!(setup.state().await, registered(&first));
    assert!(setup.observe().await.drift().is_consistent());
    assert!(setup.observe().await.add(&main()).unwrap().is_empty(), "there is nothing to do");

    let plan = setup.observe().await.rotate("main", GRACE).unwrap();
    let second = plan.username().unwrap().to_owned();
    assert_eq!(plan.replaces(), Some(first.as_str()));
    let applied = setup.apply(&plan).await.unwrap();
    assert_eq!((applied.entries.len(), applied.remaining.len()), (1, 0));
    assert_eq!(setup.usernames().await, [second.as_str()]);
    let accepted = [(second.clone(), CredentialState::Active), (first.clone(), CredentialState::Retiring)];
    assert_eq!(setup.credentials().await, accepted);
    let again = setup.observe().await.rotate("main", GRACE).unwrap_err();
    assert!(matches!(again, Error::RotationNotOver { .. }), "{again:?}");

    let applied = setup.apply(&setup.observe().await.retire("main").unwrap()).await.unwrap();
    assert_eq!(applied.refused.unwrap().usernames, [first]);
    assert_eq!(setup.credentials().await, [(second.clone(), CredentialState::Active)]);

    let plan = setup.observe().await.remove(&Removal::Endpoint("main".to_owned()), GRACE).unwrap();
    setup.apply(&plan).await.unwrap();
    assert!(setup.usernames().await.is_empty());
    assert_eq!(setup.credentials().await, [(second, CredentialState::Retiring)]);
    assert!(setup.observe().await.drift().is_consistent());
}

#[tokio::test]
async fn a_rotation_without_a_grace_period_refuses_the_old_credential() {
    let setup = Setup::new().await;
    let first = setup.register().await;
    let plan = setup.observe().await.rotate("main", Duration::ZERO).unwrap();
    let applied = setup.apply(&plan).await.unwrap();
    assert_eq!(applied.refused.unwrap().usernames, [first]);
    assert_eq!(setup.credentials().await, [(plan.username().unwrap().to_owned(), CredentialState::Active)]);
}

#[tokio::test]
async fn a_plan_changes_nothing_and_shows_no_password() {
    let setup = Setup::new().await;
    setup.register_theirs().await;
    let theirs = Unmanaged::new().password_of(EntrySelector::parse(THEIRS), Secret::new("their-password"));
    let plan = setup.observe().await.with_unmanaged(theirs).add(&main()).unwrap();
    assert!(setup.endpoints.list().await.unwrap().is_empty());
    assert_eq!(setup.usernames().await, ["key"]);

    let username = plan.username().unwrap();
    let password = plan.steps().iter().find_map(|step| match step {
        Step::StoreCredential { password, .. } => Some(password.expose().to_owned()),
        _ => None,
    });
    let serialized = serde_json::to_value(&plan).unwrap();
    for shown in [plan.to_string(), format!("{plan:?}"), serialized.to_string()] {
        assert!(shown.contains(username), "{shown}");
        assert!(!shown.contains(password.as_ref().unwrap()) && !shown.contains("their-password"), "{shown}");
    }
    assert_eq!(
        plan.to_string().replace(username, "USER"),
        "main: create the endpoint for https://eqp.example.com/callbacks/main at /callbacks/main\n\
         main: store a credential with user name USER\n\
         keep https://other.example.com/hook (user `key`)\n\
         add https://eqp.example.com/callbacks/main (user `USER`)\n\
         main: activate user name USER"
    );
    let steps: Vec<_> = serialized["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["create_endpoint", "store_credential", "write_list", "activate"]);
    assert_eq!(
        serialized["steps"][2]["changes"][0],
        json!({"change": "keep", "entry": "https://other.example.com/hook (user `key`)"})
    );

    setup.apply(&plan).await.unwrap();
    assert_eq!(setup.usernames().await, ["key", plan.username().unwrap()]);
}

#[tokio::test]
async fn an_unmanaged_entry_whose_password_is_unknown_is_never_overwritten_silently() {
    let setup = Setup::new().await;
    setup.register_theirs().await;
    let refused = setup.observe().await.add(&main()).unwrap_err();
    assert!(matches!(refused, Error::Marketplace(eqp_client::Error::UnknownPasswords(_))), "{refused:?}");
    let may_lose = Unmanaged::new().may_lose_password(EntrySelector::parse(THEIRS));
    assert!(setup.observe().await.with_unmanaged(may_lose).add(&main()).is_ok());
}

#[tokio::test]
async fn an_entry_is_adopted_with_its_password_and_without() {
    let setup = Setup::new().await;
    setup.overwrite(json!([{"name": "theirs", "url": OURS, "username": "key", "password": "hush"}])).await;
    let entry = EntrySelector::new(OURS, None);
    let plan = setup.observe().await.adopt(&entry, &main(), Some(&Secret::new("hush"))).unwrap();
    assert!(!plan.writes_list());
    setup.apply(&plan).await.unwrap();
    assert_eq!(setup.state().await, registered("key"));
    let snapshot = setup.observe().await;
    for password in [Some(&Secret::new("hush")), None] {
        assert!(snapshot.adopt(&entry, &main(), password).unwrap().is_empty());
    }
    let refused = snapshot.adopt(&entry, &main(), Some(&Secret::new("other"))).unwrap_err();
    assert!(matches!(refused, Error::OtherPassword { .. }), "{refused:?}");

    let setup = Setup::new().await;
    setup.overwrite(json!([{"name": "theirs", "url": OURS, "username": "key", "password": "hush"}])).await;
    let plan = setup.observe().await.adopt(&entry, &main(), None).unwrap();
    assert_eq!(plan.replaces(), Some("key"));
    setup.apply(&plan).await.unwrap();
    assert_eq!(setup.usernames().await, [plan.username().unwrap()]);
}

#[tokio::test]
async fn all_entries_of_a_url_are_removed_and_no_other() {
    let setup = Setup::new().await;
    let ours = setup.register().await;
    let password = setup.endpoints.password(OURS, &ours).await.unwrap().unwrap();
    setup
        .overwrite(json!([
            {"name": "a", "url": THEIRS, "username": "first", "password": "theirs"},
            {"name": "main", "url": OURS, "username": ours, "password": password.expose()},
            {"name": "b", "url": THEIRS, "username": "second", "password": "theirs"},
        ]))
        .await;
    let theirs = EntrySelector::parse(THEIRS);
    let unmanaged = Unmanaged::new().password_of(theirs.clone(), Secret::new("theirs"));
    let snapshot = setup.observe().await.with_unmanaged(unmanaged);
    let plan = snapshot.remove(&Removal::Entry(theirs), GRACE).unwrap();
    assert_eq!(plan.removed().map(EntryName::username).collect::<Vec<_>>(), ["first", "second"]);
    let applied = setup.apply(&plan).await.unwrap();
    assert!(applied.endpoint.is_none());
    assert_eq!(setup.usernames().await, [ours.as_str()]);
    assert_eq!(setup.state().await, registered(&ours));

    let refused = setup.observe().await.remove(&Removal::Entry(EntrySelector::parse(OURS)), GRACE).unwrap_err();
    assert!(matches!(refused, Error::EntryOfEndpoint { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_plan_is_not_applied_to_a_list_that_somebody_changed_meanwhile() {
    let setup = Setup::new().await;
    let plan = setup.observe().await.add(&main()).unwrap();
    setup.register_theirs().await;
    let refused = setup.apply(&plan).await.unwrap_err();
    assert!(matches!(refused, Error::Marketplace(eqp_client::Error::ListChanged)), "{refused:?}");
    assert_eq!(setup.usernames().await, ["key"]);
    assert!(setup.credentials().await.is_empty(), "the credential that was never sent is retired");

    let setup = Setup::new().await;
    setup.register().await;
    let plan = setup.observe().await.rotate("main", GRACE).unwrap();
    setup.apply(&plan).await.unwrap();
    let retire = setup.observe().await.retire("main").unwrap();
    setup.overwrite(json!([])).await;
    let refused = setup.apply(&retire).await.unwrap_err();
    assert!(matches!(refused, Error::Marketplace(eqp_client::Error::ListChanged)), "{refused:?}");
}

#[tokio::test]
async fn of_two_plans_from_one_snapshot_only_the_first_is_applied() {
    let setup = Setup::new().await;
    let snapshot = setup.observe().await;
    let (first, second) = (snapshot.add(&main()).unwrap(), snapshot.add(&main()).unwrap());
    setup.apply(&first).await.unwrap();
    let refused = setup.apply(&second).await.unwrap_err();
    assert!(matches!(refused, Error::Changed), "{refused:?}");
    assert_eq!(setup.usernames().await, [first.username().unwrap()]);
}

#[tokio::test]
async fn one_process_at_a_time_changes_the_registrations_of_an_account() {
    let setup = Setup::new().await;
    let plan = setup.observe().await.add(&main()).unwrap();
    let mut first = setup.registrations();
    first.lock().await.unwrap();
    let refused = setup.apply(&plan).await.unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused:?}");
    first.apply(&plan, Confirmation::given()).await.unwrap();
    assert_eq!(setup.usernames().await, [plan.username().unwrap()]);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_continued_with_the_credential_that_it_had() {
    let setup = Setup::new().await;
    let plan = setup.observe().await.add(&main()).unwrap();
    setup.simulator.add_fault("answer-lost call=users.put".parse().unwrap());
    // The list is read once before the write.
    setup.simulator.add_fault("status=503 call=users.get nth=2,3,4,5".parse().unwrap());
    let lost = setup.apply(&plan).await.unwrap_err();
    assert!(matches!(lost, Error::OutcomeUnknown(_)), "{lost:?}");
    setup.simulator.clear_faults();
    let username = plan.username().unwrap();
    assert_eq!(setup.state().await, RegistrationState::Unconfirmed { username: username.to_owned() });

    let continued = setup.observe().await.add(&main()).unwrap();
    assert!(matches!(continued.steps(), [Step::Confirm { .. }]), "{continued}");
    setup.apply(&continued).await.unwrap();
    assert_eq!(setup.state().await, registered(username));
    assert_eq!(setup.usernames().await, [username]);
}

#[tokio::test]
async fn a_rotation_that_ended_in_the_middle_is_continued_with_the_credential_that_it_had() {
    let setup = Setup::new().await;
    let old = setup.register().await;
    // A receiver with a heartbeat that loads nothing, so that the rotation waits for it.
    setup.execute("insert into eqp.receiver values (gen_random_uuid(), now() + interval '1 hour', -1)").await;
    let plan = setup.observe().await.rotate("main", GRACE).unwrap();
    let new = plan.username().unwrap().to_owned();
    let mut crashing = setup.registrations();
    let crashing = tokio::spawn(async move { crashing.apply(&plan, Confirmation::given()).await });
    let is_stored = async {
        while setup.credentials().await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), is_stored).await.expect("the credential is stored");
    crashing.abort();
    assert!(crashing.await.unwrap_err().is_cancelled());
    setup.execute("delete from eqp.receiver").await;
    assert_eq!(setup.state().await, RegistrationState::RotationIncomplete { username: old.clone() });

    // The lock is released when its connection has noticed.
    let plan = setup.observe().await.rotate("main", GRACE).unwrap();
    assert_eq!(plan.username(), Some(new.as_str()));
    assert!(!plan.steps().iter().any(|step| matches!(step, Step::StoreCredential { .. })), "{plan}");
    let is_applied = async {
        while let Err(error) = setup.apply(&plan).await {
            assert!(matches!(error, Error::Locked { .. }), "{error:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), is_applied).await.expect("the lock is given back");
    assert_eq!(setup.usernames().await, [new.as_str()]);
    assert_eq!(setup.state().await, registered(&new));
    assert_eq!(setup.credentials().await[1], (old, CredentialState::Retiring));
}
