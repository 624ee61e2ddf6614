//! The way outside: names are looked up, every address is looked at, and the connection goes to one
//! of these very addresses. Who answers for a name cannot say another in between.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::BoxFuture;
use gcp::{Post, Tls};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Answer, Outside, Parcel, Unsent, address};

/// How long everything may take. A lookup, and one address, may take three eighths of it.
pub const POST_TIME_MAX: Duration = Duration::from_secs(8);

/// The most addresses that are tried.
const ADDRESSES_MAX: usize = 3;

/// What is read of an answer that is no success.
const TEXT_BYTES_MAX: usize = 256;

/// Names and connections.
pub trait Network: Send + Sync {
    /// The addresses of a host.
    fn lookup<'a>(&'a self, host: &'a str, port: u16)
    -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// A connection to an address.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// Those of this machine.
struct System;

impl Network for System {
    fn lookup<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address))
    }
}

/// Posts over TLS to public addresses, each time over a connection of its own. Redirects are not
/// followed.
pub struct Client {
    network: Arc<dyn Network>,
    /// A certificate that is trusted besides, in DER.
    root: Option<Vec<u8>>,
    time_max: Duration,
    /// Made for the first connection.
    tls: OnceLock<Tls>,
}

impl Default for Client {
    /// The client of this machine.
    fn default() -> Self {
        Self::over(Arc::new(System), None, POST_TIME_MAX)
    }
}

impl Client {
    /// A client over `network`, which trusts `root` too, and takes at most so long: that of a test.
    pub fn over(network: Arc<dyn Network>, root: Option<Vec<u8>>, time_max: Duration) -> Self {
        Self { network, root, time_max, tls: OnceLock::new() }
    }

    fn step_time_max(&self) -> Duration {
        self.time_max * 3 / 8
    }

    async fn send(&self, parcel: &Parcel) -> Result<Answer, Unsent> {
        let addresses = self.addresses(parcel).await?;
        let tcp = self.connect(&addresses).await?;
        let authority = parcel.url.authority();
        let post = Post {
            host: parcel.url.host(),
            authority: &authority,
            target: parcel.url.target(),
            headers: &parcel.headers,
            body: &parcel.body,
        };
        let reply = self.tls()?.post(tcp, post, TEXT_BYTES_MAX).await;
        let reply = reply.map_err(Unsent::passing)?;
        Ok(Answer { status: reply.status, text: reply.body })
    }

    /// The addresses of the host: all of them public.
    async fn addresses(&self, parcel: &Parcel) -> Result<Vec<SocketAddr>, Unsent> {
        let found = self.network.lookup(parcel.url.host(), parcel.url.port());
        let found = timeout(self.step_time_max(), found).await;
        let found = found.map_err(|_| Unsent::passing("the host is not found in time"))?;
        let found = found.map_err(|_| Unsent::passing("the host is not found"))?;
        for found in &found {
            if let Some(what) = address::refused(found.ip()) {
                let ip = found.ip();
                return Err(Unsent::lasting(format!("the host's address {ip} is {what}")));
            }
        }
        match found.is_empty() {
            true => Err(Unsent::passing("the host has no address")),
            false => Ok(found),
        }
    }

    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Unsent> {
        let mut failed = Unsent::passing("no connection");
        for address in addresses.iter().take(ADDRESSES_MAX) {
            failed = match timeout(self.step_time_max(), self.network.connect(*address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(err)) => Unsent::passing(format!("no connection: {}", err.kind())),
                Err(_) => Unsent::passing("no connection in time"),
            };
        }
        Err(failed)
    }

    fn tls(&self) -> Result<&Tls, Unsent> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = Tls::new(self.root.as_deref());
        let tls = tls.map_err(|_| Unsent::lasting("no connection can be encrypted here"))?;
        Ok(self.tls.get_or_init(|| tls))
    }
}

impl Outside for Client {
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>> {
        Box::pin(async move {
            let sent = timeout(self.time_max, self.send(parcel)).await;
            sent.unwrap_or_else(|_| Err(Unsent::passing("no answer in time")))
        })
    }
}
