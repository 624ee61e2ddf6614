//! From a record that a writer uploads with Google's client to the derived objects that a reader
//! gets with it, through the functions as they ship.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Generation;
use emulator::Emulator;
use serde::Deserialize;
use serde_json::json;
use store::Object;

use super::environment::Environment;
use super::install::Tool;
use super::program::{HISTORY_PY, Program};
use super::suite::Suite;
use crate::replay::contents::Contents;
use crate::replay::run::{ATTEMPTS_MAX, BUCKET, Set, Stage};
use crate::replay::{self, Mode};
use crate::scenario::{self, Scenario, Step};
use crate::workspace::Workspace;

/// Scenarios of which every step is an upload: an example of everything, and names of every kind.
const SCENARIOS: [&str; 2] = ["specification", "unicode-ids"];

/// Deliveries that are not handled by then never will be.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// Decides generations.
const SEED: u64 = 1;

/// An object as the client reads it.
#[derive(Deserialize)]
struct Read {
    name: String,
    generation: String,
    body: String,
    metadata: BTreeMap<String, String>,
}

/// Takes every scenario through the functions, a step for each.
pub(crate) async fn run(
    suite: &mut Suite<'_>,
    tool: &Tool,
    workspace: &Workspace,
    folder: &Path,
) -> Result<()> {
    let functions = replay::pushed(workspace)?;
    let executables = workspace.build(&functions).await?;
    let stage = Stage {
        functions,
        executables,
        engine: None,
        schemas: None,
        rights: None,
        attempts_max: ATTEMPTS_MAX,
    };
    let names = SCENARIOS.map(str::to_owned);
    for scenario in scenario::select(&workspace.root, &names)? {
        let ended = take_through(&stage, &scenario, tool, folder).await;
        let error = ended.err().map(|err| format!("{err:#}"));
        suite.step(&format!("history of {} in, derived objects out", scenario.name), error)?;
    }
    Ok(())
}

/// Uploads what the scenario uploads, one after the other is handled, reads everything, and
/// compares it with what must be there.
async fn take_through(
    stage: &Stage,
    scenario: &Scenario,
    tool: &Tool,
    folder: &Path,
) -> Result<()> {
    let mode = Mode::in_order(SEED);
    let set = Set::up(stage, scenario, &mode).await?;
    let mut environment = Environment::new(folder, &scenario.name, &set.emulator.url())?;
    environment.set("BUCKET", BUCKET);
    let mut client = Program::start(tool, HISTORY_PY, &environment)?;
    let mut uploads = 0;
    for step in scenario.given.iter().chain(&scenario.when) {
        let Step::Upload(upload) = step else { continue };
        uploads += 1;
        let file = environment.folder.join(format!("record-{uploads}.json"));
        std::fs::write(&file, &upload.body)?;
        let asked = json!({ "name": upload.name, "file": file });
        ask(&mut client, &asked).await.with_context(|| upload.name.clone())?;
        settled(&set.emulator).await?;
    }
    ensure!(uploads > 0, "the scenario uploads nothing");
    let read = ask(&mut client, &json!({ "read": "env/" })).await?;
    let objects = objects(serde_json::from_str(&read).context("the client reads no objects")?)?;
    let found = Contents::found(&objects, scenario.env)?;
    let differences = replay::compare(&scenario.then(), found, &mode)?;
    ensure!(differences.is_empty(), "what is read is not what must be there:\n{differences}");
    Ok(())
}

/// One line to the client, and its answer.
async fn ask(client: &mut Program, asked: &serde_json::Value) -> Result<String> {
    client.write(&asked.to_string()).await?;
    client.read().await?.context("the client has ended")
}

async fn settled(emulator: &Emulator) -> Result<()> {
    let settled = emulator.settled(SETTLE_MAX).await;
    settled.map_err(|left| anyhow::anyhow!("deliveries do not come to an end: {left}"))
}

fn objects(read: Vec<Read>) -> Result<BTreeMap<String, Object>> {
    let object = |Read { name, generation, body, metadata }| {
        let body = STANDARD.decode(body).map_err(anyhow::Error::msg)?.into();
        let generation = Generation(generation.parse()?);
        anyhow::Ok((name, Object { body, generation, metadata }))
    };
    read.into_iter().map(object).collect()
}
