//! How a drill went, in one object and in one line.

use domain::{ObjectName, json};
use serde_json::json;

use super::compare::Compared;
use super::{Drill, JOB};
use crate::Problem;

/// How many objects that differ the report names.
const DIFFERENT_MAX: usize = 1000;

/// How many are shown.
const SHOWN_MAX: usize = 20;

/// Writes the report, once, and says it. `problem` is what has ended the drill, if something has.
/// Whether all was reached and is equal.
pub(super) async fn write(
    drill: &Drill<'_>,
    compared: &Compared,
    problem: Option<&Problem>,
) -> Result<bool, Problem> {
    let operator = drill.operator;
    let ended_at = operator.tools.clock.now();
    let Compared { entities, records, objects, written_later, different, not_reached, .. } =
        compared;
    let seconds = (ended_at.unix_millis() - drill.began_at.unix_millis()) / 1000;
    let named: Vec<&String> = different.iter().take(DIFFERENT_MAX).collect();
    let partial = problem.is_some() || *not_reached > 0;
    let [here, there] = &drill.counted;
    let body = json::to_line(&json!({
        "job": JOB,
        "began_at": drill.began_at.to_millis_text(),
        "ended_at": ended_at.to_millis_text(),
        "known_at": drill.known_at.to_string(),
        "one_in": drill.sample,
        "partial": partial,
        "ended_by": problem.map(ToString::to_string),
        "entities": entities,
        "entities_not_reached": not_reached,
        "records": records,
        "records_that_do_not_count": compared.refused,
        "deliveries_rejected": compared.rejected,
        "objects_compared": objects,
        "entities_written_later": written_later,
        "objects_different": different.len(),
        "different": named,
        "operations_here": here.operations().to_string(),
        "operations_there": there.operations().to_string(),
    }));
    let (env, job) = (operator.env, JOB.to_owned());
    let name = ObjectName::JobProgress { env, job, run: operator.tools.ids.ulid(ended_at) };
    operator.tools.create(&name, body, &operator.tools.version.metadata()).await?;
    let in_part = match partial {
        true => format!("partial, {not_reached} entities not reached; "),
        false => String::new(),
    };
    operator.screen.say(&format!(
        "drill: {in_part}{entities} entities of {records} records restored in {seconds} s, {objects} \
         objects compared, {} differ, {written_later} written later; {name}",
        different.len()
    ))?;
    for name in different.iter().take(SHOWN_MAX) {
        operator.screen.say(&format!("  {name} differs"))?;
    }
    Ok(different.is_empty() && !partial)
}
