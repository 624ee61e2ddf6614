//! A bucket with work for every function, and the pushes about it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{Class, EntityRef, Env, HistoryName, ObjectName, ulid};
use emulator::{Emulator, Event, Memory, Options, Stored, Upload};
use serde_json::{Value, json};

use crate::http::Server;
use crate::workspace::Workspace;

/// The bucket that everything happens in.
pub(crate) const BUCKET: &str = "bench";

/// A venture that a rule holds on, from the scenario of that name.
const VENTURE: &str = "fixtures/venture-life/in-pilot.json";

/// That rule.
const RULE: &str = "fixtures/venture-life/rule.json";

/// What the names of all objects of a rule have in them.
const RULES: &str = "/rules/";

/// An emulator with a bucket.
pub(crate) struct Feed {
    pub(crate) emulator: Emulator,
    memory: Arc<Memory>,
    /// The name of a record, for the floor to read.
    pub(crate) record: String,
}

impl Feed {
    /// Fills the history with a rule and `ventures` ventures.
    pub(crate) async fn start(workspace: &Workspace, ventures: usize) -> Result<Self> {
        let emulator = Emulator::start(Options::default()).await?;
        let memory = emulator.create_bucket(BUCKET)?;
        let read = |file: &str| -> Result<Value> {
            let content = std::fs::read(workspace.root.join(file)).context(file.to_owned())?;
            Ok(serde_json::from_slice(&content)?)
        };
        let mut feed = Self { emulator, memory, record: String::new() };
        let rule = read(RULE)?;
        feed.write("rules", &rule)?;
        let mut venture = read(VENTURE)?;
        for number in 0..ventures {
            venture["id"] = Value::from(format!("V{number}"));
            feed.record = feed.write("ventures", &venture)?;
        }
        Ok(feed)
    }

    fn write(&self, segment: &str, record: &Value) -> Result<String> {
        let id = record["id"].as_str().context("no id")?;
        let time = record["updated_at"].as_str().and_then(domain::Instant::parse);
        let time = time.context("no time")?;
        let file = format!("{}_{}.json", time.to_millis_text(), ulid(time, 1));
        let entity = EntityRef::new(Env::Dev, segment, id)?;
        let name = ObjectName::History(HistoryName { entity, day: time.day(), file }).to_string();
        let body = Bytes::from(record.to_string());
        let written = self.memory.insert(&name, body, Upload::default());
        written.map_err(|err| anyhow::anyhow!("{name}: {err}"))?;
        Ok(name)
    }

    /// The pushes about what lies there of `classes`: what rules are made of, and all others.
    pub(crate) fn pushes(&self, classes: &[Class]) -> (Vec<Bytes>, VecDeque<Bytes>) {
        let (mut first, mut others) = (Vec::new(), VecDeque::new());
        for name in self.memory.objects().keys() {
            let class = ObjectName::parse(name).map(|name| name.class());
            if !class.is_ok_and(|class| classes.contains(&class)) {
                continue;
            }
            for version in self.memory.versions_of(name) {
                let body = push(&version);
                if name.contains(RULES) { first.push(body) } else { others.push_back(body) }
            }
        }
        (first, others)
    }
}

/// The body of the push about `stored`. (Pub/Sub documentation, "Push subscriptions", "Receive
/// messages".)
fn push(stored: &Stored) -> Bytes {
    let event = Event::finalized(stored);
    let message = json!({
        "attributes": emulator::notification::attributes(BUCKET, 1, &event, stored.created_at),
        "data": STANDARD.encode(emulator::notification::payload(BUCKET, stored)),
        "messageId": stored.generation.to_string(),
        "publishTime": stored.created_at.to_micros_text(),
    });
    let subscription = "projects/p/subscriptions/s";
    json!({ "message": message, "subscription": subscription }).to_string().into()
}

/// Sends `bodies` to `port`, `at_once` at a time; each must be answered 204. How long that takes.
pub(crate) async fn deliver(port: u16, bodies: Vec<Bytes>, at_once: usize) -> Result<Duration> {
    let server = Server::at(&format!("http://127.0.0.1:{port}"))?;
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..at_once {
        let (server, headers) = (server.clone(), headers.clone());
        let (bodies, next) = (Arc::clone(&bodies), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = server.send("POST", "/", &headers, body.clone()).await?;
                ensure!(answer.status == 204, "a delivery was answered {}", answer.status);
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(begun.elapsed())
}
