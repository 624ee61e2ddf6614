//! The shard index of a segment, as it is stored.

use domain::ObjectName;
use projection::shard_index::ShardIndex;
use store::{Object, Precondition};

use crate::compactor::Compactor;
use crate::end::Stop;
use crate::write::write;

/// What was read.
pub(crate) struct Known {
    stored: Option<Object>,
    /// What it says. None where it is missing, or is no shard index: everything is compacted anew
    /// then.
    pub(crate) index: Option<ShardIndex>,
}

impl Known {
    /// Reads the index of `segment`. One read.
    pub(crate) async fn read(compactor: &Compactor<'_>, segment: &str) -> Result<Self, Stop> {
        let stored = compactor.tools.store.get(&name(compactor, segment), None).await?;
        let index = stored.as_ref().and_then(|it| ShardIndex::read(&it.body));
        Ok(Self { stored, index })
    }

    /// Writes `next` in its place. One insert.
    pub(crate) async fn swap(
        &self,
        compactor: &Compactor<'_>,
        segment: &str,
        next: &ShardIndex,
    ) -> Result<(), Stop> {
        let metadata = compactor.tools.version.metadata();
        let precondition = Precondition::unchanged(self.stored.as_ref());
        let name = name(compactor, segment);
        write(&compactor.tools, &name, next.body().into(), &metadata, precondition).await
    }
}

fn name(compactor: &Compactor<'_>, segment: &str) -> String {
    ObjectName::ShardIndex { env: compactor.env, segment: segment.to_owned() }.to_string()
}
