//! `cargo xtask schema`: what `schemas/` declares, checked as a whole.

mod cost;
pub(crate) mod examples;
pub(crate) mod published;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Args, Subcommand};
use domain::Definitions;
use schema::{Form, Validators};
use serde_json::Value;

use crate::dev::touch::SCHEMAS;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// What every `entity.json` must look like.
const FORM: &str = include_str!("../../schemas/entity.schema.json");

/// Looks at the kinds of entities that `schemas/` declares.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask schema check               everything, with a table of what each index costs
  cargo xtask schema check kpi venture   the table for these kinds alone
  cargo xtask schema check --update      after a new schema or index: note it as published")]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(Check),
}

/// Checks definitions, schemas and examples, and prints what a change of an entity costs.
///
/// Every entity.json fits schemas/entity.schema.json and is understood; every schema is valid under
/// the 2020-12 meta-schema and needs nothing outside itself; every fixtures/entities/{kind}/valid-…
/// is valid, every invalid-… is not, for one reason. What was published has not changed: a schema
/// or an index gets a new version instead. The table counts the index objects of the examples, and
/// the operations that they cost as Cloud Storage bills them.
#[derive(Args)]
struct Check {
    /// Print the table for these kinds alone.
    kinds: Vec<String>,
    /// A folder with schemas/ and fixtures/ of its own, to be checked instead of those here.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Note what is new in schemas/published.txt. What has changed there is noted as well: do that
    /// only before anybody has used it.
    #[arg(long)]
    update: bool,
}

/// Runs the command. Whether everything is as it should be.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let Command::Check(check) = &options.command;
    let root = match &check.root {
        Some(root) => root.clone(),
        None => Workspace::read()?.root,
    };
    let checked = Checked::read(&root)?;
    for kind in &check.kinds {
        checked.kind(kind)?;
    }
    let mut problems = checked.problems.clone();
    if let Some(definitions) = &checked.definitions {
        let examples = examples::read(&root, definitions)?;
        problems.extend(examples::check(&examples, definitions));
        problems.extend(published::check(&root, definitions, &checked.files, check.update)?);
        terminal.say(cost::table(definitions, &examples, &check.kinds).trim_end())?;
        let counts = examples::Counts::of(&examples);
        terminal.say(&summary(definitions, counts, problems.len()))?;
    }
    for problem in &problems {
        terminal.say(&format!("    {problem}"))?;
    }
    Ok(problems.is_empty())
}

fn summary(definitions: &Definitions, counts: examples::Counts, problems: usize) -> String {
    let indices: usize = definitions.entities().map(|kind| kind.indices.len()).sum();
    let schemas: usize = definitions.entities().map(|kind| kind.schema_versions.len()).sum();
    let examples::Counts { valid, invalid } = counts;
    let kinds = definitions.names().len();
    format!(
        "schema check: {kinds} kinds, {schemas} schemas, {indices} indices, {valid} valid and \
         {invalid} invalid examples, {problems} problems"
    )
}

/// The folder, read.
pub(crate) struct Checked {
    /// Path below `schemas/` and text of every file of a kind.
    pub(crate) files: BTreeMap<String, String>,
    /// What they declare, where they can be understood at all.
    pub(crate) definitions: Option<Arc<Definitions>>,
    /// What is wrong so far.
    pub(crate) problems: Vec<String>,
}

impl Checked {
    /// Reads `schemas/` below `root` and checks what it says by itself.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let folder = root.join(SCHEMAS);
        let form: Value = serde_json::from_str(FORM).context("the schema of definitions")?;
        let form = Form::new(&form).map_err(|reason| anyhow!("schema of definitions: {reason}"))?;
        let files = files_of_kinds(&folder)?;
        let mut problems = Vec::new();
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with("/entity.json")) {
            let wrong: Vec<String> = match domain::json::parse(text.as_bytes()) {
                Ok(value) => {
                    let violations = form.check(&value).err().unwrap_or_default();
                    violations.iter().map(ToString::to_string).collect()
                }
                Err(err) => vec![err.to_string()],
            };
            problems.extend(wrong.iter().map(|what| format!("{SCHEMAS}/{path}: {what}")));
        }
        let definitions = match Definitions::from_files(files.clone()) {
            Ok(definitions) => Some(Arc::new(definitions)),
            Err(err) => {
                problems.push(format!("{SCHEMAS}/{err}"));
                None
            }
        };
        if let Some(definitions) = &definitions {
            let wrong = Validators::new(definitions.clone()).compile_all().err();
            problems.extend(wrong.into_iter().flatten().map(|err| err.to_string()));
        }
        Ok(Self { files, definitions, problems })
    }

    /// Fails for a kind that is not declared.
    fn kind(&self, kind: &str) -> Result<()> {
        let Some(definitions) = &self.definitions else { return Ok(()) };
        let known: Vec<&str> = definitions.names().collect();
        ensure!(known.contains(&kind), "no kind {kind:?}; there are {}", known.join(", "));
        Ok(())
    }
}

/// Every file in a folder of `folder`, by `{kind}/{file}`.
fn files_of_kinds(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for kind in sorted(folder)?.into_iter().filter(|path| path.is_dir()) {
        for file in sorted(&kind)?.into_iter().filter(|path| path.is_file()) {
            let path = file.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            files.insert(path, text);
        }
    }
    Ok(files)
}

/// What is in `folder`, by name.
pub(crate) fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
