//! The folder of a capture: a scenario as `fixtures/README.md` describes it, what was stored, and
//! what keeps it from being passed on by accident.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use domain::{Env, Instant};
use serde_json::{Value, json};

use super::Captured;
use crate::Problem;

/// By which a folder is known as one that a capture has made.
const CAPTURE: &str = "capture.json";

/// Derived objects, one on each line.
const STORED: &str = "stored.ndjson";

/// Messages as they were pulled, one on each line.
const DELIVERIES: &str = "deliveries.ndjson";

/// Records, each in a file of its own.
const RECORDS: &str = "records";

const NOTICE: &str = "CONFIDENTIAL

This folder holds data of a bucket, with everything that its history says of people. Keep it on this
machine, give it to nobody who may not read the bucket, and delete it when it has served. An erasure in
the bucket does not reach it. To make a fixture of it, replace every name, text and number first.
";

/// A folder that is being made, beside the place where it will be.
pub(super) struct Folder {
    to: PathBuf,
    part: PathBuf,
    stored: Mutex<BufWriter<File>>,
    deliveries: Mutex<BufWriter<File>>,
}

impl Folder {
    /// Begins it. What is there is not touched before the end.
    pub(super) fn begin(to: &Path, force: bool) -> Result<Self, Problem> {
        let shown = to.display();
        if to.exists() {
            let is_ours = to.join(CAPTURE).is_file();
            if !force || !is_ours {
                let next = if is_ours { ": --force replaces it" } else { ", and no capture" };
                return Err(Problem::new(format!("{shown} is there already{next}")));
            }
        }
        let name = to.file_name().and_then(|it| it.to_str());
        let name = name.ok_or_else(|| Problem::new(format!("{shown} is no name of a folder")))?;
        let part = to.with_file_name(format!(".{name}.part"));
        let failed = |err: std::io::Error| Problem::new(format!("{}: {err}", part.display()));
        if part.join(CAPTURE).exists() || part.join(RECORDS).exists() {
            // What an earlier one has left that was stopped.
            fs::remove_dir_all(&part).map_err(failed)?;
        }
        create(&part).map_err(failed)?;
        // First of all: whatever stops this, nothing of it is committed.
        fs::write(part.join(".gitignore"), "*\n").map_err(failed)?;
        fs::write(part.join("CONFIDENTIAL"), NOTICE).map_err(failed)?;
        fs::create_dir(part.join(RECORDS)).map_err(failed)?;
        let lines = |file: &str| File::create(part.join(file)).map(BufWriter::new).map(Mutex::new);
        let stored = lines(STORED).map_err(failed)?;
        let deliveries = lines(DELIVERIES).map_err(failed)?;
        Ok(Self { to: to.to_owned(), part, stored, deliveries })
    }

    /// Writes the record `number`, and says in which file.
    pub(super) fn record(&self, number: usize, body: &[u8]) -> Result<String, Problem> {
        let file = format!("{RECORDS}/{number:06}.json");
        fs::write(self.part.join(&file), body)?;
        Ok(file)
    }

    /// Writes a derived object.
    pub(super) fn stored(&self, name: &str, generation: &str, body: &[u8]) -> Result<(), Problem> {
        let text = String::from_utf8_lossy(body);
        write(&self.stored, &json!({"name": name, "generation": generation, "body": text}))
    }

    /// Writes a message.
    pub(super) fn delivery(&self, message: &Value) -> Result<(), Problem> {
        write(&self.deliveries, message)
    }

    /// Removes what there is of it: it is data of others, and of no use.
    pub(super) fn discard(self) {
        fs::remove_dir_all(&self.part).unwrap_or_default();
    }

    /// Says what it is, and puts it where it belongs.
    pub(super) fn end(self, captured: &Captured, env: Env, now: Instant) -> Result<(), Problem> {
        let under = format!("env/{env}/");
        let short = |name: &String| name.strip_prefix(&under).unwrap_or(name).to_owned();
        let records = captured.records.iter();
        let records = records.map(|(_, file, name)| json!({"record": file, "name": short(name)}));
        let told = captured.told.iter().map(|name| json!({"deliver": short(name)}));
        let when: Vec<Value> = records.chain(told).collect();
        let entities: usize = captured.entities.values().map(|it| it.len()).sum();
        let about = format!("Captured at {now}: {entities} entities. Confidential.");
        let scenario = json!({"about": about, "env": env.as_str(), "given": [], "when": when});
        let capture = json!({
            "confidential": true, "env": env.as_str(), "captured_at": now.to_string(),
            "entities": captured.entities, "whole": captured.whole, "left_out": captured.left_out,
        });
        lock(&self.stored).flush()?;
        lock(&self.deliveries).flush()?;
        fs::write(self.part.join("scenario.json"), scenario.to_string() + "\n")?;
        fs::write(self.part.join(CAPTURE), capture.to_string() + "\n")?;
        if self.to.exists() {
            fs::remove_dir_all(&self.to)?;
        }
        Ok(fs::rename(&self.part, &self.to)?)
    }
}

fn write(lines: &Mutex<BufWriter<File>>, value: &Value) -> Result<(), Problem> {
    Ok(writeln!(lock(lines), "{value}")?)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder that nobody else may look into.
#[cfg(unix)]
fn create(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create(folder: &Path) -> std::io::Result<()> {
    fs::create_dir(folder)
}
