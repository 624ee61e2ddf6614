//! How far a job is, in one object: noted before the work, so that nothing is left out.
//!
//! Every note is a compare-and-swap. Whoever starts the job while it runs takes it over, and the
//! other ends at its next note; what both have written is the same.

use domain::limits::ATTEMPTS_MAX;
use domain::{Env, ID_BYTES_MAX, Instant, ObjectName, digest, json};
use serde::{Deserialize, Serialize};
use store::{ErrorKind, Object, Precondition, Tools};

use crate::Problem;
use crate::job::What;

/// How many entities that were left are noted by their names.
const NAMED_MAX: usize = 20;

/// What is said of an entity that a run has left which was stopped.
pub(crate) const LEFT_BEFORE: &str =
    "left by the run that was stopped; run the same command again for the reason";

/// The progress of one run.
pub(crate) struct Progress<'a> {
    tools: &'a Tools,
    name: String,
    precondition: Precondition,
    began_at: Instant,
    body: Body,
}

/// What is stored, one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Body {
    job: String,
    segment: String,
    subject: String,
    /// The digest of the definitions by which it works.
    definitions: String,
    /// What else it goes by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    /// Who runs it: an id drawn at the start.
    runner: String,
    pass: Pass,
    /// The first snapshot of the batch that is being worked on. All before it are done.
    at: Option<String>,
    began_at: String,
    noted_at: String,
    #[serde(default, skip_serializing_if = "Left::is_nothing")]
    left: Left,
}

/// The entities before the batch that nothing could be done about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The first of them.
    pub(crate) named: Vec<String>,
    /// How many more there are.
    pub(crate) more: usize,
}

impl Left {
    /// These, and so many that have no name any more.
    pub(crate) fn of<'a>(
        names: impl ExactSizeIterator<Item = &'a String>,
        nameless: usize,
    ) -> Self {
        let more = names.len().saturating_sub(NAMED_MAX) + nameless;
        Self { named: names.take(NAMED_MAX).cloned().collect(), more }
    }

    fn is_nothing(&self) -> bool {
        self.named.is_empty() && self.more == 0
    }
}

/// Where a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pass {
    /// All snapshots are visited.
    First,
    /// Those are visited that have changed since the first pass began.
    Second,
    /// It has ended.
    Finished,
}

impl<'a> Progress<'a> {
    /// Goes on with the run that was interrupted, or begins one: in the place of one that went by
    /// something else, too. One that is dry begins at the beginning.
    pub(crate) async fn begin(
        tools: &'a Tools,
        env: Env,
        what: What<'_>,
        dry: bool,
    ) -> Result<Self, Problem> {
        let name = name(tools, env, what);
        let stored = tools.store.get(&name, None).await?;
        let now = tools.clock.now();
        let runner = tools.ids.ulid(now);
        let interrupted = stored.as_ref().and_then(read);
        let interrupted = interrupted
            .filter(|(_, body)| body.pass != Pass::Finished && body.by == what.by && !dry);
        let (began_at, body) = match interrupted {
            Some((began_at, body)) => (began_at, Body { runner, ..body }),
            None => (
                now,
                Body {
                    job: what.job.to_owned(),
                    segment: what.segment.to_owned(),
                    subject: what.subject.to_owned(),
                    definitions: tools.version.definitions.clone(),
                    by: what.by.to_owned(),
                    runner,
                    pass: Pass::First,
                    at: None,
                    began_at: now.to_string(),
                    noted_at: String::new(),
                    left: Left::default(),
                },
            ),
        };
        let precondition = Precondition::unchanged(stored.as_ref());
        let mut progress = Self { tools, name, precondition, began_at, body };
        progress.write().await?;
        Ok(progress)
    }

    /// What the last run went by, if it has come to its end.
    pub(crate) async fn finished_by(
        tools: &Tools,
        env: Env,
        what: What<'_>,
    ) -> Result<Option<String>, Problem> {
        let stored = tools.store.get(&name(tools, env, what), None).await?;
        let (_, body) = stored.as_ref().and_then(read).unzip();
        Ok(body.filter(|body| body.pass == Pass::Finished).map(|body| body.by))
    }

    /// Where the pass goes on from.
    pub(crate) fn at(&self) -> Option<&String> {
        self.body.at.as_ref()
    }

    pub(crate) fn pass(&self) -> Pass {
        self.body.pass
    }

    /// When the first pass began.
    pub(crate) fn began_at(&self) -> Instant {
        self.began_at
    }

    /// What was left before that.
    pub(crate) fn left(&self) -> &Left {
        &self.body.left
    }

    /// Notes that the batch which begins with the snapshot `at` is about to be worked on, and what
    /// was left so far.
    pub(crate) async fn note(&mut self, at: &str, left: Left) -> Result<(), Problem> {
        (self.body.at, self.body.left) = (Some(at.to_owned()), left);
        self.write().await
    }

    /// Notes that a pass has ended and `pass` begins, and what was left so far.
    pub(crate) async fn turn(&mut self, pass: Pass, left: Left) -> Result<(), Problem> {
        (self.body.pass, self.body.at, self.body.left) = (pass, None, left);
        self.write().await
    }

    async fn write(&mut self) -> Result<(), Problem> {
        self.body.noted_at = self.tools.clock.now().to_string();
        let body = serde_json::to_value(&self.body)
            .map_err(|err| Problem::new(format!("progress: {err}")))?;
        let body = json::to_line(&body);
        let metadata = self.tools.version.metadata();
        for _ in 0..ATTEMPTS_MAX {
            let store = &self.tools.store;
            let put = store.put(&self.name, body.clone().into(), &metadata, self.precondition);
            match put.await {
                Ok(generation) => {
                    self.precondition = Precondition::At(generation);
                    return Ok(());
                }
                Err(err) if err.kind == ErrorKind::Throttled => {
                    self.tools.pause_after_throttling().await;
                }
                // It can be this very write, whose answer was lost.
                Err(err) if err.kind == ErrorKind::Conflict => {
                    match store.get(&self.name, None).await? {
                        Some(found) if found.body == body => {
                            self.precondition = Precondition::At(found.generation);
                            return Ok(());
                        }
                        _ => return Err(self.taken_over()),
                    }
                }
                Err(err) => return Err(err.into()),
            }
        }
        Err(Problem::new(format!("put {}: the store asks to slow down", self.name)))
    }

    fn taken_over(&self) -> Problem {
        Problem::new(format!("somebody else runs this job too and has noted it in {}", self.name))
    }
}

/// When the run began that `stored` is the progress of, and how far it is, if that can be read.
fn read(stored: &Object) -> Option<(Instant, Body)> {
    let body: Body = serde_json::from_value(json::parse(&stored.body).ok()?).ok()?;
    Some((Instant::parse(&body.began_at)?, body))
}

fn name(tools: &Tools, env: Env, what: What<'_>) -> String {
    ObjectName::JobProgress { env, job: what.job.to_owned(), run: run(what, tools) }.to_string()
}

/// What a run is called: the same job under the same definitions goes on, another begins anew.
fn run(what: What<'_>, tools: &Tools) -> String {
    let parts = [what.segment, what.subject, &tools.version.definitions];
    let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let run = named.join(".");
    if run.len() <= ID_BYTES_MAX { run } else { digest::hex_of(&run, 32) }
}
