//! The programs that are measured, each as a process of its own: it says its address, and ends when its input does.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use clap::ValueEnum;
use eqp_receiver::{CancellationToken, Endpoints, MasterKey, NewEndpoint, PgConnectOptions, Receiver};
use eqp_types::{Environment, MageId, Secret};
use sqlx::PgPool;

use super::{Failure, rival};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Ours.
    Lane,
    /// One INSERT per request.
    Insert,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Lane => "lane",
            Self::Insert => "insert",
        }
    }
}

/// A running receiver; ends with this.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts this program again, as a receiver on `database`.
    pub(super) fn start(kind: Kind, database: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", kind.as_str(), database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(|_| format!("the {} receiver did not start", kind.as_str()))?;
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Is such a receiver.
pub(super) fn serve(kind: Kind, database: &str) -> Result<(), Failure> {
    // Our own needs threads for what runs beside accepting; the other one for everything.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let shutdown = CancellationToken::new();
        let input_ends = shutdown.clone();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            input_ends.cancel();
        });
        let pool = PgPool::connect(database).await?;
        eqp_receiver::migrate(&pool).await?;
        match kind {
            Kind::Lane => {
                let key = MasterKey::ephemeral()?;
                register(pool, key.clone()).await?;
                let receiver = Receiver::builder(PgConnectOptions::from_str(database)?)
                    .master_key(key)
                    .listen((Ipv4Addr::LOCALHOST, 0).into())
                    .accept_only()
                    .build()
                    .await?;
                println!("{}", receiver.local_addr());
                receiver.run(shutdown).await?;
            }
            Kind::Insert => {
                let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let service = rival::router(database).await?.into_make_service_with_connect_info::<SocketAddr>();
                println!("{}", listener.local_addr()?);
                axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| _ = stream.set_nodelay(true)), service)
                    .with_graceful_shutdown(shutdown.cancelled_owned())
                    .await?;
            }
        }
        Ok(())
    })
}

async fn register(pool: PgPool, key: MasterKey) -> Result<(), Failure> {
    let endpoints = Endpoints::open(pool, key).await?;
    let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG000000000")?).await?;
    let public_url = "https://localhost/callbacks/bench".parse()?;
    let new = NewEndpoint { account, name: "bench".to_owned(), path: None, public_url };
    let endpoint = endpoints.create(&new).await?;
    endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await?;
    Ok(())
}
