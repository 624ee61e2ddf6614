//! What writers write: documents over small alphabets, so that values go to and fro.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use domain::json::{self, Object};
use serde_json::{Value, json};

use super::{Mix, Planned, Profile, Said, Says};
use crate::dice::Dice;
use crate::timeline::instant;

/// Ids of ventures: plain ones, and one that has to be encoded on its way.
const VENTURES: [&str; 4] = ["V1", "V2", "V 3é%", "V4"];

/// Ids of rules.
const RULES: [&str; 3] = ["low", "stuck", "rising"];

/// By how much a number has to rise for the rule `rising`.
pub(crate) const RISE: i64 = 3;

/// The most records that one run writes.
const RECORDS_MAX: u64 = 14;

/// How many merges follow the last full record of a long history: more than the ids of which a
/// snapshot remembers.
const LONG_MERGES: (u64, u64) = (110, 140);

/// The rules that are given, and the records, each by the time at which it is written.
pub(super) fn draw(
    profile: Profile,
    mix: &Mix,
    dice: &Dice,
    long: bool,
) -> (Vec<Planned>, Vec<Planned>) {
    let mut writer = Writer::new(profile, mix, dice);
    let given = RULES.map(|id| writer.rule(id, Duration::ZERO, true)).to_vec();
    if long {
        return (given, writer.long());
    }
    let count = writer.dice.between(3, RECORDS_MAX);
    let mut at = Duration::ZERO;
    let mut records = Vec::new();
    for _ in 0..count {
        at += dice.millis(0, writer.gap_ms);
        let about_rule = mix.rule_changes > 0 && dice.per_mille(200);
        let record = match about_rule {
            true => writer.rule(dice.pick::<&str>(&RULES), at, dice.per_mille(700)),
            false => writer.venture(at),
        };
        records.push(record);
    }
    records.sort_by_key(|record| record.at);
    (given, records)
}

/// Whoever writes the records of one run.
struct Writer<'a> {
    dice: &'a Dice,
    ventures: u64,
    /// The most time between two records.
    gap_ms: u64,
    /// The clocks of the writers, by how much they are off.
    skews_ms: [i64; 3],
    /// The smallest step of the clocks: records within it have equal times.
    step_ms: i64,
    /// How late a record may be written after its time.
    late_ms: u64,
    /// Records that are merges, tombstones, invalid, filed by somebody else, in a thousand.
    merges: u64,
    deletes: u64,
    invalid: u64,
    foreign: u64,
    /// Nobody writes the newest schema version yet.
    older: bool,
    written: u64,
    names: BTreeSet<String>,
}

impl<'a> Writer<'a> {
    fn new(profile: Profile, mix: &Mix, dice: &'a Dice) -> Self {
        let gaps: &[u64] = match profile {
            Profile::Calm => &[30_000],
            Profile::Burst => &[100, 300],
            Profile::Adversarial => &[100, 1_000, 5_000],
            _ => &[50, 300, 3_000, 30_000],
        };
        let skewed = dice.per_mille(400);
        let skew = || if skewed { dice.between(0, 7_200_000) as i64 - 3_600_000 } else { 0 };
        Self {
            skews_ms: [0, skew(), skew()],
            step_ms: *dice.pick(&[1, 1, 1_000, 60_000]),
            gap_ms: *dice.pick(gaps),
            late_ms: *dice.pick(&[0, 0, 2_000, 60_000]),
            ventures: match profile {
                Profile::Adversarial => dice.between(1, 2),
                _ => dice.between(1, VENTURES.len() as u64),
            },
            merges: *dice.pick(&[0, 300, 700]),
            deletes: *dice.pick(&[0, 100, 300]),
            invalid: *dice.pick(&[0, 0, 100]),
            foreign: *dice.pick(&[0, 0, 200]),
            older: mix.older_release > 0,
            written: 0,
            names: BTreeSet::new(),
            dice,
        }
    }

    /// A venture that is there, perhaps gone and there again, and then changes very often by
    /// little. Some of that comes when all the rest is there, and it may be gone by then.
    fn long(&mut self) -> Vec<Planned> {
        (self.gap_ms, self.late_ms, self.step_ms, self.skews_ms) = (300, 1_000, 1, [0; 3]);
        let begin = [Said::Full(self.document()), Said::Delete, Said::Full(self.document())];
        let from = *self.dice.pick(&[0, 2]);
        let (least, most) = LONG_MERGES;
        let merges = self.dice.between(least, most);
        let end = [Said::Delete, Said::Merge(self.patch())];
        let to = *self.dice.pick(&[0, 0, 1, 2]);
        let changes = begin.into_iter().skip(from).map(Some);
        let changes = changes.chain((0..merges).map(|_| None));
        let mut at = Duration::ZERO;
        let mut records = Vec::new();
        for (number, change) in changes.chain(end.into_iter().take(to).map(Some)).enumerate() {
            at += self.dice.millis(1, self.gap_ms);
            let late = change.is_none() && self.dice.per_mille(50);
            let mut patch = self.patch();
            if late {
                // Nobody says that again.
                patch.insert(format!("late{number}"), json!(number));
            }
            let change = change.unwrap_or(Said::Merge(patch));
            let mut record = self.record(("venture", "ventures", VENTURES[0]), at, change);
            record.at += if late { self.dice.millis(30_000, 90_000) } else { Duration::ZERO };
            records.push(record);
        }
        records.sort_by_key(|record| record.at);
        records
    }

    fn venture(&mut self, at: Duration) -> Planned {
        let ids = &VENTURES[..usize::try_from(self.ventures).unwrap_or(1)];
        let id = *self.dice.pick(ids);
        if self.dice.per_mille(self.invalid) {
            return self.invalid(id, at);
        }
        let change = if self.dice.per_mille(self.deletes) {
            Said::Delete
        } else if self.dice.per_mille(self.merges) {
            Said::Merge(self.patch())
        } else {
            Said::Full(self.document())
        };
        self.record(("venture", "ventures", id), at, change)
    }

    /// A rule about ventures that asks one thing, and fires in one of the ways there are.
    fn rule(&mut self, id: &str, at: Duration, enabled: bool) -> Planned {
        let test = match id {
            "low" => json!({ "path": "n", "op": "lt", "value": *self.dice.pick(&[5, 10]) }),
            "rising" => json!({ "path": "n", "op": "increased_by", "value": RISE }),
            _ => json!({ "path": "status", "op": "eq", "value": *self.dice.pick(&["a", "b"]) }),
        };
        let fires = match (id, self.dice.between(0, 2)) {
            ("rising", _) | (_, 0) => json!({}),
            (_, 1) => json!({ "when": "on_change" }),
            _ => json!({ "cooldown": "15m" }),
        };
        let kind = if id == "low" { "webhook" } else { "slack" };
        let target = json!({ "type": kind, "target": format!("https://{id}.example.com/") });
        let rule = json!({
            "name": id, "applies_to": "venture", "condition": { "all": [test] }, "fires": fires,
            "severity": "warning", "enabled": enabled, "channels": ["log", target],
        });
        let rule = rule.as_object().cloned().unwrap_or_default();
        self.record(("rule", "rules", id), at, Said::Full(rule))
    }

    fn document(&mut self) -> Object {
        let mut document = Object::new();
        for field in ["title", "status", "ownerId", "tags", "milestones", "group", "n"] {
            if self.dice.per_mille(850) {
                let value = self.value(field);
                document.insert(field.to_owned(), value);
            }
        }
        if document.contains_key("group") {
            document.insert("as_of".to_owned(), self.value("as_of"));
        }
        document.insert("note".to_owned(), self.value("note"));
        document
    }

    fn patch(&mut self) -> Object {
        let fields = ["title", "status", "ownerId", "tags", "milestones", "group", "as_of", "n"];
        let mut patch = Object::new();
        for _ in 0..self.dice.between(0, 2) {
            let field = *self.dice.pick(&fields);
            let value = match self.dice.between(0, 9) {
                0 => Value::Null,
                // What no schema admits: the result counts, and says what is wrong with it.
                1 if field == "status" => json!(7),
                _ => self.value(field),
            };
            patch.insert(field.to_owned(), value);
        }
        let inner = [("note", self.value("note")), ("gone", Value::Null)];
        let inner = inner.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        patch.insert("more".to_owned(), Value::Object(inner));
        patch
    }

    fn value(&mut self, field: &str) -> Value {
        let dice = self.dice;
        match field {
            "title" => json!(*dice.pick(&["one", "two"])),
            "status" => json!(*dice.pick(&["a", "b", "a", "b", "done"])),
            "ownerId" => json!(*dice.pick(&["o1", "o 2"])),
            "tags" => json!(*dice.pick(&[&["x"][..], &["x", "y"], &["y"], &[]])),
            "milestones" => {
                let due =
                    [1, 2].map(|_| json!({ "due": *dice.pick(&["2026-01-05", "2026-03-01"]) }));
                json!(due[..dice.between(0, 2) as usize])
            }
            "group" => json!(*dice.pick(&["G", "H", "G"])),
            "as_of" => json!(*dice.pick(&["2025-01-01", "2025-06-30", "2025-06-30"])),
            "n" => json!(*dice.pick(&[3, 7, 12])),
            _ => json!(self.written),
        }
    }

    /// A record that says `change`, filed by one of the writers.
    fn record(
        &mut self,
        (kind, segment, id): (&str, &'static str, &str),
        at: Duration,
        mut change: Said,
    ) -> Planned {
        self.written += 1;
        let number = self.written;
        let skew = *self.dice.pick(&self.skews_ms);
        let at_ms = (at.as_millis() as i64 + skew).div_euclid(self.step_ms) * self.step_ms;
        let time = instant(at_ms).to_string();
        let mut body = envelope(id, kind, &time);
        match &mut change {
            Said::Full(document) => {
                body.extend(std::mem::take(document));
                document.clone_from(&body);
            }
            Said::Merge(patch) => {
                body.insert("op".to_owned(), json!("merge"));
                body.extend(patch.clone());
            }
            Said::Delete => drop(body.insert("op".to_owned(), json!("delete"))),
        }
        if kind == "venture" && (self.older || number.is_multiple_of(2)) {
            write_as_before(&mut body, &mut change, number);
        }
        body.insert("actor".to_owned(), json!("w1"));
        if self.dice.per_mille(100) {
            // What the name says is filled in.
            ["id", "entity", "env"].iter().for_each(|field| drop(body.shift_remove(*field)));
        }
        let days = match self.dice.per_mille(self.foreign) {
            true => self.dice.between(0, 80) as i64 - 40,
            false => 0,
        };
        let day = instant(at_ms + days * 86_400_000).day().folders();
        let plain = self.dice.per_mille(self.foreign);
        if !plain && !matches!(change, Said::Full(_)) && self.dice.per_mille(100) {
            // The timestamp in the name counts.
            drop(body.shift_remove("updated_at"));
        }
        let name = |record_id: &str| {
            let file = if plain { record_id.to_owned() } else { format!("{time}_{record_id}") };
            format!("env/dev/{segment}/{id}/history/{day}/{file}.json")
        };
        // Two records of one instant under two days may even share their id.
        let mut record_id = match self.dice.per_mille(100) {
            true => "same".to_owned(),
            false => format!("r{number:02}"),
        };
        if !self.names.insert(name(&record_id)) {
            record_id = format!("r{number:02}");
            self.names.insert(name(&record_id));
        }
        let name = name(&record_id);
        let says = Says { entity: (segment, id.to_owned()), at_ms, at: time, record_id, change };
        let late = self.dice.millis(0, self.late_ms);
        Planned {
            at: at + late,
            name,
            body: Bytes::from(json::to_line(&Value::Object(body))),
            says: Some(says),
        }
    }

    /// A record that does not count.
    fn invalid(&mut self, id: &str, at: Duration) -> Planned {
        let mut record = self.record(("venture", "ventures", id), at, Said::Full(Object::new()));
        let text = String::from_utf8_lossy(&record.body).into_owned();
        let ahead = instant(at.as_millis() as i64 + 90_000_000).to_string();
        let time = record.says.take().map(|says| says.at).unwrap_or_default();
        record.body = match self.dice.between(0, 6) {
            0 => "{".to_owned(),
            1 => "[]".to_owned(),
            2 => text.replace(r#""actor""#, r#""more":1,"more":1,"actor""#),
            3 => text
                .replace(r#""entity":"venture","#, "")
                .replace(r#""actor""#, r#""entity":"rule","actor""#),
            4 => text.replace(
                &format!(r#""updated_at":"{time}""#),
                &format!(r#""updated_at":"{ahead}""#),
            ),
            5 => text.replace(r#""actor""#, r#""status":7,"actor""#),
            _ => text.replace(r#""actor""#, r#""op":"patch","actor""#),
        }
        .into();
        record
    }
}

/// Writes a record as the oldest schema version has it, and some merges without a version. What it
/// says is what that means in the newest: an owner had another name, and there is always a title.
fn write_as_before(body: &mut Object, change: &mut Said, number: u64) {
    let before = |(field, value): (String, Value)| match field.as_str() {
        "ownerId" => ("owner".to_owned(), value),
        "schema_version" => (field, json!("1.0.0")),
        _ => (field, value),
    };
    *body = std::mem::take(body).into_iter().map(before).collect();
    match change {
        Said::Full(document) => {
            document.entry("title").or_insert(json!("untitled"));
        }
        Said::Merge(_) if number.is_multiple_of(3) => drop(body.shift_remove("schema_version")),
        Said::Merge(_) | Said::Delete => (),
    }
}

/// The fields that every record has.
fn envelope(id: &str, kind: &str, updated_at: &str) -> Object {
    let fields = [
        ("id", id),
        ("entity", kind),
        ("env", "dev"),
        ("schema_version", if kind == "venture" { "1.1.0" } else { "1.0.0" }),
        ("created_at", "2025-11-01T00:00:00Z"),
        ("updated_at", updated_at),
    ];
    fields.into_iter().map(|(field, value)| (field.to_owned(), json!(value))).collect()
}
