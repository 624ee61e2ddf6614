//! Work that is done several pieces at a time.
//!
//! A function of its own, with boxed pieces: a stream of them in the middle of another future makes
//! that one's lifetimes too hard for the compiler to see that it can be sent.

use domain::BoxFuture;
use futures_util::{StreamExt as _, stream};

/// Does the pieces, `at_once` at a time; what they say, in their order. The first that fails ends
/// the others.
///
/// # Errors
///
/// The first of a piece.
pub async fn in_turn<T: Send, E: Send>(
    pieces: Vec<BoxFuture<'_, Result<T, E>>>,
    at_once: usize,
) -> Result<Vec<T>, E> {
    let mut done = Vec::with_capacity(pieces.len());
    let mut pieces = stream::iter(pieces).buffered(at_once);
    while let Some(piece) = pieces.next().await {
        done.push(piece?);
    }
    Ok(done)
}
