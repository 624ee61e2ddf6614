//! One object, written faster than it takes.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Trial, generation};

/// Writes that follow on each other, each after the one before.
const WRITES: usize = 30;

/// Writes under a generation that is gone, while the object is throttled.
const STALE: usize = 10;

/// How many it takes, and what it says.
pub(super) async fn throttled(trial: &Trial<'_>) -> Result<String> {
    let name = trial.name("writes/one");
    let first = trial.create(&name).await?;
    let mut newest = first.clone();
    let mut generations = vec![first.clone()];
    let mut told: BTreeMap<u16, usize> = BTreeMap::new();
    let begun_at = trial.clock.now();
    for _ in 0..WRITES {
        let reply = trial.put(&name, &newest, None).await?;
        *told.entry(reply.status).or_default() += 1;
        if reply.status == 200 {
            newest = generation(&reply)?;
            generations.push(newest.clone());
        }
    }
    let took_ms = trial.clock.now().unix_millis() - begun_at.unix_millis();
    // Only a write that is refused for two reasons shows which one comes first.
    let mut stale: BTreeMap<u16, usize> = BTreeMap::new();
    for _ in 0..STALE {
        let reply = trial.put(&name, &first, None).await?;
        *stale.entry(reply.status).or_default() += 1;
    }
    let throttles = told.contains_key(&429) || stale.contains_key(&429);
    let order = if throttles { "" } else { " (never throttled, so the order does not show)" };
    Ok(format!(
        "{WRITES} writes in {took_ms} ms: {}; {STALE} under a generation that is gone: {}{order}; {}",
        counted(&told),
        counted(&stale),
        increasing(&generations)
    ))
}

/// Whether each of the numbers is greater than the one before.
fn increasing(generations: &[String]) -> String {
    let numbers: Vec<u64> = generations.iter().filter_map(|it| it.parse().ok()).collect();
    let grows = numbers.len() == generations.len() && numbers.is_sorted_by(|a, b| a < b);
    let how = if grows { "increased" } else { "did not increase" };
    format!("{} generations {how}, which nothing here relies on", generations.len())
}

fn counted(statuses: &BTreeMap<u16, usize>) -> String {
    let texts = statuses.iter().map(|(status, count)| format!("{count} times {status}"));
    texts.collect::<Vec<_>>().join(", ")
}
