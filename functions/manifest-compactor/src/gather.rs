//! One shard: read, brought in agreement with its sources, and written if it has changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{BoxFuture, EntityRef, Generation};
use job::in_turn;
use projection::shard::{Lines, SEEN, ShardCount, fingerprint};
use store::{CONTENT_BYTES_MAX, ErrorKind, Object, Precondition};

use crate::compactor::Compactor;
use crate::compactor::PREPARED_MAX;
use crate::end::Stop;
use crate::planted::Shortcut;
use crate::what::What;
use crate::write::write;

/// How many sources of one shard are read at the same time.
const READS_AT_ONCE: usize = 16;

/// The shards of one segment.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) compactor: &'a Compactor<'a>,
    pub(crate) what: What,
    pub(crate) segment: &'a str,
    pub(crate) count: ShardCount,
}

/// How one shard went.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// How many sources were read.
    pub(crate) read: usize,
    /// Whether it was written.
    pub(crate) written: bool,
    /// Sources that cannot be read, and why.
    pub(crate) rejected: BTreeMap<String, String>,
}

/// A source as it was read.
struct Source<'a> {
    id: &'a str,
    /// The version; none where there is no source.
    version: Option<u64>,
    /// Its line, or why it cannot be read.
    line: Result<Option<String>, String>,
}

impl Target<'_> {
    /// Brings the shard in agreement with `ids`: all entities that have a source in it, listed
    /// after the shard was. Those sources are read whose versions it has not seen.
    pub(crate) async fn all(
        &self,
        shard: usize,
        listed: Option<Generation>,
        ids: &[(String, u64)],
        anew: bool,
    ) -> Result<Gathered, Stop> {
        let name = self.name(shard);
        let any = self.compactor.planted.has(Shortcut::ListedShardNotCompared);
        let stored = match listed {
            Some(generation) => match self.compactor.tools.store.get(&name, None).await? {
                Some(object) if object.generation == generation || any => Some(object),
                _ => return Err(Stop::Ahead(name)),
            },
            None => None,
        };
        // What is no shard of ours is made anew.
        let read = stored.as_ref().map(|it| Lines::read(&it.body, &it.metadata));
        let mut lines = read.and_then(Result::ok).unwrap_or_default();
        let named: Vec<&str> = ids.iter().map(|(id, _)| id.as_str()).collect();
        if !self.compactor.planted.has(Shortcut::LinesOfTheMissingKept) {
            lines.retain(&named);
        }
        let seen = lines.seen();
        let unseen = ids.iter().filter(|(_, version)| !seen.contains(version));
        let unseen: Vec<&str> = unseen.map(|(id, _)| id.as_str()).collect();
        let sources = self.read(&unseen).await?;
        let mut gathered = Gathered { read: sources.len(), ..Gathered::default() };
        let mut versions: BTreeMap<&str, u64> =
            ids.iter().map(|(id, version)| (id.as_str(), *version)).collect();
        for source in sources {
            match self.set(&mut lines, &source, &mut gathered) {
                Some(version) => drop(versions.insert(source.id, version)),
                None => drop(versions.remove(source.id)),
            }
        }
        lines.forget();
        lines.see(versions.into_values());
        gathered.written = self.write(&name, stored.as_ref(), &lines, anew).await?;
        Ok(gathered)
    }

    /// Brings in agreement what the shard says of `ids`, whatever their versions are.
    pub(crate) async fn some(&self, shard: usize, ids: &[(String, u64)]) -> Result<Gathered, Stop> {
        let name = self.name(shard);
        let ids: Vec<&str> = ids.iter().map(|(id, _)| id.as_str()).collect();
        let (stored, sources) = match self.compactor.planted.has(Shortcut::ShardReadLast) {
            true => {
                let sources = self.read(&ids).await?;
                (self.compactor.tools.store.get(&name, None).await?, sources)
            }
            false => (self.compactor.tools.store.get(&name, None).await?, self.read(&ids).await?),
        };
        let mut lines = match stored.as_ref().map(|it| Lines::read(&it.body, &it.metadata)) {
            None => Lines::default(),
            Some(Ok(lines)) => lines,
            Some(Err(why)) => {
                return Err(Stop::problem(format!(
                    "{name} is no shard of ours ({why}): `manifest-compactor --full --segment {}` \
                     writes it anew",
                    self.segment
                )));
            }
        };
        let mut gathered = Gathered { read: sources.len(), ..Gathered::default() };
        let versions: Vec<u64> =
            sources.iter().filter_map(|it| self.set(&mut lines, it, &mut gathered)).collect();
        lines.see(versions);
        gathered.written = self.write(&name, stored.as_ref(), &lines, false).await?;
        Ok(gathered)
    }

    /// Takes a source over; its version, if that is seen now.
    fn set(&self, lines: &mut Lines, source: &Source<'_>, gathered: &mut Gathered) -> Option<u64> {
        match &source.line {
            Ok(line) => {
                lines.set(source.id, line.clone());
                source.version
            }
            Err(why) => {
                gathered.rejected.insert(source.id.to_owned(), why.clone());
                let noted = self.compactor.planted.has(Shortcut::UnreadableNotedAsSeen);
                source.version.filter(|_| noted)
            }
        }
    }

    /// Reads the sources of `ids`, several at a time.
    async fn read<'i>(&self, ids: &[&'i str]) -> Result<Vec<Source<'i>>, Stop> {
        let mut sources = Vec::with_capacity(ids.len());
        for some in ids.chunks(PREPARED_MAX) {
            let reads = some
                .iter()
                .map(|id| -> BoxFuture<'_, Result<Source<'i>, Stop>> { Box::pin(self.source(id)) });
            sources.extend(in_turn(reads.collect(), READS_AT_ONCE).await?);
        }
        Ok(sources)
    }

    async fn source<'i>(&self, id: &'i str) -> Result<Source<'i>, Stop> {
        let segment = self.segment.to_owned();
        let entity = EntityRef { env: self.compactor.env, segment, id: id.to_owned() };
        let name = self.what.source(entity).to_string();
        match self.compactor.tools.store.get(&name, None).await {
            Ok(None) => Ok(Source { id, version: None, line: Ok(None) }),
            Ok(Some(object)) => {
                let version = Some(fingerprint(id, object.generation));
                Ok(Source { id, version, line: self.what.line(id, &object) })
            }
            Err(err) if err.kind == ErrorKind::Unusable => {
                Ok(Source { id, version: None, line: Err(err.to_string()) })
            }
            Err(err) => Err(err.into()),
        }
    }

    /// Writes what has changed. An empty shard that is not there stays away.
    async fn write(
        &self,
        name: &str,
        stored: Option<&Object>,
        lines: &Lines,
        anew: bool,
    ) -> Result<bool, Stop> {
        let body = lines.body();
        let unchanged = stored.map_or(body.is_empty(), |it| !anew && it.body == body);
        if unchanged {
            return Ok(false);
        }
        if body.len() > CONTENT_BYTES_MAX {
            let more = self.count.next().map_or_else(
                || "there can be no more shards".to_owned(),
                |it| format!("--full --shards {} makes them smaller", it.number()),
            );
            return Err(Stop::problem(format!(
                "{name} would have {} bytes, {CONTENT_BYTES_MAX} at most: {more}",
                body.len()
            )));
        }
        let tools = &self.compactor.tools;
        let mut metadata = tools.version.metadata();
        metadata.insert(SEEN.to_owned(), lines.seen_text());
        let precondition = Precondition::unchanged(stored);
        match write(tools, name, Bytes::from(body), &metadata, precondition).await {
            Err(Stop::Ahead(_)) if self.compactor.planted.has(Shortcut::ConflictTakenForDone) => {
                Ok(true)
            }
            written => written.map(|()| true),
        }
    }

    fn name(&self, shard: usize) -> String {
        let name = self.count.name(self.compactor.env, self.segment, shard);
        self.what.target(name).to_string()
    }
}
