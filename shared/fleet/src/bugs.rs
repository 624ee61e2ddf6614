//! Every planted bug in its turn: after how many seeds it is found, and how often.

use anyhow::Result;
use fleet::{Bug, Found, Seeds, Stage, explore};
use serde_json::json;

use crate::Options;
use crate::print::{self, Progress};

/// Bugs that are not looked for among the seeds, and why.
const ELSEWHERE: [(&str, &str); 18] = [
    (
        "index-writer/own-ignored",
        "differs only where an operator deletes a snapshot: found by the test \
         the_place_of_a_snapshot_that_an_operator_has_deleted_goes_with_its_own_event",
    ),
    (
        "alert-dispatcher/claim-ignored",
        "sends twice at a time, under one key: every overlap is in its tests::claims",
    ),
    (
        "alert-dispatcher/forgotten-before-sent",
        "needs a job that dies between two operations: its tests::redelivery",
    ),
    // The compactor's own tests take every turn of a run beside writers, readers and other runs.
    ("manifest-compactor/watermark-without-lag", "needs a write that takes minutes: tests::races"),
    ("manifest-compactor/conflict-taken-for-done", "two runs seldom meet: tests::races"),
    ("manifest-compactor/index-first", "the next run mends it: tests::races"),
    ("manifest-compactor/shard-read-last", "two runs seldom meet: tests::races"),
    ("manifest-compactor/listed-shard-not-compared", "two runs seldom meet: tests::races"),
    ("manifest-compactor/replaced-removed-at-once", "readers begin anew: tests::counts"),
    ("manifest-compactor/lines-of-the-missing-kept", "manifests do not go: tests::shards"),
    ("manifest-compactor/unreadable-noted-as-seen", "manifests can be read: tests::shards"),
    ("operator/counted-at-first-look", RECONCILE),
    ("operator/tombstone-deleted-young", RECONCILE),
    ("operator/wish-forgotten", RECONCILE),
    ("operator/tombstone-not-derived", "purges are slow there: operator::tests::purge"),
    ("operator/shard-not-touched", "shards are seldom written meanwhile: operator::tests::purge"),
    ("rules-engine/clock-not-read-again", TIME),
    ("rules-engine/state-instant-ignored", TIME),
];

/// Bugs that few seeds find, and a seed just before the first that does: looking begins there, since
/// those before were looked through.
const RARE: [(&str, u64); 2] =
    [("index-writer/final-verify", 6_600), ("operator/own-claim-taken-for-lost", 6_800)];

const TIME: &str = "no rule depends on time alone: rules_engine::tests::time";

const RECONCILE: &str = "is taken by reconcile alone: found by its tests in functions/operator";

/// Plants each bug until it is found, or in all seeds with `--rates`. Every one has to be found but
/// those that are not looked for.
pub(crate) fn run(options: &Options) -> Result<bool> {
    print::say("| bug | found after seeds | found in | what is wrong there |\n|---|---|---|---|")?;
    let (mut missed, mut rows) = (Vec::new(), Vec::new());
    for bug in Bug::all() {
        let name = bug.to_string();
        let elsewhere = ELSEWHERE.iter().find(|(bug, _)| *bug == name).map(|(_, why)| *why);
        if let Some(why) = elsewhere.filter(|_| !options.rates) {
            print::say(&format!("| `{name}` | not looked for | | {why} |"))?;
            continue;
        }
        let stage = Stage::new(options.profile, Some(bug));
        let all = if options.rates { usize::MAX } else { 1 };
        let mut seeds = Seeds { twice_every: 0, ..options.seeds(all)? };
        let rare = RARE.iter().find(|(bug, _)| *bug == name);
        if let Some((_, begin)) = rare.filter(|_| !options.rates && options.minutes.is_none()) {
            seeds.first += begin;
        }
        let progress = Progress::begin(Some(seeds.count));
        let found = explore(&stage, seeds, |found| progress.show(found));
        progress.end();
        print::say(&row(&name, &found, options, elsewhere))?;
        rows.push(json!({
            "bug": name,
            "seeds": found.seeds,
            "found": found.divergences.len(),
            "first": found.divergences.first().map(|(seed, _)| seed),
            "wrong": found.divergences.first().map(|(_, wrong)| wrong),
            "elsewhere": elsewhere,
        }));
        if found.divergences.is_empty() && elsewhere.is_none() {
            missed.push(name);
        }
    }
    if let Some(path) = &options.json {
        print::write(path, &json!({ "bugs": rows }))?;
    }
    let expected = Bug::all().len() - ELSEWHERE.len();
    print::say(&format!("sim: {} of {expected} planted bugs found", expected - missed.len()))?;
    if !missed.is_empty() {
        print::say(&format!(
            "sim: not found within {} seeds: {}",
            options.seeds,
            missed.join(", ")
        ))?;
    }
    Ok(missed.is_empty())
}

/// One row of the table.
fn row(name: &str, found: &Found, options: &Options, elsewhere: Option<&str>) -> String {
    let (after, what) = match (found.divergences.first(), elsewhere) {
        (Some((seed, wrong)), _) => ((seed - options.from + 1).to_string(), print::short(wrong)),
        (None, Some(why)) => (format!("not in {}", found.seeds), why.to_owned()),
        (None, None) => (format!("NOT in {}", found.seeds), String::new()),
    };
    let often = match found.divergences.len() {
        often if options.rates => {
            format!("{:.1} %", 100.0 * often as f64 / found.seeds.max(1) as f64)
        }
        _ => String::new(),
    };
    format!("| `{name}` | {after} | {often} | {} |", what.replace('|', "/"))
}
