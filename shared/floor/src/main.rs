//! The floor of `cargo xtask bench`: a bare hyper server that makes, for each request, as many
//! requests of a store as a function does, and nothing else. It is never deployed.
//!
//! `floor PORT`, or `floor PORT STORE READS READ_PATH WRITES WRITE_PATH BYTES [TOKENS ROOT]`: `STORE`
//! is `host:port`, and each of the writes posts so many bytes. With a metadata server at `TOKENS` and
//! a root certificate in the file `ROOT`, the store is spoken to over TLS and with a token. Each
//! request is answered 204.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

type Problem = Box<dyn Error + Send + Sync>;

/// What is asked of the store for each request.
struct Work {
    store: String,
    reads: usize,
    read_path: String,
    writes: usize,
    write_path: String,
    content: Bytes,
    secure: Option<Secure>,
    /// Connections that nobody uses at present.
    idle: Mutex<Vec<Connection>>,
}

/// What makes connections secure.
struct Secure {
    /// The metadata server.
    tokens: String,
    tls: TlsConnector,
    name: ServerName<'static>,
    /// What `Authorization` says, once it is known.
    authorization: Mutex<Option<HeaderValue>>,
}

type Connection = SendRequest<Full<Bytes>>;

fn main() -> Result<(), Problem> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port: u16 = arguments.first().ok_or("no PORT")?.parse()?;
    let work = Work::of(&arguments)?.map(Arc::new);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(port, work))
}

async fn serve(port: u16, work: Option<Arc<Work>>) -> Result<(), Problem> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let work = work.clone();
        let service = service_fn(move |request| answer(request, work.clone()));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A client that is gone is no matter.
            connection.await.unwrap_or_default();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    work: Option<Arc<Work>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let done = async {
        request.into_body().collect().await?;
        match work {
            Some(work) => work.run().await,
            None => Ok(()),
        }
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = match done.await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(response)
}

impl Work {
    fn of(arguments: &[String]) -> Result<Option<Self>, Problem> {
        let [_, store, reads, read_path, writes, write_path, bytes, secure @ ..] = arguments else {
            return Ok(None);
        };
        let secure = match secure {
            [tokens, root] => Some(Secure::new(store, tokens, root)?),
            _ => None,
        };
        Ok(Some(Self {
            store: store.clone(),
            reads: reads.parse()?,
            read_path: read_path.clone(),
            writes: writes.parse()?,
            write_path: write_path.clone(),
            content: content(bytes.parse()?).into(),
            secure,
            idle: Mutex::default(),
        }))
    }

    async fn run(&self) -> Result<(), Problem> {
        let mut sender = self.sender().await?;
        for _ in 0..self.reads {
            self.ask(&mut sender, "GET", &self.read_path, Bytes::new()).await?;
        }
        for _ in 0..self.writes {
            self.ask(&mut sender, "POST", &self.write_path, self.content.clone()).await?;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        Ok(())
    }

    async fn sender(&self) -> Result<Connection, Problem> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(sender) = idle {
            return Ok(sender);
        }
        let stream = connect(&self.store).await?;
        match &self.secure {
            None => open(stream).await,
            Some(secure) => {
                secure.authorize().await?;
                open(secure.tls.connect(secure.name.clone(), stream).await?).await
            }
        }
    }

    async fn ask(
        &self,
        sender: &mut Connection,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<(), Problem> {
        sender.ready().await?;
        let request = Request::builder().method(method).uri(path).header(HOST, &self.store);
        let mut request = request.header(CONTENT_TYPE, "multipart/related; boundary=floor");
        if let Some(secure) = &self.secure
            && let Some(value) =
                &*secure.authorization.lock().unwrap_or_else(PoisonError::into_inner)
        {
            request = request.header(AUTHORIZATION, value);
        }
        let response = sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status();
        response.into_body().collect().await?;
        if status.is_success() { Ok(()) } else { Err(status.as_str().into()) }
    }
}

impl Secure {
    fn new(store: &str, tokens: &str, root: &str) -> Result<Self, Problem> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add(fs::read(root)?.into())?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = store.split(':').next().unwrap_or_default().to_owned();
        Ok(Self {
            tokens: tokens.to_owned(),
            tls: Arc::new(config).into(),
            name: ServerName::try_from(host)?,
            authorization: Mutex::default(),
        })
    }

    /// Asks for a token, once. What it says is not read: the store takes any.
    async fn authorize(&self) -> Result<(), Problem> {
        if self.authorization.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut sender = open(connect(&self.tokens).await?).await?;
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        let request = Request::builder().uri(path).header(HOST, &self.tokens);
        let request = request.header("metadata-flavor", "Google").body(Full::default())?;
        let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
        let value = HeaderValue::from_str(&format!("Bearer {}", body.len()))?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(())
    }
}

async fn connect(address: &str) -> Result<TcpStream, Problem> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn open<S>(stream: S) -> Result<Connection, Problem>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // The next request on it says so.
        connection.await.unwrap_or_default();
    });
    Ok(sender)
}

/// An upload of `bytes` bytes. (Cloud Storage documentation, "JSON API uploads", "Multipart".)
fn content(bytes: usize) -> String {
    format!(
        "--floor\r\nContent-Type: application/json\r\n\r\n{{\"name\":\"floor\"}}\r\n\
         --floor\r\nContent-Type: application/json\r\n\r\n{}\r\n--floor--\r\n",
        " ".repeat(bytes)
    )
}
