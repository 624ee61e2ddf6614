//! Stand-ins on loopback for what a function meets in production: Cloud Storage behind TLS, and a
//! metadata server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The root, from that of the sources.
pub(crate) const ROOT: &str = "shared/gcp/src/stand_in/root.der";

/// For `localhost`, signed by the root that the feature `stand-in` of `gcp` trusts.
const CERTIFICATE: &[u8] = include_bytes!("server.der");

/// Its key. It opens nothing else.
const KEY: &[u8] = include_bytes!("server_key.der");

/// Where the metadata server has tokens. (Compute Engine documentation, "View and query VM
/// metadata".)
const TOKENS: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// A token and how long it is good for. (OAuth 2.0, RFC 6749, section 5.1.)
const TOKEN: &str = r#"{"access_token":"token","token_type":"Bearer","expires_in":3600}"#;

/// Both, until the runtime ends.
pub(crate) struct StandIn {
    /// What a function is told in `STORAGE_EMULATOR_HOST`: both addresses. Cloud Storage has a name
    /// to be looked up, the metadata server has none.
    pub(crate) storage: String,
    /// The same for the floor: host and port of Cloud Storage, and of the metadata server.
    pub(crate) addresses: [String; 2],
}

impl StandIn {
    /// Puts TLS in front of the emulator at `address`, and starts a metadata server.
    pub(crate) async fn start(address: SocketAddr) -> Result<Self> {
        let metadata = listener().await?;
        let told = metadata.local_addr()?;
        let headers = [("content-type", "application/json"), ("metadata-flavor", "Google")];
        let router = Router::new().route(TOKENS, get(move || async move { (headers, TOKEN) }));
        tokio::spawn(async move { axum::serve(metadata, router).await });
        let listener = listener().await?;
        let host = format!("localhost:{}", listener.local_addr()?.port());
        let storage = format!("https://{host},{told}");
        tokio::spawn(forward(listener, acceptor()?, address));
        Ok(Self { storage, addresses: [host, told.to_string()] })
    }
}

async fn listener() -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
}

fn acceptor() -> Result<TlsAcceptor> {
    let key = PrivateKeyDer::try_from(KEY).ok().context("no private key")?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)?;
    Ok(Arc::new(config).into())
}

async fn forward(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let mut client = acceptor.accept(stream).await?;
            let mut server = TcpStream::connect(to).await?;
            server.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        });
    }
}
