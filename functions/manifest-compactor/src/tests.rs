//! What a compaction promises.

mod command_line;
mod counts;
mod exports;
mod journals;
mod kills;
mod memory;
mod operations;
mod races;
mod shards;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use domain::{Clock, Definitions, EntityRef, Env, Generation, Instant, ObjectName, Planted, json};
use emulator::{Memory, TestClock, Upload, tools};
use projection::manifest::{self, JOURNAL_HOUR};
use projection::shard::ShardCount;
use projection::shard_index::ShardIndex;
use projection::source::Source;
use store::{ErrorKind, Precondition, Store, Tools};

use crate::{Compacted, Compactor, Mode, Shortcut, Stop};

const ENTITY: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{"n":["/n"]}}"#;

static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
    let files = [("venture/entity.json", ENTITY), ("venture/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Arc::new(Definitions::from_files(files).unwrap())
});

/// Snapshots that there have been.
static SNAPSHOTS: AtomicU64 = AtomicU64::new(1);

const MODES: [Mode; 2] = [Mode::Delta, Mode::Full(None)];

/// A bucket and its time.
struct Place {
    bucket: Arc<Memory>,
    clock: Arc<TestClock>,
}

impl Place {
    fn at(rfc3339: &str) -> Self {
        let clock = TestClock::at(rfc3339);
        Self { bucket: Memory::new("test", clock.clone(), 7), clock }
    }

    /// Moves the clock to a later time of the same day.
    fn turn(&self, time: &str) {
        let to = Instant::parse(&format!("2025-11-06T{time}Z")).unwrap();
        let ahead = to.unix_millis() - self.clock.now().unix_millis();
        self.clock.advance(std::time::Duration::from_millis(u64::try_from(ahead).unwrap()));
    }

    fn tools(&self) -> Tools {
        self.tools_over(self.bucket.clone())
    }

    fn tools_over(&self, store: Arc<dyn Store>) -> Tools {
        let definitions = Arc::clone(&DEFINITIONS);
        Tools { clock: self.clock.clone(), definitions, ..tools(store) }
    }

    async fn write(&self, id: &str, n: Option<u32>) {
        write(&self.tools(), id, n).await;
    }

    async fn compact(&self, mode: Mode) -> Compacted {
        compact(self.tools(), mode, Planted::NONE).await.unwrap()
    }

    async fn compact_wrongly(&self, mode: Mode, shortcut: Shortcut) -> Compacted {
        compact(self.tools(), mode, Planted::bug(shortcut)).await.unwrap()
    }

    fn index(&self) -> Option<ShardIndex> {
        let objects = self.bucket.objects();
        ShardIndex::read(&objects.get("env/dev/manifests/ventures/_index.json")?.body)
    }

    /// The names of objects with this prefix below that of the segment's manifests.
    fn names(&self, prefix: &str) -> Vec<String> {
        let before = "env/dev/manifests/ventures/".to_owned();
        let names = self.bucket.objects().into_keys();
        let names = names.filter_map(|name| name.strip_prefix(&before).map(str::to_owned));
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// What the manifests say.
    fn manifests(&self) -> BTreeMap<String, String> {
        manifests(&self.bucket)
    }

    /// What a reader finds who reads everything at this moment.
    fn listed(&self) -> Result<BTreeMap<String, String>, String> {
        let index = self.index().ok_or("there is no index")?;
        read_by(&self.bucket, &index)
    }

    /// What the shards say by themselves.
    fn lines(&self) -> BTreeMap<String, String> {
        let count = self.index().map(|it| it.count).unwrap_or_default();
        lines(&self.bucket, count).unwrap()
    }
}

async fn compact(tools: Tools, mode: Mode, planted: Planted<Shortcut>) -> Result<Compacted, Stop> {
    let compactor = Compactor { tools, env: Env::Dev, progress: &|| (), planted };
    compactor.compact("ventures", mode).await
}

fn entity(id: &str) -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", id).unwrap()
}

fn manifest_name(id: &str) -> String {
    ObjectName::Manifest(entity(id)).to_string()
}

/// Writes the manifest of a snapshot in which the entity has this `n`, or is deleted, as the
/// manifest-writer does: what is there, the time, the journal, the manifest.
async fn write(tools: &Tools, id: &str, n: Option<u32>) {
    let definition = tools.definitions.entity("venture").unwrap();
    let name = manifest_name(id);
    let snapshot = SNAPSHOTS.fetch_add(1, Ordering::Relaxed);
    let source = Source {
        generation: Some(Generation(snapshot)),
        document: n.map(|n| serde_json::json!({ "id": id, "n": n })),
        ..Source::absent(&entity(id))
    };
    loop {
        let stored = tools.store.get(&name, None).await.unwrap();
        let metadata = stored.as_ref().map(|it| &it.metadata);
        let mut write = manifest::decide(metadata, &source, definition, &tools.version).unwrap();
        let hour = tools.clock.now().hour_text();
        if let Some((name, entry)) = manifest::journal(metadata, &source, &hour) {
            tools.create(&name, entry, &store::Metadata::new()).await.unwrap();
        }
        write.metadata.insert(JOURNAL_HOUR.to_owned(), hour);
        let precondition = Precondition::unchanged(stored.as_ref());
        match tools.store.put(&name, write.body.into(), &write.metadata, precondition).await {
            Ok(_) => return,
            Err(err) => assert_eq!(err.kind, ErrorKind::Conflict),
        }
    }
}

fn put(bucket: &Memory, name: &str, body: &str) {
    bucket.insert(name, body.to_owned().into(), Upload::default()).unwrap();
}

fn manifests(bucket: &Memory) -> BTreeMap<String, String> {
    let objects = bucket.objects().into_iter();
    let live = objects.filter_map(|(name, object)| match ObjectName::parse(&name) {
        Ok(ObjectName::Manifest(entity)) => {
            let body = String::from_utf8(object.body.to_vec()).unwrap();
            (!body.contains(r#""op":"delete""#)).then_some((entity.id, body))
        }
        _ => None,
    });
    live.collect()
}

/// The lines of all shards of this count; what is wrong with them.
fn lines(bucket: &Memory, count: ShardCount) -> Result<BTreeMap<String, String>, String> {
    let mut lines = BTreeMap::new();
    for (name, object) in bucket.objects() {
        let Ok(ObjectName::Shard(shard)) = ObjectName::parse(&name) else { continue };
        if ShardCount::of_hex(&shard.hex) != Some(count) {
            continue;
        }
        for line in String::from_utf8(object.body.to_vec()).unwrap().split_inclusive('\n') {
            let id = json::parse(line.as_bytes()).unwrap()["id"].as_str().unwrap().to_owned();
            if count.name(Env::Dev, "ventures", count.shard_of(&id)) != shard {
                return Err(format!("{id} is in {}", shard.hex));
            }
            if lines.insert(id.clone(), line.to_owned()).is_some() {
                return Err(format!("{id} has two lines"));
            }
        }
    }
    Ok(lines)
}

/// What a reader finds who has read this index: shards, overlaid with what the journal names since
/// the hour of the watermark.
fn read_by(bucket: &Memory, index: &ShardIndex) -> Result<BTreeMap<String, String>, String> {
    let mut listed = lines(bucket, index.count)?;
    let manifests = manifests(bucket);
    let since = index.watermark.hour_text();
    for name in bucket.objects().into_keys() {
        let Ok(ObjectName::Journal { entity, hour }) = ObjectName::parse(&name) else { continue };
        if hour >= since {
            match manifests.get(&entity.id) {
                Some(line) => drop(listed.insert(entity.id, line.clone())),
                None => drop(listed.remove(&entity.id)),
            }
        }
    }
    Ok(listed)
}
