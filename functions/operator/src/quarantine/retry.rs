//! The same handler once more, as the functions run it.

use std::sync::Arc;

use alert_dispatcher::AlertLog;
use domain::json::Object;
use domain::{
    Delivery, Disposition, Generation, Handler, NameError, ObjectName, Outcome, Overwrote, Planted,
};
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use rules_engine::{RULES_AGE_MAX, RuleCache, RulesEngine};
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;
use store::Tools;

use crate::quarantine::note::Note;
use crate::{Operator, Problem, Sending};

/// Hands the object of `note` to the handler of its function. What the object's version overwrote
/// is not known any more.
pub(crate) async fn retry(operator: &Operator<'_>, note: &Note) -> Result<Outcome, Problem> {
    let name = match ObjectName::parse(&note.object) {
        Ok(name) => name,
        Err(NameError::Refused(reason)) => return Ok(Ok(Disposition::Rejected(vec![reason]))),
        Err(NameError::Foreign) => {
            let id = &note.id;
            return Err(Problem::new(format!("note {id} names no object of ours: drop it")));
        }
    };
    let sent = Arc::new(Sent::default());
    let handler =
        handler(&note.function, (&operator.tools, &operator.google.sending), Arc::clone(&sent))
            .ok_or_else(|| {
                let function = &note.function;
                Problem::new(format!("this release has no function {function}: drop the note"))
            })?;
    if !handler.fed_with().contains(&name.class()) {
        let (function, object) = (&note.function, &note.object);
        return Err(Problem::new(format!("{function} is not fed with {object}: drop the note")));
    }
    let generation = Generation::parse(&note.object_generation)
        .ok_or_else(|| Problem::new(format!("note {} names no generation: drop it", note.id)))?;
    let overwrote = Overwrote::Unknown;
    let delivery = Delivery { name, generation, overwrote, created_at: None };
    let mut outcomes = handler.handle(&[delivery]).await;
    for line in sent.lines() {
        operator.screen.say(&line)?;
    }
    outcomes.pop().ok_or_else(|| Problem::new("the handler gave no answer"))
}

/// The functions whose handlers are at hand: all that are pushed to.
pub(crate) const FUNCTIONS: [&str; 5] =
    ["snapshot-builder", "manifest-writer", "index-writer", "rules-engine", "alert-dispatcher"];

/// The handler of `function`, which logs alerts to `log` and sends others through `sending`.
pub(crate) fn handler(
    function: &str,
    (tools, sending): (&Tools, &Sending),
    log: Arc<Sent>,
) -> Option<Arc<dyn Handler>> {
    let tools = tools.clone();
    Some(match function {
        "snapshot-builder" => Arc::new(SnapshotBuilder::new(tools)),
        "manifest-writer" => Arc::new(ManifestWriter { tools, planted: Planted::NONE }),
        "index-writer" => Arc::new(IndexWriter { tools, planted: Planted::NONE }),
        "rules-engine" => Arc::new(RulesEngine {
            tools,
            rules_age_max: RULES_AGE_MAX,
            cache: RuleCache::default(),
            planted: Planted::NONE,
        }),
        "alert-dispatcher" => Arc::new(sending.dispatcher(tools, log)),
        _ => return None,
    })
}

/// Alerts that were sent to the channel `log`, which is here the screen.
#[derive(Default)]
pub(crate) struct Sent(std::sync::Mutex<Vec<String>>);

impl Sent {
    /// Those since this was last asked.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl AlertLog for Sent {
    fn alert(&self, name: &str, alert: &Object, _: &str) {
        let mut alert = alert.clone();
        // A target can be a secret, and a job's screen is its log.
        alert.shift_remove("channels");
        let line = format!("alert {name}: {}", Value::Object(alert));
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
    }
}
