//! What is promised of a rule that compares with the version before: one alert for each version of
//! a snapshot on which a number has risen, and no other.

use serde_json::Value;

use super::Aftermath;
use super::alerts::ALERTS;
use crate::plan::RISE;

/// Whether `alert` names a version that has risen.
pub(super) fn of_a_rise(
    aftermath: &Aftermath<'_>,
    name: &str,
    alert: &Value,
) -> Result<(), String> {
    let key = ["ptr", "source_generation"].map(|it| alert[it].as_str().unwrap_or_default());
    match has_risen(aftermath, &<(String, String)>::from(key.map(str::to_owned))) {
        true => Ok(()),
        false => Err(format!("{name} names {key:?}, on which nothing has risen")),
    }
}

/// Whether every version that has risen is told of, where nothing keeps its event from knowing.
pub(super) fn all_told(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let plan = aftermath.plan;
    let unknown = plan.mix.expired + plan.mix.bare > 0 || plan.mix.changes_release();
    if unknown || plan.changes_rules() || !plan.commands.is_empty() {
        return Ok(());
    }
    for key in aftermath.seen.snapshots.keys().filter(|key| has_risen(aftermath, key)) {
        let told = aftermath.objects.iter().any(|(name, object)| {
            let generation = format!("\"source_generation\":\"{}\"", key.1);
            let body = || String::from_utf8_lossy(&object.body).into_owned();
            name.starts_with(&format!("{ALERTS}rising/")) && body().contains(&generation)
        });
        if !told {
            return Err(format!("{key:?} has risen, and nobody is told"));
        }
    }
    Ok(())
}

fn has_risen(aftermath: &Aftermath<'_>, key: &(String, String)) -> bool {
    let number = |generation: &String| {
        let snapshot = aftermath.seen.snapshots.get(&(key.0.clone(), generation.clone()))?;
        snapshot.get("n").filter(|_| snapshot.get("op").is_none())?.as_i64()
    };
    let pair = aftermath.seen.overwrote.get(key).and_then(number).zip(number(&key.1));
    pair.is_some_and(|(before, now)| now >= before + RISE)
}
