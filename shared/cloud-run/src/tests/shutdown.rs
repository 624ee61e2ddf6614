//! Callers that go away and servers that stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::Disposition;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::wire::{Server, receive, send};
use super::{Fake, Notes, RECORD, push, runner, until};
use crate::server::End;

/// Counts the futures of a handler that end, completed or not.
struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A handler that waits for a permit, and how many of its futures have ended.
fn gated() -> (Arc<Fake>, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (gate, ended) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inner, count) = (Arc::clone(&gate), Arc::clone(&ended));
    let handler = Fake::new(move |batch| {
        let (gate, ended) = (Arc::clone(&inner), Ended(Arc::clone(&count)));
        async move {
            gate.acquire().await.unwrap().forget();
            drop(ended);
            vec![Ok(Disposition::Done); batch.len()]
        }
    });
    (handler, gate, ended)
}

#[tokio::test]
async fn a_client_that_goes_away_blocks_nobody() {
    let (handler, gate, ended) = gated();
    let server = Server::start(runner(handler.clone(), Arc::new(Notes::default()))).await;
    let gone = send(server.address, "POST", "/", &push(RECORD)).await;
    until(|| handler.sizes() == [1]).await;
    let follower = send(server.address, "POST", "/", &push(RECORD)).await;
    drop(gone);
    // The handler is dropped with its caller, and called again for the one who stayed.
    until(|| ended.load(Ordering::Relaxed) == 1).await;
    until(|| handler.sizes() == [1, 1]).await;
    gate.add_permits(1);
    assert_eq!(receive(follower).await.0, 204);
    assert_eq!(ended.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_stopping_server_finishes_what_it_has_begun() {
    let (handler, gate, _) = gated();
    let server = Server::start(runner(handler.clone(), Arc::default())).await;
    let address = server.address;
    // A connection without a request must not hold it up.
    let idle = TcpStream::connect(address).await.unwrap();
    let running = send(address, "POST", "/", &push(RECORD)).await;
    until(|| handler.sizes() == [1]).await;
    let end = server.stop();
    loop {
        let Ok(refused) = TcpStream::connect(address).await else { break };
        drop(refused);
        tokio::task::yield_now().await;
    }
    assert!(!end.is_finished());
    gate.add_permits(1);
    assert_eq!(receive(running).await.0, 204);
    assert_eq!(end.await.unwrap(), End::Drained);
    drop(idle);
}

#[tokio::test]
async fn a_stopping_server_does_not_wait_for_ever() {
    let (handler, _gate, _) = gated();
    let grace = Duration::from_millis(1);
    let server = Server::start_with_grace(runner(handler.clone(), Arc::default()), grace).await;
    let running = send(server.address, "POST", "/", &push(RECORD)).await;
    until(|| handler.sizes() == [1]).await;
    assert_eq!(server.stop().await.unwrap(), End::Cut);
    drop(running);
}
