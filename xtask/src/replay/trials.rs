//! Trials of jobs: one command each, on the bucket that a scenario left behind, as the job's
//! service account.
//!
//! A job is fed with nothing, so that no scenario shows what it needs. What a trial leaves out of
//! the bucket, or notes in quarantine, is there for the command to have something to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use domain::{Class, ObjectName, Version, digest};
use emulator::{Emulator, Memory, Options, Stored, Upload};
use serde_json::json;
use tokio::process::Command;

use super::rights::{Guard, Request};
use super::run::{BUCKET, Stage};
use crate::scenario::Scenario;

/// The scenario whose bucket trials begin with: it has something of almost everything.
pub(crate) const SCENARIO: &str = "specification";

/// What stands for the id of the note in the words of a command.
const ID: &str = "ID";

/// The digits of the id of a note. (`operator::quarantine::note`.)
const ID_DIGITS: usize = 32;

/// A generation that no version has.
const EXPIRED: &str = "1";

/// A record that is no JSON, below the environment.
const UNCOUNTED: &str =
    "ventures/V001/history/2025/11/06/2025-11-06T11:00:00.000Z_01K9CD6Z00000000000000000B.json";

/// What somebody else has claimed of an entity that is not there.
const CLAIM: &str = r#"{"name":"env/prod/ventures/V9/history/2025/11/06/2025-11-06T11:00:00.000Z_01K9CD6Z00000000000000000C.json","text":"{\"op\":\"delete\",\"actor\":\"ada\"}"}"#;

/// The bucket that a copy is in.
const COPY: &str = "copy";

/// Reads a copy and what it is of again, and writes nothing.
const VERIFY: [&str; 4] = ["copy", "--to", "gs://copy", "--verify"];

/// One command that must succeed.
pub(crate) struct Trial {
    /// As `needed-by` in a job's Cargo.toml names it.
    pub(crate) name: &'static str,
    /// What the bucket lacks.
    gone: &'static [Class],
    /// A note in quarantine: of which function, about the first object below which prefix, and
    /// whether about a version that is gone.
    note: Option<(&'static str, &'static str, bool)>,
    /// Whether snapshots are of an older release, and a record is there that does not count.
    older: bool,
    /// What the bucket has besides: names below the environment, and contents.
    objects: &'static [(&'static str, &'static str)],
    /// Below which prefix the first object has other content, if one has.
    damaged: Option<&'static str>,
    /// Whether another bucket, [`COPY`], has the same.
    copied: bool,
    /// The words of the command.
    command: &'static [&'static str],
    /// What it prints when it comes out right, where it does not end with success.
    prints: Option<&'static str>,
}

/// A trial of `command` on everything, without a note.
const fn plain(name: &'static str, command: &'static [&'static str]) -> Trial {
    let (gone, note, objects, damaged, prints) = (&[], None, &[], None, None);
    Trial { name, gone, note, older: false, objects, damaged, copied: false, command, prints }
}

/// A trial of `quarantine retry`, of the note that the function of this name has written about the
/// first object below a prefix.
const fn retry(
    name: &'static str,
    gone: &'static [Class],
    function: &'static str,
    prefix: &'static str,
) -> Trial {
    let note = about(function, prefix);
    Trial { gone, note, ..plain(name, &["quarantine", "retry", ID]) }
}

/// A note that the function of this name has written about the first object below this prefix.
const fn about(
    function: &'static str,
    prefix: &'static str,
) -> Option<(&'static str, &'static str, bool)> {
    Some((function, prefix, false))
}

/// An index of shards, by which the journal of any hour is compacted for long, and which has to be
/// swapped, since nobody goes by the count before.
const INDEX: &str = r#"{"count":256,"watermark":"2100-01-01T00:00:00.000Z","replaced":{"count":16,"at":"2025-01-01T00:00:00.000Z"}}"#;

/// Mends V001 where something differs, at once.
const RECONCILE_ONE: [&str; 8] =
    ["reconcile", "--segment", "ventures", "--id", "V001", "--repair", "--grace", "0"];

/// What a shard and a part of an export say of V001 that is so no more.
const OLD_LINE: &str = "{\"id\":\"V001\",\"status\":\"older\"}\n";

/// Every trial of the operator and of the manifest-compactor.
pub(crate) const TRIALS: [Trial; 27] = [
    plain("write", &["write", "venture", "V001", "--delete", "--fold"]),
    plain("write-if-current", &["write", "venture", "V9", "--delete", "--if-current", "none"]),
    Trial {
        objects: &[("indices/ventures/_claims/V9/none.json", CLAIM)],
        prints: Some("nothing is written: venture V9 is another: ada wrote a delete record"),
        ..plain("write-lost", &["write", "venture", "V9", "--delete", "--if-current", "none"])
    },
    Trial {
        note: about("snapshot-builder", "ventures/"),
        ..plain("quarantine-list", &["quarantine", "list", "--all"])
    },
    Trial {
        note: about("snapshot-builder", "ventures/"),
        ..plain("quarantine-drop", &["quarantine", "drop", "--open", ID])
    },
    Trial {
        older: true,
        prints: Some("1 were quarantined"),
        ..plain("migrate", &["migrate", "--run", "ventures", "--no-wait"])
    },
    Trial {
        objects: &[
            ("manifests/ventures/_index.json", INDEX),
            ("manifests/ventures/_index_shard=14.ndjson", OLD_LINE),
        ],
        ..plain("list", &["list", "venture"])
    },
    plain("index-build", &["index", "build", "rounds", "by-venture", "--no-wait"]),
    plain("drop-pointers", &["index", "drop", "rounds", "by-venture", "--declared", "--no-wait"]),
    plain(
        "drop-registers",
        &["index", "drop", "cap_tables", "by-venture", "--declared", "--no-wait"],
    ),
    plain("drop-bundle", &["index", "drop", "rules", "_bundle", "--declared", "--no-wait"]),
    retry("retry-pointer", &[Class::Pointer], "index-writer", "snapshots/rounds/"),
    retry("retry-register", &[Class::Register], "index-writer", "snapshots/cap_tables/"),
    retry("retry-bundle", &[Class::Bundle], "index-writer", "snapshots/rules/"),
    Trial {
        note: Some(("index-writer", "snapshots/rounds/", true)),
        ..retry("retry-expired", &[], "", "")
    },
    retry("retry-manifest", &[Class::Manifest], "manifest-writer", "snapshots/ventures/"),
    retry("retry-manifest-again", &[], "manifest-writer", "snapshots/ventures/"),
    retry("retry-rules", &[Class::AlertState, Class::Alert], "rules-engine", "snapshots/ventures/"),
    Trial {
        objects: &[
            ("reports/alerts/low-runway/V001/A1.json", "{\"channels\":[\"log\"]}\n"),
            ("indices/alerts/undelivered/low-runway/V001/A1/pager.json", "{}\n"),
        ],
        ..plain("alerts-redeliver", &["alerts", "redeliver"])
    },
    Trial {
        objects: &[("indices/alerts/mute/in-force.json", "{}\n")],
        ..plain(
            "alerts-mute",
            &["alerts", "mute", "--rule", "low-runway", "--until", "2100-01-01T00:00:00Z"],
        )
    },
    retry("retry-alert", &[Class::AlertMark], "alert-dispatcher", "reports/alerts/"),
    Trial {
        objects: &[("indices/_repair/ventures/V001.json", "{}\n")],
        prints: Some("1 repair-wanted; 1 mended, 0 left"),
        ..plain("reconcile-wish", &RECONCILE_ONE)
    },
    Trial {
        objects: &[("schemas/venture/v1.0.0.schema.json", "{}\n")],
        copied: true,
        ..plain("copy-schema", &VERIFY)
    },
    Trial {
        objects: &[("schemas/venture/entity.json", "{}\n")],
        copied: true,
        ..plain("copy-definition", &VERIFY)
    },
    Trial {
        damaged: Some("reports/alerts/"),
        prints: Some("1 stale; 1 mended, 0 left"),
        ..plain("reconcile-alert", &RECONCILE_ONE)
    },
    Trial {
        objects: &[
            ("manifests/ventures/_index.json", INDEX),
            ("manifests/ventures/_index_shard=14.ndjson", OLD_LINE),
        ],
        ..plain("compact", &["--full", "--segment", "ventures"])
    },
    Trial {
        objects: &[("manifests/ventures/export/part-14.ndjson", OLD_LINE)],
        ..plain("compact-export", &["--export", "--segment", "ventures"])
    },
];

/// How a trial ended.
pub(crate) struct Tried {
    /// Whether the command came out right.
    pub(crate) well: bool,
    /// What was refused meanwhile.
    pub(crate) refused: BTreeSet<Request>,
    /// What it printed.
    pub(crate) printed: String,
}

/// The trial of this name.
pub(crate) fn named(name: &str) -> Result<&'static Trial> {
    TRIALS.iter().find(|it| it.name == name).with_context(|| format!("no trial {name:?}"))
}

/// Runs the command of `trial` with the job `function`, on what `scenario` left behind.
pub(crate) async fn run(
    stage: &Stage,
    function: &str,
    trial: &Trial,
    (scenario, versions): (&Scenario, &BTreeMap<String, Vec<Stored>>),
) -> Result<Tried> {
    let emulator = Emulator::start(Options::default()).await?;
    let memory = emulator.create_bucket(BUCKET)?;
    for stored in versions.values().flatten().filter(|version| version.live) {
        let is_gone = |name: ObjectName| trial.gone.contains(&name.class());
        if !ObjectName::parse(&stored.name).is_ok_and(is_gone) {
            copy(&memory, stored, trial.older)?;
        }
    }
    if trial.older {
        let name = format!("env/{}/{UNCOUNTED}", scenario.env);
        memory.insert(&name, "no JSON".into(), Upload::default())?;
    }
    for (name, body) in trial.objects {
        let name = format!("env/{}/{name}", scenario.env);
        memory.insert(&name, (*body).into(), Upload::default())?;
    }
    if let Some(prefix) = trial.damaged {
        let prefix = format!("env/{}/{prefix}", scenario.env);
        let found = memory.objects().into_keys().find(|name| name.starts_with(&prefix));
        let name = found.with_context(|| format!("nothing below {prefix}"))?;
        memory.insert(&name, "{}".into(), Upload::default())?;
    }
    if trial.copied {
        let other = emulator.create_bucket(COPY)?;
        for (name, object) in memory.objects() {
            other.insert(&name, object.body, Upload::default())?;
        }
    }
    let id = match trial.note {
        Some(note) => write_note(&memory, scenario, note)?,
        None => String::new(),
    };
    let rights = stage.rights.clone().context("a trial is held to something")?;
    let guard = Guard::new(rights, scenario.env);
    emulator.enforce(guard.clone());
    let url = stage.url(&emulator.url(), function)?;
    let executable = stage.executables.get(function).context("the job is not built")?;
    let words = trial.command.iter().map(|word| if *word == ID { &id } else { *word });
    let output = command(executable, &url)
        .args(words)
        .args(["--bucket", BUCKET, "--env", scenario.env.as_str()])
        .output()
        .await
        .with_context(|| executable.display().to_string())?;
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let well = trial.prints.map_or(output.status.success(), |it| printed.contains(it));
    Ok(Tried { well, refused: guard.refused(), printed })
}

fn command(executable: &Path, url: &str) -> Command {
    let mut command = Command::new(executable);
    command.env_clear().envs([("STORAGE_EMULATOR_HOST", url), ("USER", "trial")]);
    command.kill_on_drop(true);
    command
}

fn copy(memory: &Memory, stored: &Stored, older: bool) -> Result<()> {
    let mut metadata = stored.metadata.clone();
    if older {
        metadata.insert(Version::DEFINITIONS.to_owned(), "older".to_owned());
    }
    let upload = Upload {
        content_type: Some(stored.content_type.clone()),
        content_encoding: stored.content_encoding.clone(),
        metadata,
        ..Upload::default()
    };
    memory.insert(&stored.name, stored.body.clone(), upload)?;
    Ok(())
}

/// Writes a note as the function would; the id by which people call it.
fn write_note(
    memory: &Memory,
    scenario: &Scenario,
    (function, prefix, expired): (&str, &str, bool),
) -> Result<String> {
    let prefix = format!("env/{}/{prefix}", scenario.env);
    let objects = memory.objects();
    let (object, found) = objects
        .iter()
        .find(|(name, _)| name.starts_with(&prefix))
        .with_context(|| format!("nothing below {prefix}"))?;
    let generation = if expired { EXPIRED.to_owned() } else { found.generation.to_string() };
    let name = ObjectName::Quarantine {
        env: scenario.env,
        function: function.to_owned(),
        segment: "ventures".to_owned(),
        id: "V001".to_owned(),
        digest: digest::hex_of(object, ID_DIGITS),
    };
    let note = json!({
        "function": function,
        "object": object,
        "generation": generation,
        "reasons": ["as a trial"],
        "quarantined_at": "2025-11-07T00:00:00.000Z",
    });
    memory.insert(&name.to_string(), format!("{note}\n").into(), Upload::default())?;
    Ok(digest::hex_of(&name.to_string(), ID_DIGITS))
}
