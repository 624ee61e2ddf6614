//! What is out of date about an entity, each with what mends it. Only commands that exist are named.

use domain::EntityDefinition;
use projection::snapshot::Stored;

use super::Found;
use crate::{Operator, reconcile};

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) what: String,
    pub(super) mend: String,
}

/// A command line of this program, in its environment.
fn command(operator: &Operator<'_>, words: &str) -> String {
    format!("`operator {words}{}`", environment(operator.env))
}

pub(crate) fn environment(env: domain::Env) -> String {
    match env {
        domain::Env::Dev => String::new(),
        env => format!(" --env {env}"),
    }
}

/// A word as a shell takes it for one.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@');
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Everything that is out of date.
pub(super) fn findings(
    operator: &Operator<'_>,
    found: &Found,
    definition: &EntityDefinition,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let other = found.is_of_another_release(&operator.tools.version);
    let mut add = |what: String, mend: String| findings.push(Finding { what, mend });
    if found.moving {
        add("the snapshot is being written".to_owned(), "ask again".to_owned());
    }
    for (note, standing) in found.notes.iter().filter(|(_, standing)| standing.is_open()) {
        let short = &note.id[..8];
        add(
            format!("{} could not handle {} ({standing})", note.function, note.object),
            format!(
                "{} says how to mend it, then {}",
                command(operator, &format!("quarantine show {short}")),
                command(operator, &format!("quarantine retry {short}"))
            ),
        );
    }
    for entry in &found.records.entries {
        let noted = || found.notes.iter().any(|(note, _)| note.object == entry.object);
        if entry.verdict.is_err() && !noted() {
            let mend = match other {
                true => format!("{} notes it, if it has counted before", migrate(operator, found)),
                false => "wait for its delivery".to_owned(),
            };
            add(format!("{} does not count, and nobody has noted it", entry.object), mend);
        }
    }
    if let Some(finding) = of_snapshot(operator, found, definition) {
        findings.push(finding);
    }
    let mend = reconcile(operator, found);
    for derived in &found.derived {
        let Some(wrong) = derived.wrong() else { continue };
        let mend = format!("wait for the delivery of the snapshot; where none comes: {mend}");
        findings.push(Finding { what: format!("{} {wrong}", derived.name), mend });
    }
    if let Some(since) = &found.repair_wanted {
        let what =
            format!("a repair is wanted since {since}: a version of the snapshot had expired");
        findings.push(Finding { what, mend });
    }
    findings
}

fn migrate(operator: &Operator<'_>, found: &Found) -> String {
    command(operator, &format!("migrate --run {}", found.entity.segment))
}

/// What is wrong with the snapshot itself.
fn of_snapshot(
    operator: &Operator<'_>,
    found: &Found,
    definition: &EntityDefinition,
) -> Option<Finding> {
    let migrate = migrate(operator, found);
    let finding = |what: &str, mend: String| Some(Finding { what: what.to_owned(), mend });
    let again = || again(operator, found);
    let other = found.is_of_another_release(&operator.tools.version);
    match (&found.stored, &found.fold) {
        (Stored::Missing, None) => None,
        (Stored::Snapshot(stored), None) if stored.is_nothing() => None,
        (Stored::Missing, Some(_)) => finding("no snapshot has the records that count", again()),
        (Stored::Unknown, _) => finding(
            "the snapshot is of a schema version that this release does not know",
            format!(
                "use the newer release; this one knows {}",
                definition.schema_versions.join(", ")
            ),
        ),
        (Stored::Unreadable, _) => {
            finding("the snapshot cannot be read", reconcile(operator, found))
        }
        (_, None) => finding(
            "no record of the history counts under this release",
            "see above why each does not; write a full record".to_owned(),
        ),
        _ if found.agrees() => None,
        _ if other => finding("this release reads the history in another way", migrate),
        _ => {
            let lacks = found
                .records
                .entries
                .iter()
                .filter(|it| it.verdict.is_ok() && found.has(it) == Some(false));
            match lacks.count() {
                0 => finding("the snapshot is not what the history says", again()),
                1 => finding("the snapshot lacks a record that counts", again()),
                lacks => {
                    finding(&format!("the snapshot lacks {lacks} records that count"), again())
                }
            }
        }
    }
}

/// How a snapshot comes to what the history says when no delivery brings it there.
fn again(operator: &Operator<'_>, found: &Found) -> String {
    let reconcile = reconcile(operator, found);
    format!("wait for the delivery of the record; where none comes: {reconcile}")
}

/// The command that brings the entity in agreement with its history.
fn reconcile(operator: &Operator<'_>, found: &Found) -> String {
    reconcile::command(operator.env, &found.entity.segment, Some(&found.entity.id))
}
