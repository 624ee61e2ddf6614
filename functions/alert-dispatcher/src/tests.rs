//! What the alert-dispatcher promises.

mod interleavings;
mod sending;

use std::sync::{Arc, Mutex};

use domain::json::Object;
use domain::{Delivery, Env, Generation, Handler, ObjectName, Outcome, Overwrote, Planted};
use emulator::{Memory, TestClock, Upload, tools};
use store::{Metadata, Store};

use crate::{AlertDispatcher, AlertLog, Shortcut};

/// The lines of the channel `log`.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl AlertLog for Lines {
    fn alert(&self, name: &str, alert: &Object) {
        let file = name.rsplit('/').next().unwrap();
        self.0.lock().unwrap().push(format!("{file} {}", alert["message"]));
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
    AlertDispatcher { tools: tools(store), log: log.clone(), planted }
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
