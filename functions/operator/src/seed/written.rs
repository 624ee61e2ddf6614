//! What runs on the same folder have written of an entity, where its snapshot may not have it.

use domain::{Instant, ObjectName, OrderKey};
use store::List;

use crate::append::Current;
use crate::{Operator, Problem};

/// The first characters of a ULID are its time.
const TIME_CHARS: usize = 10;

/// The newest records of an entity by their names, which are ours.
pub(super) struct Written {
    /// When it is dated, and its id.
    records: Vec<(Instant, String)>,
}

impl Written {
    /// Those in the folders of the day of `since` and later: a list, mostly of one page.
    pub(super) async fn since(
        operator: &Operator<'_>,
        current: &Current<'_>,
        since: Instant,
    ) -> Result<Self, Problem> {
        let mut list = List {
            prefix: ObjectName::history_prefix(&current.entity),
            start_offset: Some(ObjectName::history_offset(&current.entity, since.day())),
            ..List::default()
        };
        let mut records = Vec::new();
        loop {
            let page = operator.tools.store.list(&list).await?;
            records.extend(page.items.iter().filter_map(|item| {
                let Ok(ObjectName::History(name)) = ObjectName::parse(&item.name) else {
                    return None;
                };
                let dated_at = Instant::parse(name.timestamp()?)?;
                (dated_at >= since).then(|| (dated_at, name.record_id().to_owned()))
            }));
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => break,
            }
        }
        records.sort();
        Ok(Self { records })
    }

    /// When the last of them is dated.
    pub(super) fn last(&self) -> Option<Instant> {
        self.records.last().map(|(dated_at, _)| *dated_at)
    }

    /// Whether the document with `record_id` in this run is the last that this run has written,
    /// whatever others have written after it.
    pub(super) fn has_in_this_run(&self, record_id: &str) -> bool {
        let (time, _) = record_id.split_at(TIME_CHARS);
        let ours = self.records.iter().rfind(|(_, id)| id.starts_with(time));
        ours.is_some_and(|(_, id)| id == record_id)
    }

    /// Whether it is, in whatever run, the last of all records, which the snapshot, whose newest record
    /// is `newest`, does not have yet.
    pub(super) fn has_last(&self, record_id: &str, newest: Option<&OrderKey>) -> bool {
        let (_, digest) = record_id.split_at(TIME_CHARS);
        let unfolded = |at: Instant| newest.is_none_or(|newest| at > newest.updated_at);
        self.records.last().is_some_and(|(at, id)| unfolded(*at) && id.ends_with(digest))
    }
}
