//! The journal of a segment: which manifests have changed, hour by hour.

use std::time::Duration;

use domain::{Instant, ObjectName};
use store::List;

use crate::compactor::{JOURNAL_KEPT, before};
use crate::end::Stop;
use crate::gather::Target;
use crate::ids::Ids;
use crate::planted::Shortcut;

/// How long an hour of the journal is.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Whether there are entries that the next watermark leaves behind, and the one before did not.
    pub(crate) passed: bool,
    /// How many entries were deleted.
    pub(crate) deleted: usize,
}

impl Journal {
    /// Goes through the journal: takes up into `noted` what has changed since the hour of the
    /// watermark `from`, and deletes what that has left behind for [`JOURNAL_KEPT`]. One list.
    pub(crate) async fn walk(
        target: &Target<'_>,
        from: Option<Instant>,
        next: Instant,
        mut noted: Option<&mut Ids>,
    ) -> Result<Self, Stop> {
        let compactor = target.compactor;
        let at_once = compactor.planted.has(Shortcut::JournalDeletedAtOnce);
        let since = from.map(Instant::hour_text).unwrap_or_default();
        let next = next.hour_text();
        // An hour begins when its text says, and has ended an hour later.
        let over = from.map(|from| before(from, JOURNAL_KEPT + HOUR).hour_text());
        let prefix = format!("env/{}/manifests/{}/changes/", compactor.env, target.segment);
        let mut list = List { prefix, ..List::default() };
        let mut journal = Self::default();
        loop {
            let mut page = compactor.tools.store.list(&list).await?;
            let mut left = Vec::new();
            for item in page.items.drain(..) {
                let Ok(ObjectName::Journal { entity, hour }) = ObjectName::parse(&item.name) else {
                    continue;
                };
                if hour >= since {
                    journal.passed |= hour < next;
                    if let Some(noted) = &mut noted {
                        noted.push(&entity, item.generation)?;
                    }
                }
                if over.as_ref().is_some_and(|over| hour <= *over) || at_once {
                    left.push(item);
                }
            }
            journal.deleted += compactor.delete(&left).await?;
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(journal),
            }
        }
    }
}
