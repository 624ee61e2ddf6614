//! A server on loopback and a client that says exactly what it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::run::listen;
use crate::runner::Runner;
use crate::server::{End, router, serve};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<End>,
}

impl Server {
    pub(crate) async fn start(runner: Runner) -> Self {
        Self::start_with_grace(runner, Duration::from_secs(30)).await
    }

    pub(crate) async fn start_with_grace(runner: Runner, grace: Duration) -> Self {
        let listener = listen("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let end = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap() };
            serve(listener, router(runner), stopped, grace).await.unwrap()
        });
        Self { address, stop, end }
    }

    /// Tells it to stop; the handle completes when it has.
    pub(crate) fn stop(self) -> JoinHandle<End> {
        self.stop.send(()).unwrap();
        self.end
    }

    pub(crate) async fn push(&self, body: &[u8]) -> u16 {
        request(self.address, "POST", "/", body).await.0
    }
}

/// Sends a request and leaves the connection open.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: function\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// Waits for the answer on `stream`: its status and its body.
pub(crate) async fn receive(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> (u16, String) {
    receive(send(address, method, path, body).await).await
}
