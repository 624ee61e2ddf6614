//! Stand-ins of Cloud Storage and of the metadata server on loopback, over TLS and with tokens: for
//! the benchmark of a cold start, not in what is deployed.

use std::sync::Arc;

use domain::{Clock, Ids};
use rustls::RootCertStore;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::metadata_server::MetadataServer;
use crate::origin::Origin;
use crate::retry::Policy;
use crate::tokens::{TokenProvider, Tokens};
use crate::{Bucket, BucketError, DEADLINE};

/// The root of the stand-in's certificate. Nobody has its key any more.
const ROOT: &[u8] = include_bytes!("stand_in/root.der");

/// What the addresses of stand-ins begin with; that of an emulator cannot. A comma separates that of
/// the metadata server.
const SCHEME: &str = "https://";

/// A client of the stand-in at `host`; `None` where that is the address of none.
pub(crate) fn bucket(
    bucket: &str,
    host: Option<&str>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
) -> Option<Result<Bucket, BucketError>> {
    let (host, metadata) = host.filter(|host| host.starts_with(SCHEME))?.split_once(',')?;
    let origin = Origin::new(true, host.strip_prefix(SCHEME)?)?;
    Some(Endpoint::new(bucket).map(|endpoint| {
        let http = Http::new(origin, DEADLINE);
        let policy = Policy::within(DEADLINE);
        let tokens = Some(tokens(metadata.to_owned(), clock));
        let (clock, ids) = (Arc::clone(clock), Arc::clone(ids));
        Bucket { endpoint, client: Client { http, tokens, policy, clock, ids } }
    }))
}

fn tokens(host: String, clock: &Arc<dyn Clock>) -> Tokens {
    let clock = Arc::clone(clock);
    Tokens::from_source(move || {
        let found = MetadataServer::at(&host, DEADLINE, Arc::clone(&clock));
        let found = found.map(|it| Arc::new(it) as Arc<dyn TokenProvider>);
        Box::pin(std::future::ready(found))
    })
}

/// Adds the stand-in's root to `roots`.
pub(crate) fn trust(roots: &mut RootCertStore) -> Result<(), rustls::Error> {
    roots.add(ROOT.into())
}
