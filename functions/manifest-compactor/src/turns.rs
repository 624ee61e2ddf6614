//! Work that is done several pieces at a time.

use domain::BoxFuture;
use futures_util::{StreamExt as _, stream};

use crate::end::Stop;

/// How many pieces are prepared together: each takes memory before it begins.
pub(crate) const PREPARED_MAX: usize = 64;

/// Does the pieces, `at_once` at a time; what they say, in their order. The first that stops ends
/// the others.
pub(crate) async fn in_turn<T: Send>(
    pieces: Vec<BoxFuture<'_, Result<T, Stop>>>,
    at_once: usize,
) -> Result<Vec<T>, Stop> {
    let mut done = Vec::with_capacity(pieces.len());
    let mut pieces = stream::iter(pieces).buffered(at_once);
    while let Some(piece) = pieces.next().await {
        done.push(piece?);
    }
    Ok(done)
}
