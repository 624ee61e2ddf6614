//! The history of one entity, read and judged as the snapshot-builder judges it. Nothing is
//! written.

use std::borrow::Cow;

use domain::json::Object as Json;
use domain::{
    BoxFuture, Change, EntityDefinition, EntityRef, Generation, HistoryName, Instant, ObjectName,
    OrderKey, RECORD_BOUNDS, Record,
};

use ::job::in_turn;
use projection::fold::Folded;
use serde_json::{Value, json};
use snapshot_builder::{SnapshotBuilder, content};
use store::{ErrorKind, List, Listed};

use crate::stuck::Stuck;
use crate::{Operator, Problem};

/// How many records are read at the same time.
const READS_AT_ONCE: usize = 16;

/// The most records of one entity that are looked at.
const RECORDS_MAX: usize = 200_000;

/// The most memory that the contents of records take, in bytes, roughly.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a value takes in memory besides its text.
const VALUE_BYTES: usize = 128;

/// Which part of a history is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Until {
    /// Records that are dated until then.
    pub(crate) as_of: Option<Instant>,
    /// Records that were stored until then.
    pub(crate) known_at: Option<Instant>,
}

/// What of a history is held while it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hold {
    /// Every record, and the contents of so many of the newest with those that their fold needs.
    Entries(usize),
    /// The newest record that counts, and the contents that the fold needs.
    Fold,
    /// The newest record that counts, and the contents since the last full one: what an entity was
    /// before it was deleted.
    Live,
    /// The newest record that counts, and no content: of any history.
    Newest,
}

/// A record, without its content.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The name of its object.
    pub(crate) object: String,
    /// The version of its object.
    pub(crate) generation: Generation,
    /// When its object was created.
    pub(crate) stored_at: Instant,
    /// What it says it does: full, merge, delete, or `?` where that cannot be read.
    pub(crate) op: &'static str,
    /// When it is dated, as far as that can be read.
    pub(crate) dated: Option<Instant>,
    /// Who.
    pub(crate) actor: Option<String>,
    /// Why.
    pub(crate) reason: Option<String>,
    /// By which program.
    pub(crate) origin: Option<String>,
    /// Its place in the order, or every reason for which it does not count.
    pub(crate) verdict: Result<OrderKey, Vec<String>>,
}

impl Entry {
    /// Everything, for a program.
    pub(crate) fn to_json(&self) -> Value {
        let reasons = self.verdict.as_ref().err().cloned().unwrap_or_default();
        json!({
            "object": self.object, "generation": self.generation.to_string(), "op": self.op,
            "dated": self.dated.map(|at| at.to_string()), "stored": self.stored_at.to_string(),
            "actor": self.actor, "reason": self.reason, "origin": self.origin,
            "counts": self.verdict.is_ok(), "reasons": reasons,
        })
    }
}

/// A history, as far as it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Every record that is held, in order; one that does not count stands where its date would put
    /// it.
    pub(crate) entries: Vec<Entry>,
    /// How many records there are in that part.
    pub(crate) seen: usize,
    /// How many more there are after the part that was asked for.
    pub(crate) later: usize,
    /// The newest records that count with their contents, in order, from one on that needs none
    /// before it.
    pub(crate) kept: Vec<Record>,
}

impl Records {
    /// What these records make of the entity; `None` when none counts.
    pub(crate) fn fold(&self) -> Option<Folded> {
        Folded::of(self.kept.clone())
    }

    /// How many records count.
    pub(crate) fn counting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.verdict.is_ok()).count()
    }
}

/// Reads the history of `entity` and keeps the contents of its `keep` newest records, and of those
/// before them that their fold needs. ⌈h/1000⌉ A + h B for `h` records.
pub(crate) async fn read(
    operator: &Operator<'_>,
    entity: &EntityRef,
    definition: &EntityDefinition,
    until: Until,
    keep: usize,
) -> Result<Records, Stuck> {
    held(operator, entity, definition, until, Hold::Entries(keep)).await
}

/// Reads the history of `entity` and holds of it what is said, at the same cost.
pub(crate) async fn held(
    operator: &Operator<'_>,
    entity: &EntityRef,
    definition: &EntityDefinition,
    until: Until,
    hold: Hold,
) -> Result<Records, Stuck> {
    let builder = SnapshotBuilder::new(operator.tools.clone());
    let mut list = List { prefix: ObjectName::history_prefix(entity), ..List::default() };
    let mut records = Records::default();
    let mut kept: Vec<(Record, usize)> = Vec::new();
    loop {
        let page = operator.tools.store.list(&list).await?;
        let named = page.items.into_iter().filter_map(|item| match ObjectName::parse(&item.name) {
            Ok(ObjectName::History(name)) => Some((name, item)),
            _ => None,
        });
        let in_all = named.clone().count();
        let known: Vec<(HistoryName, Listed)> = named
            .filter(|(_, item)| until.known_at.is_none_or(|known_at| item.created_at <= known_at))
            .collect();
        records.later += in_all - known.len();
        for chunk in known.chunks(READS_AT_ONCE) {
            let mut reads: Vec<BoxFuture<'_, Result<Option<Read>, Problem>>> = Vec::new();
            for (name, item) in chunk {
                reads.push(Box::pin(one(&builder, name, item, definition)));
            }
            let reads = in_turn(reads, READS_AT_ONCE).await?;
            for (entry, content) in reads.into_iter().flatten() {
                if until.as_of.is_some_and(|as_of| entry.dated.is_some_and(|at| at > as_of)) {
                    records.later += 1;
                    continue;
                }
                records.seen += 1;
                records.entries.push(entry);
                kept.extend(content);
            }
            if !matches!(hold, Hold::Entries(_)) {
                only_newest(&mut records.entries);
            }
            trim(&mut kept, hold);
            within_bounds(entity, &records, &kept, hold).map_err(Stuck::One)?;
            let (now, read) = (operator.tools.clock.now(), records.seen);
            operator.screen.progress(now, || format!("{read} records read"));
        }
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => break,
        }
    }
    records.entries.sort_by(|left, right| place(left).cmp(&place(right)));
    kept.sort_by(|(left, _), (right, _)| left.key.cmp(&right.key));
    records.kept = kept.into_iter().map(|(record, _)| record).collect();
    Ok(records)
}

/// Where an entry stands: by its key, or by what would be its key.
fn place(entry: &Entry) -> (Instant, Option<&OrderKey>, &str) {
    let at = entry.verdict.as_ref().map_or(entry.dated, |key| Some(key.updated_at));
    (at.unwrap_or(entry.stored_at), entry.verdict.as_ref().ok(), &entry.object)
}

/// Leaves the newest record that counts.
fn only_newest(entries: &mut Vec<Entry>) {
    let counting = entries.drain(..).filter(|entry| entry.verdict.is_ok());
    let newest = counting.max_by(|left, right| place(left).cmp(&place(right)));
    entries.extend(newest);
}

/// A record, and its content with the memory it takes if it counts.
type Read = (Entry, Option<(Record, usize)>);

/// One record, and its content with the memory it takes if it counts; `None` when it is gone.
async fn one(
    builder: &SnapshotBuilder,
    name: &HistoryName,
    item: &Listed,
    definition: &EntityDefinition,
) -> Result<Option<Read>, Problem> {
    let (body, judged) = match builder.tools.store.get(&item.name, None).await {
        Ok(Some(object)) => {
            let judged = builder.judge(name, &object.body, item.created_at, definition);
            (object.body, judged)
        }
        Ok(None) => return Ok(None),
        // Content that cannot be read is there all the same, and does not count.
        Err(err) if err.kind == ErrorKind::Unusable => {
            (bytes::Bytes::new(), Err(vec![err.to_string()]))
        }
        Err(err) => return Err(err.into()),
    };
    // What cannot be unpacked is no JSON either, and is shown without what it says.
    let content = content(name, &body).unwrap_or(Cow::Borrowed(&body));
    let says = match domain::json::parse_within(&content, RECORD_BOUNDS) {
        Ok(Value::Object(says)) => Some(says),
        _ => None,
    };
    let text = |field: &str| says.as_ref()?.get(field)?.as_str().map(str::to_owned);
    let dated = text("updated_at").and_then(|text| Instant::parse(&text));
    let dated = dated.or_else(|| Instant::parse(name.timestamp()?));
    let entry = Entry {
        object: item.name.clone(),
        generation: item.generation,
        stored_at: item.created_at,
        op: says.as_ref().map_or("?", op),
        dated: judged.as_ref().map_or(dated, |record| Some(record.key.updated_at)),
        actor: text("actor"),
        reason: text("reason"),
        origin: text("origin"),
        verdict: judged.as_ref().map(|record| record.key.clone()).map_err(Clone::clone),
    };
    Ok(Some((entry, judged.ok().map(|record| (record, memory(&content))))))
}

fn op(says: &Json) -> &'static str {
    match says.get("op").map(|op| op.as_str()) {
        None => "full",
        Some(Some("merge")) => "merge",
        Some(Some("delete")) => "delete",
        Some(_) => "?",
    }
}

/// How much memory a document takes whose text this is, at most.
fn memory(text: &[u8]) -> usize {
    let values = text.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    text.len() + values * VALUE_BYTES
}

/// Drops the contents that are not to be held.
fn trim(kept: &mut Vec<(Record, usize)>, hold: Hold) {
    kept.sort_by(|(left, _), (right, _)| left.key.cmp(&right.key));
    let is_base = |(record, _): &(Record, usize)| !matches!(record.change, Change::Merge(_));
    let base_of = |newest: usize| {
        let from = kept.len().saturating_sub(newest);
        kept.iter().take(from + 1).rposition(is_base)
    };
    let first = match hold {
        Hold::Entries(keep) => base_of(keep),
        Hold::Fold => base_of(1),
        Hold::Live => kept.iter().rposition(|(record, _)| matches!(record.change, Change::Full(_))),
        Hold::Newest => Some(kept.len()),
    };
    kept.drain(..first.unwrap_or(0));
}

fn within_bounds(
    entity: &EntityRef,
    records: &Records,
    kept: &[(Record, usize)],
    hold: Hold,
) -> Result<(), Problem> {
    let held: usize = kept.iter().map(|(_, bytes)| bytes).sum();
    if held > HELD_BYTES_MAX {
        let what_to_do = match hold {
            Hold::Entries(_) => {
                "say a smaller --limit or an earlier instant, or write a full record"
            }
            _ => "say by `write` what it is to be, as a full record",
        };
        return Err(Problem::new(format!(
            "the records of {entity} that have to be held together take more than \
             {HELD_BYTES_MAX} bytes: {what_to_do}"
        )));
    }
    if records.entries.len() > RECORDS_MAX {
        return Err(Problem::new(format!(
            "{entity} has more than {RECORDS_MAX} records: say --known-at, an earlier instant"
        )));
    }
    Ok(())
}
