//! Connections: TCP, and over it TLS of rustls with ring and the roots of Mozilla compiled in.
//!
//! The certificate store of the platform is not read: it costs milliseconds at start, and an
//! image without a system has none.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

use crate::origin::Origin;

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Problem = Box<dyn Error + Send + Sync>;

/// Connects to one host.
pub(crate) struct Connector {
    origin: Origin,
    tcp: HttpConnector,
    /// Made for the first connection.
    tls: OnceLock<TlsConnector>,
    /// How long a connection may take.
    time_max: Duration,
}

impl Connector {
    pub(crate) fn new(origin: Origin, time_max: Duration) -> Self {
        // Several addresses of a host share the time; a silent one of IPv6 does not hold up IPv4.
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(time_max));
        Self { origin, tcp, tls: OnceLock::new(), time_max }
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, Problem> {
        let connected = timeout(self.time_max, self.stream()).await;
        connected.map_err(|_| Problem::from("time is up"))?
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, Problem> {
        let tcp = self.tcp.clone().call(self.origin.root().clone()).await?.into_inner();
        if !self.origin.is_secure() {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(self.origin.host().to_owned())?;
        Ok(Box::new(self.tls()?.connect(name, tcp).await?))
    }

    fn tls(&self) -> Result<&TlsConnector, Problem> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = TlsConnector::from(Arc::new(config(None)?));
        Ok(self.tls.get_or_init(|| tls))
    }
}

/// Trusts `more` besides, a certificate in DER.
pub(crate) fn config(more: Option<&[u8]>) -> Result<ClientConfig, Problem> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[cfg(feature = "stand-in")]
    crate::stand_in::trust(&mut roots)?;
    if let Some(more) = more {
        roots.add(more.into())?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
