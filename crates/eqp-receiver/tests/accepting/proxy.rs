//! The network between receiver and Postgres, to be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// The next answer of Postgres is lost, and its connection with it; then it is fair again.
    LosesOneAnswer,
    /// Every connection is lost, and new ones are refused.
    Cut,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    server: PgConnectOptions,
}

impl Proxy {
    pub(crate) async fn before(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        tokio::spawn(accept(listener, server.clone(), Arc::clone(&weather)));
        Self { address, weather, server }
    }

    /// The way to the database through here.
    pub(crate) fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.address.port())
            .ssl_mode(PgSslMode::Disable)
            .username(self.server.get_username());
        self.server.get_database().map(|name| options.clone().database(name)).unwrap_or(options)
    }

    pub(crate) fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn accept(listener: TcpListener, server: PgConnectOptions, weather: Arc<watch::Sender<Weather>>) {
    while let Ok((client, _)) = listener.accept().await {
        if *weather.borrow() == Weather::Cut {
            continue;
        }
        let weather = Arc::clone(&weather);
        let port = server.get_port();
        if let Some(folder) = server.get_socket() {
            let server = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.unwrap();
            tokio::spawn(forward(client, server, weather));
        } else {
            let server = TcpStream::connect((server.get_host(), port)).await.unwrap();
            tokio::spawn(forward(client, server, weather));
        }
    }
}

async fn forward<S: AsyncRead + AsyncWrite>(client: TcpStream, server: S, weather: Arc<watch::Sender<Weather>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let mut watched = weather.subscribe();
    let asked = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(|_| ()) };
    let answered = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from_server.read(&mut buffer).await?;
            let lost = weather.send_if_modified(|weather| {
                let lost = *weather == Weather::LosesOneAnswer;
                *weather = if lost { Weather::Fair } else { *weather };
                lost
            });
            if lost || count == 0 {
                return std::io::Result::Ok(());
            }
            to_client.write_all(&buffer[..count]).await?;
        }
    };
    tokio::select! {
        _ = asked => {}
        _ = answered => {}
        _ = watched.wait_for(|weather| *weather == Weather::Cut) => {}
    }
}
