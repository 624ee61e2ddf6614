//! History records, read from the bucket.

use std::io::Read as _;

use domain::json::Object;
use domain::{
    BoxFuture, Change, Day, EntityDefinition, EntityRef, HistoryName, Instant, ObjectName, Record,
};
use flate2::read::MultiGzDecoder;
use futures_util::future::join_all;
use projection::upgrade;
use serde_json::Value;
use store::{Error, ErrorKind, List};

use crate::{Shortcut, SnapshotBuilder, planted};

/// How many records are read at the same time.
const READS_AT_ONCE: usize = 16;

/// The most records after the last full one that one fold takes in, so that its memory is bounded.
/// Who merges that often writes a full record now and then.
const MERGES_MAX: usize = 10_000;

/// The largest record after decompression, in bytes.
pub(crate) const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

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
        let body = match content(name, &object) {
            Ok(body) => body,
            Err(reason) => return Ok(Read::DoesNotCount(vec![reason])),
        };
        Ok(match Record::read(name, &body, created_at, definition) {
            Ok(record) if self.planted.has(Shortcut::OrderedByTimeAlone) => {
                self.validated(planted::named_by_its_time(record, name), definition)
            }
            Ok(record) if self.planted.has(Shortcut::MergeCopiedWhole) => {
                self.validated(planted::copied_whole(record), definition)
            }
            Ok(record) => self.validated(record, definition),
            Err(reasons) => Read::DoesNotCount(reasons),
        })
    }

    /// The record at the newest schema version. A full one has to be valid under its own and,
    /// when it is upgraded, under the newest.
    fn validated(&self, record: Record, definition: &EntityDefinition) -> Read {
        let Change::Full(document) = record.change else {
            return match upgrade::record(record, definition) {
                Ok(record) => Read::Counts(record),
                Err(unknown) => Read::DoesNotCount(vec![unknown.to_string()]),
            };
        };
        let valid = self.valid(document, definition).and_then(|document| {
            match upgrade::is_due(&document, definition) {
                true => self.upgraded(document, definition),
                false => Ok(document),
            }
        });
        match valid {
            Ok(document) => Read::Counts(Record { change: Change::Full(document), ..record }),
            Err(reasons) => Read::DoesNotCount(reasons),
        }
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

    /// The records of `entity` that count, from the folder of the day `from` on, and `known`
    /// ones, which are not read again.
    pub(crate) async fn history(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
        from: Option<Day>,
        known: &[Record],
    ) -> Result<Vec<Record>, Error> {
        let mut list = List {
            prefix: ObjectName::history_prefix(entity),
            start_offset: from.map(|day| ObjectName::history_offset(entity, day)),
            ..List::default()
        };
        let mut history = known.to_vec();
        loop {
            let page = self.tools.store.list(&list).await?;
            let unread = page.items.into_iter().filter_map(|item| {
                let Ok(ObjectName::History(name)) = ObjectName::parse(&item.name) else {
                    return None;
                };
                let relative = name.relative();
                let read = known.iter().any(|record| record.key.relative() == relative);
                (!read).then_some((name, item.created_at))
            });
            let unread: Vec<_> = unread.collect();
            for chunk in unread.chunks(READS_AT_ONCE) {
                let mut reads: Vec<BoxFuture<'_, Result<Read, Error>>> = Vec::new();
                for (name, created_at) in chunk {
                    reads.push(Box::pin(self.read(name, Some(*created_at), definition)));
                }
                // What does not count is quarantined by its own delivery.
                for read in join_all(reads).await {
                    if let Read::Counts(record) = read? {
                        history.push(record);
                    }
                }
            }
            forget_what_is_covered(&mut history);
            if history.len() > MERGES_MAX {
                let reason = "merges since the last full record: write a full one";
                let reason = format!("list history of {entity}: more than {MERGES_MAX} {reason}");
                return Err(Error::new(ErrorKind::Unusable, reason));
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(history),
            }
        }
    }
}

/// Drops whatever comes before the last full record or tombstone: the fold begins there.
fn forget_what_is_covered(history: &mut Vec<Record>) {
    let is_base = |record: &&Record| !matches!(record.change, Change::Merge(_));
    let base = history.iter().filter(is_base).map(|record| record.key.clone()).max();
    if let Some(base) = base {
        history.retain(|record| record.key >= base);
    }
}

/// The content of a record: decompressed where the name says so and the store has not done it.
fn content(name: &HistoryName, object: &store::Object) -> Result<Vec<u8>, String> {
    let compressed = name.file.ends_with(".gz") && object.body.starts_with(&[0x1f, 0x8b]);
    if !compressed {
        return match object.body.len() <= RECORD_BYTES_MAX {
            true => Ok(object.body.to_vec()),
            false => Err(too_large()),
        };
    }
    let mut content = Vec::new();
    let bound = RECORD_BYTES_MAX as u64 + 1;
    match MultiGzDecoder::new(&object.body[..]).take(bound).read_to_end(&mut content) {
        Ok(_) if content.len() <= RECORD_BYTES_MAX => Ok(content),
        Ok(_) => Err(too_large()),
        Err(err) => Err(format!("not gzip: {err}")),
    }
}

fn too_large() -> String {
    format!("a record has at most {RECORD_BYTES_MAX} bytes")
}
