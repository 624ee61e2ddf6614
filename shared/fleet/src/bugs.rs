//! Every planted bug in its turn: after how many seeds it is found, and how often.

use anyhow::Result;
use fleet::{Bug, Found, Seeds, Stage, explore};
use serde_json::json;

use crate::Options;
use crate::print::{self, Progress};

/// Bugs that no history can show, and why that is so.
const EQUIVALENT: [(&str, &str); 1] = [(
    "index-writer/own-ignored",
    "the event of the version that overwrote it looks at the same places",
)];

/// Plants each bug until it is found, or in all seeds with `--rates`. Every bug but the equivalent
/// has to be found.
pub(crate) fn run(options: &Options) -> Result<bool> {
    print::say("| bug | found after seeds | found in | what is wrong there |\n|---|---|---|---|")?;
    let (mut missed, mut rows) = (Vec::new(), Vec::new());
    for bug in Bug::all() {
        let name = bug.to_string();
        let known = EQUIVALENT.iter().find(|(equivalent, _)| *equivalent == name);
        let stage = Stage::new(options.profile, Some(bug));
        let all = if options.rates { usize::MAX } else { 1 };
        let seeds = Seeds { twice_every: 0, ..options.seeds(all)? };
        let progress = Progress::begin(Some(seeds.count));
        let found = explore(&stage, seeds, |found| progress.show(found));
        progress.end();
        print::say(&row(&name, &found, options.rates, known.map(|(_, why)| *why)))?;
        rows.push(json!({
            "bug": name,
            "seeds": found.seeds,
            "found": found.divergences.len(),
            "first": found.divergences.first().map(|(seed, _)| seed),
            "wrong": found.divergences.first().map(|(_, wrong)| wrong),
            "equivalent": known.is_some(),
        }));
        if found.divergences.is_empty() && known.is_none() {
            missed.push(name);
        }
    }
    if let Some(path) = &options.json {
        print::write(path, &json!({ "bugs": rows }))?;
    }
    let planted = Bug::all().len();
    let expected = planted - EQUIVALENT.len();
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
fn row(name: &str, found: &Found, rates: bool, equivalent: Option<&str>) -> String {
    let (after, what) = match (found.divergences.first(), equivalent) {
        (Some((seed, wrong)), _) => ((seed + 1).to_string(), print::short(wrong)),
        (None, Some(why)) => (format!("not in {}", found.seeds), format!("equivalent: {why}")),
        (None, None) => (format!("NOT in {}", found.seeds), String::new()),
    };
    let often = match found.divergences.len() {
        often if rates => {
            format!("{:.1} %", 100.0 * often as f64 / found.seeds.max(1) as f64)
        }
        _ => String::new(),
    };
    format!("| `{name}` | {after} | {often} | {} |", what.replace('|', "/"))
}
