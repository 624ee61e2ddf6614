//! History records, read from the bucket.

use std::borrow::Cow;

use domain::json::Object;
use domain::{
    BoxFuture, Change, Day, EntityDefinition, EntityRef, Generation, HistoryName, Instant,
    ObjectName, RECORD_BYTES_MAX, Record,
};
use futures_util::future::join_all;
use projection::upgrade;
use serde_json::Value;
use store::gzip::{self, GzipError, RATIO_MAX};
use store::{Error, ErrorKind, List};

use crate::size::{self, FOLD_BYTES_MAX};
use crate::{Shortcut, SnapshotBuilder, planted};

/// How many records are read at the same time.
const READS_AT_ONCE: usize = 16;

/// The most records after the last full one that one fold takes in, so that its memory is bounded.
/// Who merges that often writes a full record now and then.
const MERGES_MAX: usize = 10_000;

/// The most records that do not count of which the reasons are kept.
const UNCOUNTED_MAX: usize = 10_000;

/// A record, read.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// It is part of the history.
    Counts(Record),
    /// It is not, for these reasons.
    DoesNotCount(Vec<String>),
    /// There is no such object.
    Gone,
}

/// The history of an entity, read.
pub(crate) struct History {
    /// What counts.
    pub(crate) records: Vec<Record>,
    /// What does not, and is quarantined by its own delivery if it did not then.
    pub(crate) uncounted: Vec<Uncounted>,
}

/// A history record that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// The name of the object.
    pub object: String,
    /// Its version.
    pub generation: Generation,
    /// Why it does not count.
    pub reasons: Vec<String>,
}

impl SnapshotBuilder {
    /// Reads the record `name` at the newest schema version and decides whether it counts, which
    /// depends on the record and the definitions alone. When the object was created is looked up where it is not known.
    pub(crate) async fn read(
        &self,
        name: &HistoryName,
        created_at: Option<Instant>,
        definition: &EntityDefinition,
    ) -> Result<Read, Error> {
        let full = ObjectName::History(name.clone()).to_string();
        let object = match self.tools.store.get(&full, None).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(Read::Gone),
            Err(err) if err.kind == ErrorKind::Unusable => {
                return Ok(Read::DoesNotCount(vec![err.to_string()]));
            }
            Err(err) => return Err(err),
        };
        let created_at = match created_at {
            Some(created_at) => created_at,
            None => match self.created_at(&full).await? {
                Some(created_at) => created_at,
                None => return Ok(Read::Gone),
            },
        };
        Ok(match self.judge(name, &object.body, created_at, definition) {
            Ok(record) => Read::Counts(record),
            Err(reasons) => Read::DoesNotCount(reasons),
        })
    }

    /// The record with this name, of what is `stored` there, at the newest schema version.
    /// `created_at` is when its object was created.
    ///
    /// # Errors
    ///
    /// Every reason for which it does not count.
    pub fn judge(
        &self,
        name: &HistoryName,
        stored: &[u8],
        created_at: Instant,
        definition: &EntityDefinition,
    ) -> Result<Record, Vec<String>> {
        let content = content(name, stored).map_err(|reason| vec![reason])?;
        let record = Record::read(name, &content, created_at, definition)?;
        let record = match () {
            () if self.planted.has(Shortcut::OrderedByTimeAlone) => {
                planted::named_by_its_time(record, name)
            }
            () if self.planted.has(Shortcut::MergeCopiedWhole) => planted::copied_whole(record),
            () => record,
        };
        self.validated(record, definition)
    }

    /// The record at the newest schema version. A full one has to be valid under its own and,
    /// when it is upgraded, under the newest.
    fn validated(
        &self,
        record: Record,
        definition: &EntityDefinition,
    ) -> Result<Record, Vec<String>> {
        let Change::Full(document) = record.change else {
            let upgraded = upgrade::record(record, definition);
            return upgraded.map_err(|unknown| vec![unknown.to_string()]);
        };
        let mut document = self.valid(document, definition)?;
        if upgrade::is_due(&document, definition) {
            document = self.upgraded(document, definition)?;
        }
        Ok(Record { change: Change::Full(document), ..record })
    }

    /// A valid document of an older schema version at the newest, valid there too.
    fn upgraded(
        &self,
        document: Object,
        definition: &EntityDefinition,
    ) -> Result<Object, Vec<String>> {
        let from = document.get("schema_version").and_then(Value::as_str).unwrap_or_default();
        let from = from.strip_prefix('v').unwrap_or(from);
        let upgrade = format!("upgrade from {from} to {}", definition.newest_version());
        let document = upgrade::full(document, definition).map_err(|err| vec![err.to_string()])?;
        self.valid(document, definition).map_err(|reasons| {
            reasons.into_iter().map(|reason| format!("{upgrade}: {reason}")).collect()
        })
    }

    /// The document, when it is valid under the schema version that it declares.
    fn valid(
        &self,
        document: Object,
        definition: &EntityDefinition,
    ) -> Result<Object, Vec<String>> {
        let document = Value::Object(document);
        let reasons = self.violations(&document, definition);
        match document {
            Value::Object(document) if reasons.is_empty() => Ok(document),
            _ => Err(reasons),
        }
    }

    async fn created_at(&self, name: &str) -> Result<Option<Instant>, Error> {
        let list = List { prefix: name.to_owned(), ..List::default() };
        let page = self.tools.store.list(&list).await?;
        let mut items = page.items.into_iter();
        Ok(items.find(|item| item.name == name).map(|item| item.created_at))
    }

    /// The records of `entity` from the folder of the day `from` on, and `known` ones, which count
    /// and are not read again.
    pub(crate) async fn history(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
        from: Option<Day>,
        known: &[Record],
    ) -> Result<History, Error> {
        let mut list = List {
            prefix: ObjectName::history_prefix(entity),
            start_offset: from.map(|day| ObjectName::history_offset(entity, day)),
            ..List::default()
        };
        let mut history: Vec<(Record, usize)> = known.iter().map(weighed).collect();
        let mut uncounted = Vec::new();
        loop {
            let page = self.tools.store.list(&list).await?;
            let unread = page.items.into_iter().filter_map(|item| {
                let Ok(ObjectName::History(name)) = ObjectName::parse(&item.name) else {
                    return None;
                };
                let relative = name.relative();
                let read = known.iter().any(|record| record.key.relative() == relative);
                (!read).then_some((name, item))
            });
            let unread: Vec<_> = unread.collect();
            for chunk in unread.chunks(READS_AT_ONCE) {
                let mut reads: Vec<BoxFuture<'_, Result<Read, Error>>> = Vec::new();
                for (name, item) in chunk {
                    reads.push(Box::pin(self.read(name, Some(item.created_at), definition)));
                }
                for (read, (_, item)) in join_all(reads).await.into_iter().zip(chunk) {
                    match read? {
                        Read::Counts(record) => {
                            let bytes = size::held(&record);
                            history.push((record, bytes));
                        }
                        Read::DoesNotCount(reasons) if uncounted.len() < UNCOUNTED_MAX => {
                            let (object, generation) = (item.name.clone(), item.generation);
                            uncounted.push(Uncounted { object, generation, reasons });
                        }
                        Read::DoesNotCount(_) | Read::Gone => (),
                    }
                }
                forget_what_is_covered(&mut history);
                within_bounds(entity, &history)?;
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => {
                    let records = history.into_iter().map(|(record, _)| record).collect();
                    return Ok(History { records, uncounted });
                }
            }
        }
    }
}

/// A record, and how much memory it takes.
fn weighed(record: &Record) -> (Record, usize) {
    (record.clone(), size::held(record))
}

/// Drops whatever comes before the last full record or tombstone: the fold begins there.
fn forget_what_is_covered(history: &mut Vec<(Record, usize)>) {
    let bases = history.iter().filter(|(record, _)| !matches!(record.change, Change::Merge(_)));
    if let Some(base) = bases.map(|(record, _)| record.key.clone()).max() {
        history.retain(|(record, _)| record.key >= base);
    }
}

/// Refuses a history that one fold cannot take in.
fn within_bounds(entity: &EntityRef, history: &[(Record, usize)]) -> Result<(), Error> {
    let held: usize = history.iter().map(|(_, bytes)| bytes).sum();
    let reason = match (history.len() > MERGES_MAX, held > FOLD_BYTES_MAX) {
        (true, _) => format!("more than {MERGES_MAX} merges since the last full record"),
        (_, true) => {
            format!("merges since the last full record take more than {FOLD_BYTES_MAX} bytes")
        }
        _ => return Ok(()),
    };
    let reason = format!("list history of {entity}: {reason}: write a full one");
    Err(Error::new(ErrorKind::Unusable, reason))
}

/// The content of a record: decompressed where the name says so and the store has not done it.
///
/// # Errors
///
/// Why it has none that could count.
pub fn content<'a>(name: &HistoryName, stored: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
    let content = match name.file.ends_with(".gz") && is_gzip(stored) {
        false if stored.len() > RECORD_BYTES_MAX => return Err(too_large()),
        false => Cow::Borrowed(stored),
        true => {
            gzip::decompress(stored, RECORD_BYTES_MAX).map(Cow::Owned).map_err(|err| match err {
                GzipError::Large(_) => too_large(),
                GzipError::Ratio => {
                    format!("a record has at most {RATIO_MAX} times its size as gzip")
                }
                GzipError::Damaged => {
                    "not gzip: damaged, cut off, or followed by something else".to_owned()
                }
            })?
        }
    };
    match is_gzip(&content) {
        true => Err("not JSON: gzip once more than name and content encoding say".to_owned()),
        false => Ok(content),
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

fn too_large() -> String {
    format!("a record has at most {RECORD_BYTES_MAX} bytes")
}
