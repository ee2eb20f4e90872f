//! A minimal HTTP server for webhooks. Unlike a framework, it can close a connection without a response, and it notices
//! at once when a client disconnects.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The maximum size of a request. Messages have at most 256 KiB.
const MAX_REQUEST: usize = 512 * 1024;

/// A request.
#[derive(Debug)]
pub struct WebhookRequest {
    pub path: String,
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookReply {
    Status(u16),
    /// A status with `Retry-After`, in seconds.
    RetryAfter(u16, u64),
    /// The connection is closed without a response.
    Close,
}

/// Serves webhooks on a free port of this machine, until the returned future is dropped.
///
/// The future that `answer` returns is dropped when the client disconnects.
pub fn webhook_server<A, R>(answer: A) -> io::Result<(SocketAddr, impl Future<Output = ()> + Send)>
where
    A: Fn(WebhookRequest) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = WebhookReply> + Send,
{
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let serving = async move {
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        // Dropped with this future, which ends every connection.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let answer = answer.clone();
                    connections.spawn(async move { _ = serve(stream, answer).await });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    };
    Ok((address, serving))
}

async fn serve<A, R>(mut stream: TcpStream, answer: A) -> io::Result<()>
where
    A: Fn(WebhookRequest) -> R,
    R: Future<Output = WebhookReply>,
{
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        let reply = tokio::select! {
            biased;
            // A client that waits for a response sends nothing.
            disconnected = stream.read_buf(&mut buffer) => match disconnected {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            },
            reply = answer(request) => reply,
        };
        let head = match reply {
            WebhookReply::Status(status) => format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\n\r\n"),
            WebhookReply::RetryAfter(status, seconds) => {
                format!("HTTP/1.1 {status} \r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
            }
            WebhookReply::Close => return Ok(()),
        };
        stream.write_all(head.as_bytes()).await?;
    }
    Ok(())
}

/// Reads one request. Returns `None` if the client has closed the connection instead.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<WebhookRequest>> {
    loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let (from, length) = (end + 4, length.unwrap_or(0));
            if buffer.len() >= from + length {
                let body = buffer[from..from + length].to_vec();
                buffer.drain(..from + length);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                return Ok(Some(WebhookRequest { path, body }));
            }
        }
        if buffer.len() > MAX_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
