//! Tests that registering callbacks preserves all other entries, regardless of what the server does with the list.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use eqp_client::callbacks::{AllowedLosses, DesiredState, EntryName, KnownPasswords, NoPasswords, Registration};
use eqp_client::types::{ApiCallbackEntry, Secret};
use eqp_client::{Client, Error};
use eqp_test_support::api_server::{ApiServer, with_tokens};
use serde_json::{Value, json};

const OURS: &str = "https://ours.example/callbacks/main";
const THEIRS: &str = "https://theirs.example/hook";

/// The server's reaction to a `PUT` of the list.
#[derive(Clone, Copy, PartialEq)]
enum ServerBehaviour {
    Replaces,
    MergesByUrl,
    MergesByUrlAndUsername,
    /// Applies it, and answers 502.
    LosesTheAnswer,
    /// Applies it, and rejects reads afterwards.
    CannotBeReadAfterwards,
    /// Answers 502 and applies nothing.
    Fails,
    /// Stores only the last entry.
    LosesEntries,
    /// Answers 400 with the complete request in its message.
    Repeats,
}

#[derive(Clone)]
struct Market(Arc<Mutex<Inner>>);

struct Inner {
    behaviour: ServerBehaviour,
    list: Vec<Value>,
    puts: Vec<Value>,
    /// The edits of another client after each read, in order.
    meanwhile: Vec<Value>,
}

impl Market {
    fn start(behaviour: ServerBehaviour, list: impl IntoIterator<Item = Value>) -> (Self, Client) {
        let inner = Inner { behaviour, list: list.into_iter().collect(), puts: Vec::new(), meanwhile: Vec::new() };
        let market = Self(Arc::new(Mutex::new(inner)));
        let routes = Router::new().route("/rest/v1/users/MAG1", get(read).put(write)).with_state(market.clone());
        (market, ApiServer::start(with_tokens(routes).0).client())
    }

    fn list(&self) -> Vec<Value> {
        self.0.lock().unwrap().list.clone()
    }

    fn puts(&self) -> Vec<Value> {
        self.0.lock().unwrap().puts.clone()
    }

    fn meanwhile(&self, entries: impl IntoIterator<Item = Value>) {
        self.0.lock().unwrap().meanwhile = entries.into_iter().collect();
    }
}

async fn read(State(market): State<Market>) -> Response {
    let mut market = market.0.lock().unwrap();
    if market.behaviour == ServerBehaviour::CannotBeReadAfterwards && !market.puts.is_empty() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut shown = market.list.clone();
    shown.iter_mut().filter_map(Value::as_object_mut).for_each(|entry| drop(entry.remove("password")));
    if !market.meanwhile.is_empty() {
        let entry = market.meanwhile.remove(0);
        market.list.push(entry);
    }
    Json(json!({"mage_id": "MAG1", "api_callbacks": shown})).into_response()
}

async fn write(State(market): State<Market>, Json(body): Json<Value>) -> Response {
    let mut market = market.0.lock().unwrap();
    let sent = body["api_callbacks"].as_array().unwrap().clone();
    market.puts.push(body.clone());
    let key = |entry: &Value, behaviour| match behaviour {
        ServerBehaviour::MergesByUrl => entry["url"].to_string(),
        _ => format!("{} {}", entry["url"], entry["username"]),
    };
    match market.behaviour {
        ServerBehaviour::Fails => {}
        ServerBehaviour::LosesEntries => market.list = sent.last().cloned().into_iter().collect(),
        ServerBehaviour::Repeats => {
            return (StatusCode::BAD_REQUEST, Json(json!({"code": 1, "message": body.to_string()}))).into_response();
        }
        ServerBehaviour::Replaces | ServerBehaviour::LosesTheAnswer | ServerBehaviour::CannotBeReadAfterwards => {
            market.list = sent;
        }
        behaviour @ (ServerBehaviour::MergesByUrl | ServerBehaviour::MergesByUrlAndUsername) => {
            for entry in sent {
                match market.list.iter().position(|old| key(old, behaviour) == key(&entry, behaviour)) {
                    Some(at) => market.list[at] = entry,
                    None => market.list.push(entry),
                }
            }
        }
    }
    match market.behaviour {
        ServerBehaviour::LosesTheAnswer | ServerBehaviour::Fails => StatusCode::BAD_GATEWAY.into_response(),
        _ => StatusCode::OK.into_response(),
    }
}

fn entry(url: &str, username: &str, password: &str) -> Value {
    json!({"name": "a label", "url": url, "username": username, "password": password})
}

fn desired() -> DesiredState {
    DesiredState::Register(Registration::new(OURS, "new-user", Secret::new("new-hush")).unwrap().label("ours"))
}

fn known_passwords() -> KnownPasswords {
    KnownPasswords::new().managed(OURS, "old-user", Secret::new("old-hush")).supplied(
        THEIRS,
        "them",
        Secret::new("their-hush"),
    )
}

#[tokio::test]
async fn the_documented_registration_is_sent_as_documented() {
    let (market, client) = Market::start(ServerBehaviour::Replaces, []);
    let url = "https://developer.example.com/rest/v1/callback";
    let registration = Registration::new(url, "key", Secret::new("secret")).unwrap().label("My 1st EQP Callback");
    let desired = DesiredState::Register(registration);
    let applied = client.callbacks().change(&desired, &NoPasswords, &AllowedLosses::none()).await.unwrap();
    assert_eq!(
        market.puts(),
        [
            json!({"api_callbacks": [{"name": "My 1st EQP Callback", "url": url, "username": "key", "password": "secret"}]})
        ]
    );
    assert_eq!(applied.entries.len(), 1);
}

#[tokio::test]
async fn others_keep_their_entries_and_passwords_whatever_the_server_does_with_a_list() {
    for behaviour in [
        ServerBehaviour::Replaces,
        ServerBehaviour::MergesByUrl,
        ServerBehaviour::MergesByUrlAndUsername,
        ServerBehaviour::LosesTheAnswer,
    ] {
        let theirs = entry(THEIRS, "them", "their-hush");
        let (market, client) = Market::start(behaviour, [theirs.clone(), entry(OURS, "old-user", "old-hush")]);
        let applied = client.callbacks().change(&desired(), &known_passwords(), &AllowedLosses::none()).await.unwrap();
        let list = market.list();
        assert_eq!(list[0], theirs);
        assert_eq!(list.last().unwrap()["password"], "new-hush");
        let remaining = if behaviour == ServerBehaviour::MergesByUrlAndUsername {
            vec![EntryName::new(OURS, "old-user")]
        } else {
            vec![]
        };
        assert_eq!(applied.remaining, remaining);
        assert_eq!(applied.entries.len(), list.len());
        assert_eq!(market.puts().len(), 1);
        assert_eq!(market.puts()[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["api_callbacks"]);
    }
}

#[tokio::test]
async fn a_list_with_an_unknown_password_is_not_touched() {
    let list = [entry(THEIRS, "them", "their-hush"), json!({"odd": true})];
    let (market, client) = Market::start(ServerBehaviour::Replaces, list.clone());
    let error = client.callbacks().change(&desired(), &NoPasswords, &AllowedLosses::none()).await.unwrap_err();
    let Error::UnknownPasswords(refusal) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.entries.iter().map(|refused| refused.is_readable).collect::<Vec<_>>(), [true, false]);
    let text = error.to_string();
    assert!(text.contains("\"a label\" https://theirs.example/hook (user `them`)"), "{text}");
    assert!(text.contains("Supply the passwords") && text.contains("allow the entries to lose them"), "{text}");
    assert_eq!((market.puts().len(), market.list()), (0, list.to_vec()));
}

#[tokio::test]
async fn an_entry_may_lose_its_password_if_that_is_said() {
    let (market, client) = Market::start(ServerBehaviour::Replaces, [entry(THEIRS, "them", "their-hush")]);
    let allowed_losses = AllowedLosses::none().allow(EntryName::new(THEIRS, "them"));
    client.callbacks().change(&desired(), &NoPasswords, &allowed_losses).await.unwrap();
    assert_eq!(market.list()[0], json!({"name": "a label", "url": THEIRS, "username": "them"}));
}

#[tokio::test]
async fn a_list_that_changed_since_the_plan_is_not_overwritten() {
    let (market, client) = Market::start(ServerBehaviour::Replaces, []);
    let plan = client.callbacks().plan(&desired(), &known_passwords(), &AllowedLosses::none()).await.unwrap();
    market.0.lock().unwrap().list.push(entry(THEIRS, "them", "their-hush"));
    let error = client.callbacks().apply(&plan).await.unwrap_err();
    assert!(matches!(error, Error::ListChanged) && error.is_retryable());
    assert_eq!(market.puts().len(), 0);
}

#[tokio::test]
async fn an_entry_that_somebody_adds_meanwhile_is_kept_by_a_new_plan() {
    let (market, client) = Market::start(ServerBehaviour::Replaces, []);
    market.meanwhile([entry(THEIRS, "them", "their-hush")]);
    client.callbacks().change(&desired(), &known_passwords(), &AllowedLosses::none()).await.unwrap();
    assert_eq!(market.list().len(), 2);
    assert_eq!((market.list()[0].clone(), market.puts().len()), (entry(THEIRS, "them", "their-hush"), 1));
}

#[tokio::test]
async fn a_list_that_changes_all_the_time_is_not_written() {
    let (market, client) = Market::start(ServerBehaviour::Replaces, []);
    market.meanwhile((0..6).map(|n| entry(THEIRS, &format!("them-{n}"), "their-hush")));
    let error = client.callbacks().change(&desired(), &known_passwords(), &AllowedLosses::all()).await.unwrap_err();
    assert!(matches!(error, Error::ListChanged));
    assert_eq!(market.puts().len(), 0);
}

#[tokio::test]
async fn a_write_that_did_not_happen_is_an_error_and_not_repeated() {
    let (market, client) = Market::start(ServerBehaviour::Fails, []);
    let error = client.callbacks().change(&desired(), &NoPasswords, &AllowedLosses::none()).await.unwrap_err();
    assert_eq!((error.status(), market.puts().len()), (Some(502), 1));
}

#[tokio::test]
async fn a_write_that_cannot_be_read_back_may_have_happened() {
    let (market, client) = Market::start(ServerBehaviour::CannotBeReadAfterwards, []);
    let error = client.callbacks().change(&desired(), &NoPasswords, &AllowedLosses::none()).await.unwrap_err();
    assert!(matches!(error, Error::NotReadBack(_)) && error.outcome_is_unknown(), "{error:?}");
    assert_eq!((error.status(), market.list().len()), (Some(403), 1));
}

#[tokio::test]
async fn entries_that_vanished_are_named() {
    let (_, client) = Market::start(ServerBehaviour::LosesEntries, [entry(THEIRS, "them", "their-hush")]);
    let error = client.callbacks().change(&desired(), &known_passwords(), &AllowedLosses::none()).await.unwrap_err();
    let Error::NotVerified { missing, remaining } = &error else { panic!("{error:?}") };
    assert_eq!((missing.as_slice(), remaining.as_slice()), (&[EntryName::new(THEIRS, "them")][..], &[][..]));
    assert!(error.to_string().contains("missing https://theirs.example/hook (user `them`)"));
}

#[tokio::test]
async fn an_entry_can_be_removed() {
    let list = [entry(THEIRS, "them", "their-hush"), entry(OURS, "old-user", "old-hush")];
    let remove = DesiredState::Remove(EntryName::new(OURS, "old-user"));
    let (market, client) = Market::start(ServerBehaviour::Replaces, list.clone());
    client.callbacks().change(&remove, &known_passwords(), &AllowedLosses::none()).await.unwrap();
    assert_eq!(market.list(), list[..1]);
    // An entry that is already missing needs no write, and therefore no passwords.
    client.callbacks().change(&remove, &NoPasswords, &AllowedLosses::none()).await.unwrap();
    assert_eq!(market.puts().len(), 1);

    let (_, client) = Market::start(ServerBehaviour::MergesByUrl, list);
    let error = client.callbacks().change(&remove, &known_passwords(), &AllowedLosses::none()).await.unwrap_err();
    assert!(error.to_string().contains("not removed https://ours.example"), "{error}");
}

#[tokio::test]
async fn no_password_is_shown_by_an_error_that_repeats_the_request() {
    let (_, client) = Market::start(ServerBehaviour::Repeats, [entry(THEIRS, "them", "their-hush")]);
    let error = client.callbacks().change(&desired(), &known_passwords(), &AllowedLosses::none()).await.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.body().unwrap());
    assert!(shown.contains("new-user") && !shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn an_account_without_callbacks_has_an_empty_list_however_that_is_spelled() {
    for spelled in [json!([]), json!(null), json!({}), json!("")] {
        assert_eq!(profile(json!({"mage_id": "MAG1", "api_callbacks": spelled})).await.unwrap(), []);
    }
    assert_eq!(profile(json!({"mage_id": "MAG1"})).await.unwrap(), []);
    let error = profile(json!({"status": "ok"})).await.unwrap_err();
    assert!(matches!(error, Error::IncompleteProfile), "what is no profile has no empty list: {error:?}");
}

/// Returns the list of callbacks of a profile.
async fn profile(profile: Value) -> Result<Vec<ApiCallbackEntry>, Error> {
    let routes = Router::new().route("/rest/v1/users/MAG1", get(move || async move { Json(profile) }));
    ApiServer::start(with_tokens(routes).0).client().callbacks().list().await
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_written_back_as_it_is() {
    let odd = json!({"href": THEIRS, "n": [1, 2.5, null, {"deep": true}], "url": {"not": "text"}});
    let (market, client) = Market::start(ServerBehaviour::Replaces, [odd.clone()]);
    client.callbacks().change(&desired(), &known_passwords(), &AllowedLosses::all()).await.unwrap();
    assert_eq!(market.list()[0], odd);
}

#[tokio::test]
async fn who_has_lost_the_right_to_change_the_list_sends_nothing() {
    let (market, client) = Market::start(ServerBehaviour::Replaces, [entry(THEIRS, "them", "theirs")]);
    let callbacks = client.callbacks();
    let plan = callbacks.plan(&desired(), &known_passwords(), &AllowedLosses::none()).await.unwrap();
    let error = callbacks.apply_if(&plan, async { Err("the lock is gone".into()) }).await.unwrap_err();
    assert!(matches!(error, Error::LockLost(_)) && !error.outcome_is_unknown(), "{error:?}");
    assert_eq!(market.list().len(), 1);
    callbacks.apply_if(&plan, async { Ok(()) }).await.unwrap();
    assert_eq!(market.list().len(), 2);
}

#[tokio::test]
async fn the_list_is_shown_as_it_is() {
    let (_, client) = Market::start(ServerBehaviour::Replaces, [entry(THEIRS, "them", "x"), json!({"odd": true})]);
    let list = client.callbacks().list().await.unwrap();
    assert_eq!(list[0].known().unwrap().username.as_deref(), Some("them"));
    assert_eq!(list[1], ApiCallbackEntry::Unreadable(json!({"odd": true})));
}
