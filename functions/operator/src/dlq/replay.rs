//! The functions' own handlers, behind what they do for a push, in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloud_run::Runner;
use domain::Disposition;
use store::{Counted, Dry, Store, Tally, Tools};

use super::held::Held;
use crate::google::Services;
use crate::quarantine::retry::{Sent, handler};
use crate::{Operator, Problem, Sending};

/// How letters are replayed.
#[derive(Clone, Debug)]
pub(super) struct How {
    /// The bucket that is worked on, where that is known.
    pub(super) bucket: Option<String>,
    /// Nothing is written, and nothing acknowledged.
    pub(super) dry: bool,
    /// One line of JSON for each.
    pub(super) json: bool,
}

/// How one ended: in words, whether it is handled, and whether nobody has to look at it.
struct Ended {
    said: String,
    handled: bool,
    well: bool,
}

/// Handles each, and acknowledges it when it is handled.
pub(super) async fn replay(
    operator: &Operator<'_>,
    services: &Services,
    held: &mut Held<'_>,
    how: How,
) -> Result<bool, Problem> {
    let inner = Arc::clone(&operator.tools.store);
    let inner: Arc<dyn Store> = if how.dry { Arc::new(Dry::new(inner)) } else { inner };
    let counted = Arc::new(Counted::new(inner));
    let tools = Tools { store: counted.clone(), ..operator.tools.clone() };
    let sent = Arc::new(Sent::default());
    // Nothing that is only tried leaves.
    let nowhere = Sending::default();
    let sending = if how.dry { &nowhere } else { &operator.google.sending };
    let mut runners: BTreeMap<&str, Runner> = BTreeMap::new();
    let (mut well, mut tally) = (true, Tally::default());
    let letters = held.letters().to_vec();
    for (at, letter) in letters.iter().enumerate() {
        held.keep().await?;
        let about = letter.notification.as_ref().map(|it| it.bucket.as_str()).unwrap_or_default();
        let bucket = how.bucket.as_deref().unwrap_or(about);
        if about != bucket && letter.notification.is_ok() {
            well = false;
            let said = format!("it is about bucket {about}: say --bucket; it stays");
            operator.screen.say(&letter.line(operator, &said, how.json))?;
            continue;
        }
        let runner = match runners.entry(letter.function) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(runner(letter.function, bucket, (&tools, sending), &sent)?)
            }
        };
        let ended = ended(runner.outcome(letter.body.to_string().as_bytes()).await, &how);
        if ended.handled && !how.dry {
            services
                .acknowledge(&letter.subscription, std::slice::from_ref(&letter.ack_id))
                .await?;
            held.forget(&letter.ack_id);
        }
        well &= ended.well;
        for line in sent.lines() {
            operator.screen.say(&line)?;
        }
        operator.screen.say(&letter.line(operator, &ended.said, how.json))?;
        tally.take(&counted);
        operator.screen.progress(tools.clock.now(), || {
            format!("{} of {} dead letters, {tally}", at + 1, letters.len())
        });
    }
    let would = if how.dry { "would write " } else { "wrote " };
    operator.screen.hint(&format!("{}; {would}{tally}", held.summary()));
    Ok(well)
}

fn runner(
    function: &'static str,
    bucket: &str,
    (tools, sending): (&Tools, &Sending),
    sent: &Arc<Sent>,
) -> Result<Runner, Problem> {
    let handler = handler(function, (tools, sending), Arc::clone(sent));
    let handler =
        handler.ok_or_else(|| Problem::new(format!("this release has no function {function}")))?;
    Ok(Runner::new(function, bucket, tools.clone(), handler))
}

fn ended(outcome: Result<domain::Outcome, cloud_run::Malformed>, how: &How) -> Ended {
    let (said, handled, well) = match outcome {
        Ok(Ok(Disposition::Done)) => ("done".to_owned(), true, true),
        Ok(Ok(Disposition::Skipped(reason))) => (format!("nothing to do: {reason}"), true, true),
        Ok(Ok(Disposition::Rejected(reasons))) => {
            let reasons = reasons.join("; ");
            (format!("rejected, see `quarantine list`: {reasons}"), true, false)
        }
        Ok(Err(failure)) => (format!("did not end: {failure}; it stays"), false, false),
        Err(malformed) => (format!("{malformed}; it stays, `dlq show` has it"), false, false),
    };
    let would = if how.dry { "would end: " } else { "" };
    Ended { said: format!("{would}{said}"), handled, well }
}
