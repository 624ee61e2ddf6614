//! What somebody needs who keeps the changes, in order to bring them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Broker;
use crate::pubsub::change::{Change, Recorder};
use crate::pubsub::queue::Queue;
use crate::pubsub::state::Draft;

impl Broker {
    /// From here on every change is recorded first. Only the first recorder counts.
    pub(crate) fn record_to(&self, recorder: Arc<dyn Recorder>) {
        self.recorder.get_or_init(|| recorder);
    }

    /// The message that publishing this would make, and where it would go. Nothing is changed.
    pub(crate) fn plan_publish(
        &self,
        topic: &str,
        attributes: BTreeMap<String, String>,
        data: Bytes,
    ) -> Change {
        let draft = Draft { attributes, data, ordering_key: String::new() };
        let desk = self.desk();
        Change::Published(desk.state.publication(topic, draft, self.clock.now(), &self.chance))
    }

    /// Makes changes happen that are recorded elsewhere.
    pub(crate) fn apply(&self, changes: Vec<Change>) {
        let mut desk = self.desk();
        changes.into_iter().for_each(|change| desk.state.apply(change));
        drop(desk);
        self.changed.notify_waiters();
    }

    /// Makes recorded changes happen after a restart: what is not acknowledged is due at once.
    pub(crate) fn restore(&self, changes: Vec<Change>) {
        let mut desk = self.desk();
        changes.into_iter().for_each(|change| desk.state.apply(change));
        desk.state.queues.values_mut().for_each(Queue::hurry);
        drop(desk);
        self.changed.notify_waiters();
    }

    /// The shortest list of changes that recreates the present in an empty broker.
    #[cfg(test)]
    pub(crate) fn dump(&self) -> Vec<Change> {
        self.desk().state.dump()
    }

    /// Hands [`Broker::dump`] to `write` while nothing can change: what is recorded afterwards
    /// follows upon it. `write` must not call the broker.
    pub(crate) fn dump_to<T>(&self, write: impl FnOnce(&[Change]) -> T) -> T {
        let desk = self.desk();
        write(&desk.state.dump())
    }
}
