//! A simulator full of packages: how long one page of its list takes, over TLS, for every kind of list.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use eqp_simulator::Simulator;
use reqwest::Client;
use serde_json::{Value, json};

use super::figure::{Better, Figure, median};
use super::{Failure, session};

/// Milliseconds that a page may take.
const FLOOR: f64 = 5.0;
const AIM: f64 = 2.0;

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

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Three shorter rounds instead of five.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Packages that the simulator holds; what is promised is promised for 100,000.
    #[arg(long, default_value_t = 100_000)]
    packages: usize,
}

/// Measures, prints, and fails where the floor is missed.
pub(super) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (lists, rounds) = runtime.block_on(measure(options))?;
    let figure = Figure { id: "simulator_page_ms", better: Better::Lower, floor: FLOOR, aim: AIM, rounds };
    if options.json {
        let mut told = figure.to_json();
        told["lists"] = lists.iter().map(|(name, times)| ((*name).to_owned(), json!(median(times)))).collect();
        println!("{}", serde_json::to_string_pretty(&json!({(figure.id): told}))?);
    } else {
        for (name, times) in &lists {
            println!("{:>28}  {:>7.2} ms", name, median(times));
        }
        println!("{figure}");
    }
    Ok(if figure.met() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Times = Vec<(&'static str, Vec<f64>)>;

/// The times of each list (medians of the rounds), and of each round the slowest list.
async fn measure(options: &Options) -> Result<(Times, Vec<f64>), Failure> {
    let begun = Instant::now();
    let simulator = Simulator::builder().packages(options.packages).start().await?;
    eprintln!("{} packages are there after {:.2} s", options.packages, begun.elapsed().as_secs_f64());
    let caller = Caller::new(&simulator).await?;
    let (rounds, calls) = if options.quick { (3, 10) } else { (5, 30) };
    let mut lists: Times = LISTS.iter().map(|(name, _)| (*name, Vec::new())).collect();
    // What is measured is a page, not the making of the indexes.
    for (name, query) in LISTS {
        let first = caller.time(query, options.packages).await?;
        eprintln!("{name:>28}  {first:>7.2} ms the first time");
    }
    let mut slowest = Vec::new();
    for _ in 0..rounds {
        let mut round = 0.0_f64;
        for ((_, query), (_, medians)) in LISTS.iter().zip(&mut lists) {
            let mut times = Vec::new();
            for _ in 0..calls {
                times.push(caller.time(query, options.packages).await?);
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

    /// Milliseconds of one page, from the request to the last byte. An offset of -20 is the last page.
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
