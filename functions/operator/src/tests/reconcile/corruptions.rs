//! Everything that can be done to what is derived.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{ObjectName, json, volatile};
use emulator::{Memory, Upload};
use serde_json::{Value, json};
use store::{Metadata, Object, Store as _};

use super::world::World;

/// Something that was done, as far as it cannot be seen from contents alone.
#[derive(Debug)]
pub(super) enum Done {
    /// To this object.
    To(String),
    /// Somebody else's object was put there.
    Garbage(String),
    /// Nothing, for want of an object.
    Nothing,
}

fn put(bucket: &Memory, name: &str, body: impl Into<Bytes>, metadata: Metadata) {
    let upload = Upload { metadata, ..Upload::default() };
    bucket.insert(name, body.into(), upload).unwrap();
}

fn pick<'a, T>(world: &World, of: &'a [T]) -> Option<&'a T> {
    if of.is_empty() { None } else { of.get(world.chance.below(of.len() as u64) as usize) }
}

/// What is derived at one moment: names by class of those that count.
pub(super) struct Moment {
    objects: BTreeMap<String, Object>,
    live: BTreeMap<&'static str, Vec<String>>,
}

impl Moment {
    pub(super) fn of(world: &World) -> Self {
        let objects = world.bucket.objects();
        let counts = |name: &String| {
            let parsed = ObjectName::parse(name);
            parsed.is_ok_and(|it| volatile::comparable(&it, &objects[name].body).is_some())
        };
        let live = DERIVED.map(|part| {
            let names = objects.keys().filter(|name| name.contains(part) && counts(name));
            (part, names.cloned().collect())
        });
        Self { live: live.into_iter().collect(), objects }
    }
}

const DERIVED: [&str; 7] = [
    "/snapshots/",
    "/by-id/",
    "/by-status/",
    "/by-tag-v2/",
    "/latest/",
    "/_state/",
    "/_bundle.json",
];

/// Does one thing to the bucket, whatever the chance of `world` says.
pub(super) async fn corrupt(world: &World, moment: &Moment) -> Done {
    let bucket = &*world.bucket;
    let (objects, live) = (&moment.objects, &moment.live);
    let class = pick(world, &DERIVED).unwrap();
    let name = pick(world, &live[class]).cloned();
    match world.chance.below(12) {
        0 | 1 => body(world, name, objects, false),
        2 => body(world, name, objects, true),
        3 | 4 => match name {
            // Something else may have been done to it since.
            Some(name) => match bucket.delete(&name, objects[&name].generation).await {
                Ok(true) => Done::To(name),
                _ => Done::Nothing,
            },
            None => Done::Nothing,
        },
        5 => garbage(world),
        6 | 7 => orphan(world, moment),
        8 => register(world, moment),
        9 => state(world, objects),
        10 => alert(world, objects).await,
        _ => snapshot_metadata(world, moment),
    }
}

/// Another body; with `lies` below metadata that says it came from the current snapshot.
fn body(
    world: &World,
    name: Option<String>,
    objects: &BTreeMap<String, Object>,
    lies: bool,
) -> Done {
    let Some(name) = name else { return Done::Nothing };
    let before = &objects[&name];
    let document = json::parse(&before.body).ok().filter(Value::is_object);
    let mut document = document.unwrap_or_else(|| json!({}));
    let body = match world.chance.below(7) {
        0 => Bytes::from_static(b"not JSON"),
        1 => Bytes::from_static(b""),
        2 => Bytes::from_static(b"[]\n"),
        3 => before.body.slice(..before.body.len() / 2),
        4 => Bytes::from_static(b"\xff\xfe\x00"),
        _ => {
            let changed = world.chance.below(1000);
            document["status"] = json!(changed);
            document["n"] = json!(changed);
            document["id"] = json!(format!("X{changed}"));
            Bytes::from(json::to_line(&document))
        }
    };
    let mut metadata = before.metadata.clone();
    if let Some(entity) = ObjectName::parse(&name).unwrap().entity().filter(|_| lies) {
        let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
        if let Some(snapshot) = objects.get(&snapshot).filter(|_| !name.contains("/snapshots/")) {
            metadata.insert("source-generation".to_owned(), snapshot.generation.to_string());
            let run = snapshot.metadata.get("run").cloned().unwrap_or_default();
            metadata.insert("run".to_owned(), run);
        }
    }
    put(&world.bucket, &name, body, metadata);
    Done::To(name)
}

fn garbage(world: &World) -> Done {
    let n = world.chance.next();
    let names = [
        format!("env/dev/snapshots/ventures/deep/{n}.json"),
        format!("env/dev/snapshots/{n}"),
        format!("env/dev/manifests/ventures/by-id/{n}.txt"),
        format!("env/dev/manifests/ventures/{n}.ndjson"),
        format!("env/dev/indices/ventures/by-status/a/b/c/{n}.json"),
        format!("env/dev/indices/ventures/by-status/{n}.json"),
        format!("env/dev/indices/ventures/latest/{n}"),
        format!("env/dev/indices/alerts/{n}.json"),
        format!("env/dev/indices/alerts/_state/ventures/[{n}].json"),
        format!("env/dev/reports/alerts/{n}.json"),
        format!("env/dev/reports/alerts/R1/V1/{n}.json"),
        format!("env/dev/reports/quarantine/{n}"),
        format!("env/dev/indices/_repair/ventures/{n}"),
        format!("env/dev/manifests/_jobs/{n}.json"),
    ];
    let name = pick(world, &names).unwrap();
    put(&world.bucket, name, Bytes::from_static(b"\xffsomebody else's"), Metadata::new());
    Done::Garbage(name.clone())
}

/// An object of an entity where it has no place, or of one that there is not.
fn orphan(world: &World, Moment { objects, live }: &Moment) -> Done {
    let n = world.chance.next() % 100_000;
    let class = pick(world, &DERIVED).unwrap();
    let Some(from) = pick(world, &live[class]) else { return Done::Nothing };
    let id = match world.chance.below(2) {
        0 => format!("W{n}"),
        _ => "V1".to_owned(),
    };
    let names = [
        format!("env/dev/snapshots/ventures/W{n}.json"),
        format!("env/dev/manifests/ventures/by-id/W{n}.json"),
        format!("env/dev/indices/ventures/by-status/k{n}/{id}.json"),
        format!("env/dev/indices/ventures/by-tag-v2/k{n}/pilot/{id}.json"),
        format!("env/dev/indices/alerts/_state/ventures/W{n}.json"),
    ];
    let name = pick(world, &names).unwrap();
    put(&world.bucket, name, objects[from].body.clone(), objects[from].metadata.clone());
    Done::To(name.clone())
}

fn register(world: &World, Moment { objects, live }: &Moment) -> Done {
    let found = [&live["/latest/"][..], &live["/_bundle.json"]].concat();
    let Some(name) = pick(world, &found) else { return Done::Nothing };
    let Ok(mut register) = json::parse(&objects[name].body) else { return Done::Nothing };
    let Some(members) = register.get_mut("members").and_then(Value::as_array_mut) else {
        return Done::Nothing;
    };
    if members.is_empty() {
        return Done::Nothing;
    }
    let at = world.chance.below(members.len() as u64) as usize;
    match world.chance.below(6) {
        0 => drop(members.remove(at)),
        1 => members.push(json!({"id": format!("W{}", world.chance.below(1000)), "n": 3})),
        2 => members.push(members[at].clone()),
        3 => members[at]["n"] = json!(world.chance.below(1000) + 100),
        4 => members.reverse(),
        _ => register["id"] = json!("nobody"),
    }
    put(&world.bucket, name, json::to_line(&register), objects[name].metadata.clone());
    Done::To(name.clone())
}

fn state(world: &World, objects: &BTreeMap<String, Object>) -> Done {
    let found: Vec<String> =
        objects.keys().filter(|name| name.contains("/_state/ventures/")).cloned().collect();
    let Some(name) = pick(world, &found) else { return Done::Nothing };
    let Ok(mut state) = json::parse(&objects[name].body) else { return Done::Nothing };
    let Some(open) = state.get_mut("open").and_then(Value::as_array_mut) else {
        return Done::Nothing;
    };
    match (world.chance.below(5), open.last().cloned()) {
        (0, Some(_)) => open.clear(),
        (1, Some(last)) => open.push(last),
        (2, Some(_)) => {
            let last = open.len() - 1;
            open[last]["alert_id"] = json!("01K9CD5HW0EBP0AG82FFPMDTXE");
        }
        (3, Some(_)) => {
            let last = open.len() - 1;
            open[last]["source_generation"] = json!("17");
        }
        _ => open.push(json!({"rule_id": "R9", "rule_digest": "x", "alert_id": "Y"})),
    }
    put(&world.bucket, name, json::to_line(&state), objects[name].metadata.clone());
    Done::To(name.clone())
}

/// The alert of an open rule.
async fn alert(world: &World, objects: &BTreeMap<String, Object>) -> Done {
    let mut open = Vec::new();
    for (name, object) in objects.iter().filter(|(name, _)| name.contains("/_state/ventures/")) {
        let id = name.rsplit('/').next().unwrap().trim_end_matches(".json");
        let state = json::parse(&object.body).unwrap_or_default();
        for entry in state["open"].as_array().into_iter().flatten() {
            let [rule, alert] =
                ["rule_id", "alert_id"].map(|field| entry[field].as_str().unwrap_or_default());
            open.push(format!("env/dev/reports/alerts/{rule}/{id}/{alert}.json"));
        }
    }
    open.retain(|name| objects.contains_key(name));
    let Some(name) = pick(world, &open) else { return Done::Nothing };
    if world.chance.below(2) == 0 {
        if world.bucket.delete(name, objects[name].generation).await != Ok(true) {
            return Done::Nothing;
        }
    } else {
        put(&world.bucket, name, Bytes::from_static(b"{\"alert\":1}\n"), Metadata::new());
    }
    Done::To(name.clone())
}

fn snapshot_metadata(world: &World, Moment { objects, live }: &Moment) -> Done {
    let Some(name) = pick(world, &live["/snapshots/"]) else { return Done::Nothing };
    let mut metadata = objects[name].metadata.clone();
    match world.chance.below(7) {
        0 => drop(metadata.remove("state")),
        1 => drop(metadata.insert("state".to_owned(), "pending".to_owned())),
        2 => drop(metadata.insert("base-at".to_owned(), "2020-01-01T00:00:00Z".to_owned())),
        3 => drop(metadata.insert("newest-name".to_owned(), "nothing".to_owned())),
        4 => drop(metadata.insert("folded".to_owned(), "0123456789abcdef".to_owned())),
        5 => drop(metadata.remove("since")),
        _ => metadata.clear(),
    }
    put(&world.bucket, name, objects[name].body.clone(), metadata);
    Done::To(name.clone())
}
