//! A key endpoint that misbehaves on command: a listener that writes what its script says, HTTP or not.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the endpoint does with every connection, once it has read the head of a request.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Writes this and closes.
    Say(Vec<u8>),
    /// Waits for so long, writes this and closes.
    SayAfter(Duration, Vec<u8>),
    /// Writes this and then nothing more, with the connection open.
    SayAndHang(Vec<u8>),
    /// Writes this and resets the connection.
    SayAndReset(Vec<u8>),
    /// Writes the first, then one byte of the second at each of these spans.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// Writes the first, then the second for ever.
    Flood(Vec<u8>, Vec<u8>),
    /// Writes the first, then the second at each of these spans for ever.
    Pour(Vec<u8>, Vec<u8>, Duration),
    /// Writes what stands here for the path requested, and closes.
    ByPath(Arc<HashMap<String, Vec<u8>>>),
}

/// Runs its script until it is dropped.
#[derive(Debug)]
pub(crate) struct HostileEndpoint {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for HostileEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HostileEndpoint {
    pub(crate) async fn http(script: Script) -> Self {
        Self::listen(move |_| script.clone(), None).await
    }

    pub(crate) async fn https(script: Script, tls: TlsAcceptor) -> Self {
        Self::listen(move |_| script.clone(), Some(tls)).await
    }

    /// The script may depend on the listener's own address, as a redirect to itself does.
    pub(crate) async fn listen<F>(script: F, tls: Option<TlsAcceptor>) -> Self
    where
        F: Fn(SocketAddr) -> Script + Send + 'static,
    {
        Self::listen_at(IpAddr::V4(Ipv4Addr::LOCALHOST), script, tls).await
    }

    /// The same at another address of this machine.
    pub(crate) async fn listen_at<F>(at: IpAddr, script: F, tls: Option<TlsAcceptor>) -> Self
    where
        F: Fn(SocketAddr) -> Script + Send + 'static,
    {
        let listener = TcpListener::bind((at, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        #[expect(
            clippy::disallowed_methods,
            reason = "the endpoint stands outside of usher and ends with its test"
        )]
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(stream, script(address), tls.clone(), Arc::clone(&log)));
            }
        });
        Self { address, requests, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn connection(
    stream: TcpStream,
    script: Script,
    tls: Option<TlsAcceptor>,
    log: Arc<Mutex<Vec<String>>>,
) {
    if matches!(script, Script::SayAndReset(_)) {
        stream.set_zero_linger().unwrap();
    }
    match tls {
        None => play(stream, script, &log).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                play(stream, script, &log).await;
            }
        }
    }
}

/// The other side may leave at any moment: every script ends there.
async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Script, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(head);
    match script {
        Script::ByPath(answers) => {
            let _ = stream.write_all(&answers[&path]).await;
            let _ = stream.shutdown().await;
        }
        Script::Say(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Script::SayAfter(delay, bytes) => {
            tokio::time::sleep(delay).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Script::SayAndHang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            let _ = stream.read_u8().await;
        }
        Script::SayAndReset(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Script::Drip(first, rest, every) => {
            let mut sent = stream.write_all(&first).await;
            for byte in rest {
                tokio::time::sleep(every).await;
                sent = sent.and(stream.write_u8(byte).await);
                if sent.is_err() {
                    return;
                }
            }
        }
        Script::Flood(first, again) => {
            let mut sent = stream.write_all(&first).await;
            while sent.is_ok() {
                sent = stream.write_all(&again).await;
            }
        }
        Script::Pour(first, again, every) => {
            let mut sent = stream.write_all(&first).await;
            while sent.is_ok() {
                tokio::time::sleep(every).await;
                sent = stream.write_all(&again).await;
            }
        }
    }
}

/// A whole HTTP/1.1 answer with these header lines.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        text += header;
        text += "\r\n";
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An authority of the test's own, and what it certifies.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// TLS with a certificate for this name that ends with this year.
    pub(crate) fn tls(&self, name: &str, last_year: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
