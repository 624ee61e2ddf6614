//! One write, to its end.

use bytes::Bytes;
use domain::limits::ATTEMPTS_MAX;
use store::{ErrorKind, Metadata, Precondition, Tools};

use crate::end::Stop;

/// Writes `name` under what was read. Where somebody was first, the run stops; unless it was this
/// very write, whose answer was lost, or one of the same bytes.
pub(crate) async fn write(
    tools: &Tools,
    name: &str,
    body: Bytes,
    metadata: &Metadata,
    precondition: Precondition,
) -> Result<(), Stop> {
    for _ in 0..ATTEMPTS_MAX {
        match tools.store.put(name, body.clone(), metadata, precondition).await {
            Ok(_) => return Ok(()),
            Err(err) if err.kind == ErrorKind::Throttled => tools.pause_after_throttling().await,
            Err(err) if err.kind == ErrorKind::Conflict => {
                let found = tools.store.get(name, None).await?;
                let same = found.is_some_and(|it| it.body == body && it.metadata == *metadata);
                return if same { Ok(()) } else { Err(Stop::Ahead(name.to_owned())) };
            }
            Err(err) => return Err(err.into()),
        }
    }
    Err(Stop::problem(format!("put {name}: the store asks to slow down; run it again later")))
}
