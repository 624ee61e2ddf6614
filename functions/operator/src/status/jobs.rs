//! Jobs that have noted how far they are and not that they have ended.

use std::time::Duration;

use domain::{Instant, ObjectName, json as text};
use serde_json::{Value, json};

use super::bucket::page;
use super::{Check, State};
use crate::drill::JOB as DRILL;
use crate::pause::note::JOB as PAUSE;
use crate::seed::note::JOB as SEED;
use crate::{Operator, Problem, legible};

/// What goes through a segment notes each batch: who has noted nothing for longer goes on no more.
const SILENT_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// A seed notes when it begins and when it ends, and nothing in between. No folder takes longer.
const SEED_SILENT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The most notes that are read.
const READ_MAX: usize = 100;

/// Where a job is, as far as its note says.
struct Standing<'a> {
    ended: bool,
    /// When it has said something for the last time.
    at: Option<&'a str>,
    silent_max: Duration,
    /// What is said of one that is silent.
    silent: &'static str,
}

impl<'a> Standing<'a> {
    /// A seed has `dated_at` and at its end `finished_at` (`seed::note`); all that goes through a
    /// segment has `noted_at` and `pass` (`job::progress`): index-build, migrate, rebuild-…, restore.
    fn of(job: &str, note: &'a Value) -> Self {
        let text = |field: &str| note[field].as_str();
        match job {
            SEED => Self {
                ended: text("finished_at").is_some(),
                at: text("dated_at"),
                silent_max: SEED_SILENT_MAX,
                // Documents that do not count leave it open: mended, they are of the same run.
                silent: "stopped, or some documents were refused? mend them and run it again",
            },
            _ => Self {
                ended: text("pass") == Some("finished"),
                at: text("noted_at"),
                silent_max: SILENT_MAX,
                silent: "stopped? run it again, it goes on there",
            },
        }
    }
}

/// One page, and a read for each of at most [`READ_MAX`] notes.
pub(super) async fn check(operator: &Operator<'_>) -> Result<Check, Problem> {
    // A pause is a check of its own, and a drill writes nothing before its end.
    let (names, more) = page(operator, "manifests/_jobs/", |name| match name {
        ObjectName::JobProgress { job, .. } => job != PAUSE && job != DRILL,
        _ => false,
    })
    .await?;
    let now = operator.tools.clock.now();
    let (mut lines, mut detail, mut stopped) = (Vec::new(), Vec::new(), 0);
    for name in names.iter().take(READ_MAX) {
        let Some(object) = operator.tools.store.get(name, None).await? else { continue };
        let Ok(ObjectName::JobProgress { job, run, .. }) = ObjectName::parse(name) else {
            continue;
        };
        let note = text::parse(&object.body).unwrap_or_default();
        let Standing { ended, at: said_at, silent_max, silent } = Standing::of(&job, &note);
        if ended {
            continue;
        }
        let at = said_at.and_then(Instant::parse);
        // A seed goes by no definitions.
        let definitions = note["definitions"].as_str();
        let is_ours = definitions.is_none_or(|it| it == operator.tools.version.definitions);
        if !is_ours && at.is_some() {
            lines.push(legible::whole(&format!(
                "{job} {run}: left by a release with other definitions; this one begins anew"
            )));
            continue;
        }
        let is_silent = at.is_none_or(|at| at.after(silent_max) < now);
        stopped += usize::from(is_silent);
        let says = match (at, said_at) {
            (Some(_), Some(said_at)) if is_silent => {
                format!("noted at {said_at}: {silent}")
            }
            (Some(_), Some(said_at)) => format!("noted at {said_at}"),
            _ => "its note cannot be read: no release of this version writes such a one".to_owned(),
        };
        lines.push(legible::whole(&format!("{job} {run}: {says}")));
        detail.push(json!({"job": job, "run": run, "noted_at": said_at, "silent": is_silent}));
    }
    let unread = more || names.len() > READ_MAX;
    let at_least = if unread { "at least " } else { "" };
    let (state, says) = match (detail.len(), stopped) {
        (0, _) if unread => {
            (State::Unknown, format!("none of {READ_MAX} under way, and more were not read"))
        }
        (0, _) => (State::Well, "none under way".to_owned()),
        (some, 0) => (State::Well, format!("{at_least}{some} under way")),
        (some, stopped) => {
            (State::Look, format!("{at_least}{some} begun, {stopped} of them silent for hours"))
        }
    };
    Ok(Check::new("jobs", state, says, detail.into()).with(lines))
}
