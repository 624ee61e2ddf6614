//! What is compared of a bucket: as it was found, and as a scenario says it must be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use domain::{Class, Env, ObjectName, json, volatile};
use emulator::file_name::file_names;
use serde_json::{Map, Value, json};

/// The file of the open rules and of how many alerts there are.
const ALERTS: &str = "alerts.json";

/// The field of [`ALERTS`] with the open rules of each entity.
const ALERTS_OPEN: &str = "open";

/// The field of [`ALERTS`] that depends on the order of deliveries.
const ALERT_OBJECTS: &str = "objects";

/// The file of what was put into quarantine.
const QUARANTINE: &str = "quarantine.json";

/// Pretty-printed JSON by the name of the file below `then/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents(pub(crate) BTreeMap<String, String>);

impl Contents {
    /// What is compared of `objects`; everything under `env` but what is volatile.
    pub(crate) fn found(objects: &BTreeMap<String, store::Object>, env: Env) -> Result<Self> {
        let mut alone = BTreeMap::new();
        let (mut open, mut alerts, mut quarantine) = (Map::new(), 0, Vec::new());
        for (name, object) in objects {
            // Somebody else's objects are none of ours to compare.
            let Ok(parsed) = ObjectName::parse(name) else { continue };
            let Some(text) = volatile::comparable(&parsed, &object.body) else { continue };
            match (parsed.class(), parsed.entity()) {
                (Class::AlertState, Some(it)) => {
                    open.insert(format!("{}/{}", it.segment, it.id), value_of(&text));
                }
                (Class::Alert, _) => alerts += 1,
                (Class::Quarantine, _) => quarantine.push(quarantined(&value_of(&text))),
                _ => drop(alone.insert(name.as_str(), value_of(&text))),
            }
        }
        let under = format!("env/{env}/");
        let short = alone.keys().map(|name| name.strip_prefix(&under).unwrap_or(name));
        let files = file_names(short);
        let mut contents = Self::default();
        for (name, value) in &alone {
            let file = &files[name.strip_prefix(&under).unwrap_or(name)];
            contents.insert(file, value)?;
        }
        if alerts > 0 || !open.is_empty() {
            open.sort_keys();
            contents.insert(ALERTS, &json!({ ALERTS_OPEN: open, ALERT_OBJECTS: alerts }))?;
        }
        if !quarantine.is_empty() {
            quarantine.sort_by_key(Value::to_string);
            contents.insert(QUARANTINE, &Value::Array(quarantine))?;
        }
        Ok(contents)
    }

    /// What the folder `then` says.
    pub(crate) fn expected(then: &Path) -> Result<Self> {
        if !then.is_dir() {
            bail!("{} is missing: accept a first result with --update", then.display());
        }
        let mut contents = Self::default();
        contents.read(then, "")?;
        Ok(contents)
    }

    /// Without what depends on the order of deliveries: how many alerts there are, and so whether
    /// there is anything to say about alerts that all are closed.
    pub(crate) fn in_any_order(mut self) -> Result<Self> {
        if let Some(text) = self.0.remove(ALERTS) {
            let alerts = json::parse(text.as_bytes())?;
            let open = &alerts[ALERTS_OPEN];
            if open.as_object().is_some_and(|open| !open.is_empty()) {
                self.insert(ALERTS, &json!({ ALERTS_OPEN: open }))?;
            }
        }
        Ok(self)
    }

    /// Replaces the folder `then` by these contents.
    pub(crate) fn write(&self, then: &Path) -> Result<()> {
        if then.is_dir() {
            fs::remove_dir_all(then).with_context(|| then.display().to_string())?;
        }
        for (file, text) in &self.0 {
            let path = then.join(file);
            fs::create_dir_all(path.parent().unwrap_or(then))?;
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        fs::create_dir_all(then).with_context(|| then.display().to_string())
    }

    fn read(&mut self, folder: &Path, below: &str) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let file = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.read(&entry.path(), &format!("{file}/"))?;
            } else {
                let path = entry.path();
                let value = json::parse(&fs::read(&path)?);
                let value = value.with_context(|| path.display().to_string())?;
                self.insert(&file, &value)?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, file: &str, value: &Value) -> Result<()> {
        self.0.insert(file.to_owned(), serde_json::to_string_pretty(value)? + "\n");
        Ok(())
    }
}

/// What is compared of an object in quarantine.
fn quarantined(body: &Value) -> Value {
    json!({
        "function": body["function"],
        "object": body["object"],
        "reasons": body["reasons"],
    })
}

/// The JSON with the texts of its numbers, or a text that is none.
fn value_of(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap_or_else(|_| Value::String(text.to_owned()))
}
