//! All entities of a segment, those first that have a record which was stored after the instant.
//!
//! The history of a segment is listed once, a thousand records a page; an entity without a later
//! record is what it was and is not read. A batch is noted before it is worked on: a run that is
//! stopped goes on with it.

use std::sync::Arc;

use ::job::in_turn;
use domain::{BoxFuture, EntityDefinition, EntityRef, ObjectName};
use snapshot_builder::SnapshotBuilder;
use store::{Counted, Dry, List, Listed, Store, Tally, Tools};

use super::entity::{Restored, Restoring, Target};
use crate::job::What;
use crate::job::progress::{LEFT_BEFORE, Left, Pass, Progress};
use crate::migrate::difference;
use crate::{Operator, Problem, legible};

/// How many entities are noted together.
const BATCH: usize = 100;

/// How many are worked on at the same time.
const AT_ONCE: usize = 8;

/// How many entities that nothing could be done about are shown.
const LEFT_SHOWN_MAX: usize = 20;

/// A restore of one segment.
pub(super) struct Walk<'a> {
    operator: &'a Operator<'a>,
    definition: &'a EntityDefinition,
    target: &'a Target,
    dry: bool,
}

/// How far it is.
#[derive(Default)]
struct Walked {
    entities: u64,
    later: u64,
    appended: u64,
    shown: Vec<String>,
    left: Vec<(String, Vec<String>)>,
    /// How many more the run has left that this one goes on with.
    left_more: usize,
    resumed_at: Option<String>,
}

impl Walked {
    fn left(&self) -> Left {
        let names: Vec<&String> = self.left.iter().map(|(entity, _)| entity).collect();
        Left::of(names.into_iter(), self.left_more)
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        operator: &'a Operator<'a>,
        definition: &'a EntityDefinition,
        target: &'a Target,
        dry: bool,
    ) -> Self {
        Self { operator, definition, target, dry }
    }

    /// Restores all entities, or one. Whether nothing is left to look at.
    pub(super) async fn run(
        &self,
        only: Option<EntityRef>,
        differences: usize,
    ) -> Result<bool, Problem> {
        let inner = Arc::clone(&self.operator.tools.store);
        let inner: Arc<dyn Store> = if self.dry { Arc::new(Dry::new(inner)) } else { inner };
        let counted = Arc::new(Counted::new(inner));
        let tools = Tools { store: counted.clone(), ..self.operator.tools.clone() };
        let operator = Operator { tools, user: None, ..*self.operator };
        let restoring = Restoring {
            operator: &operator,
            definition: self.definition,
            builder: SnapshotBuilder::new(operator.tools.clone()),
            target: self.target,
        };
        let mut walked = Walked::default();
        let ended = match only {
            Some(entity) => self.batch(&restoring, &[entity], differences, &mut walked).await,
            None => self.all(&restoring, differences, &mut walked).await,
        };
        let mut tally = Tally::default();
        tally.take(&counted);
        ended.map_err(|problem| {
            Problem::new(format!("{problem}; run the same command again: it goes on"))
        })?;
        self.report(&walked, &tally)
    }

    async fn all(
        &self,
        restoring: &Restoring<'_>,
        differences: usize,
        walked: &mut Walked,
    ) -> Result<(), Problem> {
        let operator = restoring.operator;
        let segment = self.definition.segment.as_str();
        let subject = format!("{}", self.target.known_at.unix_millis());
        let what = What { job: "restore", segment, subject: &subject, by: "" };
        let mut progress = Progress::begin(&operator.tools, operator.env, what, self.dry).await?;
        walked.resumed_at = progress.at().cloned();
        let Left { named, more } = progress.left().clone();
        walked.left_more = more;
        walked.left.extend(named.into_iter().map(|it| (it, vec![LEFT_BEFORE.to_owned()])));
        let prefix = format!("env/{}/{segment}/", operator.env);
        let mut list = List { prefix, start_offset: progress.at().cloned(), ..List::default() };
        let (mut batch, mut last): (Vec<EntityRef>, Option<(EntityRef, bool)>) = (Vec::new(), None);
        loop {
            let page = operator.tools.store.list(&list).await?;
            for item in page.items {
                let Some((entity, later)) = self.of(&item) else { continue };
                match &mut last {
                    Some((of, known)) if *of == entity => *known |= later,
                    other => {
                        walked.entities += 1;
                        batch.extend(other.replace((entity, later)).and_then(changed));
                    }
                }
                if batch.len() >= BATCH {
                    self.noted(restoring, &mut progress, &mut batch, differences, walked).await?;
                }
            }
            let now = operator.tools.clock.now();
            let (entities, appended) = (walked.entities, walked.appended);
            operator.screen.progress(now, || {
                format!("restore {segment}: {entities} entities, {appended} records")
            });
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => break,
            }
        }
        batch.extend(last.and_then(changed));
        self.noted(restoring, &mut progress, &mut batch, differences, walked).await?;
        progress.turn(Pass::Finished, walked.left()).await
    }

    /// The entity of a record, and whether that was stored after the instant.
    fn of(&self, item: &Listed) -> Option<(EntityRef, bool)> {
        match ObjectName::parse(&item.name) {
            Ok(ObjectName::History(name)) => {
                Some((name.entity, item.created_at > self.target.known_at))
            }
            _ => None,
        }
    }

    async fn noted(
        &self,
        restoring: &Restoring<'_>,
        progress: &mut Progress<'_>,
        batch: &mut Vec<EntityRef>,
        differences: usize,
        walked: &mut Walked,
    ) -> Result<(), Problem> {
        let Some(first) = batch.first() else { return Ok(()) };
        progress.note(&ObjectName::history_prefix(first), walked.left()).await?;
        self.batch(restoring, batch, differences, walked).await?;
        batch.clear();
        Ok(())
    }

    async fn batch(
        &self,
        restoring: &Restoring<'_>,
        batch: &[EntityRef],
        differences: usize,
        walked: &mut Walked,
    ) -> Result<(), Problem> {
        let mut work: Vec<BoxFuture<'_, Result<Restored, Problem>>> = Vec::new();
        for entity in batch {
            work.push(Box::pin(restoring.known_at(entity)));
        }
        for (entity, restored) in batch.iter().zip(in_turn(work, AT_ONCE).await?) {
            walked.later += 1;
            match restored {
                Restored::Same => (),
                Restored::Appended { before, after, op } => {
                    walked.appended += 1;
                    if walked.shown.len() < differences {
                        let lines = difference::lines(&before, &after);
                        let lines: Vec<String> = lines.lines().map(legible::line).collect();
                        walked.shown.push(format!("  {entity}: {op}\n{}", lines.join("\n")));
                    }
                }
                Restored::Left(reasons) => walked.left.push((entity.to_string(), reasons)),
            }
        }
        Ok(())
    }

    fn report(&self, walked: &Walked, tally: &Tally) -> Result<bool, Problem> {
        let screen = self.operator.screen;
        let Walked { entities, later, appended, shown, left, left_more, resumed_at } = walked;
        let would = if self.dry { "would append" } else { "appended" };
        let of = if *entities > 0 { format!("{entities} entities, ") } else { String::new() };
        let resumed =
            resumed_at.as_ref().map_or_else(String::new, |at| format!(" (it goes on from {at})"));
        screen.say(&format!(
            "restore {} to {}: {of}{later} with later records{resumed}; {would} {appended} \
             records; {tally}",
            self.definition.segment, self.target.known_at
        ))?;
        for text in shown {
            screen.say(text)?;
        }
        if *appended > shown.len() as u64 {
            screen.say(&format!("  … {} more", appended - shown.len() as u64))?;
        }
        for (entity, reasons) in left.iter().take(LEFT_SHOWN_MAX) {
            screen.say(&format!("  {entity} is left as it is: {}", reasons.join("; ")))?;
        }
        let more = left.len().saturating_sub(LEFT_SHOWN_MAX) + left_more;
        if more > 0 {
            screen.say(&format!("  and {more} more are left"))?;
        }
        Ok(left.is_empty() && more == 0)
    }
}

/// The entity, if it has a later record.
fn changed((entity, later): (EntityRef, bool)) -> Option<EntityRef> {
    later.then_some(entity)
}
