//! What was there before a subscription was paused. A note is never removed: one that says that its
//! subscription was resumed still knows how it was pushed to.

use std::time::Duration;

use domain::{Generation, Instant, ObjectName, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{ErrorKind, Precondition};

use crate::{Operator, Problem};

/// What it is called in object names.
pub(crate) const JOB: &str = "pause";

/// What is stored, one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// `pause`.
    pub(crate) job: String,
    pub(crate) subscription: String,
    pub(crate) project: String,
    pub(crate) state: State,
    /// Who paused it.
    pub(crate) by: Option<String>,
    pub(crate) paused_at: String,
    pub(crate) resumed_at: Option<String>,
    /// How long a message is kept, as Pub/Sub says it: `604800s`.
    pub(crate) retention: Option<String>,
    /// As Pub/Sub had it, with everything in it.
    pub(crate) push_config: Value,
}

/// What was done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Paused,
    Resumed,
}

/// A note that was read.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) note: Note,
    generation: Generation,
}

impl Note {
    /// Until when nothing is lost.
    pub(crate) fn until(&self) -> String {
        let at = &self.paused_at;
        match self.deadline() {
            Some(deadline) => format!(
                "what came since {at} is kept until {deadline} and what came before for less: \
                 `resume` by then"
            ),
            None => format!("since {at}: `resume` before messages are kept no longer"),
        }
    }

    /// When the first message that came after the pause is lost.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let seconds = self.retention.as_deref()?.strip_suffix('s')?;
        let seconds: u64 = seconds.split('.').next()?.parse().ok()?;
        Some(Instant::parse(&self.paused_at)?.after(Duration::from_secs(seconds)))
    }
}

fn name(operator: &Operator<'_>, subscription: &str) -> String {
    let (env, job) = (operator.env, JOB.to_owned());
    ObjectName::JobProgress { env, job, run: subscription.to_owned() }.to_string()
}

/// The note about `subscription`, if there is one. One read.
pub(crate) async fn read(
    operator: &Operator<'_>,
    subscription: &str,
) -> Result<Option<Written>, Problem> {
    let name = name(operator, subscription);
    let Some(object) = operator.tools.store.get(&name, None).await? else { return Ok(None) };
    let note = json::parse(&object.body).ok().and_then(|it| serde_json::from_value(it).ok());
    let note = note.ok_or_else(|| Problem::new(format!("{name} cannot be read: look at it")))?;
    Ok(Some(Written { note, generation: object.generation }))
}

/// Writes `note` in the place of `before`; `false` when that is not what is there.
pub(crate) async fn write(
    operator: &Operator<'_>,
    note: &Note,
    before: Option<&Written>,
) -> Result<bool, Problem> {
    let name = name(operator, &note.subscription);
    let text = serde_json::to_value(note).map_err(|err| Problem::new(err.to_string()))?;
    let precondition = before.map_or(Precondition::Absent, |it| Precondition::At(it.generation));
    let (store, metadata) = (&operator.tools.store, operator.tools.version.metadata());
    match store.put(&name, json::to_line(&text).into(), &metadata, precondition).await {
        Ok(_) => Ok(true),
        // It can be this very write: then the next look finds what it would have written.
        Err(err) if err.kind == ErrorKind::Conflict => Ok(false),
        Err(err) if err.kind == ErrorKind::Throttled => {
            operator.tools.pause_after_throttling().await;
            Ok(false)
        }
        Err(err) => Err(err.into()),
    }
}
