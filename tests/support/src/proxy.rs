//! The network between a receiver and Postgres, to be cut, slowed and robbed of an answer.

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

/// How the statement begins that stores callbacks.
const WRITE: &[u8] = b"insert into eqp.callback\n";
/// The message with which a prepared statement is carried out, and the one that names the server's process.
const BIND: u8 = b'B';
const BACKEND_KEY: u8 = b'K';

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything arrives.
    Fair,
    /// The next answer to a write of callbacks is lost, and its connection with it; then it is fair again.
    LosesOneAnswer,
    /// Writes of callbacks do not arrive before the weather changes; everything else does.
    HoldsWrites,
    /// Every connection is lost, and new ones are refused.
    Cut,
}

/// A way to Postgres over TCP that a test rules over. It is gone when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    server: PgConnectOptions,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    weather: watch::Sender<Weather>,
    lost: AtomicU64,
    held: AtomicU64,
    /// The server's processes behind open connections.
    backends: Mutex<HashSet<i32>>,
}

impl Shared {
    fn backends(&self) -> MutexGuard<'_, HashSet<i32>> {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// A way to this server.
    pub async fn before(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(Weather::Fair),
            lost: AtomicU64::new(0),
            held: AtomicU64::new(0),
            backends: Mutex::default(),
        });
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, server.clone(), Arc::clone(&shared))));
        Self { address, server, shared, _accepting: accepting }
    }

    /// The way to the database through here.
    pub fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.address.port())
            .ssl_mode(PgSslMode::Disable)
            .username(self.server.get_username());
        self.server.get_database().map(|name| options.clone().database(name)).unwrap_or(options)
    }

    /// Changes the weather.
    pub fn turn(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// How many writes were held back.
    pub fn held(&self) -> u64 {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Whether the server's process with this number serves a connection through here.
    pub fn leads_to(&self, backend: i32) -> bool {
        self.shared.backends().contains(&backend)
    }
}

async fn accept(listener: TcpListener, server: PgConnectOptions, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.weather.borrow() == Weather::Cut {
            continue;
        }
        let shared = Arc::clone(&shared);
        let port = server.get_port();
        // A server that is not there is as good as a connection that ends.
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

/// What is known of a connection.
#[derive(Default)]
struct Connection {
    /// The last that was asked was a write of callbacks, and it is not answered.
    is_writing: AtomicBool,
    /// The server's process; 0 where it is not known.
    backend: AtomicI32,
}

/// Serves one connection to its end.
async fn forward<S: AsyncRead + AsyncWrite>(client: TcpStream, server: S, shared: &Shared) {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let connection = Connection::default();
    let mut watched = shared.weather.subscribe();
    tokio::select! {
        _ = ask(from_client, to_server, shared, &connection) => {}
        _ = answer(from_server, to_client, shared, &connection) => {}
        _ = watched.wait_for(|weather| *weather == Weather::Cut) => {}
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
            let mut weather = shared.weather.subscribe();
            if *weather.borrow_and_update() == Weather::HoldsWrites {
                shared.held.fetch_add(1, Ordering::Relaxed);
                let _ = weather.wait_for(|weather| *weather != Weather::HoldsWrites).await;
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
            // What the server answers to a write, it has committed.
            let is_lost = shared.weather.send_if_modified(|weather| {
                let is_lost = *weather == Weather::LosesOneAnswer;
                *weather = if is_lost { Weather::Fair } else { *weather };
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

/// The number of the server's process, where whole messages of a greeting tell it: a letter, the length of the rest, and
/// the rest.
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
