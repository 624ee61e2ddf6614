//! `rules apply`: a folder of rules, put into force.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::json::Object;
use domain::{Change as Written, EntityDefinition, EntityRef, Generation, HistoryName, ObjectName};
use rules_engine::rules_in_force;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use super::check::{Checked, Checker, RULE};
use super::{file, in_force, sweep};
use crate::append::{
    self, Appended, By, Conditional, Current, Op, Refusal, Wish, append_if_current,
};
use crate::derive::Deriving;
use crate::migrate::difference;
use crate::pages::Pages;
use crate::restore::same;
use crate::{Operator, Problem, legible, subject};

/// Makes the rules of the bucket those of a folder.
///
/// Each file is a rule, called as its `id` says or as the file. All are held against everything that
/// `lint` says before the first is written; a rule that says the same already is left alone. With
/// --prune, rules that have no file are deleted: their alerts end. Records are appended on the
/// condition that nobody else has changed the rule meanwhile. Then the command waits until the rules
/// are in force and nobody goes by older ones, which takes half a minute, and evaluates those that have
/// changed over every entity that they are about: a new rule speaks of what is true already. Run again,
/// it goes on where it stopped: kinds whose rules in force are not known to have been evaluated
/// everywhere are swept then, too.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rules apply ./rules --dry-run                     what would change, place by place
  rules apply ./rules --reason 'review of May'
  rules apply ./rules --prune                       and deletes rules without a file
  rules apply ./rules --fold                        where no functions run: this process derives")]
pub(super) struct Options {
    /// The folder.
    folder: PathBuf,
    /// Delete the rules that have no file there.
    #[arg(long)]
    prune: bool,
    /// Show what would change; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Why, for whoever reads the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who; the variable USER when not said.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Have this process write what is derived, where no functions are fed.
    #[arg(long, conflicts_with = "dry_run")]
    fold: bool,
    /// Leave it to the next events and to the nightly sweep to evaluate what has changed.
    #[arg(long)]
    no_sweep: bool,
    /// Give up waiting for the rules to be in force after so many seconds. They are written all the same.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// What becomes of one rule.
struct Change<'a> {
    current: Current<'a>,
    /// The record that it takes; none where it says the same already.
    appended: Option<Appended>,
    /// How it is told: `+`, `~` or `-`, and what differs.
    said: String,
    /// The kinds that it was and is about.
    kinds: BTreeSet<String>,
    /// The digest of what it asks, if it is in force afterwards.
    digest: Option<String>,
}

/// What a run has done so far.
#[derive(Default)]
struct Applied {
    written: Vec<(HistoryName, Generation)>,
    /// How many rules somebody else has changed.
    lost: usize,
    /// The rules that are not in force yet, what they ask, and the kinds that they are about.
    entities: Vec<EntityRef>,
    expected: BTreeMap<String, Option<String>>,
    kinds: BTreeSet<String>,
}

/// What a run is to do.
#[derive(Default)]
struct Plan<'a> {
    changes: Vec<Change<'a>>,
    /// Rules that have no file, and are not deleted.
    kept: Vec<String>,
}

pub(super) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let checked = checked(options, operator)?;
    let applying = Applying {
        options,
        operator,
        definition: subject::definition(operator, RULE)?,
        builder: SnapshotBuilder::new(operator.tools.clone()),
    };
    let plan = applying.plan(checked).await?;
    plan.report(options, operator)?;
    if options.dry_run {
        return Ok(true);
    }
    applying.apply(&plan).await
}

/// The rules of the folder, every one of them right.
fn checked(options: &Options, operator: &Operator<'_>) -> Result<Vec<Checked>, Problem> {
    let checker = Checker::new(operator)?;
    let files = file::read_all(&options.folder)?;
    if files.is_empty() {
        return Err(Problem::new("there is no rule to apply"));
    }
    let checked: Vec<Checked> = files.into_iter().map(|file| checker.check(file)).collect();
    for line in checked.iter().flat_map(Checked::lines) {
        operator.screen.hint(&line);
    }
    match checked.iter().filter(|it| !it.errors.is_empty()).count() {
        0 => Ok(checked),
        wrong => Err(Problem::new(format!(
            "nothing is written: {wrong} of {} rules are wrong; mend what is listed",
            checked.len()
        ))),
    }
}

struct Applying<'a> {
    options: &'a Options,
    operator: &'a Operator<'a>,
    definition: &'a EntityDefinition,
    builder: SnapshotBuilder,
}

impl<'a> Applying<'a> {
    async fn plan(&self, checked: Vec<Checked>) -> Result<Plan<'a>, Problem> {
        let mut plan = Plan::default();
        let mut ids = BTreeSet::new();
        for checked in checked {
            let entity = subject::entity(self.operator, self.definition, &checked.file.id)?;
            ids.insert(checked.file.id.clone());
            let current = Current::read(self.operator, &entity, self.definition).await?;
            let Ok(written) = checked.file.document else { continue };
            let appended = self.judged(&current, Op::Full, Some(written))?;
            let appended = Some(appended).filter(|it| !current.says(&it.record));
            let (before, after) = (current.document(), checked.document);
            let said = match before {
                None => format!("+ {}", entity.id),
                Some(_) if appended.is_none() => String::new(),
                Some(before) => {
                    let [before, after] = [before, &after].map(|it| Value::Object(timeless(it)));
                    format!("~ {}\n{}", entity.id, difference::lines(&before, &after))
                }
            };
            let kinds = [before, Some(&after)].into_iter().flatten().filter_map(about).collect();
            let enabled = after.get("enabled") != Some(&Value::Bool(false));
            let digest = checked.rule.filter(|_| enabled).map(|rule| rule.digest);
            plan.changes.push(Change { current, appended, said, kinds, digest });
        }
        self.gone(&ids, &mut plan).await?;
        Ok(plan)
    }

    /// The rules that have no file.
    async fn gone(&self, ids: &BTreeSet<String>, plan: &mut Plan<'a>) -> Result<(), Problem> {
        let (tools, env) = (&self.operator.tools, self.operator.env);
        let prefix = format!("env/{env}/snapshots/{}/", self.definition.segment);
        let mut pages = Pages::of(prefix);
        while let Some(page) = pages.next(&*tools.store).await? {
            for item in page.items {
                let Ok(ObjectName::Snapshot(entity)) = ObjectName::parse(&item.name) else {
                    continue;
                };
                if ids.contains(&entity.id) {
                    continue;
                }
                let current = Current::read(self.operator, &entity, self.definition).await?;
                let Some(document) = current.document() else { continue };
                if !self.options.prune {
                    plan.kept.push(entity.id);
                    continue;
                }
                let kinds = about(document).into_iter().collect();
                let said = format!("- {}", entity.id);
                let appended = Some(self.judged(&current, Op::Delete, None)?);
                plan.changes.push(Change { current, appended, said, kinds, digest: None });
            }
        }
        Ok(())
    }

    fn judged(
        &self,
        current: &Current<'_>,
        op: Op,
        written: Option<Object>,
    ) -> Result<Appended, Problem> {
        let by = By {
            actor: self.options.actor.clone().or_else(|| self.operator.user.clone()),
            reason: self.options.reason.clone(),
            origin: "rules-apply",
        };
        let now = self.operator.tools.clock.now();
        let wish = Wish { op, written, current, by, now, id: None };
        append::judged(wish, self.operator, &self.builder).map_err(|refusal| match refusal {
            Refusal::Reasons(reasons) => Problem::new(format!(
                "nothing is written: {}: {}",
                current.entity.id,
                reasons.join("; ")
            )),
            refusal => refusal.into(),
        })
    }

    /// Writes what is planned, waits until it is in force, and evaluates it.
    async fn apply(&self, plan: &Plan<'_>) -> Result<bool, Problem> {
        let operator = self.operator;
        let in_force = rules_in_force(&operator.tools, operator.env).await?;
        let mut applied = Applied::default();
        for change in &plan.changes {
            let entity = &change.current.entity;
            if let Some(appended) = &change.appended {
                match self.write(change, appended).await? {
                    Some(record) => applied.written.push(record),
                    None => {
                        applied.lost += 1;
                        continue;
                    }
                }
            }
            // Where an earlier run was stopped it says what it should and is not in force.
            let digest = change.digest.as_deref();
            let is_in_force =
                in_force.all().any(|it| it.id == entity.id && Some(&*it.digest) == digest);
            if change.appended.is_some() || (digest.is_some() && !is_in_force) {
                applied.entities.push(entity.clone());
                applied.kinds.extend(change.kinds.iter().cloned());
                applied.expected.insert(entity.id.clone(), change.digest.clone());
            }
        }
        operator.screen.say(&format!("{} rules written", applied.written.len()))?;
        if self.options.fold {
            let deriving = Deriving::new(&operator.tools);
            for (name, generation) in std::mem::take(&mut applied.written) {
                deriving.record(name, generation).await?;
            }
            for entity in &applied.entities {
                deriving.snapshot(entity).await?;
            }
        }
        let timeout = Duration::from_secs(self.options.timeout);
        let mut well = in_force::wait(operator, &applied.expected, timeout).await?;
        if well && !self.options.no_sweep {
            // Where an earlier run was stopped nothing is left to be written, and much to be swept.
            applied.kinds.append(&mut sweep::unfinished(operator).await?);
            // With --fold nobody else evaluates.
            if !applied.kinds.is_empty() && !self.options.fold {
                in_force::alone(operator).await;
            }
            well = sweep::kinds(operator, &applied.kinds).await?;
        }
        if applied.lost > 0 {
            operator.screen.hint("somebody has changed rules meanwhile: run it again");
        }
        Ok(well && applied.lost == 0)
    }

    /// Appends the record of a rule; nothing where somebody else has changed the rule meanwhile.
    async fn write(
        &self,
        change: &Change<'_>,
        appended: &Appended,
    ) -> Result<Option<(HistoryName, Generation)>, Problem> {
        let current = &change.current;
        match append_if_current(self.operator, &self.builder, current, appended).await? {
            Conditional::Won(generation) => Ok(Some((appended.name.clone(), generation))),
            Conditional::Lost(other) => {
                let same = self.same(&other.name, appended).await?;
                if same.is_none() {
                    let id = &current.entity.id;
                    self.operator.screen.hint(&format!("{id} is left: {other}"));
                }
                Ok(same)
            }
        }
    }

    /// The record that has won, where it says the same: an earlier run of this was stopped between the
    /// claim and the record.
    async fn same(
        &self,
        won: &str,
        appended: &Appended,
    ) -> Result<Option<(HistoryName, Generation)>, Problem> {
        let tools = &self.operator.tools;
        let Ok(ObjectName::History(name)) = ObjectName::parse(won) else { return Ok(None) };
        let Some(object) = tools.store.get(won, None).await? else { return Ok(None) };
        let now = tools.clock.now();
        let theirs = self.builder.judge(&name, &object.body, now, self.definition);
        let says = match (theirs.map(|theirs| theirs.change), &appended.record.change) {
            (Ok(Written::Full(theirs)), Written::Full(ours)) => same(Some(&theirs), Some(ours)),
            (Ok(Written::Delete), Written::Delete) => true,
            _ => false,
        };
        Ok(says.then_some((name, object.generation)))
    }
}

impl Plan<'_> {
    fn report(&self, options: &Options, operator: &Operator<'_>) -> Result<(), Problem> {
        let written = self.changes.iter().filter(|change| change.appended.is_some());
        let (changes, all) = (written.clone().count(), self.changes.len());
        for change in written {
            for line in change.said.lines() {
                operator.screen.say(&legible::whole(line))?;
            }
        }
        let would = if options.dry_run { "would change" } else { "to change" };
        let unchanged = all - changes;
        operator.screen.say(&format!("{changes} rules {would}, {unchanged} say the same"))?;
        if !self.kept.is_empty() {
            let ids: Vec<String> = self.kept.iter().map(|id| legible::whole(id)).collect();
            let (count, ids) = (ids.len(), ids.join(", "));
            operator
                .screen
                .hint(&format!("{count} rules have no file, --prune deletes them: {ids}"));
        }
        Ok(())
    }
}

fn about(document: &Object) -> Option<String> {
    Some(document.get("applies_to")?.as_str()?.to_owned())
}

/// Without what is filled in.
fn timeless(document: &Object) -> Object {
    let mut document = document.clone();
    for field in ["created_at", "updated_at"] {
        document.shift_remove(field);
    }
    document
}
