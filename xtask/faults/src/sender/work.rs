//! The process of the sender: sends callbacks until it is stopped, and journals each ID as soon as it is answered.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Certificate, Client, StatusCode, retry};
use serde::Deserialize;
use tokio::sync::RwLock;
use tokio::time::sleep;
use uuid::Uuid;

use super::{ALL_KINDS, ONLY_ODD, Orders, Totals};
use crate::Failure;
use crate::body::{body, is_odd};
use crate::input;
use crate::journal::Entry;

/// The number of concurrent senders.
const SENDERS: usize = 16;
/// The delay between a response and the sender's next callback: a load well below the machine's capacity.
const PAUSE: Duration = Duration::from_millis(8);
/// The delay before a retry.
const LONGER_PAUSE: Duration = Duration::from_millis(40);
/// A timeout that is longer than any fault.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The maximum number of unexpected responses to report.
const MOST_ODD: usize = 5;

/// Runs the sender until its input ends.
pub(crate) async fn work() -> Result<(), Failure> {
    let mut input = input::lines();
    let orders: Orders = serde_json::from_str(&input.recv().await.ok_or("no orders")?)?;
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(orders.ca_pem.as_bytes())?])
        .timeout(TIMEOUT)
        .no_proxy()
        // A retry uses a new number, because a callback that is sent twice may rightly be stored twice.
        .retry(retry::never())
        .build()?;
    let office = SenderState {
        client,
        journal: Mutex::new(File::options().create(true).append(true).open(&orders.journal)?),
        orders,
        round: RwLock::new(None),
        next_number: AtomicU64::new(0),
        only_odd: AtomicBool::new(false),
        totals: Mutex::default(),
    };
    let sending = join_all((0..SENDERS).map(|sender| office.send_on(sender)));
    let listening = async {
        while let Some(line) = input.recv().await {
            // Each request in flight holds a read lock.
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

struct SenderState {
    client: Client,
    orders: Orders,
    journal: Mutex<File>,
    /// `None` while nothing is sent.
    round: RwLock<Option<u32>>,
    next_number: AtomicU64,
    only_odd: AtomicBool,
    totals: Mutex<Totals>,
}

/// The field of the response to an accepted callback.
#[derive(Deserialize)]
struct Answer {
    id: Uuid,
}

/// How a request ended.
enum End {
    Answered(Uuid),
    /// 429 or 503: retry later.
    Refused,
    Unanswered,
    Odd(String),
}

impl SenderState {
    async fn send_on(&self, sender: usize) {
        let mut next = sender;
        loop {
            let is_answered = self.send(next).await;
            next += 1;
            sleep(if is_answered { PAUSE } else { LONGER_PAUSE }).await;
        }
    }

    /// Sends one callback, and returns whether it was answered with an ID.
    async fn send(&self, next: usize) -> bool {
        let guard = self.round.read().await;
        let Some(round) = *guard else { return false };
        let number = self.next_number();
        let end = self.post(&self.orders.targets[next % self.orders.targets.len()], number).await;
        let mut totals = self.totals();
        match end {
            End::Answered(id) => {
                totals.answered += 1;
                let line = Entry { id, number, round }.line();
                let written = self.journal.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
                if let Err(error) = written {
                    totals.odd.push(format!("the journal cannot be written: {error}"));
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
            // A receiver that was frozen may answer 408, because the body took too long.
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => End::Refused,
            _ => End::Odd(format!("{status}: {said}")),
        }
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
