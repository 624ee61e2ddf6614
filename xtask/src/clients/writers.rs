//! docs/writers.md, run as it stands there: what its code writes is folded, and our own writers and it
//! meet at claims.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use domain::{Delivery, Disposition, Env, Handler as _, ObjectName, Overwrote, Planted, json};
use emulator::{Emulator, Memory, SystemClock, Upload};
use operator::{Cli, Operator, Screen};
use serde::Deserialize;
use serde_json::{Value, json};
use snapshot_builder::SnapshotBuilder;
use store::Tools;

use super::environment::Environment;
use super::install::Tool;
use super::program::{Program, WRITER_JS, WRITER_PY};
use super::suite::Suite;

/// The page, as it is.
const PAGE: &str = include_str!("../../../docs/writers.md");

const BUCKET: &str = "writers";

/// The kind that everything is written to.
const KIND: &str = "idea";

/// A record that counts.
const FULL: &str =
    r#"{"schema_version":"1.0.0","created_at":"2025-11-06T12:00:00.000Z","title":"A"}"#;

const CREATED_AT: &str = "2025-11-06T12:00:00.000Z";

/// How far a clock is ahead.
const AHEAD: Duration = Duration::from_secs(3600);

/// A language of the page.
#[derive(Clone, Copy)]
pub(crate) struct Language {
    /// What stands behind the three ticks.
    fence: &'static str,
    program: &'static str,
    /// What the client's driver takes the page's code from.
    module: &'static str,
    /// Whether it stands in the driver's own file instead.
    joined: bool,
}

/// Google's client for Python.
pub(crate) const PYTHON: Language =
    Language { fence: "python", program: WRITER_PY, module: "page.py", joined: false };

/// Google's client for Node.
pub(crate) const NODE: Language =
    Language { fence: "javascript", program: WRITER_JS, module: WRITER_JS, joined: true };

/// What a client answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    etag: String,
    /// Of its own record.
    name: String,
    /// Of the record that was written.
    written: String,
}

/// A client that writes, and the snapshot-builder.
struct Writers<'a> {
    client: Program,
    bucket: &'a Arc<Memory>,
    tools: Tools,
    builder: SnapshotBuilder,
}

/// Runs the code of the page, a step for each thing that it says.
pub(crate) async fn run(
    suite: &mut Suite<'_>,
    tool: &Tool,
    language: Language,
    emulator: &Emulator,
    environment: &mut Environment,
) -> Result<()> {
    let bucket = emulator.create_bucket(BUCKET)?;
    environment.set("BUCKET", BUCKET);
    let clock = Arc::new(SystemClock);
    let tools = Tools { clock, ..emulator::tools(bucket.clone()) };
    let builder = SnapshotBuilder::new(tools.clone());
    let code = code(language.fence);
    let client = Program::start_with(tool, language.program, environment, |folder| {
        let path = folder.join(language.module);
        let driver = if language.joined { fs::read_to_string(&path)? } else { String::new() };
        Ok(fs::write(path, format!("{code}\n{driver}"))?)
    })?;
    let mut writers = Writers { client, bucket: &bucket, tools, builder };
    macro_rules! step {
        ($name:literal, $run:ident) => {
            let error = writers.$run().await.err().map(|err| format!("{err:#}"));
            suite.step($name, error)?;
        };
    }
    step!("a record, twice under one name, a merge and a tombstone", records);
    step!("a compressed record", compressed);
    step!("one of two wins, the other is told", conditional);
    step!("a claim of the client is finished by operator write", finished_by_us);
    step!("a claim of operator write is seen by the client", seen_by_the_client);
    step!("a record id of others, and letters that are not ASCII", foreign);
    step!("a record that does not count is refused with its reasons", refused);
    Ok(())
}

/// Every piece of the page's code in this language, in its order.
fn code(fence: &str) -> String {
    let begin = format!("```{fence}\n");
    let pieces = PAGE.split(&begin).skip(1).filter_map(|piece| piece.split("```").next());
    pieces.collect::<Vec<_>>().join("\n")
}

impl Writers<'_> {
    async fn ask(&mut self, what: &str, id: &str, record: &str) -> Result<Answer> {
        let record: Value = serde_json::from_str(record)?;
        self.client.write(&json!({ "do": what, "id": id, "record": record }).to_string()).await?;
        let line = self.client.read().await?.context("the client has ended")?;
        serde_json::from_str(&line).with_context(|| line.clone())
    }

    /// Has the snapshot-builder handle every record of `id`; how each ended.
    async fn fold(&self, id: &str) -> Result<Vec<Disposition>> {
        let mut ends = Vec::new();
        for (name, object) in self.bucket.objects() {
            let Ok(name @ ObjectName::History(_)) = ObjectName::parse(&name) else { continue };
            if name.entity().is_none_or(|entity| entity.id != id) {
                continue;
            }
            let (overwrote, created_at) = (Overwrote::Nothing, Some(self.tools.clock.now()));
            let generation = object.generation;
            let delivery = Delivery { name, generation, overwrote, created_at };
            let ended = self.builder.handle(&[delivery]).await.pop().context("no outcome")?;
            ends.push(ended.map_err(|failure| anyhow::anyhow!("{failure}"))?);
        }
        Ok(ends)
    }

    /// A field of the snapshot.
    fn field(&self, id: &str, field: &str) -> Option<Value> {
        let object = self.bucket.objects().remove(&format!("env/dev/snapshots/ideas/{id}.json"))?;
        json::parse(&object.body).ok()?.get(field).cloned()
    }

    fn names(&self, id: &str) -> Vec<String> {
        let prefix = format!("env/dev/ideas/{id}/history/");
        self.bucket.objects().into_keys().filter(|name| name.starts_with(&prefix)).collect()
    }

    /// `operator write`, on a condition: whether it was written.
    async fn operator_writes(&self, id: &str, etag: &str) -> Result<bool> {
        let line = ["operator", "write", KIND, id, "--delete", "--if-current", etag];
        let screen = Screen::on(std::io::sink(), std::io::sink());
        let (tools, user) = (self.tools.clone(), Some("ada".to_owned()));
        let planted = Planted::NONE;
        let operator = Operator {
            tools,
            env: Env::Dev,
            user,
            google: &operator::Google::default(),
            screen: &screen,
            planted,
        };
        Ok(operator::perform(&Cli::try_parse_from(line)?.command, operator).await?)
    }

    /// A record of somebody else, and its snapshot.
    async fn upload(&self, id: &str, file: &str, record: &Value) -> Result<()> {
        let name = format!("env/dev/ideas/{id}/history/2025/11/06/{file}");
        self.bucket.insert(&name, record.to_string().into(), Upload::default())?;
        self.fold(id).await.map(drop)
    }

    async fn records(&mut self) -> Result<()> {
        let id = "W1";
        same("etag of nothing", self.ask("read", id, "{}").await?.etag, "none")?;
        self.ask("append", id, FULL).await?;
        same("records", self.names(id).len(), 1)?;
        self.fold(id).await?;
        same("title", self.field(id, "title"), Some(json!("A")))?;
        // Somebody whose clock is ahead.
        let ahead = self.tools.clock.now().after(AHEAD).to_millis_text();
        self.upload(id, "x.json", &json!({ "op": "merge", "title": "B", "updated_at": ahead }))
            .await?;
        self.ask("read", id, "{}").await?;
        self.ask("append", id, r#"{"op":"merge","title":"東京"}"#).await?;
        self.fold(id).await?;
        same("title", self.field(id, "title"), Some(json!("東京")))?;
        self.ask("read", id, "{}").await?;
        self.ask("append", id, r#"{"op":"delete"}"#).await?;
        self.fold(id).await?;
        same("op", self.field(id, "op"), Some(json!("delete")))
    }

    async fn compressed(&mut self) -> Result<()> {
        let id = "W2";
        let mut record: Value = serde_json::from_str(FULL)?;
        record["summary"] = "many words ".repeat(10_000).into();
        let name = self.ask("append", id, &record.to_string()).await?.name;
        ensure!(name.ends_with(".json.gz"), "{name} is not compressed");
        self.fold(id).await?;
        same("summary", self.field(id, "summary"), record.get("summary").cloned())
    }

    async fn conditional(&mut self) -> Result<()> {
        let id = "W3";
        self.ask("read", id, "{}").await?;
        let first = self.ask("conditional", id, FULL).await?;
        same("what the first is told", &first.written, &first.name)?;
        let second = self.ask("conditional", id, FULL).await?;
        same("what the second is told", &second.written, &first.name)?;
        same("records", self.names(id), vec![first.name])?;
        self.fold(id).await?;
        self.ask("read", id, "{}").await?;
        let third = self.ask("conditional", id, r#"{"op":"merge","title":"C"}"#).await?;
        same("what the third is told", &third.written, &third.name)?;
        self.fold(id).await?;
        same("title", self.field(id, "title"), Some(json!("C")))
    }

    async fn finished_by_us(&mut self) -> Result<()> {
        let mut large: Value = serde_json::from_str(FULL)?;
        large["summary"] = "many words ".repeat(10_000).into();
        for (id, record) in [("W4", FULL.to_owned()), ("W5", large.to_string())] {
            self.ask("read", id, "{}").await?;
            let claimed = self.ask("claim", id, &record).await?;
            same("records", self.names(id).len(), 0)?;
            same("whether we win", self.operator_writes(id, "none").await?, false)?;
            same("records", self.names(id), vec![claimed.name])?;
            self.fold(id).await?;
            same("title", self.field(id, "title"), Some(json!("A")))?;
        }
        Ok(())
    }

    async fn seen_by_the_client(&mut self) -> Result<()> {
        let id = "W6";
        self.ask("read", id, "{}").await?;
        same("whether we win", self.operator_writes(id, "none").await?, true)?;
        let lost = self.ask("conditional", id, FULL).await?;
        same("records", self.names(id), vec![lost.written])?;
        self.fold(id).await?;
        let etag = self.ask("read", id, "{}").await?.etag;
        same("whether we win again", self.operator_writes(id, &etag).await?, true)
    }

    async fn foreign(&mut self) -> Result<()> {
        let id = "Zürich 100%";
        let record = json!({ "schema_version": "1.0.0", "title": "A", "created_at": CREATED_AT,
            "updated_at": CREATED_AT });
        self.upload(id, "von ä_hand%.json", &record).await?;
        let etag = self.ask("read", id, "{}").await?.etag;
        same("digits", etag.len(), 32)?;
        same("whether we win", self.operator_writes(id, &etag).await?, true)?;
        let lost = self.ask("conditional", id, FULL).await?;
        ensure!(lost.written != lost.name, "two win after {etag}");
        same("records", self.names(id).len(), 2)
    }

    async fn refused(&mut self) -> Result<()> {
        let id = "W7";
        self.ask("append", id, r#"{"schema_version":"1.0.0","title":7}"#).await?;
        let ends = self.fold(id).await?;
        let told = format!("{ends:?}");
        ensure!(told.contains("Rejected") && told.contains("/title"), "it ends as {told}");
        same("snapshot", self.field(id, "title"), None)
    }
}

/// Fails when something is not what it should be.
fn same<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
    what: &str,
    found: T,
    wanted: U,
) -> Result<()> {
    ensure!(found == wanted, "{what} is {found:?}, not {wanted:?}");
    Ok(())
}
