//! The steps of a scenario.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use domain::{EntityRef, Env, HistoryName, Instant, ObjectName, ulid};
use serde::Deserialize;
use serde_json::Value;

use super::Segments;

/// One thing that happens.
#[derive(Debug)]
pub(crate) enum Step {
    /// A writer uploads a record.
    Upload(Upload),
    /// A notification comes once more for an object, or for one that is gone.
    Deliver {
        /// The name of the object.
        name: String,
    },
    /// The noncurrent versions of an object are gone, as by the bucket's lifecycle.
    Expire {
        /// The name of the object.
        name: String,
    },
    /// Everything so far is handled before the next step.
    Settle,
    /// These functions go down; what is pushed to them waits.
    Stop(Vec<String>),
    /// These functions come back, after what the others can do is done.
    Start(Vec<String>),
}

/// An upload of a writer.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The name of the object.
    pub(crate) name: String,
    /// The bytes of the file, as they are.
    pub(crate) body: Bytes,
}

/// A step as it is written.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a step is one of {\"record\": file} (and perhaps \"name\": object name), \
                 {\"deliver\": object name}, {\"expire\": object name}, {\"settle\": true}, \
                 {\"stop\": [functions]}, {\"start\": [functions]}"
)]
pub(super) enum Written {
    Record(WrittenRecord),
    Other(WrittenOther),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRecord {
    record: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WrittenOther {
    Deliver(String),
    Expire(String),
    Settle(bool),
    Stop(Vec<String>),
    Start(Vec<String>),
}

/// Reads steps, counting them from 1 over `given` and `when`.
pub(super) struct Reader<'a> {
    pub(super) folder: &'a Path,
    pub(super) env: Env,
    pub(super) segments: &'a Segments,
    pub(super) number: u64,
}

impl Reader<'_> {
    pub(super) fn all(&mut self, written: Vec<Written>) -> Result<Vec<Step>> {
        let read = |written| {
            self.number += 1;
            self.one(written).with_context(|| format!("step {}", self.number))
        };
        written.into_iter().map(read).collect()
    }

    fn one(&self, written: Written) -> Result<Step> {
        Ok(match written {
            Written::Record(WrittenRecord { record, name }) => self.upload(&record, name)?,
            Written::Other(WrittenOther::Deliver(name)) => {
                Step::Deliver { name: self.under_env(&name) }
            }
            Written::Other(WrittenOther::Expire(name)) => {
                Step::Expire { name: self.under_env(&name) }
            }
            Written::Other(WrittenOther::Settle(true)) => Step::Settle,
            Written::Other(WrittenOther::Settle(false)) => bail!("\"settle\" is true or not there"),
            Written::Other(WrittenOther::Stop(functions)) => Step::Stop(functions),
            Written::Other(WrittenOther::Start(functions)) => Step::Start(functions),
        })
    }

    fn upload(&self, file: &str, name: Option<String>) -> Result<Step> {
        let path = self.folder.join(file);
        let body = fs::read(&path).with_context(|| path.display().to_string())?;
        let name = match name {
            Some(name) => self.under_env(&name),
            None => self.name_of(&body).with_context(|| file.to_owned())?,
        };
        Ok(Step::Upload(Upload { name, body: body.into() }))
    }

    fn under_env(&self, name: &str) -> String {
        format!("env/{}/{name}", self.env)
    }

    /// The name under which a writer would file the record: its own entity, id and time, and an
    /// id that grows with the number of the step.
    fn name_of(&self, body: &[u8]) -> Result<String> {
        let record: Value = serde_json::from_slice(body).context("not JSON; give it a \"name\"")?;
        let text = |field: &str| {
            let value = record.get(field).and_then(Value::as_str);
            value.with_context(|| format!("no {field:?}; give the step a \"name\""))
        };
        let segment = self.segments.of(text("entity")?)?;
        let entity = EntityRef::new(self.env, segment, text("id")?)?;
        let time = Instant::parse(text("updated_at")?).context("\"updated_at\" is no time")?;
        let record_id = ulid(time, self.number.into());
        Ok(ObjectName::History(HistoryName::dated(entity, time, &record_id)).to_string())
    }
}
