//! A proxy between a receiver and Postgres, with which tests cut connections, delay writes and lose responses.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The beginning of the statement that stores callbacks.
const WRITE: &[u8] = b"insert into eqp.callback\n";
/// The type of the protocol's Execute message, and of the one with the server's process ID.
const BIND: u8 = b'B';
const BACKEND_KEY: u8 = b'K';

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkConditions {
    /// Everything arrives.
    Fair,
    /// The next response to a write of callbacks is lost together with its connection; then the network works again.
    LosesOneAnswer,
    /// Writes of callbacks are held back until the state changes; everything else arrives.
    HoldsWrites,
    /// Every connection is closed, and new ones are refused.
    Cut,
}

/// A TCP proxy in front of Postgres; it stops on drop.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    server: PgConnectOptions,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    network: watch::Sender<NetworkConditions>,
    lost: AtomicU64,
    held: AtomicU64,
    /// The process IDs of the server behind open connections.
    backends: Mutex<HashSet<i32>>,
}

impl Shared {
    fn backends(&self) -> MutexGuard<'_, HashSet<i32>> {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts a proxy for this server.
    pub async fn to(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            network: watch::Sender::new(NetworkConditions::Fair),
            lost: AtomicU64::new(0),
            held: AtomicU64::new(0),
            backends: Mutex::default(),
        });
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, server.clone(), Arc::clone(&shared))));
        Self { address, server, shared, _accepting: accepting }
    }

    /// Returns the options to connect to the database through the proxy.
    pub fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.address.port())
            .ssl_mode(PgSslMode::Disable)
            .username(self.server.get_username());
        self.server.get_database().map(|name| options.clone().database(name)).unwrap_or(options)
    }

    /// Changes the state of the network.
    pub fn set(&self, network: NetworkConditions) {
        self.shared.network.send_replace(network);
    }

    /// Returns the number of lost responses.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Returns the number of writes that were held back.
    pub fn held(&self) -> u64 {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Returns whether the server's process with this ID serves a connection through the proxy.
    pub fn serves(&self, backend: i32) -> bool {
        self.shared.backends().contains(&backend)
    }
}

async fn accept(listener: TcpListener, server: PgConnectOptions, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.network.borrow() == NetworkConditions::Cut {
            continue;
        }
        let shared = Arc::clone(&shared);
        let port = server.get_port();
        // If the server cannot be reached, the client sees a closed connection.
        if let Some(folder) = server.get_socket() {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            tokio::spawn(async move {
                if let Ok(server) = UnixStream::connect(path).await {
                    forward(client, server, &shared).await;
                }
            });
        } else {
            let address = (server.get_host().to_owned(), port);
            tokio::spawn(async move {
                if let Ok(server) = TcpStream::connect(address).await {
                    forward(client, server, &shared).await;
                }
            });
        }
    }
}

/// The state of a connection.
#[derive(Default)]
struct Connection {
    /// Whether the last request was a write of callbacks without a response yet.
    is_writing: AtomicBool,
    /// The server's process ID; 0 if it is not known.
    backend: AtomicI32,
}

/// Forwards one connection until it ends.
async fn forward<S: AsyncRead + AsyncWrite>(client: TcpStream, server: S, shared: &Shared) {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let connection = Connection::default();
    let mut watched = shared.network.subscribe();
    tokio::select! {
        _ = ask(from_client, to_server, shared, &connection) => {}
        _ = answer(from_server, to_client, shared, &connection) => {}
        _ = watched.wait_for(|network| *network == NetworkConditions::Cut) => {}
    }
    shared.backends().remove(&connection.backend.load(Ordering::Relaxed));
}

async fn ask<C, S>(
    mut client: ReadHalf<C>,
    mut server: WriteHalf<S>,
    shared: &Shared,
    connection: &Connection,
) -> std::io::Result<()>
where
    C: AsyncRead,
    S: AsyncWrite,
{
    let mut buffer = vec![0; 64 * 1024];
    let mut knows_how = false;
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let asked = &buffer[..count];
        knows_how = knows_how || memmem::find(asked, WRITE).is_some();
        if knows_how && asked[0] == BIND {
            connection.is_writing.store(true, Ordering::Relaxed);
            let mut network = shared.network.subscribe();
            if *network.borrow_and_update() == NetworkConditions::HoldsWrites {
                shared.held.fetch_add(1, Ordering::Relaxed);
                let _ = network.wait_for(|network| *network != NetworkConditions::HoldsWrites).await;
            }
        }
        server.write_all(asked).await?;
    }
}

async fn answer<S, C>(
    mut server: ReadHalf<S>,
    mut client: WriteHalf<C>,
    shared: &Shared,
    connection: &Connection,
) -> std::io::Result<()>
where
    S: AsyncRead,
    C: AsyncWrite,
{
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = server.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        if connection.backend.load(Ordering::Relaxed) == 0
            && let Some(number) = backend_in(&buffer[..count])
        {
            connection.backend.store(number, Ordering::Relaxed);
            shared.backends().insert(number);
        }
        if connection.is_writing.swap(false, Ordering::Relaxed) {
            // The server has committed the write when it answers.
            let is_lost = shared.network.send_if_modified(|network| {
                let is_lost = *network == NetworkConditions::LosesOneAnswer;
                *network = if is_lost { NetworkConditions::Fair } else { *network };
                is_lost
            });
            if is_lost {
                shared.lost.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        }
        client.write_all(&buffer[..count]).await?;
    }
}

/// Returns the server's process ID from its first messages, each of which is a letter, the length of the rest,
/// and the rest.
fn backend_in(mut messages: &[u8]) -> Option<i32> {
    loop {
        let (&kind, rest) = messages.split_first()?;
        let length = usize::try_from(i32::from_be_bytes(*rest.first_chunk()?)).ok()?;
        if kind == BACKEND_KEY {
            return rest.get(4..)?.first_chunk().map(|number| i32::from_be_bytes(*number));
        }
        messages = rest.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_servers_process_in_its_greeting() {
        let greeting = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x0da\0bcdefg\0K\0\0\0\x0c\0\0\x12\x67\0\0\0\x01Z\0\0\0\x05I";
        assert_eq!(backend_in(greeting), Some(0x1267));
        for length in 0..greeting.len() {
            assert!(matches!(backend_in(&greeting[..length]), None | Some(0x1267)), "{length}");
        }
        assert_eq!(backend_in(b"R\0\0\0\x08\0\0\0\0"), None);
    }
}
