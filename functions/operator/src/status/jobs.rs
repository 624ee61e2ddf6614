//! Jobs that have noted how far they are and not that they have ended.

use std::time::Duration;

use domain::{Instant, ObjectName, json as text};
use serde_json::{Value, json};

use super::bucket::page;
use super::{Check, State};
use crate::pause::note::JOB as PAUSE;
use crate::{Operator, Problem, legible};

/// Who has noted nothing for longer goes on no more.
const SILENT_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// The most notes that are read.
const READ_MAX: usize = 100;

/// One page, and a read for each of at most [`READ_MAX`] notes.
pub(super) async fn check(operator: &Operator<'_>) -> Result<Check, Problem> {
    let (names, more) = page(operator, "manifests/_jobs/", |name| match name {
        ObjectName::JobProgress { job, .. } => job != PAUSE,
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
        if has_ended(&note) {
            continue;
        }
        let noted_at =
            ["noted_at", "updated_at", "began_at"].iter().find_map(|it| note[*it].as_str());
        let at = noted_at.and_then(Instant::parse);
        let is_silent = at.is_none_or(|at| at.after(SILENT_MAX) < now);
        stopped += usize::from(is_silent);
        let says = if is_silent { ": stopped? run it again, it goes on there" } else { "" };
        let when = noted_at.map_or("no time".to_owned(), legible::line);
        lines.push(legible::whole(&format!("{job} {run}: noted at {when}{says}")));
        detail.push(json!({"job": job, "run": run, "noted_at": noted_at, "silent": is_silent}));
    }
    let at_least = if more || names.len() > READ_MAX { "at least " } else { "" };
    let (state, says) = match (lines.len(), stopped) {
        (0, _) => (State::Well, "none under way".to_owned()),
        (some, 0) => (State::Well, format!("{at_least}{some} under way")),
        (some, stopped) => {
            (State::Look, format!("{at_least}{some} begun, {stopped} of them silent for hours"))
        }
    };
    Ok(Check::new("jobs", state, says, detail.into()).with(lines))
}

/// Jobs say it in one of these ways.
fn has_ended(note: &Value) -> bool {
    let ended = |field: &str| matches!(note[field].as_str(), Some("finished" | "done" | "ended"));
    let at = |field: &str| note[field].as_str().is_some_and(|it| !it.is_empty());
    ["pass", "state", "phase"].into_iter().any(ended)
        || ["finished_at", "ended_at"].into_iter().any(at)
        || note["finished"] == true
        || note["done"] == true
}
