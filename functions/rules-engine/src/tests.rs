//! What the rules-engine promises, and every interleaving at small scope.

mod crashes;
mod interleavings;
mod mending;
mod operations;

use std::sync::Arc;

use domain::{
    Change, Delivery, EntityRef, Env, Generation, HistoryName, Instant, ObjectName, OrderKey,
    Overwrote, Planted, Record, json,
};
use emulator::{Memory, TestClock, Upload, tools};
use projection::fold::Folded;
use projection::snapshot;
use store::{Store, Tools};

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
    let entity = entity();
    let history = HistoryName {
        entity: entity.clone(),
        day: Instant::parse("2025-11-06T00:00:00Z").unwrap().day(),
        file: format!("x_{second}.json"),
    };
    let updated_at = Instant::parse(&format!("2025-11-06T10:00:{second:02}Z")).unwrap();
    let change = match n {
        Some(n) => Change::Full(json::Object::from_iter([("n".to_owned(), n.into())])),
        None => Change::Delete,
    };
    let record = Record { key: OrderKey::new(updated_at, &history), change };
    let folded = Folded::of(vec![record]).unwrap();
    let body = snapshot::body(&folded, &entity, "venture");
    let metadata = snapshot::metadata(&folded, &format!("run{second}"), &[]);
    let name = ObjectName::Snapshot(entity);
    let upload = Upload { metadata, ..Upload::default() };
    let stored = bucket.insert(&name.to_string(), body.into(), upload).unwrap();
    Delivery {
        name,
        generation: stored.generation,
        overwrote: stored.overwrote.map_or(Overwrote::Nothing, Overwrote::Generation),
        created_at: None,
    }
}

/// The source generations of the open alerts of V1, of the alerts that were open at any time, and
/// of the alert objects.
fn alerts(bucket: &Memory) -> [Vec<Generation>; 3] {
    let states = bucket.versions_of(&ObjectName::AlertState(entity()).to_string());
    let generation = |alert: &serde_json::Value| {
        Generation::parse(alert["source_generation"].as_str().unwrap()).unwrap()
    };
    let open = |state: &emulator::Stored| {
        let state = json::parse(&state.body).unwrap();
        state["open"].as_array().unwrap().iter().map(generation).collect::<Vec<_>>()
    };
    let written = bucket.objects().into_iter();
    let written = written.filter(|(name, _)| name.starts_with("env/dev/reports/alerts/"));
    let written = written.map(|(_, object)| generation(&json::parse(&object.body).unwrap()));
    let now = states.last().map(open).unwrap_or_default();
    [now, states.iter().flat_map(open).collect(), written.collect()]
}
