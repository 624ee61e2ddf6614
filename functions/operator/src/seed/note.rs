//! The note of a run: how its records are dated, so that a run that goes on knows them again.

use std::time::Duration;

use domain::limits::ATTEMPTS_MAX;
use domain::{Instant, ObjectName, json};
use serde::{Deserialize, Serialize};
use store::{ErrorKind, Precondition};

use crate::{Operator, Problem};

/// What it is called in object names.
pub(crate) const JOB: &str = "seed";

/// After a run has ended, its records may be in no snapshot for so long. No snapshot lags for longer
/// while its function is fed.
const LAG_MAX: Duration = Duration::from_secs(60 * 60);

/// How long runs may follow each other before only the last of them is thought of.
const CHAINED_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The note, as it is stored.
pub(super) struct Note {
    name: String,
    precondition: Precondition,
    body: Body,
    /// When its records are dated that follow no later one: when it began.
    pub(super) dated_at: Instant,
    /// Whether it goes on with what an earlier one began.
    pub(super) resumed: bool,
    /// Since when runs on this folder may have written records that no snapshot has, if one may.
    pub(super) unfolded_since: Option<Instant>,
}

/// One line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Body {
    job: String,
    folder: String,
    dated_at: String,
    /// When the first of the runs was dated that followed each other within [`LAG_MAX`].
    since: String,
    finished_at: Option<String>,
}

impl Note {
    /// Goes on with the run of this name, or begins one: one read, and one insert where it begins.
    pub(super) async fn begin(
        operator: &Operator<'_>,
        run: &str,
        folder: &str,
    ) -> Result<Self, Problem> {
        let (env, job) = (operator.env, JOB.to_owned());
        let name = ObjectName::JobProgress { env, job: job.clone(), run: run.to_owned() };
        let name = name.to_string();
        for _ in 0..ATTEMPTS_MAX {
            let stored = operator.tools.store.get(&name, None).await?;
            let before = stored.as_ref().and_then(|stored| Before::of(&stored.body));
            if let (Some(stored), Some(Before { body, dated_at, since, finished_at: None })) =
                (&stored, &before)
            {
                let precondition = Precondition::At(stored.generation);
                let (body, dated_at) = (body.clone(), *dated_at);
                let unfolded_since = Some(*since);
                return Ok(Self {
                    name,
                    precondition,
                    body,
                    dated_at,
                    resumed: true,
                    unfolded_since,
                });
            }
            let now = operator.tools.clock.now();
            let lags = |it: &Before| it.finished_at.is_some_and(|at| at.after(LAG_MAX) >= now);
            let unfolded_since = before.filter(lags).map(|before| match before.since {
                since if since.after(CHAINED_MAX) >= now => since,
                _ => before.dated_at,
            });
            // To the millisecond, as names have it.
            let dated_at = Instant::from_unix_millis(now.unix_millis());
            let body = Body {
                job: job.clone(),
                folder: folder.to_owned(),
                dated_at: dated_at.to_millis_text(),
                since: unfolded_since.unwrap_or(dated_at).to_millis_text(),
                finished_at: None,
            };
            let precondition = Precondition::unchanged(stored.as_ref());
            let name = name.clone();
            let mut note =
                Self { name, precondition, body, dated_at, resumed: false, unfolded_since };
            if note.write(operator).await? {
                return Ok(note);
            }
        }
        Err(Problem::new(format!("{name}: others write it all the time: run the command again")))
    }

    /// Notes that nothing is left to do, so that the same folder begins a run of its own: one insert.
    pub(super) async fn finish(mut self, operator: &Operator<'_>) -> Result<(), Problem> {
        self.body.finished_at = Some(operator.tools.clock.now().to_millis_text());
        // Where somebody else has run it too, they have noted the same.
        self.write(operator).await.map(drop)
    }

    /// Whether the note is as it is here.
    async fn write(&mut self, operator: &Operator<'_>) -> Result<bool, Problem> {
        let body = serde_json::to_value(&self.body)
            .map_err(|err| Problem::new(format!("{}: {err}", self.name)))?;
        let metadata = operator.tools.version.metadata();
        for _ in 0..ATTEMPTS_MAX {
            let line = json::to_line(&body).into();
            match operator.tools.store.put(&self.name, line, &metadata, self.precondition).await {
                Ok(generation) => {
                    self.precondition = Precondition::At(generation);
                    return Ok(true);
                }
                Err(err) if err.kind == ErrorKind::Conflict => return Ok(false),
                Err(err) if err.kind == ErrorKind::Throttled => {
                    operator.tools.pause_after_throttling().await;
                }
                Err(err) => return Err(err.into()),
            }
        }
        Err(Problem::new(format!("put {}: the store asks to slow down", self.name)))
    }
}

/// A note that can be read.
struct Before {
    body: Body,
    dated_at: Instant,
    since: Instant,
    finished_at: Option<Instant>,
}

impl Before {
    fn of(stored: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_value(json::parse(stored).ok()?).ok()?;
        let dated_at = Instant::parse(&body.dated_at)?;
        let since = Instant::parse(&body.since)?;
        let finished_at = body.finished_at.as_deref().map(Instant::parse);
        let finished_at = match finished_at {
            Some(parsed) => Some(parsed?),
            None => None,
        };
        Some(Self { body, dated_at, since, finished_at })
    }
}
