//! The HTTP client: rustls with ring, the roots of Mozilla compiled in.
//!
//! The certificate store of the platform is not read: it costs milliseconds at start, and an
//! image without a system has none.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect, retry};
use rustls::{ClientConfig, RootCertStore, crypto};

use crate::bucket::BucketError;
use crate::retry::Policy;

/// The most headers of an answer. An object may have more custom metadata, each in a header of its
/// own, than the library takes by default: thousands of the shortest keys make up the 8 KiB.
const HEADERS_MAX: usize = 4096;

/// Names the client to the service.
const USER_AGENT: &str = concat!("strata/", env!("CARGO_PKG_VERSION"));

/// A client for calls under `deadline`, over TLS only if `secure`.
pub(crate) fn http_client(deadline: Duration, secure: bool) -> Result<Client, BucketError> {
    let silence_max = Policy::within(deadline).silence_max();
    Client::builder()
        .tls_backend_preconfigured(tls_config()?)
        .https_only(secure)
        .http1_only()
        .http1_max_headers(HEADERS_MAX)
        .user_agent(USER_AGENT)
        // A library reads no environment, and that is where proxies are set.
        .no_proxy()
        // A redirect would take the token elsewhere; the service does not send any.
        .redirect(redirect::Policy::none())
        // One place decides about repetition.
        .retry(retry::never())
        .connect_timeout(silence_max / 2)
        .read_timeout(silence_max)
        .default_headers(headers())
        // Objects are verified as they are stored, and another crate may turn these features on.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .build()
        .map_err(|err| BucketError::Http(err.to_string()))
}

/// Without `Accept-Encoding: gzip`, Cloud Storage decompresses what is stored with gzip, and
/// neither length nor checksum match any more. (Cloud Storage documentation, "Transcoding of
/// gzip-compressed files".)
fn headers() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))])
}

fn tls_config() -> Result<ClientConfig, BucketError> {
    #[cfg_attr(not(feature = "stand-in"), expect(unused_mut, reason = "nothing else is trusted"))]
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[cfg(feature = "stand-in")]
    crate::stand_in::trust(&mut roots)?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|err| BucketError::Http(err.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
