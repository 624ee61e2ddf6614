//! A receiver on loopback that is told how to misbehave, behind a network in which it has a public
//! address. Its certificate is for `hooks.example.com`, and is nobody's outside of here.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::BoxFuture;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{Client, Network};

/// The root that the receiver's certificate is of.
pub(super) const ROOT: &[u8] = include_bytes!("certificates/root.der");
const LEAF: &[u8] = include_bytes!("certificates/leaf.der");
const LEAF_KEY: &[u8] = include_bytes!("certificates/leaf.key.der");

/// What everybody knows the receiver by.
pub(super) const PUBLIC: &str = "93.184.215.14:443";

/// How long a client waits. The text of a failure is waited for longer: it is cut off by this too.
pub(super) const TIME_MAX: Duration = Duration::from_secs(2);

/// What it does with one request.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Says this, and keeps the connection.
    Say(String),
    /// Closes the connection when it has read everything.
    Close,
    /// Closes it before the handshake.
    Refuse,
    /// Says this, and then nothing.
    Stall(String),
    /// Says this, and then bytes without an end.
    Endless(String),
    /// Hands everything over to what listens there.
    Pass(u16),
}

/// A receiver.
pub(super) struct Receiver {
    port: u16,
    /// Requests that were read, whole.
    pub(super) read: Arc<Mutex<Vec<String>>>,
    pub(super) connections: Arc<AtomicUsize>,
}

impl Receiver {
    /// Goes through `steps`, one for each connection; the last is for all others.
    pub(super) async fn start(steps: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (read, connections) = (Arc::new(Mutex::default()), Arc::new(AtomicUsize::new(0)));
        let (kept, counted) = (Arc::clone(&read), Arc::clone(&connections));
        let acceptor = acceptor();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let at = counted.fetch_add(1, Ordering::SeqCst).min(steps.len() - 1);
                let (step, acceptor, kept) =
                    (steps[at].clone(), acceptor.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    if !matches!(step, Then::Refuse)
                        && let Ok(tls) = acceptor.accept(tcp).await
                    {
                        serve(tls, step, &kept).await;
                    }
                });
            }
        });
        Self { port, read, connections }
    }

    /// A client for which the receiver is at [`PUBLIC`], and the host has these addresses.
    pub(super) fn client(&self, addresses: &[&str]) -> (Client, Arc<Names>) {
        let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let names = Arc::new(Names { port: self.port, addresses, dialled: Mutex::default() });
        (Client::over(names.clone(), Some(ROOT.to_vec()), TIME_MAX), names)
    }
}

async fn serve(mut tls: TlsStream<TcpStream>, step: Then, kept: &Mutex<Vec<String>>) {
    if let Then::Pass(port) = step {
        let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // Either side may close first.
        drop(tokio::io::copy_bidirectional(&mut tls, &mut to).await);
        return;
    }
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut some = [0; 4096];
        match tls.read(&mut some).await {
            Ok(read) if read > 0 => request.extend_from_slice(&some[..read]),
            _ => return,
        }
    }
    kept.lock().unwrap().push(String::from_utf8(request).unwrap());
    let said = match &step {
        Then::Say(text) | Then::Stall(text) | Then::Endless(text) => text.clone(),
        Then::Close | Then::Refuse | Then::Pass(_) => return,
    };
    drop(tls.write_all(said.as_bytes()).await);
    match step {
        Then::Endless(_) => while tls.write_all(&[b'x'; 1000]).await.is_ok() {},
        _ => std::future::pending().await,
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|it| it.parse().ok()).unwrap_or(0)
}

fn acceptor() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(LEAF_KEY.to_vec()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(LEAF.to_vec())], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A network in which every host has these addresses, and one of them leads to a receiver.
pub(super) struct Names {
    port: u16,
    addresses: Vec<SocketAddr>,
    /// The addresses that somebody has tried to reach.
    pub(super) dialled: Mutex<Vec<SocketAddr>>,
}

impl Network for Names {
    fn lookup<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let found = match host {
            "missing.example.com" => Err(io::Error::other("hunter2")),
            _ => Ok(self.addresses.clone()),
        };
        Box::pin(async move {
            if host == "slow.example.com" {
                std::future::pending::<()>().await;
            }
            found
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.dialled.lock().unwrap().push(address);
        Box::pin(async move {
            match address.to_string().as_str() {
                PUBLIC => TcpStream::connect(("127.0.0.1", self.port)).await,
                // It does not answer.
                "93.184.215.99:443" => std::future::pending().await,
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}
