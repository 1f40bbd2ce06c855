//! The tenants' key endpoint: one answer to every request, or none at all.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Fault;

/// The longest request head that is read.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// The setting that makes an endpoint hang.
pub(crate) const HANGS: &str = "hangs";
/// The tenant whose endpoint takes connections and never answers, where that is asked for.
pub(crate) const HANGING_TENANT: &str = "b";
/// How long it keeps such a connection open.
const HANG: Duration = Duration::from_mins(5);

/// Serves the key set to everybody, from now until the process ends; where it listens.
pub(crate) async fn serve(at: SocketAddr, key_set: &str, hangs: bool) -> Result<SocketAddr, Fault> {
    let listener = TcpListener::bind(at).await.map_err(|error| format!("the key endpoint, {at}: {error}"))?;
    let at = listener.local_addr()?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{key_set}",
        key_set.len()
    );
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::task::spawn_local(async move { reply(stream, &answer, hangs).await });
        }
    });
    Ok(at)
}

/// A request that can't be read is not answered; who asked sees the connection close.
async fn reply(mut stream: TcpStream, answer: &str, hangs: bool) -> Result<(), Fault> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 || head.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
    }
    if hangs && head.starts_with(format!("GET /{HANGING_TENANT} ").as_bytes()) {
        tokio::time::sleep(HANG).await;
        return Ok(());
    }
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}
