//! The pages of the operator service, with a million events.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use sqlx::postgres::PgConnectOptions;

use super::fill::settle;
use super::list::{OF_EACH, some_events};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise, median};
use crate::harness::Harness;
use crate::load::percentile;
use crate::postgres::{Postgres, execute};
use crate::readers::{free_address, reading_token, wait_for_listener};
use crate::receivers::Server;

/// The number of stored events, unless a smoke test stores fewer.
const EVENTS: i64 = 1_000_000;
/// The pages, each with something to show.
const PAGES: [&str; 9] = [
    "/",
    "/find?text=s7",
    "/alerts",
    "/events",
    "/events?status=rejected",
    "/events/7000",
    "/submissions/s7",
    "/deliveries",
    "/health",
];
const BYTES_PER_KB: f64 = 1_000.0;
/// Nearly all submissions are in the store, the newest 200 are in review. There are 200 products.
const REVIEWS: &str = "
    update eqp.track
    set status = case when id > $tracks - 600 then case flow when 'overall' then 'in_progress' else 'in_manual_qa' end
                      when flow = 'overall' then 'released_to_store' else status end;
    insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku, version)
    select 1 + n % 2, 'submission', 's' || n, 'acme/module-' || n % 200, '1.' || n / 200 || '.0'
    from generate_series(0, $tracks / 3) as n";

pub(super) const ROW: Row = Row {
    name: "pages",
    title: "Pages with a million events",
    how: "The operator service as a separate process, with 1 million events (inserted with SQL, vacuumed, warm) and without \
          other parts. A signed-in user requests each page again and again over one connection, plain HTTP on loopback. \
          For each page, the p95 of 100 requests; the result of a round is the slowest page. The size of a first visit \
          is that of the largest page with its stylesheet, script and icon, uncompressed.",
    takes: ("40 s", "30 s"),
    promises: &[
        Promise::at_most("page_p95_ms", 50.0, 10.0, "the slowest page with 1 million events, p95, ms"),
        Promise::at_most("page_kb", 100.0, 40.0, "all bytes of a first visit to the largest page, kB"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(reviews(&postgres, EVENTS.min(harness.scale.stored)))?;
    let address = free_address()?;
    let server = Server::console(&database, harness.folder(), address)?;
    wait_for_listener(address)?;
    let token = harness.block_on(reading_token(&database, "bench"))?;
    let (rounds, pages) = harness.block_on(async {
        let visitor = Visitor::sign_in(address, token.expose()).await?;
        visitor.visit(harness).await
    })?;
    drop(server);
    harness.block_on(postgres.stop())?;
    let largest = pages.iter().map(|page| page.bytes).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let kilobytes = |bytes: usize| bytes as f64 / BYTES_PER_KB;
    let lines = pages.iter().map(|page| {
        let times = [&page.p50s, &page.p95s].map(|times| format!("{:.2}", median(times)));
        let [p50, p95] = times;
        vec![page.path.to_owned(), p50, p95, format!("{:.1}", kilobytes(page.bytes))]
    });
    Ok(Measured {
        found: vec![
            ("page_p95_ms", Measurement::Rounds(rounds)),
            ("page_kb", Measurement::Rounds(vec![kilobytes(largest)])),
        ],
        columns: ["page", "p50, ms", "p95, ms", "first visit, kB"].map(str::to_owned).to_vec(),
        lines: lines.collect(),
        notes: vec!["Medians of the rounds.".to_owned()],
    })
}

/// Creates a database with this number of events about products.
async fn reviews(postgres: &Postgres, count: i64) -> Result<PgConnectOptions, Failure> {
    let database = some_events(postgres, count).await?;
    execute(&database, REVIEWS.replace("$tracks", &(count / OF_EACH * 3).to_string())).await?;
    settle(&database, "eqp.track, eqp.resource_detail").await?;
    Ok(database)
}

/// A page with its times in milliseconds per round.
struct Page {
    path: &'static str,
    p50s: Vec<f64>,
    p95s: Vec<f64>,
    /// The size of a first visit.
    bytes: usize,
}

/// A user who has signed in.
struct Visitor {
    http: Client,
    url: String,
    cookie: String,
}

impl Visitor {
    async fn sign_in(address: SocketAddr, token: &str) -> Result<Self, Failure> {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let url = format!("http://{address}");
        let form = format!("secret={token}");
        let request = http.post(format!("{url}/sign-in")).header(ORIGIN, &url).body(form);
        let response = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").send().await?;
        if !response.headers().contains_key(LOCATION) {
            return Err(format!("signing in failed: {}", response.status()).into());
        }
        let cookie = response.headers().get(SET_COOKIE).ok_or("signing in has set no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { http, url, cookie })
    }

    async fn get(&self, path: &str) -> Result<Response, Failure> {
        let response = self.http.get(format!("{}{path}", self.url)).header(COOKIE, &self.cookie).send().await?;
        if response.status() == StatusCode::OK {
            Ok(response)
        } else {
            Err(format!("{path}: {}", response.status()).into())
        }
    }

    /// Returns the size of a page with the files that it refers to.
    async fn first_visit(&self, path: &str) -> Result<usize, Failure> {
        let page = self.get(path).await?.text().await?;
        let assets: BTreeSet<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
        if assets.is_empty() {
            return Err(format!("{path} refers to no files").into());
        }
        let mut bytes = page.len();
        for asset in assets {
            bytes += self.get(asset).await?.bytes().await?.len();
        }
        Ok(bytes)
    }

    /// Returns the slowest p95 of each round, and the times of each page.
    async fn visit(&self, harness: &Harness) -> Result<(Vec<f64>, Vec<Page>), Failure> {
        let mut pages = Vec::new();
        for path in PAGES {
            pages.push(Page { path, p50s: Vec::new(), p95s: Vec::new(), bytes: self.first_visit(path).await? });
        }
        let mut slowest = Vec::new();
        for round in 1..=harness.scale.rounds {
            let mut worst = ("", 0.0_f64);
            for page in &mut pages {
                let mut sorted = Vec::new();
                for _ in 0..harness.scale.questions {
                    let begun = Instant::now();
                    self.get(page.path).await?.bytes().await?;
                    sorted.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
                sorted.sort_by(f64::total_cmp);
                let p95 = percentile(&sorted, 0.95);
                page.p50s.push(percentile(&sorted, 0.5));
                page.p95s.push(p95);
                if p95 > worst.1 {
                    worst = (page.path, p95);
                }
            }
            eprintln!("round {round}/{}  slowest: {} with {:.2} ms", harness.scale.rounds, worst.0, worst.1);
            slowest.push(worst.1);
        }
        Ok((slowest, pages))
    }
}
