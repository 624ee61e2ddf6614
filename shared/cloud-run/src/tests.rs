//! What the tests share: a small store, handlers made of closures, and pushes.

mod admission;
mod coalesce;
mod coalesce_schedules;
mod config;
mod decode;
mod hostile;
mod log;
mod quarantine;
mod server;
mod shutdown;
mod trace;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::{
    BoxFuture, Class, Clock, Definitions, Delivery, Generation, Handler, Instant, ObjectName,
    Outcome, Overwrote, Version,
};
use serde_json::{Value, json};
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store, Tools};

use crate::runner::Runner;
use crate::{Config, Settings, SystemIds};

const BUCKET: &str = "strata";
const RECORD: &str = "env/dev/ventures/V1/history/2025/11/06/2025-11-06T10:18:22.000Z_01A.json";

/// A handler that records its batches and answers with what the closure says.
struct Fake {
    fed_with: &'static [Class],
    batches: Mutex<Vec<Vec<Delivery>>>,
    handle: Box<dyn Fn(Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> + Send + Sync>,
}

impl Fake {
    fn new<F>(handle: impl Fn(Vec<Delivery>) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Vec<Outcome>> + Send + 'static,
    {
        Arc::new(Self {
            fed_with: &[Class::History],
            batches: Mutex::default(),
            handle: Box::new(move |batch| Box::pin(handle(batch))),
        })
    }

    /// Ends every delivery with `outcome`.
    fn always(outcome: Outcome) -> Arc<Self> {
        Self::new(move |batch| std::future::ready(vec![outcome.clone(); batch.len()]))
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(Vec::len).collect()
    }
}

impl Handler for Fake {
    fn fed_with(&self) -> &'static [Class] {
        self.fed_with
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        self.batches.lock().unwrap().push(batch.to_vec());
        (self.handle)(batch.to_vec())
    }
}

/// A store that holds what is put, or fails every write with one kind.
#[derive(Default)]
struct Notes {
    objects: Mutex<BTreeMap<String, (Bytes, Metadata)>>,
    failure: Option<ErrorKind>,
}

impl Notes {
    fn failing(kind: ErrorKind) -> Arc<Self> {
        Arc::new(Self { failure: Some(kind), ..Self::default() })
    }

    fn names(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    fn text(&self) -> String {
        let objects = self.objects.lock().unwrap();
        let lines = objects.iter().map(|(name, (body, metadata))| {
            format!("{name}\n{}{metadata:#?}\n", String::from_utf8_lossy(body))
        });
        lines.collect()
    }
}

impl Store for Notes {
    fn get<'a>(
        &'a self,
        name: &'a str,
        _: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        panic!("nothing is read: {name}")
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        assert_eq!(precondition, Precondition::Absent);
        let mut objects = self.objects.lock().unwrap();
        let failure = self.failure.or(objects.contains_key(name).then_some(ErrorKind::Conflict));
        let put = match failure {
            Some(kind) => Err(Error::new(kind, format!("put {name}: {kind:?}"))),
            None => {
                objects.insert(name.to_owned(), (body, metadata.clone()));
                Ok(Generation(7))
            }
        };
        Box::pin(std::future::ready(put))
    }

    fn delete<'a>(&'a self, name: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        panic!("nothing is deleted: {name}")
    }

    fn erase<'a>(&'a self, name: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        panic!("nothing is erased: {name}")
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        panic!("nothing is listed: {list:?}")
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        panic!("nothing is listed: {name}")
    }

    fn answered_at(&self) -> Option<Instant> {
        None
    }
}

/// A clock that says the same at all times, and sleeps on the timer of the runtime.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::parse("2025-11-06T10:20:00Z").unwrap()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(delay))
    }
}

fn settings(more: &[(&str, &str)]) -> Settings {
    let pairs = [&[("BUCKET", BUCKET), ("K_REVISION", "builder-00007")], more].concat();
    Settings::read(&Config::fixed(&pairs)).unwrap()
}

/// Everything that stands still, over this store.
fn tools(store: Arc<Notes>) -> Tools {
    Tools {
        store,
        clock: Arc::new(Still),
        ids: Arc::new(SystemIds),
        definitions: Arc::new(Definitions::embedded()),
        version: Version {
            definitions: "d".to_owned(),
            software: settings(&[]).version().to_owned(),
        },
    }
}

fn runner(handler: Arc<Fake>, store: Arc<Notes>) -> Runner {
    let runner = Runner::new("snapshot-builder", BUCKET, tools(store), handler);
    runner.with_project(Some("acme".to_owned()))
}

/// The attributes of a finalize notification.
fn attributes(object: &str) -> Value {
    json!({
        "notificationConfig": "projects/_/buckets/strata/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": BUCKET,
        "objectId": object,
        "objectGeneration": "1607428286395814",
        "eventTime": "2025-11-06T10:18:22.395668Z",
    })
}

/// The payload of a finalize notification: the object resource.
fn resource(object: &str) -> Value {
    json!({
        "kind": "storage#object",
        "id": format!("{BUCKET}/{object}/1607428286395814"),
        "name": object,
        "bucket": BUCKET,
        "generation": "1607428286395814",
        "metageneration": "1",
        "timeCreated": "2025-11-06T10:18:22.395Z",
    })
}

fn push_of(attributes: &Value, payload: &str) -> Value {
    json!({
        "deliveryAttempt": 3,
        "message": {
            "attributes": attributes,
            "data": BASE64_STANDARD.encode(payload),
            "messageId": "1670753549413554",
            "message_id": "1670753549413554",
            "publishTime": "2025-11-06T10:18:22.744Z",
            "publish_time": "2025-11-06T10:18:22.744Z",
        },
        "subscription": "projects/acme/subscriptions/snapshot-builder",
    })
}

/// The body of a push about `object`, attributes and payload complete.
fn push(object: &str) -> Vec<u8> {
    let payload = serde_json::to_string_pretty(&resource(object)).unwrap();
    push_of(&attributes(object), &payload).to_string().into_bytes()
}

fn delivery(id: &str, generation: u64) -> Delivery {
    let name = format!("env/dev/ventures/{id}/history/2025/11/06/{generation}.json");
    Delivery {
        name: ObjectName::parse(&name).unwrap(),
        generation: Generation(generation),
        overwrote: Overwrote::Nothing,
        created_at: None,
    }
}

/// Lets other tasks run until `condition` holds.
async fn until(mut condition: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    waited.await.expect("what is waited for happens");
}
