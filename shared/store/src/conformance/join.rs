//! Several operations at once.

use std::future::poll_fn;
use std::task::Poll;

use domain::BoxFuture;

/// Polls all of `futures` in one task until each has ended; the results in the same order.
pub async fn join_all<T: Unpin>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (future, result) in &mut running {
            let Some(polled) = future else { continue };
            match polled.as_mut().poll(context) {
                Poll::Ready(value) => (*future, *result) = (None, Some(value)),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, result)| result).collect()
}
