//! The lists and details that the operator API only reads: stored callbacks, files, products, endpoints, runs and spools.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;

use eqp_console::{
    ByteEncoding, CallbackFilter, EndpointQuery, NewToken, OperatorClient, OperatorListener, OperatorService,
    Principal, ProductQuery, ProductSettings, ReconcileRunQuery, Scope, SpoolLevel,
};
use eqp_store::internal::callback_list;
use eqp_store::{CallbackDisposition, Store};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, later_form, package, scan};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// A server over HTTP, because the headers of its responses matter, with a client of the same service.
struct Server {
    url: String,
    token: String,
    http: reqwest::Client,
    local: OperatorClient,
    _stop: DropGuard,
}

impl Server {
    async fn on(database: &CallbackDatabase) -> Self {
        let stop = CancellationToken::new();
        let configured = ProductSettings { owner: Some("checkout team".into()), ..ProductSettings::default() };
        let level = || Some(SpoolLevel { callbacks: 3, oldest_at: None, quarantined: 1, size_bytes: 700 });
        let service = OperatorService::new(Store::new(database.pool.clone()))
            .products([("acme/configured".to_owned(), configured)])
            .spool(level);
        let listener = OperatorListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", listener.local_addr());
        tokio::spawn(listener.serve(service.network_router(&[]), stop.clone()));
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let local = OperatorClient::in_process(&service, Principal::Local);
        let token = local.create_token(&NewToken::new("reader", [Scope::Read])).await.unwrap();
        Self { url, token: token.secret.expose().to_owned(), http, local, _stop: stop.drop_guard() }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token).send().await.unwrap()
    }

    /// Returns the status and the code and detail of a problem.
    async fn problem(&self, path: &str) -> (u16, String, String) {
        let response = self.get(path).await;
        let status = response.status().as_u16();
        let problem: Value = response.json().await.unwrap();
        let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        (status, text("code"), text("detail"))
    }

    async fn callbacks(&self, filter: CallbackFilter) -> Vec<Uuid> {
        let found = self.local.callbacks(&CallbackFilter { limit: 10_000, ..filter }).await.unwrap();
        assert_eq!(found.next_before_id, None);
        found.callbacks.iter().map(|callback| callback.id).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_listed_by_page_each_once_and_by_every_filter() {
    let database = CallbackDatabase::new().await;
    let other = database.beside("sandbox", "MAG987654321", "other").await;
    let first = database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1)).await;
    let duplicate = database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1)).await;
    let of_file = database.callback(scan("f1", "pass")).await;
    let undecodable = database.callback(b"\xff\x00").await;
    let of_other = other.callback(scan("f2", "pass")).await;
    database.project().await;
    let pending = database.callback(scan("f3", "fail")).await;
    let early = OffsetDateTime::now_utc() - Duration::days(3);
    let old = database.callbacks_of(early, &[scan("f0", "pass")]).await[0];
    let server = Server::on(&database).await;

    let all = [pending, of_other, undecodable, of_file, duplicate, first, old];
    for limit in [1, 2, 3, 7, 50] {
        let (mut before_id, mut found) = (None, Vec::new());
        loop {
            let filter = CallbackFilter { before_id, limit, ..CallbackFilter::default() };
            let page = server.local.callbacks(&filter).await.unwrap();
            assert!(page.callbacks.len() <= limit as usize);
            found.extend(page.callbacks.iter().map(|callback| callback.id));
            before_id = page.next_before_id;
            if before_id.is_none() {
                break;
            }
        }
        assert_eq!(found, all, "{limit}");
    }
    let none = CallbackFilter::default;
    let disposition = |disposition| CallbackFilter { disposition: Some(disposition), ..none() };
    for (filter, expected) in [
        (CallbackFilter { resource_id: Some("s1".into()), ..none() }, vec![duplicate, first]),
        (CallbackFilter { resource_id: Some("s9".into()), ..none() }, vec![]),
        (CallbackFilter { endpoint: Some("other".into()), ..none() }, vec![of_other]),
        (CallbackFilter { mage_id: Some("MAG987654321".parse().unwrap()), ..none() }, vec![of_other]),
        (CallbackFilter { environment: Some("sandbox".parse().unwrap()), ..none() }, vec![of_other]),
        (disposition(CallbackDisposition::Undecodable), vec![undecodable]),
        (disposition(CallbackDisposition::Duplicate), vec![duplicate]),
        (disposition(CallbackDisposition::Event), vec![of_other, of_file, first]),
        (CallbackFilter { pending: Some(true), ..none() }, vec![pending, old]),
        (CallbackFilter { until: Some(early + Duration::hours(1)), ..none() }, vec![old]),
        (CallbackFilter { since: Some(early + Duration::hours(1)), ..none() }, all[..6].to_vec()),
    ] {
        assert_eq!(server.callbacks(filter.clone()).await, expected, "{filter:?}");
    }
    let page = server.local.callbacks(&CallbackFilter { resource_id: Some("s1".into()), ..none() }).await.unwrap();
    let [listed, original] = &page.callbacks[..] else { panic!("{page:?}") };
    assert_eq!(listed.duplicate_of, Some(original.id));
    let shown = serde_json::to_value(original).unwrap();
    let size = later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1).len();
    assert_eq!((&shown["resource_kind"], &shown["resource_id"]), (&"submission".into(), &"s1".into()));
    assert_eq!((&shown["endpoint"], &shown["size_bytes"]), (&"main".into(), &size.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_rare_callback_end_and_repeat_nothing_although_each_searches_only_a_part() {
    let database = CallbackDatabase::new().await;
    let mut rare = Vec::new();
    for number in 0..20 {
        let id = database.callback(scan(&format!("f{number}"), "pass")).await;
        if [3, 4, 19].contains(&number) {
            database.beside("sandbox", &format!("MAG{number}"), &format!("rare-{number}")).await;
            sqlx::query("update eqp.callback set endpoint_id = (select max(id) from eqp.endpoint) where id = $1")
                .bind(id)
                .execute(&database.pool)
                .await
                .unwrap();
            rare.insert(0, id);
        }
    }
    let environment = Some("sandbox".parse().unwrap());
    for (scanned, limit) in [(1, 1), (3, 2), (7, 50), (20, 50), (21, 1)] {
        let (mut before_id, mut found, mut pages) = (None, Vec::new(), 0);
        loop {
            let filter = CallbackFilter { environment, before_id, limit, ..CallbackFilter::default() };
            let page = callback_list::list_scanning(&database.pool, &filter, scanned).await.unwrap();
            found.extend(page.callbacks.iter().map(|callback| callback.id));
            (before_id, pages) = (page.next, pages + 1);
            if before_id.is_none() {
                break;
            }
        }
        assert_eq!(found, rare, "{scanned} {limit}");
        assert!(pages <= 21, "{pages}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_shown_and_downloaded_byte_for_byte() {
    let database = CallbackDatabase::new().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies: Vec<Vec<u8>> = vec![
        scan("f1", "pass").into_bytes(),
        b"<script>alert(1)</script>".to_vec(),
        b"{\"a\": \"\\u0000\"}\0\r\n\x1b[2J".to_vec(),
        "\u{202e}\u{feff}é".into(),
        Vec::new(),
        every_byte,
    ];
    let ids = database.callbacks(&bodies).await;
    sqlx::query("update eqp.callback set headers = $1 where id = $2")
        .bind(b":path: /x?y\r\nx-odd: \xff\r\n".as_slice())
        .bind(ids[5])
        .execute(&database.pool)
        .await
        .unwrap();
    database.project().await;
    let server = Server::on(&database).await;
    for (id, body) in ids.iter().zip(&bodies) {
        let raw = server.get(&format!("/callbacks/{id}/raw")).await;
        let attachment = format!("attachment; filename=\"callback-{id}.bin\"");
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("content-disposition", attachment.as_str()),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(raw.headers()[name], value);
        }
        assert_eq!(raw.bytes().await.unwrap(), body.as_slice());
        assert_eq!(server.local.callback_body(*id).await.unwrap().unwrap(), *body);
        let shown = server.local.callback(*id).await.unwrap().unwrap();
        assert_eq!(shown.callback.size_bytes, body.len() as u64);
        if let Ok(text) = std::str::from_utf8(body) {
            assert_eq!((shown.body.encoding, shown.body.content.as_str()), (ByteEncoding::Utf8, text));
        } else {
            let hex: Vec<String> = body.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((shown.body.encoding, shown.body.content), (ByteEncoding::Hex, hex.concat()));
        }
    }
    let odd = server.local.callback(ids[5]).await.unwrap().unwrap();
    assert_eq!((odd.headers.encoding, odd.arrived_path.as_deref()), (ByteEncoding::Hex, Some("/x?y")));
    let usual = server.local.callback(ids[0]).await.unwrap().unwrap();
    assert_eq!(usual.headers.content, "content-type: application/json\r\n");
    assert_eq!(usual.source.to_string(), "192.0.2.7");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_ids_and_limits_are_named_and_unknown_ids_are_not_found() {
    let database = CallbackDatabase::new().await;
    let server = Server::on(&database).await;
    let unknown = Uuid::nil();
    for (path, named) in [
        ("/callbacks/7", "callback"),
        ("/callbacks/00000000000000000000000000000000", "callback"),
        ("/callbacks/%7B00000000-0000-0000-0000-000000000000%7D", "callback"),
        ("/callbacks/x/raw", "callback"),
        ("/callbacks/%00", "path"),
        ("/callbacks?before_id=7", "before_id"),
        ("/callbacks?disposition=odd", "disposition"),
        ("/callbacks?since=yesterday", "since"),
        ("/callbacks?pending=perhaps", "pending"),
        ("/callbacks?order=newest_first", "order"),
        ("/reconcile-runs/x", "run"),
        ("/reconcile-runs/99999999999999999999", "run"),
        ("/reconcile-runs?before_id=x", "before_id"),
        ("/reconcile-runs?kind=odd", "kind"),
        ("/files/%00", "path"),
        ("/files/f1?environment=staging", "environment"),
        ("/endpoints?retired=2", "retired"),
        ("/products?mage_id=", "mage_id"),
    ] {
        let (status, code, detail) = server.problem(path).await;
        assert_eq!((status, code.as_str()), (400, "invalid_request"), "{path}: {detail}");
        assert!(detail.contains(named), "{path}: {detail}");
    }
    for list in ["/callbacks", "/products", "/endpoints", "/reconcile-runs"] {
        for limit in ["0", "1000000000", "10001", "-1", "4294967296", "x"] {
            let (status, _, detail) = server.problem(&format!("{list}?limit={limit}")).await;
            assert!(status == 400 && detail.contains("limit"), "{list} {limit}: {status} {detail}");
        }
        assert_eq!(server.get(&format!("{list}?limit=10000")).await.status(), 200, "{list}");
    }
    for path in [
        format!("/callbacks/{unknown}"),
        format!("/callbacks/{unknown}/raw"),
        "/files/f404".to_owned(),
        "/reconcile-runs/404".to_owned(),
        "/reconcile-runs/-1".to_owned(),
    ] {
        assert_eq!(server.problem(&path).await.0, 404, "{path}");
    }
    assert_eq!(server.local.callback(unknown).await.unwrap(), None);
    assert_eq!(server.local.callback_body(unknown).await.unwrap(), None);
    assert_eq!(server.local.reconcile_run(404).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_with_its_events() {
    let database = CallbackDatabase::new().await;
    let other = database.beside("sandbox", "MAG987654321", "other").await;
    database.callbacks(&[scan("f1", "fail"), scan("f2", "pass")]).await;
    other.callback(scan("f1", "pass")).await;
    database.project().await;
    let server = Server::on(&database).await;
    let files = server.local.file(None, "f1").await.unwrap().unwrap().files;
    assert_eq!(files.len(), 2);
    let only = server.local.file(Some("sandbox".parse().unwrap()), "f1").await.unwrap().unwrap().files;
    let [file] = &only[..] else { panic!("{only:?}") };
    assert_eq!(
        (file.file.malware.as_str(), file.file.mage_id.as_str(), file.events.len()),
        ("passed", "MAG987654321", 1)
    );
    assert_eq!(server.local.file(Some("sandbox".parse().unwrap()), "f2").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_show_their_credentials_and_their_drift_but_no_secret() {
    let database = CallbackDatabase::new().await;
    for name in ["alpha", "zeta", "Ägypten"] {
        database.beside("sandbox", &format!("MAG-{name}").replace('Ä', "A"), name).await;
    }
    sqlx::raw_sql(
        "insert into eqp.credential (endpoint_id, username, password_hmac, state, last_used_at, retire_at)
         select id, 'old', repeat('h', 32)::bytea, 'retiring', now(), now() from eqp.endpoint where name = 'main';
         insert into eqp.credential (endpoint_id, username, password_hmac, state)
         select id, 'new', repeat('h', 32)::bytea, 'active' from eqp.endpoint where name = 'main';
         insert into eqp.sealed_secret (credential_id, key_id, nonce, ciphertext)
         select id, 'hush', 'hush', 'hush' from eqp.credential;
         insert into eqp.registration_check (endpoint_id, state, consistent, since, checked_at)
         select id, 'missing', false, now(), now() from eqp.endpoint where name = 'main';
         update eqp.endpoint set retired_at = now() where name = 'zeta'",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let server = Server::on(&database).await;
    let (mut names, mut after_name) = (Vec::new(), None);
    loop {
        let query = EndpointQuery { after_name, limit: 1, retired: true, ..EndpointQuery::default() };
        let Some(endpoint) = server.local.endpoints(&query).await.unwrap().endpoints.pop() else { break };
        names.push(endpoint.name.clone());
        after_name = Some(endpoint.name);
    }
    assert_eq!((names.len(), names.iter().collect::<BTreeSet<_>>().len()), (4, 4), "{names:?}");
    let in_use = server.local.endpoints(&EndpointQuery::default()).await.unwrap().endpoints;
    assert!(in_use.len() == 3 && in_use.iter().all(|endpoint| endpoint.retired_at.is_none()), "{in_use:?}");
    let main = in_use.iter().find(|endpoint| endpoint.name == "main").unwrap();
    let registration = main.registration.as_ref().unwrap();
    assert_eq!((registration.state.as_str(), registration.is_consistent), ("missing", false));
    let credentials: Vec<_> = main.credentials.iter().map(|one| (one.username.as_str(), one.state.as_str())).collect();
    assert_eq!(credentials, [("new", "active"), ("old", "retiring")]);
    assert!(main.credentials[1].last_used_at.is_some() && main.credentials[1].retires_at.is_some());
    let shown = server.get("/endpoints?retired=true").await.text().await.unwrap();
    for secret in ["hush", "hhhh", "6868", "hmac", "cipher"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_each_once() {
    let database = CallbackDatabase::new().await;
    sqlx::query(
        "insert into eqp.reconcile_run (account_id, kind, finished_at, resources, stored, error)
         select $1, case when number % 2 = 0 then 'full' else 'incremental' end, now(), number, 1,
                case when number = 5 then 'the access key was rejected' end
         from generate_series(1, 9) as number",
    )
    .bind(database.account.0)
    .execute(&database.pool)
    .await
    .unwrap();
    let server = Server::on(&database).await;
    let (mut ids, mut before_id) = (Vec::new(), None);
    loop {
        let query = ReconcileRunQuery { before_id, limit: 4, ..ReconcileRunQuery::default() };
        let runs = server.local.reconcile_runs(&query).await.unwrap().runs;
        let Some(last) = runs.last() else { break };
        before_id = Some(last.id);
        ids.extend(runs.iter().map(|run| run.id));
    }
    assert_eq!(ids, (1..=9).rev().collect::<Vec<_>>());
    let query = ReconcileRunQuery { failed: Some(true), ..ReconcileRunQuery::default() };
    let failed = server.local.reconcile_runs(&query).await.unwrap().runs;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].error.as_deref(), Some("the access key was rejected"));
    assert_eq!(server.local.reconcile_run(5).await.unwrap().as_ref(), Some(&failed[0]));
    let query = ReconcileRunQuery { kind: Some("full".parse().unwrap()), ..ReconcileRunQuery::default() };
    assert_eq!(server.local.reconcile_runs(&query).await.unwrap().runs.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_those_of_the_configuration_and_of_the_submissions() {
    let database = CallbackDatabase::new().await;
    for (submission, status) in [("s1", "released_to_store"), ("s2", "in_progress")] {
        database.read_package(package(submission, [status, "approved", "approved"], 1)).await;
    }
    database.project().await;
    sqlx::query(
        "insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku, version, name)
         values ($1, 'submission', 's1', 'acme/checkout', '1.2.0', 'Checkout'),
                ($1, 'submission', 's2', 'acme/checkout', '1.3.0', 'Checkout'),
                ($1, 'submission', 's3', 'acme/unknown', null, null)
         on conflict (account_id, resource_kind, resource_id) do update
         set sku = excluded.sku, version = excluded.version, name = excluded.name",
    )
    .bind(database.account.0)
    .execute(&database.pool)
    .await
    .unwrap();
    let server = Server::on(&database).await;
    let (mut products, mut after_sku) = (Vec::new(), None);
    loop {
        let query = ProductQuery { after_sku, limit: 1, ..ProductQuery::default() };
        let Some(product) = server.local.products(&query).await.unwrap().products.pop() else { break };
        after_sku = Some(product.sku.clone());
        products.push(product);
    }
    let skus: Vec<_> = products.iter().map(|product| product.sku.as_str()).collect();
    assert_eq!(skus, ["acme/checkout", "acme/configured", "acme/unknown"]);
    assert_eq!(products[0].configured, None);
    let submitted = &products[0].submitted[0];
    assert_eq!((submitted.in_store.as_deref(), submitted.versions), (Some("1.2.0"), 2));
    assert_eq!(submitted.in_review[0].version.as_deref(), Some("1.3.0"));
    assert_eq!(products[1].configured.as_ref().unwrap().owner.as_deref(), Some("checkout team"));
    assert!(products[1].submitted.is_empty());
    let query = ProductQuery { environment: Some("sandbox".parse().unwrap()), ..ProductQuery::default() };
    let products = server.local.products(&query).await.unwrap().products;
    assert_eq!(products.len(), 1, "{products:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_of_the_process_is_shown_beside_those_of_all_receivers() {
    let database = CallbackDatabase::new().await;
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into eqp.receiver (id, heartbeat_at, credential_generation, spool_callbacks, spool_oldest_at)
         values ($1, now(), 1, 4, now())",
    )
    .bind(id)
    .execute(&database.pool)
    .await
    .unwrap();
    let server = Server::on(&database).await;
    let spools = server.local.spools().await.unwrap();
    assert_eq!(spools.own.map(|own| (own.callbacks, own.quarantined, own.size_bytes)), Some((3, 1, 700)));
    assert_eq!((spools.receivers[0].id, spools.receivers[0].callbacks), (id, 4));
    assert!(spools.receivers[0].is_running && spools.receivers[0].oldest_at.is_some());
    let worker = OperatorService::new(Store::new(database.pool.clone()));
    let worker = OperatorClient::in_process(&worker, Principal::Local);
    assert_eq!(worker.spools().await.unwrap().own, None);
}
