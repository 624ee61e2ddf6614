//! What the rules-engine promises, and every interleaving at small scope.

mod changes;
mod crashes;
mod interleavings;
mod mending;
mod operations;
mod time;

use std::sync::Arc;

use bytes::Bytes;

use domain::{
    Change, Delivery, EntityRef, Env, Generation, HistoryName, Instant, ObjectName, OrderKey,
    Overwrote, Planted, Record, json,
};
use emulator::{Memory, TestClock, Upload, tools};
use projection::fold::Folded;
use projection::snapshot;
use store::{Metadata, Store, Tools};

use crate::{RULES_AGE_MAX, RuleCache, RulesEngine, Shortcut};

const RULE: &str = r#"{"id":"low","applies_to":"venture","condition":{"all":[{"path":"n","op":"lt","value":10}]},"severity":"warning"}"#;

fn bucket() -> Arc<Memory> {
    let clock = TestClock::at("2026-01-01T00:00:00Z");
    let bucket = Memory::new("test", clock, 7);
    let bundle = format!(r#"{{"entity":"rule","members":[{RULE}]}}"#);
    bucket.insert("env/dev/indices/rules/_bundle.json", bundle.into(), Upload::default()).unwrap();
    bucket
}

fn engine(store: Arc<dyn Store>, planted: Planted<Shortcut>) -> RulesEngine {
    engine_with(tools(store), planted)
}

fn engine_with(tools: Tools, planted: Planted<Shortcut>) -> RulesEngine {
    RulesEngine { tools, rules_age_max: RULES_AGE_MAX, cache: RuleCache::default(), planted }
}

fn entity() -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", "V1").unwrap()
}

/// Writes a snapshot of V1 as the snapshot-builder would; `None` for a deleted one.
fn write_snapshot(bucket: &Memory, second: u32, n: Option<u32>) -> Delivery {
    write_document(bucket, second, n.map(|n| json::Object::from_iter([("n".to_owned(), n.into())])))
}

fn write_document(bucket: &Memory, second: u32, document: Option<json::Object>) -> Delivery {
    let entity = entity();
    let history = HistoryName {
        entity: entity.clone(),
        day: Instant::parse("2025-11-06T00:00:00Z").unwrap().day(),
        file: format!("x_{second}.json"),
    };
    let updated_at = Instant::parse(&format!("2025-11-06T10:00:{second:02}Z")).unwrap();
    let change = document.map_or(Change::Delete, Change::Full);
    let record = Record { key: OrderKey::new(updated_at, &history), change, bulk: None };
    let folded = Folded::of(vec![record]).unwrap();
    let body = snapshot::body(&folded, &entity, "venture");
    let metadata = snapshot::metadata(&folded, &format!("run{second}"), &[]);
    insert_snapshot(bucket, body.into(), metadata)
}

fn insert_snapshot(bucket: &Memory, body: Bytes, metadata: Metadata) -> Delivery {
    let name = ObjectName::Snapshot(entity());
    let upload = Upload { metadata, ..Upload::default() };
    let stored = bucket.insert(&name.to_string(), body, upload).unwrap();
    Delivery {
        name,
        generation: stored.generation,
        overwrote: stored.overwrote.map_or(Overwrote::Nothing, Overwrote::Generation),
        created_at: None,
    }
}

/// The source generations of the open alerts of V1, of the alerts that were open at any time, and
/// of the alert objects that say that a rule began to hold.
fn alerts(bucket: &Memory) -> [Vec<Generation>; 3] {
    let states = bucket.versions_of(&ObjectName::AlertState(entity()).to_string());
    let generation = |alert: &serde_json::Value| {
        Generation::parse(alert["source_generation"].as_str().unwrap()).unwrap()
    };
    let open = |state: &emulator::Stored| {
        let state = json::parse(&state.body).unwrap();
        state["open"].as_array().unwrap().iter().map(generation).collect::<Vec<_>>()
    };
    let written = written(bucket).into_iter().filter(|alert| alert["fired"] == "enter");
    let written = written.map(|alert| generation(&alert)).collect();
    let now = states.last().map(open).unwrap_or_default();
    [now, states.iter().flat_map(open).collect(), written]
}

/// The bodies of all alert objects.
fn written(bucket: &Memory) -> Vec<serde_json::Value> {
    let objects = bucket.objects().into_iter();
    let alerts = objects.filter(|(name, _)| name.starts_with("env/dev/reports/alerts/"));
    alerts.map(|(_, object)| json::parse(&object.body).unwrap()).collect()
}

/// The ids of the open alerts.
fn open_ids(bucket: &Memory) -> Vec<String> {
    let states = bucket.versions_of(&ObjectName::AlertState(entity()).to_string());
    let state = states.last().map(|it| json::parse(&it.body).unwrap()).unwrap_or_default();
    let open = state["open"].as_array().cloned().unwrap_or_default();
    open.iter().map(|alert| alert["alert_id"].as_str().unwrap().to_owned()).collect()
}

/// That whatever was told to begin is open, or is told to have ended, once.
fn check_endings(bucket: &Memory) -> Result<(), String> {
    let (open, written) = (open_ids(bucket), written(bucket));
    let of = |fired: &str, field: &str| -> Vec<String> {
        let alerts = written.iter().filter(|alert| alert["fired"] == fired);
        let mut ids: Vec<String> =
            alerts.map(|alert| alert[field].as_str().unwrap_or_default().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    let ended = of("resolve", "opened");
    let mut expected = of("enter", "alert_id");
    if let Some(lost) = open.iter().find(|id| !expected.contains(id)) {
        return Err(format!("{lost} is open and was never told"));
    }
    expected.retain(|id| !open.contains(id));
    if ended != expected {
        return Err(format!("told to have ended: {ended:?}, not {expected:?}"));
    }
    Ok(())
}
