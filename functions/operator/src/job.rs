//! What goes through all snapshots of a segment, can be interrupted anywhere, and counts.
//!
//! A walk has two passes. While the first goes on, a process of an older release may still handle
//! an event that it began before: what has changed since the first pass began is visited once
//! more, when that process cannot live any longer.

pub(crate) mod progress;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::{EntityRef, Generation, Instant, ObjectName};
use futures_util::{StreamExt as _, stream};
use store::{Counted, Dry, List, Listed, Store, Tally, Tools};

use crate::job::progress::{LEFT_BEFORE, Left, Pass, Progress};
use crate::older::Older;
use crate::pages::{Pages, folder_names};
use crate::reconcile::number;
use crate::{Operator, Problem, Shortcut};

/// How many entities are noted together, before any of them is written.
const BATCH: usize = 100;

/// How many entities are worked on at the same time.
const AT_ONCE: usize = 8;

/// How far the clock of this machine may be from that of Cloud Storage.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(5 * 60);

/// How many entities that nothing could be done about are shown.
const REJECTED_SHOWN_MAX: usize = 20;

/// Entities that nothing could be done about, and why.
type Rejected = BTreeMap<String, Vec<String>>;

/// One run of a job over one segment.
pub(crate) struct Job<'a> {
    /// What it runs for.
    pub(crate) operator: &'a Operator<'a>,
    /// Its tools, counted, whose writes go nowhere in a dry run.
    pub(crate) tools: Tools,
    counted: Arc<Counted>,
    /// What it is.
    pub(crate) what: What<'a>,
    how: How,
}

/// What a job is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct What<'a> {
    /// What it is called in object names: `index-build`.
    pub(crate) job: &'static str,
    /// The segment it goes through.
    pub(crate) segment: &'a str,
    /// What it does there, beside what the definitions say: the index. May be empty.
    pub(crate) subject: &'a str,
    /// What it goes by that may be something else the next time: the rules. A run that went by
    /// something else is begun anew, and not gone on with. May be empty.
    pub(crate) by: &'a str,
}

/// How a job is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Nothing is written.
    pub(crate) dry: bool,
    /// Whose end the second pass waits for.
    older: Older,
}

impl How {
    /// `wait`: whether an older release has taken requests shortly before now.
    pub(crate) fn new(operator: &Operator<'_>, dry: bool, wait: bool) -> Self {
        Self { dry, older: Older::new(operator, wait && !dry) }
    }
}

/// The snapshot that is visited.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// Whose.
    pub(crate) entity: EntityRef,
    /// The version that was listed.
    pub(crate) generation: Generation,
    /// When that was written.
    pub(crate) written_at: Instant,
    name: String,
}

/// How a walk went.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Snapshots visited in the first pass, since the walk was resumed.
    pub(crate) first: u64,
    /// The same in the second.
    pub(crate) second: u64,
    /// Where it was resumed.
    pub(crate) resumed_at: Option<String>,
    /// Entities that nothing could be done about, and why.
    pub(crate) rejected: Rejected,
    /// How many more the run has left that this one goes on with.
    more: usize,
    /// What it took.
    pub(crate) tally: Tally,
}

impl Walked {
    fn left(&self) -> Left {
        Left::of(self.rejected.keys(), self.more)
    }
}

impl<'a> Job<'a> {
    pub(crate) fn new(operator: &'a Operator<'a>, what: What<'a>, how: How) -> Self {
        let inner = Arc::clone(&operator.tools.store);
        let inner: Arc<dyn Store> = if how.dry { Arc::new(Dry::new(inner)) } else { inner };
        let counted = Arc::new(Counted::new(inner));
        let tools = Tools { store: counted.clone(), ..operator.tools.clone() };
        Self { operator, tools, counted, what, how }
    }

    /// Visits all snapshots, and a second time those that have changed meanwhile. `visit` answers
    /// why nothing can be done about an entity, if so.
    ///
    /// # Errors
    ///
    /// Why it cannot go on. The next run begins with the batch that this one has noted.
    pub(crate) async fn walk<F>(&self, visit: impl Fn(Stop) -> F) -> Result<Walked, Problem>
    where
        F: Future<Output = Result<Vec<String>, Problem>>,
    {
        let mut walked = Walked::default();
        let ended = self.passes(&mut walked, &visit).await;
        walked.tally.take(&self.counted);
        match ended {
            Ok(()) => Ok(walked),
            Err(problem) => Err(goes_on(problem)),
        }
    }

    /// Visits the entities that have a history and no snapshot, which a walk passes by: to be done
    /// before it. Why nothing can be done about some.
    ///
    /// # Errors
    ///
    /// Why it cannot go on.
    pub(crate) async fn gone<F>(&self, visit: impl Fn(EntityRef) -> F) -> Result<Rejected, Problem>
    where
        F: Future<Output = Result<Vec<String>, Problem>>,
    {
        self.without_snapshot(visit).await.map_err(goes_on)
    }

    async fn without_snapshot<F>(&self, visit: impl Fn(EntityRef) -> F) -> Result<Rejected, Problem>
    where
        F: Future<Output = Result<Vec<String>, Problem>>,
    {
        let (env, segment) = (self.operator.env, self.what.segment);
        let mut there = HashSet::new();
        let mut pages = Pages::of(format!("env/{env}/snapshots/{segment}/"));
        while let Some(page) = pages.next(&*self.tools.store).await? {
            let stops = page.items.into_iter().filter_map(stop);
            there.extend(stops.map(|stop| number(&[&stop.entity.id])));
        }
        let prefix = format!("env/{env}/{segment}/");
        let mut pages = Pages::folders(prefix.clone());
        let mut rejected = Rejected::new();
        while let Some(page) = pages.next(&*self.tools.store).await? {
            let ids = folder_names(&page, &prefix).filter(|id| !there.contains(&number(&[id])));
            let gone = ids.filter_map(|id| EntityRef::new(env, segment, id).ok());
            let visits = gone.map(|entity| async {
                let name = entity.to_string();
                visit(entity).await.map(|reasons| (name, reasons))
            });
            let mut visits = stream::iter(visits).buffered(AT_ONCE);
            while let Some(visited) = visits.next().await {
                let (entity, reasons) = visited?;
                if !reasons.is_empty() {
                    rejected.insert(entity, reasons);
                }
            }
        }
        Ok(rejected)
    }

    async fn passes<F>(
        &self,
        walked: &mut Walked,
        visit: &impl Fn(Stop) -> F,
    ) -> Result<(), Problem>
    where
        F: Future<Output = Result<Vec<String>, Problem>>,
    {
        let (env, dry) = (self.operator.env, self.how.dry);
        let mut progress = Progress::begin(&self.tools, env, self.what, dry).await?;
        walked.resumed_at = progress.at().cloned();
        let Left { named, more } = progress.left().clone();
        walked.more = more;
        walked.rejected.extend(named.into_iter().map(|it| (it, vec![LEFT_BEFORE.to_owned()])));
        if progress.pass() == Pass::First {
            self.pass(&mut progress, walked, visit).await?;
            self.how.older.ended(self.operator, self.what).await;
            progress.turn(Pass::Second, walked.left()).await?;
        }
        if !self.operator.planted.has(Shortcut::SecondPassSkipped) {
            self.pass(&mut progress, walked, visit).await?;
        }
        progress.turn(Pass::Finished, walked.left()).await
    }

    async fn pass<F>(
        &self,
        progress: &mut Progress<'_>,
        walked: &mut Walked,
        visit: &impl Fn(Stop) -> F,
    ) -> Result<(), Problem>
    where
        F: Future<Output = Result<Vec<String>, Problem>>,
    {
        let prefix = format!("env/{}/snapshots/{}/", self.operator.env, self.what.segment);
        let mut list = List { prefix, start_offset: progress.at().cloned(), ..List::default() };
        let (pass, began_at) = (progress.pass(), progress.began_at());
        // A dry run leaves everything to be written again: it counts as if nothing changed
        // meanwhile.
        let concerned = |item: &Listed| {
            let changed = item.created_at.after(CLOCKS_APART_MAX) >= began_at;
            pass == Pass::First || (changed && !self.how.dry)
        };
        loop {
            let page = self.tools.store.list(&list).await?;
            let stops: Vec<Stop> =
                page.items.into_iter().filter(concerned).filter_map(stop).collect();
            for batch in stops.chunks(BATCH) {
                let noted = match self.operator.planted.has(Shortcut::BatchNotedByItsLast) {
                    true => &batch[batch.len() - 1],
                    false => &batch[0],
                };
                progress.note(&noted.name, walked.left()).await?;
                self.batch(batch, &mut walked.rejected, visit).await?;
                let visited = match pass {
                    Pass::First => &mut walked.first,
                    Pass::Second | Pass::Finished => &mut walked.second,
                };
                *visited += batch.len() as u64;
                walked.tally.take(&self.counted);
                let (first, second) = (walked.first, walked.second);
                self.operator.screen.progress(self.tools.clock.now(), || {
                    format!("{}: {first} + {second} snapshots, {}", self.what, walked.tally)
                });
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(()),
            }
        }
    }

    async fn batch<F>(
        &self,
        batch: &[Stop],
        rejected: &mut Rejected,
        visit: &impl Fn(Stop) -> F,
    ) -> Result<(), Problem>
    where
        F: Future<Output = Result<Vec<String>, Problem>>,
    {
        let visits = batch.iter().map(|stop| async {
            let entity = stop.entity.to_string();
            visit(stop.clone()).await.map(|reasons| (entity, reasons))
        });
        let mut visits = stream::iter(visits).buffered(AT_ONCE);
        while let Some(visited) = visits.next().await {
            let (entity, reasons) = visited?;
            match reasons.is_empty() {
                true => drop(rejected.remove(&entity)),
                false => drop(rejected.insert(entity, reasons)),
            }
        }
        Ok(())
    }

    /// Says how a walk went; whether nothing is left that a person has to look at.
    pub(crate) fn report(&self, walked: &Walked) -> Result<bool, Problem> {
        let Walked { first, second, resumed_at, rejected, more, tally } = walked;
        let resumed = match resumed_at {
            Some(at) => format!(" (it goes on from {at})"),
            None => String::new(),
        };
        let would = if self.how.dry { "would write " } else { "wrote " };
        self.operator.screen.say(&format!(
            "{}: {first} snapshots, then {second} a second time{resumed}; {would}{tally}",
            self.what
        ))?;
        for (entity, reasons) in rejected.iter().take(REJECTED_SHOWN_MAX) {
            self.operator.screen.say(&format!("  {entity}: {}", reasons.join("; ")))?;
        }
        let more = rejected.len().saturating_sub(REJECTED_SHOWN_MAX) + more;
        if more > 0 {
            self.operator.screen.say(&format!("  and {more} more"))?;
        }
        Ok(rejected.is_empty() && more == 0)
    }
}

/// `index-build ventures by-status-v2`.
impl std::fmt::Display for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { job, segment, subject, .. } = self;
        let separator = if subject.is_empty() { "" } else { " " };
        write!(f, "{job} {segment}{separator}{subject}")
    }
}

fn goes_on(problem: Problem) -> Problem {
    Problem::new(format!("{problem}; run the same command again: it goes on where it stopped"))
}

fn stop(item: Listed) -> Option<Stop> {
    match ObjectName::parse(&item.name) {
        Ok(ObjectName::Snapshot(entity)) => {
            let Listed { name, generation, created_at: written_at, .. } = item;
            Some(Stop { entity, generation, written_at, name })
        }
        _ => None,
    }
}
