//! One request to a host that is not Google's, over a connection that the caller has made: where to,
//! and whether that may be, is decided there. No token is sent, nothing is repeated or kept.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::Builder;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Reply;
use crate::connect::{Stream, config};
use crate::http::{AGENT, Request};

/// What the head of an answer may take.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long what an answer says besides its status is waited for.
const TEXT_TIME_MAX: Duration = Duration::from_secs(1);

/// Encrypts connections, and trusts the roots of Mozilla.
pub struct Tls(TlsConnector);

/// What is sent.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// The host: it has to prove that it is the one, and is told that it is meant.
    pub host: &'a str,
    /// Host and port, as in the URL.
    pub authority: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Headers besides those of every request.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a Bytes,
}

impl Tls {
    /// Trusts `more` besides, a certificate in DER: that of a test.
    ///
    /// # Errors
    ///
    /// A certificate that cannot be read.
    pub fn new(more: Option<&[u8]>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self(TlsConnector::from(Arc::new(config(more)?))))
    }

    /// Posts over `tcp`. Of an answer other than 2xx, the first `text_bytes_max` bytes are read, or
    /// fewer where they do not come; of a good one nothing, since its status has said everything.
    ///
    /// The caller bounds the time. Whoever drops this closes the connection.
    ///
    /// # Errors
    ///
    /// No answer: what is wrong, without anything of `post`.
    pub async fn post(
        &self,
        tcp: TcpStream,
        post: Post<'_>,
        text_bytes_max: usize,
    ) -> Result<Reply, String> {
        let request = request(post).ok_or("the request is not expressible in HTTP")?;
        let server = ServerName::try_from(post.host.to_owned());
        let server = server.map_err(|_| "the host has no name that a certificate can have")?;
        let failed = |what: &str, err: &(dyn Error + 'static)| format!("{what}: {}", root(err));
        let tls = self.0.connect(server, tcp).await.map_err(|err| failed("TLS", &err))?;
        let stream: Box<dyn Stream> = Box::new(tls);
        let mut builder = Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX);
        let shaken = builder.handshake(TokioIo::new(stream)).await;
        let (mut connection, driver) = shaken.map_err(|err| failed("connection", &err))?;
        // Whoever waits for an answer on it is told why there will be none.
        let _driven = Driven(tokio::spawn(async move { driver.await.unwrap_or_default() }));
        let answer = connection.send_request(request).await;
        let mut answer = answer.map_err(|err| failed("no answer", &err))?;
        let status = answer.status();
        let mut body = Vec::new();
        if !status.is_success() {
            let read = read(answer.body_mut(), &mut body, text_bytes_max);
            // The status decides; the text only adds a word.
            timeout(TEXT_TIME_MAX, read).await.unwrap_or_default();
        }
        Ok(Reply { status: status.as_u16(), body: body.into() })
    }
}

/// Reads up to so many bytes; what cannot be read is left.
async fn read(from: &mut Incoming, into: &mut Vec<u8>, bytes_max: usize) {
    while let Some(Ok(frame)) = from.frame().await {
        let Ok(chunk) = frame.into_data() else { continue };
        let room = bytes_max - into.len();
        into.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if into.len() == bytes_max {
            return;
        }
    }
}

fn request(post: Post<'_>) -> Option<Request> {
    let mut request = Request::new(Full::new(post.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = post.target.parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    for (name, value) in post.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    headers.insert(HOST, HeaderValue::from_str(post.authority).ok()?);
    headers.insert(USER_AGENT, AGENT);
    Some(request)
}

/// What drives a connection; it ends with whoever uses that.
struct Driven(JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What lies behind `err`: the errors above it say where it happened.
pub(crate) fn root<'a>(err: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = err;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}
