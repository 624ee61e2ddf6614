//! `rules test`: one rule, tried on a document or on the records of a scenario.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::json::{self, Object};
use domain::{EntityRef, HistoryName, Instant, ObjectName, Record, ulid};
use rules::condition::Facts;
use rules::rule::Rule;
use rules::set::RuleSet;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use super::check::Checker;
use super::file;
use super::timeline::{Step, Timeline, body};
use crate::get::instant;
use crate::seed::{read_document, shown};
use crate::{Operator, Problem, legible, subject};

/// What the folder of a scenario has.
const SCENARIO: &str = "scenario.json";

/// Says which parts of a rule hold for a document and why, and shows the alert.
///
/// Of a scenario, a folder of `fixtures/` or one that `capture` has made, it goes through the records of
/// each entity that the rule is about, and says when it opens and closes. Nothing is written, and no
/// bucket is needed. Ends with 0 where the rule fires, with 1 where it does not.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rules test low-mrr.json venture.json
  rules test mrr-fell.json now.json --before before.json
  rules test overdue.json venture.json --now 2025-12-01T00:00:00Z
  rules test low-mrr.json ./fixtures/specification")]
pub(super) struct Options {
    /// The rule.
    rule: PathBuf,
    /// The document, or the folder of a scenario.
    on: PathBuf,
    /// The document as it was before, for tests of a change.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// The present, for tests of time: 2025-11-06T12:00:00Z; the time now when not said.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    now: Option<Instant>,
}

pub(super) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let checked = Checker::new(operator)?.check(file::read(&options.rule));
    for line in checked.lines() {
        operator.screen.hint(&line);
    }
    let Some(rule) = checked.rule else {
        return Err(Problem::new("there is nothing to try: mend what is listed"));
    };
    let trial = Trial { operator, rules: &RuleSet::of(vec![rule.clone()]), rule: &rule };
    match options.on.is_dir() {
        false => trial.document(options),
        true if options.before.is_some() => {
            Err(Problem::new("--before is for a document: a scenario has its own"))
        }
        true => trial.scenario(&options.on, options.now),
    }
}

struct Trial<'a> {
    operator: &'a Operator<'a>,
    rules: &'a RuleSet,
    rule: &'a Rule,
}

impl Trial<'_> {
    /// One document, as if it were the newest version of its entity.
    fn document(&self, options: &Options) -> Result<bool, Problem> {
        let now = options.now.unwrap_or_else(|| self.operator.tools.clock.now());
        let entity = |document: &Object| {
            let id = document.get("id").and_then(Value::as_str).unwrap_or("EXAMPLE");
            let definition = subject::definition(self.operator, &self.rule.applies_to)?;
            subject::entity(self.operator, definition, id)
        };
        let document = read(&options.on)?;
        let entity = entity(&document)?;
        if let Some(kind) = document.get("entity").and_then(Value::as_str)
            && kind != self.rule.applies_to
        {
            let (path, about) = (shown(&options.on), &self.rule.applies_to);
            return Err(Problem::new(format!(
                "{path} is a {kind}, and the rule is about a {about}"
            )));
        }
        let before = options.before.as_deref().map(read).transpose()?;
        let mut timeline = Timeline::new(self.rules, &entity, &self.rule.applies_to);
        let records = before.into_iter().chain([document]);
        let mut last = None;
        for (number, document) in records.enumerate() {
            let at = now;
            let id = ulid(at, number as u128);
            let name = HistoryName::dated(entity.clone(), at, &id);
            let key = domain::OrderKey::new(at, &name);
            let change = domain::Change::Full(document);
            last = Some(timeline.record(Record { key, change, bulk: None }));
        }
        self.reasons(&timeline, now)?;
        let Some(last) = last else { return Ok(false) };
        self.alerts(&entity, &last)?;
        Ok(timeline.is_open() || last.fired() > 0)
    }

    /// The records of each entity that the rule is about.
    fn scenario(&self, folder: &Path, now: Option<Instant>) -> Result<bool, Problem> {
        let mut fired = false;
        let records = self.records(folder)?;
        if records.is_empty() {
            let (folder, kind) = (shown(folder), &self.rule.applies_to);
            return Err(Problem::new(format!("{folder} has no record of a {kind} that counts")));
        }
        for (entity, records) in records {
            let mut timeline = Timeline::new(self.rules, &entity, &self.rule.applies_to);
            for record in records {
                let at = record.key.updated_at;
                let relative = record.key.relative();
                let step = timeline.record(record);
                fired |= self.step(&entity, &relative, &timeline, at, &step)?;
            }
            if let Some(now) = now {
                let step = timeline.sweep(now);
                fired |= self.step(&entity, &format!("at {now}"), &timeline, now, &step)?;
            }
        }
        Ok(fired)
    }

    fn step(
        &self,
        entity: &EntityRef,
        what: &str,
        timeline: &Timeline<'_>,
        at: Instant,
        step: &Step,
    ) -> Result<bool, Problem> {
        let says = match (step.opened, step.closed) {
            (true, _) => "opens",
            (false, true) => "ends",
            (false, false) if timeline.is_open() => "stays open",
            (false, false) if step.fired() > 0 => "fires",
            (false, false) => "does not hold",
        };
        let what = legible::line(&format!("{} {what}", entity.id));
        self.operator.screen.say(&format!("{what}: {says}"))?;
        self.reasons(timeline, at)?;
        self.alerts(entity, step)?;
        Ok(step.fired() > 0)
    }

    /// Which parts hold, and why.
    fn reasons(&self, timeline: &Timeline<'_>, now: Instant) -> Result<(), Problem> {
        let Some(document) = timeline.document() else {
            return self.operator.screen.say("  there is no live document");
        };
        let facts = Facts { document, before: timeline.before(), now };
        let reason = self.rule.condition.explain(facts).to_string();
        for line in reason.lines() {
            self.operator.screen.say(&format!("  {}", legible::whole(line)))?;
        }
        Ok(())
    }

    /// Each alert, and what each of its channels is sent.
    fn alerts(&self, entity: &EntityRef, step: &Step) -> Result<(), Problem> {
        let screen = self.operator.screen;
        for alert in &step.told {
            let (name, body) = (alert.name(entity).to_string(), body(alert));
            screen.say(&format!("alert {}", legible::whole(&name)))?;
            screen.say(&legible::document(&body))?;
            let Value::Object(body) = body else { continue };
            let (channels, more) = egress::channels(&body);
            for named in &channels {
                screen.say(&format!("to {}", legible::whole(&named.to_string())))?;
                let told = egress::Told { alert: &body, object: &name };
                match egress::preview(&named.channel, told) {
                    Ok(Some(sent)) => screen.say(&legible::document(&sent))?,
                    Ok(None) => screen.say(&legible::whole(&told.message()))?,
                    Err(why) => screen.say(&format!("nothing is sent: {}", legible::line(&why)))?,
                }
            }
            if more > 0 {
                screen.say(&format!("and {more} channels more than are sent to"))?;
            }
        }
        Ok(())
    }

    /// The records of a scenario that count, by entity and in order.
    fn records(&self, folder: &Path) -> Result<Vec<(EntityRef, Vec<Record>)>, Problem> {
        let definition = subject::definition(self.operator, &self.rule.applies_to)?;
        let builder = SnapshotBuilder::new(self.operator.tools.clone());
        let scenario = Value::Object(read(&folder.join(SCENARIO))?);
        let steps = ["given", "when"].map(|part| scenario[part].as_array().cloned());
        let mut found: Vec<(EntityRef, Vec<Record>)> = Vec::new();
        for (number, step) in steps.into_iter().flatten().flatten().enumerate() {
            let Some(file) = step["record"].as_str() else { continue };
            let path = folder.join(file);
            let body = fs::read(&path);
            let body = body.map_err(|err| Problem::new(format!("{}: {err}", shown(&path))))?;
            let given = step["name"].as_str();
            let Some(name) = self.name(given, &body, number, &scenario["env"]) else { continue };
            if name.entity.segment != definition.segment {
                continue;
            }
            // What is dated ahead of its time is what `replay` refuses.
            let dated =
                json::parse(&body).ok().and_then(|it| Instant::parse(it["updated_at"].as_str()?));
            let created_at = dated.unwrap_or_else(|| self.operator.tools.clock.now());
            match builder.judge(&name, &body, created_at, definition) {
                Ok(record) => match found.iter_mut().find(|(entity, _)| *entity == name.entity) {
                    Some((_, records)) => records.push(record),
                    None => found.push((name.entity, vec![record])),
                },
                Err(reasons) => {
                    let reasons = legible::line(&reasons.join("; "));
                    self.operator.screen.hint(&format!("{file} does not count: {reasons}"));
                }
            }
        }
        for (_, records) in &mut found {
            records.sort_by(|left, right| left.key.cmp(&right.key));
        }
        Ok(found)
    }

    /// The name of a record, as the scenario gives it, or as a writer would file it.
    fn name(
        &self,
        given: Option<&str>,
        body: &[u8],
        number: usize,
        env: &Value,
    ) -> Option<HistoryName> {
        let env = env.as_str().unwrap_or("dev");
        if let Some(name) = given {
            return match ObjectName::parse(&format!("env/{env}/{name}")) {
                Ok(ObjectName::History(name)) => Some(name),
                _ => None,
            };
        }
        let record = json::parse(body).ok()?;
        let definition = self.operator.tools.definitions.entity(record["entity"].as_str()?)?;
        let env = env.parse().ok()?;
        let entity = EntityRef::new(env, &definition.segment, record["id"].as_str()?).ok()?;
        let at = Instant::parse(record["updated_at"].as_str()?)?;
        Some(HistoryName::dated(entity, at, &ulid(at, number as u128)))
    }
}

fn read(path: &Path) -> Result<Object, Problem> {
    let read = read_document(path).map(|(document, _)| document);
    read.map_err(|why| Problem::new(format!("{}: {why}", shown(path))))
}
