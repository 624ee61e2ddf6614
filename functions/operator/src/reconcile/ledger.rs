//! What was found in a run, as far as it is told at its end.

use std::collections::BTreeMap;
use std::fmt;

use domain::EntityRef;
use serde_json::{Value, json};
use store::Tally;

use super::finding::{Fate, Finding, Kind};
use crate::{Problem, Screen, legible};

/// How many entities that could not be compared are shown.
const UNJUDGED_SHOWN_MAX: usize = 20;

/// What is told, and how.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// A line of JSON for each finding.
    json: bool,
    /// How many findings of each kind are shown.
    limit: u64,
    /// By segment and kind: how many were found, and how many of those are mended.
    counts: BTreeMap<(String, Kind), (u64, u64)>,
    /// Entities that were looked at.
    pub(super) entities: u64,
    /// Old tombstones, of which nothing has to be found any more.
    pub(super) tombstones: u64,
    /// Entities that could not be compared, and why.
    unjudged: BTreeMap<String, String>,
    unjudged_more: u64,
    /// How many of them not because they are busy.
    unreadable: u64,
}

/// Why an entity is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unjudged {
    /// It was written at every look: another run finds it at rest.
    Busy,
    /// Its history cannot be folded.
    Unreadable(String),
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("it was written at every look"),
            Self::Unreadable(why) => f.write_str(why),
        }
    }
}

impl Ledger {
    pub(super) fn new(json: bool, limit: u64) -> Self {
        Self { json, limit, ..Self::default() }
    }

    /// Tells of a finding.
    pub(super) fn add(&mut self, screen: &Screen, finding: &Finding) -> Result<(), Problem> {
        let count = self.counts.entry((finding.segment.clone(), finding.kind)).or_default();
        count.0 += 1;
        count.1 += u64::from(finding.fate == Fate::Mended);
        let of_kind = self.counts.iter().filter(|((_, kind), _)| *kind == finding.kind);
        let shown: u64 = of_kind.map(|(_, (found, _))| found).sum();
        match self.json {
            true => screen.say(&finding.to_json().to_string()),
            false if shown <= self.limit => screen.say(&finding.line()),
            false => Ok(()),
        }
    }

    /// Notes that an entity could not be compared.
    pub(super) fn unjudged(&mut self, entity: &EntityRef, why: Unjudged) {
        self.unreadable += u64::from(why != Unjudged::Busy);
        match self.unjudged.len() < UNJUDGED_SHOWN_MAX {
            true => drop(self.unjudged.insert(entity.to_string(), why.to_string())),
            false => self.unjudged_more += 1,
        }
    }

    /// Whether nothing is left, and all that does not move was compared.
    pub(super) fn is_clean(&self) -> bool {
        self.left() == 0 && self.unreadable == 0
    }

    fn not_compared(&self) -> u64 {
        self.unjudged.len() as u64 + self.unjudged_more
    }

    /// How many findings are left.
    pub(super) fn left(&self) -> u64 {
        self.counts.values().map(|(found, mended)| found - mended).sum()
    }

    fn found(&self, kind: Kind) -> u64 {
        let of_kind = self.counts.iter().filter(|((_, it), _)| *it == kind);
        of_kind.map(|(_, (found, _))| found).sum()
    }

    /// Tells how the run went.
    pub(super) fn end(&self, screen: &Screen, tally: &Tally, repair: bool) -> Result<(), Problem> {
        if self.json {
            return screen.say(&self.to_json(tally).to_string());
        }
        let all = Kind::ALL.into_iter().map(|kind| (kind, self.found(kind)));
        let found: Vec<String> = all
            .clone()
            .filter(|(_, found)| *found > 0)
            .map(|(kind, found)| format!("{found} {}", kind.as_str()))
            .collect();
        for (kind, found) in all.filter(|(_, found)| *found > self.limit) {
            let more = found - self.limit;
            screen.say(&format!("{:13} … {more} more (--limit shows them)", kind.as_str()))?;
        }
        let mended: u64 = self.counts.values().map(|(_, mended)| mended).sum();
        let what = match (found.is_empty(), repair) {
            (true, _) if self.not_compared() > 0 => {
                format!("all but {} agrees with the history", self.not_compared())
            }
            (true, _) => "everything agrees with the history".to_owned(),
            (false, true) => {
                format!("{}; {mended} mended, {} left", found.join(", "), self.left())
            }
            (false, false) => found.join(", "),
        };
        let entities = if self.entities == 1 { "entity" } else { "entities" };
        let mut text = format!("{} {entities}: {what}", self.entities);
        for ((segment, kind), (found, mended)) in &self.counts {
            let segment = if segment.is_empty() { "(no segment)" } else { segment };
            let mended = if repair { format!(", {mended} mended") } else { String::new() };
            text += &format!("\n  {segment}: {found} {}{mended}", kind.as_str());
        }
        for (entity, why) in &self.unjudged {
            text +=
                &format!("\n  not compared: {}: {}", legible::whole(entity), legible::line(why));
        }
        if self.unjudged_more > 0 {
            text += &format!("\n  not compared: {} more", self.unjudged_more);
        }
        if self.tombstones > 0 {
            let did = if repair { "deleted" } else { "can go (--repair deletes them)" };
            text += &format!("\n  {} tombstones are a day old: {did}", self.tombstones);
        }
        screen.say(&format!("{text}\n  wrote {tally}"))
    }

    fn to_json(&self, tally: &Tally) -> Value {
        let counts = self.counts.iter().map(|((segment, kind), (found, mended))| {
            json!({
                "segment": segment, "kind": kind.as_str(), "found": found, "mended": mended,
            })
        });
        json!({ "summary": {
            "entities": self.entities, "counts": counts.collect::<Vec<_>>(), "left": self.left(),
            "not_compared": self.not_compared(), "clean": self.is_clean(), "tombstones": self.tombstones,
            "objects_written": tally.objects(), "class_a": tally.operations.class_a,
            "class_b": tally.operations.class_b, "deletes": tally.operations.deletes,
        }})
    }
}
