//! When each segment was last compacted, and whether changes wait for it.

use std::time::Duration;

use domain::{Instant, ObjectName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projection::shard_index::ShardIndex;
use serde_json::{Value, json};
use store::List;

use super::{Check, State};
use crate::{Operator, Problem};

/// A change that no compaction has gathered for longer needs a person: they run hourly, and leave out
/// the hour that is not over.
const WAIT_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// How many segments are looked at at the same time.
const AT_ONCE: usize = 16;

/// One segment: until when everything is in its shards, and the hour of the oldest change that may
/// not be.
struct Segment {
    name: String,
    watermark: Option<Instant>,
    oldest: Option<String>,
}

/// One read and one page for each segment.
pub(super) async fn check(operator: &Operator<'_>) -> Result<Check, Problem> {
    let segments: Vec<String> =
        operator.tools.definitions.entities().map(|it| it.segment.clone()).collect();
    let looks = segments.into_iter().map(|segment| look(operator, segment));
    let looks: Vec<Segment> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let now = operator.tools.clock.now();
    let is_late = |it: &&Segment| {
        let hour = it.oldest.as_ref().and_then(|hour| Instant::parse(&format!("{hour}:00:00Z")));
        hour.is_some_and(|hour| hour.after(WAIT_MAX) < now)
    };
    let since = |it: &Segment| it.watermark.map_or("never".to_owned(), |at| at.to_string());
    let late = looks.iter().filter(is_late);
    let lines: Vec<String> = late
        .map(|it| {
            let oldest = it.oldest.as_deref().unwrap_or_default();
            let name = &it.name;
            format!("{name}: compacted until {}, changes wait since {oldest}", since(it))
        })
        .collect();
    let detail: Vec<Value> = looks
        .iter()
        .map(|it| {
            let until = it.watermark.map(|at| at.to_string());
            json!({"segment": it.name, "compacted_until": until, "oldest_change": it.oldest})
        })
        .collect();
    let (state, says) = match lines.len() {
        0 => {
            let oldest = looks.iter().filter_map(|it| it.watermark).min();
            let compacted = looks.iter().filter(|it| it.watermark.is_some()).count();
            let until = oldest.map_or(String::new(), |at| format!(", all until {at}"));
            (State::Well, format!("{compacted} of {} segments compacted{until}", looks.len()))
        }
        some => (State::Look, format!("{some} segments wait: run manifest-compactor, see its job")),
    };
    Ok(Check::new("compaction", state, says, detail.into()).with(lines))
}

async fn look(operator: &Operator<'_>, segment: String) -> Result<Segment, Problem> {
    let (env, store) = (operator.env, &operator.tools.store);
    let index = ObjectName::ShardIndex { env, segment: segment.clone() }.to_string();
    let index = store.get(&index, None).await?;
    let watermark = index.and_then(|it| ShardIndex::read(&it.body)).map(|it| it.watermark);
    let prefix = format!("env/{env}/manifests/{segment}/changes/");
    // Changes of an hour before that of the watermark are in the shards.
    let hour = watermark.map(|at| at.to_string().chars().take(HOUR_CHARS).collect::<String>());
    let start_offset = hour.map(|hour| format!("{prefix}{hour}"));
    let page = store.list(&List { prefix, start_offset, ..List::default() }).await?;
    let oldest = page.items.into_iter().find_map(|item| match ObjectName::parse(&item.name) {
        Ok(ObjectName::Journal { hour, .. }) => Some(hour),
        _ => None,
    });
    Ok(Segment { name: segment, watermark, oldest })
}

/// `yyyy-mm-ddThh`
const HOUR_CHARS: usize = 13;
