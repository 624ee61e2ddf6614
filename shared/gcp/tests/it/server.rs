//! A server on loopback that says what it is told and remembers what it was asked.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Cut(Vec<u8>),
    /// Sends these bytes and then nothing.
    Stall(Vec<u8>),
    /// Sends this many of these bytes at once, and the others one at a time.
    Drip(usize, Vec<u8>),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET /storage/v1/… HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    steps: Mutex<Vec<Step>>,
    connections: AtomicUsize,
}

/// Goes through its steps, one for each request; the last one is for all further requests.
pub(crate) struct Server {
    pub(crate) host: String,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) async fn start(steps: impl Into<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let steps = Mutex::new(steps.into());
        let shared = Arc::new(Shared { steps, ..Shared::default() });
        let (stop, mut stopped) = oneshot::channel();
        let serving = shared.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    accepted = listener.accept() => {
                        tokio::spawn(serve(accepted.unwrap().0, serving.clone()));
                    }
                }
            }
        });
        Self { host, shared, _stop: stop }
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The request lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.line).collect()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    while let Some(request) = read(&mut stream).await {
        shared.requests.lock().unwrap().push(request);
        let step = {
            let mut steps = shared.steps.lock().unwrap();
            if steps.len() > 1 { steps.remove(0) } else { steps[0].clone() }
        };
        // A client that has gone away is one of the things under test.
        let (at_once, bytes) = match &step {
            Step::Say(bytes) | Step::Cut(bytes) | Step::Stall(bytes) => (bytes.len(), bytes),
            Step::Drip(at_once, bytes) => (*at_once, bytes),
        };
        if send(&mut stream, &bytes[..at_once], &bytes[at_once..]).await.is_err() {
            return;
        }
        match step {
            Step::Say(_) | Step::Drip(..) => (),
            Step::Cut(_) => return,
            Step::Stall(_) => std::future::pending().await,
        }
    }
}

async fn send(stream: &mut TcpStream, at_once: &[u8], slowly: &[u8]) -> io::Result<()> {
    stream.write_all(at_once).await?;
    for byte in slowly {
        tokio::time::sleep(Duration::from_millis(5)).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

/// `None` when the client has closed the connection.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let pair = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines.map(pair).collect();
    let mut request = Request { line, headers, body: bytes[head + 4..].to_vec() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// An answer with a `Content-Length`.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// An answer that is kept open for the next request.
pub(crate) fn say(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Step {
    Step::Say(answer(status, headers, body))
}

/// The error JSON of Cloud Storage.
pub(crate) fn error(status: u16, reason: &str) -> Step {
    let json = format!(
        r#"{{"error":{{"code":{status},"message":"secret words","errors":[{{"message":"secret words","domain":"global","reason":"{reason}"}}]}}}}"#
    );
    say(status, &[("Content-Type", "application/json; charset=UTF-8")], json.as_bytes())
}
