//! One entity through a deployment and out again.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use domain::json::Object;
use domain::{
    Clock, Definitions, EntityDefinition, EntityRef, Env, HistoryName, Instant, ObjectName, json,
    ulid, volatile,
};
use projection::plan;
use serde_json::Value;
use store::{Metadata, Precondition, Store};

use crate::terminal::Terminal;

/// A deployment that has not done it by then does not work. A new one takes half a minute before
/// its notifications come. (Cloud Storage documentation, "Pub/Sub notifications".)
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(180);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// The kind that is written.
const KIND: &str = "venture";

/// A venture that is valid.
const DOCUMENT: &str = include_str!("../../../fixtures/entities/venture/valid-pilot.json");

/// A trial.
pub(crate) struct Smoke<'a> {
    pub(crate) env: Env,
    pub(crate) store: &'a dyn Store,
    pub(crate) clock: &'a dyn Clock,
    /// How long what follows from a write is waited for.
    pub(crate) wait_max: Duration,
}

impl Smoke<'_> {
    /// Writes, waits, deletes, waits. Whether everything came.
    pub(crate) async fn run(&self, terminal: &Terminal) -> Result<bool> {
        let definitions = Definitions::embedded();
        let kind = definitions.entity(KIND).context("no kind of that name")?;
        let begun_at = self.clock.now();
        let id = format!("smoke-{}", begun_at.unix_millis());
        let entity = EntityRef::new(self.env, &kind.segment, &id)?;
        let document = self.document(&entity, begun_at)?;
        let places = plan::places(kind, &entity, Some(&document));
        let places = places.ok().context("the document has too many places")?;
        let mut follows = vec![
            ObjectName::Snapshot(entity.clone()).to_string(),
            ObjectName::Manifest(entity.clone()).to_string(),
        ];
        follows.extend(places.keys().map(ToString::to_string));
        terminal.say(&format!("smoke: {entity} is written"))?;
        self.append(&entity, begun_at, &document).await?;
        for name in &follows {
            self.wait(name, false, begun_at, terminal).await?;
        }
        // After the record before it, whatever the clocks.
        let ended_at = self.clock.now().after(Duration::from_millis(1));
        let tombstone = tombstone(kind, &entity, ended_at);
        terminal.say(&format!("smoke: {entity} is deleted"))?;
        self.append(&entity, ended_at, &tombstone).await?;
        for name in &follows {
            self.wait(name, true, ended_at, terminal).await?;
        }
        terminal.say(&format!("smoke: {} objects came, and went as tombstones", follows.len()))?;
        Ok(true)
    }

    /// The document of the fixture as that of `entity`.
    fn document(&self, entity: &EntityRef, at: Instant) -> Result<Value> {
        let mut document = json::parse(DOCUMENT.as_bytes())?;
        for (field, value) in [
            ("id", entity.id.as_str()),
            ("env", self.env.as_str()),
            ("created_at", &at.to_millis_text()),
            ("updated_at", &at.to_millis_text()),
        ] {
            document[field] = Value::from(value);
        }
        Ok(document)
    }

    /// Writes a record of history.
    async fn append(&self, entity: &EntityRef, at: Instant, record: &Value) -> Result<()> {
        let record_id = ulid(at, u128::from(std::process::id()));
        let history = HistoryName::dated(entity.clone(), at, &record_id);
        let name = ObjectName::History(history).to_string();
        let body = json::to_line(record).into();
        let put = self.store.put(&name, body, &Metadata::default(), Precondition::Absent).await;
        put.with_context(|| format!("cannot write {name}"))?;
        Ok(())
    }

    /// Waits until the object is there, or until it says that it stands for nothing.
    async fn wait(
        &self,
        name: &str,
        gone: bool,
        since: Instant,
        terminal: &Terminal,
    ) -> Result<()> {
        let until = since.after(self.wait_max);
        loop {
            let stored = self.store.get(name, None).await;
            let stored = stored.with_context(|| format!("cannot read {name}"))?;
            let object = stored.and_then(|it| serde_json::from_slice::<Object>(&it.body).ok());
            let now = self.clock.now();
            if object.is_some_and(|it| volatile::is_tombstone(&it) == gone) {
                let took_ms = now.unix_millis() - since.unix_millis();
                let how = if gone { "stands for nothing" } else { "is there" };
                return terminal.say(&format!("  {took_ms:>6} ms  {name} {how}"));
            }
            if now >= until {
                let what = if gone { "is not withdrawn" } else { "has not come" };
                bail!(
                    "{name} {what} within {} s: look at the log of its function, and at the dead \
                     letters",
                    self.wait_max.as_secs()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn tombstone(kind: &EntityDefinition, entity: &EntityRef, at: Instant) -> Value {
    let (op, delete) = volatile::TOMBSTONE;
    let fields = [
        ("id", entity.id.as_str()),
        ("entity", &kind.entity),
        ("env", entity.env.as_str()),
        ("schema_version", kind.newest_version()),
        (op, delete),
        ("updated_at", &at.to_millis_text()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}
