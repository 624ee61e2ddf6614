//! The place that deliveries are pushed to: it acknowledges some and refuses others.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use domain::Generation;
use emulator::Chance;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::model::Version;

/// One delivery of so many is refused.
const REFUSED_ONE_IN: u64 = 4;

/// Listens as long as it exists.
pub(crate) struct Endpoint {
    /// Where.
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deliveries {
    /// What was acknowledged.
    pub(crate) acknowledged: HashSet<Version>,
    /// Everything, also what was refused.
    pub(crate) pushed: HashSet<Version>,
    /// Pushes that are no notification.
    pub(crate) strange: Vec<String>,
}

struct Shared {
    chance: Chance,
    deliveries: Mutex<Deliveries>,
    more: Notify,
}

impl Shared {
    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn start(seed: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (chance, deliveries) = (Chance::new(seed), Mutex::default());
        let shared = Arc::new(Shared { chance, deliveries, more: Notify::new() });
        let router = Router::new().route("/", post(take)).with_state(shared.clone());
        let serve = async move { axum::serve(listener, router).await.unwrap_or_default() };
        Ok(Self { url, shared, task: tokio::spawn(serve) })
    }

    /// What came so far.
    pub(crate) fn deliveries(&self) -> Deliveries {
        self.shared.deliveries().clone()
    }

    /// Completes when something has come after the last time that this was awaited.
    pub(crate) async fn more(&self) {
        self.shared.more.notified().await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let mut deliveries = shared.deliveries();
    let version = match version(&body) {
        Ok(version) => version,
        Err(err) => {
            deliveries.strange.push(format!("{err:#}: {}", String::from_utf8_lossy(&body)));
            return StatusCode::NO_CONTENT;
        }
    };
    deliveries.pushed.insert(version.clone());
    let refused = shared.chance.below(REFUSED_ONE_IN) == 0;
    if !refused {
        deliveries.acknowledged.insert(version);
    }
    shared.more.notify_one();
    if refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

/// What a push is about.
fn version(body: &[u8]) -> Result<Version> {
    let push: Value = serde_json::from_slice(body).context("no JSON")?;
    let attributes = &push["message"]["attributes"];
    let name = attributes["objectId"].as_str().context("no object")?;
    let generation = attributes["objectGeneration"].as_str().and_then(Generation::parse);
    Ok((name.to_owned(), generation.context("no generation")?))
}
