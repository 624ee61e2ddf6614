//! `migrate`: snapshots of other definitions, built again from their history.

pub(crate) mod difference;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use clap::{ArgGroup, Args};
use domain::{EntityDefinition, ObjectName, Version, json};
use projection::plan::places;
use projection::snapshot::{self, Stored};
use serde_json::Value;
use snapshot_builder::{Rebuild, Rebuilt, SnapshotBuilder, Uncounted};
use store::{ErrorKind, Object, dollars};

use crate::job::{How, Job, Stop, What};
use crate::{Operator, Place, Problem, subject, uncounted};

/// Builds snapshots again that a release with other definitions has written.
///
/// A record is folded when it arrives. What a release changes in reading history (a schema version
/// that it knows, an upgrade, a bound) reaches an entity with its next record, or by this command:
/// it visits every snapshot whose definitions or schema version are not those of this release,
/// folds its history again as the snapshot-builder does, and writes what differs. History is never
/// touched; a record that counts no longer is quarantined, as if it came now. The functions then
/// derive from the new snapshots as from any other. Safe while functions run, and interrupted, it
/// goes on where it stopped.
#[derive(Args, Clone, Debug)]
#[command(
    group(ArgGroup::new("how").required(true).args(["dry_run", "run"])),
    after_help = "Examples:
  migrate --dry-run                  every segment: how many would change, and what that costs
  migrate --dry-run ventures         one segment, with the first differences
  migrate --run ventures             writes them"
)]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The segment: ventures; all that are defined when missing.
    segment: Option<String>,
    /// Count and compare; write nothing. It reads what the run reads.
    #[arg(long)]
    dry_run: bool,
    /// Write.
    #[arg(long)]
    run: bool,
    /// Show the differences of so many entities of each segment.
    #[arg(long, value_name = "N", default_value_t = 3)]
    differences: usize,
    /// Begin the second pass at once: no older release is running any more.
    #[arg(long)]
    no_wait: bool,
}

/// What was found in one segment.
#[derive(Default)]
struct Found {
    /// Snapshots of other definitions or schema versions.
    stale: u64,
    /// Those of them whose history says something else.
    changed: u64,
    /// Index objects of those.
    places: u64,
    /// What differs, for the first of them.
    differences: Vec<String>,
    /// Records that do not count and have a note since.
    noted: u64,
    /// Records that do not count, and why.
    uncounted: BTreeMap<String, Vec<String>>,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let chosen = subject::segments(operator, options.segment.as_slice())?;
    let how = How::new(operator, options.dry_run, !options.no_wait);
    let mut well = true;
    for definition in chosen {
        well &= segment(options, how, operator, definition).await?;
    }
    Ok(well)
}

async fn segment(
    options: &Options,
    how: How,
    operator: &Operator<'_>,
    definition: &EntityDefinition,
) -> Result<bool, Problem> {
    let what = What { job: "migrate", segment: &definition.segment, subject: "", by: "" };
    let job = Job::new(operator, what, how);
    let builder = SnapshotBuilder::new(job.tools.clone());
    let migration =
        Migration { builder, definition, shown: options.differences, found: Mutex::default() };
    let walked = job.walk(|stop| migration.visit(stop)).await?;
    let well = job.report(&walked)?;
    let Found { stale, changed, places, differences, noted, uncounted } =
        migration.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if stale == 0 {
        return Ok(well);
    }
    let would = if options.dry_run { "would change" } else { "changed" };
    let mut text =
        format!("  {stale} are of other definitions or another schema version; {changed} {would}");
    if changed > 0 {
        let (class_a, class_b) = consequences(changed, places);
        let dollars = dollars(class_a, class_b);
        text += &format!(
            "; what functions then derive takes about {class_b} B + {class_a} A, ${dollars:.4}"
        );
    }
    for difference in &differences {
        text += &format!("\n{difference}");
    }
    if changed > differences.len() as u64 {
        text += &format!("\n  … {} more", changed - differences.len() as u64);
    }
    if !uncounted.is_empty() {
        let do_not = if uncounted.len() == 1 { "record does" } else { "records do" };
        let would = if options.dry_run { "would be" } else { "were" };
        text += &format!("\n  {} {do_not} not count; {noted} {would} quarantined", uncounted.len());
    }
    for (object, reasons) in uncounted.iter().take(options.differences) {
        text += &format!("\n  {object}\n    {}", reasons.join("\n    "));
    }
    operator.screen.say(&text)?;
    Ok(well && noted == 0)
}

/// What the functions that are fed with snapshots do about `changed` ones with so many index
/// objects, in a quiet bucket where everything that can change does. (ARCHITECTURE.md, "What an
/// event costs".)
pub(crate) fn consequences(changed: u64, places: u64) -> (u64, u64) {
    // The manifest with its journal.
    let manifest = (2, 2);
    // The snapshot, the version before, and the snapshot again; then each object.
    let index = (0, 3);
    let rules = (0, 2);
    let each = |(class_a, class_b): (u64, u64)| (changed * class_a, changed * class_b);
    let parts = [each(manifest), each(index), each(rules), (places, places)];
    parts.into_iter().fold((0, 0), |(a, b), (class_a, class_b)| (a + class_a, b + class_b))
}

/// The visits to the snapshots of one segment.
struct Migration<'a> {
    builder: SnapshotBuilder,
    definition: &'a EntityDefinition,
    shown: usize,
    found: Mutex<Found>,
}

impl Migration<'_> {
    /// Reads a snapshot, and builds it again if it is stale. Answers why that cannot be done.
    async fn visit(&self, stop: Stop) -> Result<Vec<String>, Problem> {
        let name = ObjectName::Snapshot(stop.entity.clone()).to_string();
        let stored = match self.builder.tools.store.get(&name, None).await {
            // It cannot be read, and whoever builds it again reads it first.
            Err(err) if err.kind == ErrorKind::Unusable => return Ok(vec![err.to_string()]),
            read => read?,
        };
        let version = &self.builder.tools.version;
        if !stored.is_some_and(|stored| is_stale(&stored, self.definition, version)) {
            return Ok(Vec::new());
        }
        let Rebuild { rebuilt, uncounted } = match self.builder.rebuild(&stop.entity).await {
            Err(err) if err.kind == ErrorKind::Unusable => return Ok(vec![err.to_string()]),
            rebuild => rebuild?,
        };
        let mut noted = 0;
        for record in &uncounted {
            noted += u64::from(uncounted::note(&self.builder.tools, record).await?);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.stale += 1;
        found.noted += noted;
        for Uncounted { object, reasons, .. } in uncounted {
            found.uncounted.insert(object, reasons);
        }
        match rebuilt {
            Rebuilt::Changed { before, after } => {
                found.changed += 1;
                let document = json::parse(&after).ok();
                let places = places(self.definition, &stop.entity, document.as_ref());
                found.places += places.map_or(0, |places| places.len() as u64);
                if found.differences.len() < self.shown {
                    let difference = difference(&before, &after);
                    found.differences.push(format!("  {}\n{difference}", stop.entity));
                }
                Ok(Vec::new())
            }
            Rebuilt::Same | Rebuilt::Missing => Ok(Vec::new()),
            Rebuilt::WithoutHistory => {
                Ok(vec!["no record of its history counts: left as it is".to_owned()])
            }
        }
    }
}

/// Whether a release with other definitions wrote the snapshot, it has another schema version than
/// the newest, or it cannot be read.
fn is_stale(stored: &Object, definition: &EntityDefinition, version: &Version) -> bool {
    if stored.metadata.get(Version::DEFINITIONS) != Some(&version.definitions) {
        return true;
    }
    if snapshot::read(Some(stored.content()), definition) == Stored::Unreadable {
        return true;
    }
    let document = json::parse(&stored.body).unwrap_or_default();
    let says = document.get("schema_version").and_then(Value::as_str);
    let says = says.map(|says| says.strip_prefix('v').unwrap_or(says));
    says.is_some() && says != definition.schema_versions.last().map(String::as_str)
}

fn difference(before: &Bytes, after: &Bytes) -> String {
    let read = |body: &Bytes| {
        json::parse(body).unwrap_or_else(|_| String::from_utf8_lossy(body).trim_end().into())
    };
    difference::lines(&read(before), &read(after))
}
