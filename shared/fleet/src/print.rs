//! What a person and a program are told: lines on standard output, progress and errors on
//! standard error.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fleet::{Found, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use simulation::{Fault, Mix, Plan, Report};

use crate::{DIVERGENCES_MAX, Options};

/// The longest text of what is wrong in a table, in characters.
const SHORT: usize = 140;

/// Prints lines. Fails when nobody reads them any more.
pub(crate) fn say(lines: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{lines}").context("standard output is closed")
}

/// Prints an error with its causes on one line.
pub(crate) fn error(err: &anyhow::Error) {
    // Nobody is left to be told when even this fails; the exit code says it.
    writeln!(io::stderr().lock(), "error: {err:#}").unwrap_or_default();
}

/// Writes a file that programs read.
pub(crate) fn write(path: &Path, value: &Value) -> Result<()> {
    std::fs::write(path, format!("{value:#}\n")).with_context(|| path.display().to_string())
}

/// The beginning of a text, on one line.
pub(crate) fn short(text: &str) -> String {
    let line = text.replace('\n', " ");
    match line.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Seeds done, histories per second and faults so far, while it takes longer than a blink.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Nothing is done of `seeds`, if it is known how many there are.
    pub(crate) fn begin(seeds: Option<u64>) -> Self {
        let bar = match seeds {
            Some(seeds) => ProgressBar::new(seeds),
            None => ProgressBar::new_spinner(),
        };
        let template = match seeds {
            Some(_) => "{bar:24} {pos}/{len} {msg} {elapsed}, {eta} to go",
            None => "{spinner} {pos} {msg} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    pub(crate) fn show(&self, found: &Found) {
        self.0.set_position(found.seeds);
        if found.seeds.is_multiple_of(100) {
            let (rate, wrong) = (found.rate(), found.divergences.len());
            let faults: u64 =
                Fault::NAMES.iter().map(|(fault, _)| found.counts.faults.count(*fault)).sum();
            self.0.set_message(format!("{rate:.0}/s, {faults} faults, {wrong} divergences,"));
        }
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// What many seeds have shown: a few lines, and a file if one is asked for.
pub(crate) fn found(options: &Options, stage: &Stage, found: &Found) -> Result<()> {
    let counts = &found.counts;
    let per_record = |count: u64| count as f64 / counts.records.max(1) as f64;
    let faults = Fault::NAMES.map(|(fault, name)| (name, counts.faults.count(fault)));
    say(&format!("faults: {}", faults.map(|(name, n)| format!("{n} {name}")).join(", ")))?;
    say(&format!(
        "{} records, {} pushes ({} not acknowledged, {} dead-lettered), {} alerts; \
         {:.1} A + {:.1} B per record, at most {} operations in a push",
        counts.records,
        counts.pushes,
        counts.nacks,
        counts.dead_letters,
        counts.alerts,
        per_record(counts.operations.class_a),
        per_record(counts.operations.class_b),
        counts.operations_max,
    ))?;
    for (seed, wrong) in &found.divergences {
        say(&format!("seed {seed}: {}\n  {}", short(wrong), stage.command(*seed)))?;
    }
    if found.divergences.len() >= DIVERGENCES_MAX {
        say(&format!("stopped after {DIVERGENCES_MAX} divergences"))?;
    }
    if let Some(bug) = options.bug.filter(|_| found.divergences.is_empty()) {
        say(&format!("{bug} is not found in these seeds"))?;
    }
    let (profile, rate) = (options.profile.to_string(), found.rate());
    say(&format!(
        "sim: {} seeds from {} ({profile}), {} of them twice, {} divergences, {:.1} s, {rate:.0}/s",
        found.seeds,
        options.from,
        found.twice,
        found.divergences.len(),
        found.elapsed.as_secs_f64(),
    ))?;
    let Some(path) = &options.json else { return Ok(()) };
    let divergences = found.divergences.iter().map(
        |(seed, wrong)| json!({ "seed": seed, "wrong": wrong, "command": stage.command(*seed) }),
    );
    let faults: Map<String, Value> =
        faults.into_iter().map(|(name, n)| (name.to_owned(), n.into())).collect();
    let summary = json!({
        "profile": profile,
        "first_seed": options.from,
        "seeds": found.seeds,
        "seeds_twice": found.twice,
        "divergences": divergences.collect::<Vec<_>>(),
        "elapsed_s": found.elapsed.as_secs_f64(),
        "histories_per_s": rate,
        "records": counts.records,
        "pushes": counts.pushes,
        "pushes_not_acknowledged": counts.nacks,
        "dead_letters": counts.dead_letters,
        "alerts": counts.alerts,
        "class_a_per_record": per_record(counts.operations.class_a),
        "class_b_per_record": per_record(counts.operations.class_b),
        "operations_of_a_push_max": counts.operations_max,
        "faults": faults,
    });
    write(path, &summary)
}

/// Everything that happened in one run, and how it ended.
pub(crate) fn trace(plan: &Plan, report: &Report) -> Result<()> {
    say(&format!("what goes wrong: {}", mix(&plan.mix)))?;
    say(&report.lines.join("\n"))?;
    say(&format!("trace hash {:016x}", report.trace_hash))?;
    match &report.wrong {
        Some(wrong) => say(&format!("WRONG: {wrong}")),
        None => say("the bucket is what the history says"),
    }
}

/// The smallest history that is found to end wrong like that of `seed`.
pub(crate) fn shrunk(stage: &Stage, seed: u64) -> Result<()> {
    let whole = stage.plan(seed);
    let (plan, report) = stage.shrink(seed);
    say(&format!(
        "\n== seed {seed}, shrunk from {} records to {}",
        whole.records.len(),
        plan.records.len()
    ))?;
    trace(&plan, &report)?;
    say(&format!("the whole of it again: {}", stage.command(seed)))
}

fn mix(mix: &Mix) -> String {
    let mut mix = mix.clone();
    let rates = Mix::DIMENSIONS.map(|(name, dimension, ..)| (name, *dimension(&mut mix)));
    let on = rates.iter().filter(|(_, rate)| *rate > 0);
    let on: Vec<String> = on.map(|(name, rate)| format!("{name} {rate}")).collect();
    let releases = [
        (mix.older_release, "a newer schema version"),
        (mix.older_index, "a newer version of an index"),
    ];
    let releases = releases.into_iter().filter(|(on, _)| *on > 0).map(|(_, what)| what.to_owned());
    let instances = format!("{} processes of each function", mix.instances);
    [vec![instances], on, releases.collect()].concat().join(", ")
}
