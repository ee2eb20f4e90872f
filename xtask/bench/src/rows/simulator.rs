//! The time of one page of a simulator with many packages, over TLS, for every kind of list.

use std::time::Instant;

use eqp_simulator::Simulator;
use reqwest::Client;
use serde_json::Value;

use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise, median};
use crate::harness::Harness;
use crate::scale::Scale;
use crate::session;

/// The number of calls of each list in each round.
const CALLS: usize = 30;

/// The lists: first and last page, and each kind of filter and order.
const LISTS: &[(&str, &str)] = &[
    ("first page", ""),
    ("last page", "?offset=-20"),
    ("exact filter", "?eqp_status.overall=released_to_store"),
    ("two exact filters", "?type=theme&eqp_status.technical=approved"),
    ("sorted", "?sort=-modified_at"),
    ("sorted, last page", "?sort=name&offset=-20"),
    ("filtered and sorted", "?type=extension&sort=-name,version"),
    ("inside a text", "?name=checkout%201"),
    ("inside a long text, sorted", "?long_description=shop&sort=-created_at"),
    ("a range of dates", "?created_at=2000-01-01,2100-01-01&sort=sku"),
];

pub(super) const ROW: Row = Row {
    name: "simulator",
    title: "A page of the simulator's list",
    how: "A simulator with 100,000 packages answers each kind of list (filtered, sorted, first and last page) over \
          one keep-alive TLS connection. For each list, the median of 30 calls; the result of a round is the slowest \
          list.",
    takes: ("40 s", "25 s"),
    promises: &[Promise::at_most(
        "simulator_page_ms",
        5.0,
        1.0,
        "a page of the simulator's list of 100,000 packages, slowest kind of list, ms",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (lists, rounds) = runtime.block_on(ask(&harness.scale))?;
    let lines = lists.iter().map(|(name, times)| vec![(*name).to_owned(), format!("{:.2}", median(times))]);
    Ok(Measured {
        found: vec![("simulator_page_ms", Measurement::Rounds(rounds))],
        columns: ["list", "ms"].map(str::to_owned).to_vec(),
        lines: lines.collect(),
        notes: vec!["Medians of the rounds.".to_owned()],
    })
}

type Times = Vec<(&'static str, Vec<f64>)>;

/// Returns the times of each list (medians of the rounds), and the slowest list of each round.
async fn ask(scale: &Scale) -> Result<(Times, Vec<f64>), Failure> {
    let begun = Instant::now();
    let simulator = Simulator::builder().packages(scale.packages).start().await?;
    eprintln!("created {} packages in {:.2} s", scale.packages, begun.elapsed().as_secs_f64());
    let caller = Caller::new(&simulator).await?;
    let mut lists: Times = LISTS.iter().map(|(name, _)| (*name, Vec::new())).collect();
    // The first request creates the indexes, which are not measured.
    for (name, query) in LISTS {
        let first = caller.time(query, scale.packages).await?;
        eprintln!("{name:>28}  {first:>7.2} ms the first time");
    }
    let mut slowest = Vec::new();
    for _ in 0..scale.rounds {
        let mut round = 0.0_f64;
        for ((_, query), (_, medians)) in LISTS.iter().zip(&mut lists) {
            let mut times = Vec::new();
            for _ in 0..CALLS {
                times.push(caller.time(query, scale.packages).await?);
            }
            medians.push(median(&times));
            round = round.max(median(&times));
        }
        slowest.push(round);
    }
    simulator.shutdown().await;
    Ok((lists, slowest))
}

/// One client with one connection and one session.
struct Caller {
    http: Client,
    url: String,
    token: String,
}

impl Caller {
    async fn new(simulator: &Simulator) -> Result<Self, Failure> {
        let http = session::http(simulator.ca_pem())?;
        let token = session::token(&http, simulator.base_url(), simulator.api_key()).await?;
        Ok(Self { http, url: format!("{}/rest/v1/products/packages", simulator.base_url()), token })
    }

    /// Returns the milliseconds of one page, from the request to the last byte. An offset of -20 is the last page.
    async fn time(&self, query: &str, packages: usize) -> Result<f64, Failure> {
        let query = query.replace("offset=-20", &format!("offset={}", packages.saturating_sub(20)));
        let begun = Instant::now();
        let answer = self.http.get(format!("{}{query}", self.url)).bearer_auth(&self.token).send().await?;
        let body = answer.error_for_status()?.bytes().await?;
        let time = begun.elapsed().as_secs_f64() * 1000.0;
        let items: Vec<Value> = serde_json::from_slice(&body)?;
        if items.is_empty() { Err(format!("the list {query} is empty").into()) } else { Ok(time) }
    }
}
