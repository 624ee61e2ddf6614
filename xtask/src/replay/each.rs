//! Takes each grant away in turn, and sees that it is missed.
//!
//! What needs a grant stands beside it, in the function's Cargo.toml: a scenario for a function
//! that is pushed to, a trial for a job. With all grants it must come out right; without this one
//! the function must be refused, and it must not.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use domain::Definitions;
use emulator::Stored;

use super::compare;
use super::contents::Contents;
use super::grant::{Grant, unproven};
use super::mode::Mode;
use super::rights::Request;
use super::run::{self, Ended, Stage};
use super::trials;
use crate::metadata::{Function, Kind};
use crate::scenario::{Scenario, Step};
use crate::terminal::Terminal;

/// Attempts for a delivery, when it is no surprise that it fails, unless a function is down for a
/// while, which takes some.
const ATTEMPTS_MAX: u32 = 5;

/// The seed of everything that is left to chance.
const SEED: u64 = 1;

/// The columns of what is printed.
const GRANT_WIDTH: usize = 32;
const SHOWN_BY_WIDTH: usize = 18;

/// How something ended that needs grants.
struct Outcome {
    /// Why it did not come out right, refusals aside.
    wrong: Option<String>,
    /// What was refused.
    refused: BTreeSet<Request>,
}

/// Whoever takes grants away.
pub(crate) struct Taker<'a> {
    stage: &'a Stage,
    /// Those of `stage`, and jobs.
    functions: &'a [Function],
    scenarios: &'a [Scenario],
    /// What is left behind by the scenario that trials begin with.
    left: BTreeMap<String, Vec<Stored>>,
}

/// Tries every grant of `functions`. Whether each is missed.
pub(crate) async fn run(
    stage: &Stage,
    functions: &[Function],
    scenarios: &[Scenario],
    terminal: &Terminal,
) -> Result<bool> {
    let begun = Instant::now();
    let taker = Taker::new(stage, functions, scenarios).await?;
    let mut wrong: Vec<String> = functions.iter().flat_map(unproven).collect();
    let mut whole = BTreeMap::new();
    let mut tried = 0;
    for function in functions {
        for grant in Grant::all(function) {
            let Some(name) = grant.needed_by(function) else { continue };
            let key = (function.metadata.kind == Kind::Job, name);
            if let Entry::Vacant(entry) = whole.entry(key) {
                entry.insert(complaint(&taker.outcome(stage, function, name).await?));
            }
            if let Some(complaint) = &whole[&key] {
                wrong.push(format!("{name} does not come out right with all grants: {complaint}"));
                continue;
            }
            let at = Instant::now();
            let verdict = taker.verdict(function, &grant, name).await?;
            let seconds = at.elapsed().as_secs_f64();
            let said = verdict.as_ref().map_or_else(|err| err.as_str(), |said| said.as_str());
            terminal.say(&format!(
                "  {:GRANT_WIDTH$} {name:SHOWN_BY_WIDTH$} {seconds:5.2} s  {said}",
                grant.to_string()
            ))?;
            wrong.extend(verdict.err().map(|said| format!("{grant}: {said}")));
            tried += 1;
        }
    }
    ensure!(tried > 0, "no function has a grant");
    wrong.dedup();
    for line in &wrong {
        terminal.say(&format!("  WRONG: {line}"))?;
    }
    let end = match wrong.len() {
        0 => "each is missed".to_owned(),
        count => format!("{count} WRONG"),
    };
    let seconds = begun.elapsed().as_secs_f64();
    terminal.say(&format!("{tried} grants taken away, {seconds:.1} s: {end}"))?;
    Ok(wrong.is_empty())
}

impl<'a> Taker<'a> {
    /// Prepares to take grants of `functions` away.
    pub(crate) async fn new(
        stage: &'a Stage,
        functions: &'a [Function],
        scenarios: &'a [Scenario],
    ) -> Result<Self> {
        let mut taker = Self { stage, functions, scenarios, left: BTreeMap::new() };
        if functions.iter().any(|it| it.metadata.kind == Kind::Job) {
            let scenario = taker.scenario(trials::SCENARIO)?;
            taker.left = run::run(stage, scenario, &Mode::in_order(SEED)).await?.versions;
        }
        Ok(taker)
    }

    /// Whether `grant` is missed by what needs it; what was seen, or what should have been.
    pub(crate) async fn verdict(
        &self,
        function: &Function,
        grant: &Grant,
        name: &str,
    ) -> Result<Result<String, String>> {
        let rights = self.stage.rights.as_ref().context("there are no rights to take away")?;
        let rights = rights.without_of(grant, self.functions, &Definitions::embedded())?;
        let stops = |it: &Scenario| it.when.iter().any(|step| matches!(step, Step::Stop(_)));
        let attempts_max = match self.scenarios.iter().find(|it| it.name == name) {
            Some(scenario) if stops(scenario) => run::ATTEMPTS_MAX_IN_VAIN,
            _ => ATTEMPTS_MAX,
        };
        let stage = Stage { rights: Some(rights), attempts_max, ..self.stage.clone() };
        let Outcome { wrong, refused } = self.outcome(&stage, function, name).await?;
        let missed = refused.iter().filter(|it| grant.was_missed(it)).count();
        if let Some(other) = refused.iter().find(|it| !grant.was_missed(it)) {
            return Ok(Err(format!("something else is refused: {other}")));
        }
        Ok(match wrong {
            _ if missed == 0 => Err("nobody asks for it".to_owned()),
            None => Err(format!("{missed} refused, and it comes out right all the same")),
            Some(wrong) => Ok(format!("{missed} refused; {wrong}")),
        })
    }

    async fn outcome(&self, stage: &Stage, function: &Function, name: &str) -> Result<Outcome> {
        match function.metadata.kind {
            Kind::Push => {
                let scenario = self.scenario(name)?;
                let ended = run::run(stage, scenario, &Mode::in_order(SEED)).await?;
                Ok(Outcome { wrong: wrong(scenario, &ended)?, refused: ended.refused })
            }
            Kind::Job => {
                let begin = (self.scenario(trials::SCENARIO)?, &self.left);
                let tried = trials::run(stage, &function.name, trials::named(name)?, begin).await?;
                let last = tried.printed.trim_end().lines().last().unwrap_or_default().to_owned();
                let wrong = (!tried.well).then(|| format!("it fails: {last}"));
                Ok(Outcome { wrong, refused: tried.refused })
            }
        }
    }

    fn scenario(&self, name: &str) -> Result<&'a Scenario> {
        let found = self.scenarios.iter().find(|it| it.name == name);
        found.with_context(|| format!("scenario {name:?} is not among those that are replayed"))
    }
}

/// Why a scenario did not come out right; `None` when it did. That something was refused is no
/// reason by itself.
fn wrong(scenario: &Scenario, ended: &Ended) -> Result<Option<String>> {
    let found = Contents::found(&ended.objects, scenario.env)?;
    let differences = compare(&scenario.then(), found, &Mode::in_order(SEED))?;
    Ok(match (ended.given_up, differences.is_empty()) {
        (0, true) => None,
        (0, false) => Some("the bucket is another".to_owned()),
        (count, true) => Some(format!("{count} never acknowledged")),
        (count, false) => Some(format!("{count} never acknowledged, the bucket is another")),
    })
}

/// What is not as it must be when nothing was taken away.
fn complaint(outcome: &Outcome) -> Option<String> {
    let refused = outcome.refused.first().map(ToString::to_string);
    outcome.wrong.clone().or(refused)
}
