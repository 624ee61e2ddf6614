//! What the alert-dispatcher promises.

mod claims;
mod hostile;
mod interleavings;
mod quiet;
mod redelivery;
mod sending;
mod targets;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::json::Object;
use domain::{
    BoxFuture, Clock, Delivery, Env, Generation, Handler, ObjectName, Outcome, Overwrote, Planted,
};
use egress::{Answer, Egress, Outside, Parcel, SettingError, Unsent};
use emulator::{Memory, TestClock, Upload, tools};
use store::{Metadata, Store, Tools};

use crate::{AlertDispatcher, AlertLog, LEASE, Limit, Shortcut};

/// The key of everything here.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The lines of the channel `log`.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl AlertLog for Lines {
    fn alert(&self, name: &str, _: &Object, message: &str) {
        let file = name.rsplit('/').next().unwrap();
        self.0.lock().unwrap().push(format!("{file} {message:?}"));
    }
}

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn bucket() -> Arc<Memory> {
    Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), 7)
}

fn dispatcher(store: Arc<dyn Store>, log: &Arc<Lines>) -> AlertDispatcher {
    dispatcher_with(store, log, Planted::NONE)
}

fn dispatcher_with(
    store: Arc<dyn Store>,
    log: &Arc<Lines>,
    planted: Planted<Shortcut>,
) -> AlertDispatcher {
    let tools = tools(store);
    let outside = Posts::default().shared(&tools);
    let egress = Arc::new(egress(outside, &tools));
    let (log, limit) = (log.clone(), Limit::default());
    AlertDispatcher { tools, log, egress, limit, lease: LEASE, planted }
}

/// What sends to `outside`, signed.
fn egress(outside: Arc<dyn Outside>, tools: &Tools) -> Egress {
    let read = |name: &str| {
        let found = match name {
            "WEBHOOK_KEY" => Some("env://ALERT_TARGET_KEY"),
            "ALERT_TARGET_KEY" => Some(KEY),
            _ => None,
        };
        Ok::<_, SettingError>(found.map(str::to_owned))
    };
    Egress::new(read, None, outside, Arc::clone(&tools.clock)).unwrap()
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It is answered so, after it has arrived if that is a 2xx.
    Say(u16),
    /// It arrives, and the connection breaks.
    Break,
    /// Nothing is heard of it for as long as somebody waits.
    Silence,
}

/// Who receives what is sent: what becomes of each request in its turn, the last for all others.
struct Posts {
    steps: Mutex<VecDeque<Then>>,
    /// The host and the idempotency key of each request that has arrived.
    arrived: Mutex<Vec<(String, String)>>,
    /// All requests.
    tried: Mutex<Vec<(String, String)>>,
    clock: Option<Arc<dyn Clock>>,
}

impl Default for Posts {
    fn default() -> Self {
        Self::after(&[Then::Say(204)])
    }
}

impl Posts {
    fn after(steps: &[Then]) -> Self {
        let steps = Mutex::new(steps.iter().copied().collect());
        Self { steps, arrived: Mutex::default(), tried: Mutex::default(), clock: None }
    }

    fn shared(mut self, tools: &Tools) -> Arc<Self> {
        self.clock = Some(Arc::clone(&tools.clock));
        Arc::new(self)
    }

    /// What becomes of the next requests.
    fn then(&self, steps: &[Then]) {
        *self.steps.lock().unwrap() = steps.iter().copied().collect();
    }

    fn arrived(&self) -> Vec<(String, String)> {
        self.arrived.lock().unwrap().clone()
    }

    fn tried(&self) -> Vec<(String, String)> {
        self.tried.lock().unwrap().clone()
    }
}

impl Outside for Posts {
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>> {
        let key = parcel.header("idempotency-key").unwrap().to_owned();
        if let Some(id) = parcel.header("webhook-id") {
            assert_eq!(id, key);
        }
        let sent = (parcel.url.host().to_owned(), key);
        self.tried.lock().unwrap().push(sent.clone());
        let mut steps = self.steps.lock().unwrap();
        let step = if steps.len() > 1 { steps.pop_front().unwrap() } else { steps[0] };
        if matches!(step, Then::Say(200..=299) | Then::Break) {
            self.arrived.lock().unwrap().push(sent);
        }
        let clock = self.clock.clone().unwrap();
        Box::pin(async move {
            match step {
                Then::Say(status) => Ok(Answer { status, text: "".into() }),
                Then::Break => Err(Unsent::passing("no answer: connection closed")),
                Then::Silence => {
                    clock.sleep(Duration::from_secs(8)).await;
                    Err(Unsent::passing("no answer in time"))
                }
            }
        })
    }
}

/// A dispatcher over `store` whose clock is `clock` and that sends to `posts`.
fn sender(
    store: Arc<dyn Store>,
    clock: &Arc<TestClock>,
    posts: &Arc<Posts>,
    planted: Planted<Shortcut>,
) -> AlertDispatcher {
    let ids = emulator::SeededIds::new(next_seed());
    let tools = Tools { clock: clock.clone(), ids, ..tools(store) };
    let egress = Arc::new(egress(posts.clone(), &tools));
    let (log, limit) = (Arc::new(Lines::default()), Limit::default());
    AlertDispatcher { tools, log, egress, limit, lease: LEASE, planted }
}

/// Each process draws other ids.
fn next_seed() -> u64 {
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn clock() -> Arc<TestClock> {
    TestClock::at("2026-01-01T00:00:00Z")
}

/// An alert that goes to one webhook.
const HOOK: &str = r#"{"rule_id":"low-runway","entity":"venture","id":"V1","status":"open","fired":"enter","message":"m","channels":[{"type":"webhook","target":"https://hooks.example.com/a"}]}"#;

/// The same for another target, field or both.
fn hook(fields: &str, channels: &str) -> String {
    let mut alert: serde_json::Value = serde_json::from_str(HOOK).unwrap();
    let fields: Object = serde_json::from_str(fields).unwrap();
    alert.as_object_mut().unwrap().extend(fields);
    if !channels.is_empty() {
        alert["channels"] = serde_json::from_str(channels).unwrap();
    }
    alert.to_string()
}

/// The reasons of the marks of that kind.
fn reasons(bucket: &Memory, mark: &str) -> Vec<String> {
    let prefix = format!("env/dev/indices/alerts/{mark}/");
    let marks = bucket.objects().into_iter().filter(|(name, _)| name.starts_with(&prefix));
    let reason = |(_, object): (String, store::Object)| {
        let mark: serde_json::Value = serde_json::from_slice(&object.body).unwrap();
        mark["reason"].as_str().unwrap().to_owned()
    };
    marks.map(reason).collect()
}

fn alert(id: &str) -> ObjectName {
    ObjectName::Alert {
        env: Env::Dev,
        rule_id: "low-runway".to_owned(),
        entity_id: "V1".to_owned(),
        alert_id: id.to_owned(),
    }
}

/// Writes an alert as the rules-engine does.
fn write_alert(bucket: &Memory, id: &str, body: &str) -> Delivery {
    let name = alert(id);
    let body = body.to_owned().into();
    let stored = bucket.insert(&name.to_string(), body, Upload::default()).unwrap();
    delivery(name, stored.generation)
}

fn delivery(name: ObjectName, generation: Generation) -> Delivery {
    Delivery { name, generation, overwrote: Overwrote::Nothing, created_at: None }
}

async fn deliver(dispatcher: &AlertDispatcher, delivery: &Delivery) -> Outcome {
    dispatcher.handle(std::slice::from_ref(delivery)).await.remove(0)
}

/// The marks in the bucket: name below `indices/alerts/` and body.
fn marks(bucket: &Memory) -> Vec<String> {
    let objects = bucket.objects().into_iter();
    let mark = |(name, object): (String, store::Object)| {
        let name = name.strip_prefix("env/dev/indices/alerts/")?.to_owned();
        let expected = Metadata::from([
            ("definitions".to_owned(), "d".to_owned()),
            ("version".to_owned(), "0".to_owned()),
        ]);
        assert_eq!(object.metadata, expected);
        Some(format!("{name} {}", String::from_utf8(object.body.to_vec()).unwrap().trim_end()))
    };
    objects.filter_map(mark).collect()
}
