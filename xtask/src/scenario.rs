//! A scenario: a folder of `fixtures/` that says what is there, what happens, and what must be
//! there afterwards. `fixtures/README.md` says how to write one.

mod segments;
mod steps;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use domain::Env;
use serde::Deserialize;

use crate::metadata::Function;

pub(crate) use segments::Segments;
pub(crate) use steps::Step;

/// The file that makes a folder a scenario.
const FILE: &str = "scenario.json";

/// One scenario, read.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The name of its folder.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) folder: PathBuf,
    /// One sentence.
    pub(crate) about: String,
    /// The environment that everything happens in.
    pub(crate) env: Env,
    /// What is handled before anything else.
    pub(crate) given: Vec<Step>,
    /// What happens.
    pub(crate) when: Vec<Step>,
}

/// `scenario.json` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    env: String,
    #[serde(default)]
    given: Vec<steps::Written>,
    when: Vec<steps::Written>,
}

impl Scenario {
    /// Reads the folder `name` of `fixtures`.
    pub(crate) fn read(fixtures: &Path, name: &str, segments: &Segments) -> Result<Self> {
        let folder = fixtures.join(name);
        let file = folder.join(FILE);
        Self::parse(name, folder, segments).with_context(|| file.display().to_string())
    }

    fn parse(name: &str, folder: PathBuf, segments: &Segments) -> Result<Self> {
        let written: Written = serde_json::from_slice(&fs::read(folder.join(FILE))?)?;
        let env: Env = written.env.parse()?;
        ensure!(!written.about.is_empty(), "`about` is empty");
        let mut reader = steps::Reader { folder: &folder, env, segments, number: 0 };
        let given = reader.all(written.given)?;
        let when = reader.all(written.when)?;
        Ok(Self { name: name.to_owned(), about: written.about, env, given, when, folder })
    }

    /// Refuses a step that is about a function that is not there.
    pub(crate) fn check_functions(&self, functions: &[Function]) -> Result<()> {
        for step in self.given.iter().chain(&self.when) {
            let (Step::Stop(names) | Step::Start(names)) = step else { continue };
            for name in names {
                let known = functions.iter().any(|function| function.name == *name);
                ensure!(known, "scenario {}: no function {name:?} is pushed to", self.name);
            }
        }
        Ok(())
    }

    /// Where what must be there is written.
    pub(crate) fn then(&self) -> PathBuf {
        self.folder.join("then")
    }
}

/// The scenarios of these names, or all of them where no name is given, in the order of names.
pub(crate) fn select(root: &Path, names: &[String]) -> Result<Vec<Scenario>> {
    let fixtures = root.join("fixtures");
    let known = names_in(&fixtures)?;
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("no scenario {unknown:?}{}", near(unknown, &known));
    }
    let segments = Segments::read(&root.join("schemas"))?;
    let wanted = if names.is_empty() { &known } else { names };
    wanted.iter().map(|name| Scenario::read(&fixtures, name, &segments)).collect()
}

/// The names of all scenarios.
pub(crate) fn names_in(fixtures: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(fixtures).with_context(|| fixtures.display().to_string())? {
        let entry = entry?;
        if entry.path().join(FILE).is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "no scenario in {}", fixtures.display());
    Ok(names)
}

/// What the writer of `unknown` may have meant.
fn near(unknown: &str, known: &[String]) -> String {
    const NEAR_MAX: usize = 3;
    const LIKENESS_MIN: f32 = 0.4;
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let near = similar::get_close_matches(unknown, &known, NEAR_MAX, LIKENESS_MIN);
    match near.as_slice() {
        [] => format!("; there are {}", known.join(", ")),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}
