//! All entities of a segment, as a reader finds them: shards, and what the journal has noted since.
//!
//! The index of the shards is read first and again last. Between the two a compaction can only have
//! brought shards further along; but once the index is another, shards of its count may be gone and
//! the journal that goes with them deleted, so that the reader begins anew. (ADR 13.)

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::ATTEMPTS_MAX;
use domain::{EntityRef, Env, Generation, ObjectName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projection::shard::{self, Lines, ShardCount};
use projection::shard_index::ShardIndex;
use store::{ErrorKind, List, Tools};

use crate::{Operator, Problem};

/// How many objects are read at the same time.
const READS_AT_ONCE: usize = 32;

/// The most bytes of lines that are held: a reader prints nothing before it has read the index
/// again.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Whether a line is wanted.
pub(crate) type Wanted<'a> = dyn Fn(&str) -> bool + Sync + 'a;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The line of each entity that is not deleted and is wanted, by id.
    pub(crate) lines: BTreeMap<String, String>,
    /// Manifests that cannot be read, and why. Their lines are those of the shards.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Whether there are shards. Without them every manifest is read.
    pub(crate) compacted: bool,
    /// How many manifests were read because they have changed since.
    pub(crate) changed: usize,
    /// The bytes of the lines.
    held: usize,
}

/// Reads a listing: 2 B for the index, 1 B for each shard and each manifest that the journal names
/// since the hour of the watermark, 1 A for each thousand of its entries.
///
/// # Errors
///
/// When the bucket cannot be read, a shard is none, or the index changes again and again.
pub(crate) async fn read(
    operator: &Operator<'_>,
    segment: &str,
    wanted: &Wanted<'_>,
) -> Result<Listing, Problem> {
    let reader = Reader { tools: &operator.tools, env: operator.env, segment, wanted };
    for _ in 0..ATTEMPTS_MAX {
        let (index, generation) = reader.index().await?;
        let listing = reader.once(operator, index).await?;
        if reader.index().await?.1 == generation {
            return Ok(listing);
        }
    }
    Err(Problem::new(format!(
        "the shards of {segment} were compacted {ATTEMPTS_MAX} times while they were read: run it \
         again when no compaction is under way"
    )))
}

struct Reader<'a> {
    tools: &'a Tools,
    env: Env,
    segment: &'a str,
    wanted: &'a Wanted<'a>,
}

impl Reader<'_> {
    /// The index, and which version of it.
    async fn index(&self) -> Result<(Option<ShardIndex>, Option<Generation>), Problem> {
        let name = ObjectName::ShardIndex { env: self.env, segment: self.segment.to_owned() };
        let name = name.to_string();
        let Some(object) = self.tools.store.get(&name, None).await? else {
            return Ok((None, None));
        };
        let index = ShardIndex::read(&object.body)
            .ok_or_else(|| self.not_ours(&name, "it has no count or no watermark"))?;
        Ok((Some(index), Some(object.generation)))
    }

    /// What a compaction writes anew.
    fn not_ours(&self, name: &str, why: &str) -> Problem {
        let segment = self.segment;
        Problem::new(format!(
            "{name} is no shard or index of ours ({why}): `manifest-compactor --full --segment \
             {segment}` writes it anew"
        ))
    }

    async fn once(
        &self,
        operator: &Operator<'_>,
        index: Option<ShardIndex>,
    ) -> Result<Listing, Problem> {
        let mut listing = Listing { compacted: index.is_some(), ..Listing::default() };
        let ids = match index {
            Some(index) => {
                self.shards(operator, index.count, &mut listing).await?;
                self.changed(Some(&index)).await?
            }
            None => self.changed(None).await?,
        };
        listing.changed = ids.len();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut reads = stream::iter(ids.iter().map(|id| self.manifest(id)));
        let mut reads = reads.by_ref().buffered(READS_AT_ONCE);
        let mut read = 0;
        while let Some((id, line)) = reads.try_next().await? {
            match line {
                Ok(line) => listing.set(&id, line.filter(|line| (self.wanted)(line)))?,
                Err(why) => listing.unreadable.push((id, why)),
            }
            read += 1;
            let now = self.tools.clock.now();
            operator.screen.progress(now, || format!("{read} of {} manifests read", ids.len()));
        }
        Ok(listing)
    }

    async fn shards(
        &self,
        operator: &Operator<'_>,
        count: ShardCount,
        listing: &mut Listing,
    ) -> Result<(), Problem> {
        let names = (0..count.number())
            .map(|shard| ObjectName::Shard(count.name(self.env, self.segment, shard)).to_string());
        let store = &self.tools.store;
        let mut reads = stream::iter(names)
            .map(|name| async move { store.get(&name, None).await.map(|object| (name, object)) })
            .buffered(READS_AT_ONCE);
        let mut read = 0;
        while let Some((name, object)) = reads.try_next().await? {
            read += 1;
            let now = self.tools.clock.now();
            operator.screen.progress(now, || format!("{read} of {} shards read", count.number()));
            let Some(object) = object else { continue };
            let lines = Lines::read(&object.body, &object.metadata);
            let lines = lines.map_err(|why| self.not_ours(&name, &why))?;
            for (id, line) in lines.each().filter(|(_, line)| (self.wanted)(line)) {
                listing.set(id, Some(line.to_owned()))?;
            }
        }
        Ok(())
    }

    /// The ids that the journal names since the hour of the watermark; all where there is no index.
    async fn changed(&self, index: Option<&ShardIndex>) -> Result<BTreeSet<String>, Problem> {
        let folder = format!("env/{}/manifests/{}/", self.env, self.segment);
        let mut list = match index {
            Some(index) => {
                let prefix = format!("{folder}changes/");
                let since = format!("{prefix}{}/", index.watermark.hour_text());
                List { prefix, start_offset: Some(since), ..List::default() }
            }
            None => List { prefix: format!("{folder}by-id/"), ..List::default() },
        };
        let mut ids = BTreeSet::new();
        loop {
            let page = self.tools.store.list(&list).await?;
            ids.extend(page.items.iter().filter_map(|item| match ObjectName::parse(&item.name) {
                Ok(ObjectName::Journal { entity, .. } | ObjectName::Manifest(entity)) => {
                    Some(entity.id)
                }
                _ => None,
            }));
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(ids),
            }
        }
    }

    /// The line that the manifest of `id` makes now, or why it makes none.
    async fn manifest(
        &self,
        id: &str,
    ) -> Result<(String, Result<Option<String>, String>), store::Error> {
        let entity =
            EntityRef { env: self.env, segment: self.segment.to_owned(), id: id.to_owned() };
        let name = ObjectName::Manifest(entity).to_string();
        let line = match self.tools.store.get(&name, None).await {
            Ok(Some(object)) => shard::of_manifest(id, &object.body),
            Ok(None) => Ok(None),
            Err(err) if err.kind == ErrorKind::Unusable => Err(err.to_string()),
            Err(err) => return Err(err),
        };
        Ok((id.to_owned(), line))
    }
}

impl Listing {
    fn set(&mut self, id: &str, line: Option<String>) -> Result<(), Problem> {
        let added = line.as_ref().map_or(0, String::len);
        let before = match line {
            Some(line) => self.lines.insert(id.to_owned(), line),
            None => self.lines.remove(id),
        };
        self.held = self.held + added - before.map_or(0, |before| before.len());
        if self.held > HELD_BYTES_MAX {
            return Err(Problem::new(format!(
                "the listing takes more than {HELD_BYTES_MAX} bytes: say what is wanted with \
                 --where, or read the shards one by one (docs/compaction.md)"
            )));
        }
        Ok(())
    }
}
