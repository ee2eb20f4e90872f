//! The process itself: sends for as long as it is told to, and writes each id down as soon as it is answered.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Certificate, Client, StatusCode, retry};
use serde::Deserialize;
use tokio::sync::{RwLock, mpsc};
use tokio::time::sleep;
use uuid::Uuid;

use super::{ALL_KINDS, ONLY_ODD, Orders, Totals};
use crate::Failure;
use crate::body::{body, is_odd};
use crate::ledger::Entry;

/// As many send at the same time.
const SENDERS: usize = 16;
/// Between an answer and the next callback of the same sender: load, and not as much as the machine can bear.
const PAUSE: Duration = Duration::from_millis(8);
/// Before somebody who was not answered tries again.
const LONGER_PAUSE: Duration = Duration::from_millis(40);
/// Longer than anything is broken.
const TIMEOUT: Duration = Duration::from_secs(20);
/// So many strange answers are told.
const MOST_ODD: usize = 5;

/// Is the sender, until its input ends.
pub(crate) async fn work() -> Result<(), Failure> {
    let mut input = lines();
    let orders: Orders = serde_json::from_str(&input.recv().await.ok_or("no orders")?)?;
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(orders.ca_pem.as_bytes())?])
        .timeout(TIMEOUT)
        .no_proxy()
        // What is sent twice would be there twice, rightly.
        .retry(retry::never())
        .build()?;
    let office = Office {
        client,
        ledger: Mutex::new(File::options().create(true).append(true).open(&orders.ledger)?),
        orders,
        round: RwLock::new(None),
        next_number: AtomicU64::new(0),
        only_odd: AtomicBool::new(false),
        totals: Mutex::default(),
    };
    let sending = join_all((0..SENDERS).map(|sender| office.send_on(sender)));
    let listening = async {
        while let Some(line) = input.recv().await {
            // Whoever is sending has a share of this lock.
            match line.as_str() {
                "pause" => {
                    *office.round.write().await = None;
                    println!("{}", serde_json::to_string(&std::mem::take(&mut *office.totals()))?);
                }
                ONLY_ODD | ALL_KINDS => office.only_odd.store(line == ONLY_ODD, Ordering::Relaxed),
                round => *office.round.write().await = Some(round.parse()?),
            }
        }
        Ok::<_, Failure>(())
    };
    tokio::select! {
        ended = listening => ended,
        _ = sending => Ok(()),
    }
}

/// The lines of the input, read by a thread: it ends with them.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

struct Office {
    client: Client,
    orders: Orders,
    ledger: Mutex<File>,
    /// None while nothing is sent.
    round: RwLock<Option<u32>>,
    next_number: AtomicU64,
    only_odd: AtomicBool,
    totals: Mutex<Totals>,
}

/// Every answer to a callback that was taken has one.
#[derive(Deserialize)]
struct Answer {
    id: Uuid,
}

/// How a request ended.
enum End {
    Answered(Uuid),
    /// Come again later.
    Refused,
    Unanswered,
    Odd(String),
}

impl Office {
    async fn send_on(&self, sender: usize) {
        let mut turn = sender;
        loop {
            let is_answered = self.send(turn).await;
            turn += 1;
            sleep(if is_answered { PAUSE } else { LONGER_PAUSE }).await;
        }
    }

    /// Whether it was answered with an id.
    async fn send(&self, turn: usize) -> bool {
        let guard = self.round.read().await;
        let Some(round) = *guard else { return false };
        let number = self.next_number();
        let end = self.post(&self.orders.targets[turn % self.orders.targets.len()], number).await;
        let mut totals = self.totals();
        match end {
            End::Answered(id) => {
                totals.answered += 1;
                let line = Entry { id, number, round }.line();
                let written = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
                if let Err(error) = written {
                    totals.odd.push(format!("the ledger cannot be written: {error}"));
                }
                return true;
            }
            End::Refused => totals.refused += 1,
            End::Unanswered => totals.unanswered += 1,
            End::Odd(said) if totals.odd.len() < MOST_ODD => totals.odd.push(said),
            End::Odd(_) => {}
        }
        false
    }

    fn next_number(&self) -> u64 {
        loop {
            let number = self.next_number.fetch_add(1, Ordering::Relaxed);
            if is_odd(number) || !self.only_odd.load(Ordering::Relaxed) {
                return number;
            }
        }
    }

    async fn post(&self, target: &str, number: u64) -> End {
        let request = self
            .client
            .post(target)
            .basic_auth(&self.orders.username, Some(&self.orders.password))
            .header("content-type", "application/json")
            .body(body(number));
        let Ok(answer) = request.send().await else { return End::Unanswered };
        let status = answer.status();
        let Ok(said) = answer.text().await else { return End::Unanswered };
        match status {
            StatusCode::OK | StatusCode::BAD_REQUEST => match serde_json::from_str(&said) {
                Ok(Answer { id }) => End::Answered(id),
                Err(_) => End::Odd(format!("{status}: {said}")),
            },
            // A receiver that was frozen has lost patience with a body meanwhile.
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => End::Refused,
            _ => End::Odd(format!("{status}: {said}")),
        }
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
