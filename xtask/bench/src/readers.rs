//! Readers of the operator API, on a thread of their own: half of them follow events, the others read the newest ones.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use eqp_console::{NewToken, OperatorClient, OperatorService, Principal, Scope};
use eqp_receiver::CancellationToken;
use eqp_store::Store;
use eqp_types::Secret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinSet;

use crate::Failure;

/// The interval at which a reader that does not follow events reads them.
const INTERVAL: Duration = Duration::from_millis(500);
/// The time limit for the start of the operator API.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// Running readers.
pub(crate) struct Readers {
    stop: CancellationToken,
    thread: JoinHandle<Result<Vec<u64>, String>>,
}

impl Readers {
    /// Starts this number of readers of the operator API at `address`, as soon as it accepts connections.
    pub(crate) fn start(address: SocketAddr, token: &Secret, count: usize) -> Result<Self, Failure> {
        wait_for_listener(address)?;
        let stop = CancellationToken::new();
        let (stopped, token) = (stop.clone(), token.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let mut readers = JoinSet::new();
                for number in 0..count {
                    let reader = Reader {
                        client: client.clone(),
                        base_url: format!("http://{address}/api/v1/events"),
                        token: token.clone(),
                        stop: stopped.clone(),
                    };
                    readers.spawn(async move {
                        let read = if number % 2 == 0 { reader.follow().await } else { reader.poll().await };
                        read.map_err(|error| error.to_string())
                    });
                }
                readers.join_all().await.into_iter().collect()
            })
        });
        Ok(Self { stop, thread })
    }

    /// Stops the readers, and fails unless each of them has received something. Returns how many bytes all of them have received.
    pub(crate) fn stop(self) -> Result<u64, Failure> {
        self.stop.cancel();
        let read = self.thread.join().map_err(|_| "a reader panicked")??;
        if read.contains(&0) {
            return Err("a reader of the operator API has received nothing".into());
        }
        Ok(read.iter().sum())
    }
}

/// Waits until a listener accepts connections: that of the operator API starts after the receiver.
pub(crate) fn wait_for_listener(address: SocketAddr) -> Result<(), Failure> {
    let begun = Instant::now();
    while let Err(error) = TcpStream::connect(address) {
        if begun.elapsed() > START_DEADLINE {
            return Err(format!("nothing listens at {address}: {error}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

struct Reader {
    client: reqwest::Client,
    base_url: String,
    token: Secret,
    stop: CancellationToken,
}

impl Reader {
    /// Follows events until it is stopped.
    async fn follow(self) -> Result<u64, reqwest::Error> {
        let request = self.client.get(format!("{}/stream", self.base_url)).bearer_auth(self.token.expose());
        let mut response = request.send().await?.error_for_status()?;
        let mut bytes = 0;
        while let Some(Some(chunk)) = self.stop.run_until_cancelled(response.chunk()).await.transpose()? {
            bytes += chunk.len() as u64;
        }
        Ok(bytes)
    }

    /// Reads the newest events again and again until it is stopped.
    async fn poll(self) -> Result<u64, reqwest::Error> {
        let mut bytes = 0;
        let url = format!("{}?limit=50", self.base_url);
        while !self.stop.is_cancelled() {
            let response = self.client.get(&url).bearer_auth(self.token.expose()).send().await?.error_for_status()?;
            bytes += response.bytes().await?.len() as u64;
            self.stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
        }
        Ok(bytes)
    }
}

/// Creates a token with this name that may read.
pub(crate) async fn reading_token(database: &PgConnectOptions, name: &str) -> Result<Secret, Failure> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(database.clone()).await?;
    let service = OperatorService::new(Store::new(pool));
    let client = OperatorClient::in_process(&service, Principal::Local);
    Ok(client.create_token(&NewToken::new(name, [Scope::Read])).await?.secret)
}

/// Returns an address of this machine that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
