//! The pump: pushes what is due, and does what time does.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Broker, Desk};
use crate::pubsub::attempt::Attempt;
use crate::pubsub::change::Change;
use crate::pubsub::push::{self, Pushed};
use crate::pubsub::queue::Delivery;
use crate::pubsub::subscription::Subscription;

/// One push: to whom and what.
pub(super) struct Job {
    subscription: Arc<Subscription>,
    incarnation: u64,
    delivery: Delivery,
}

impl Broker {
    /// Pushes what is due, for ever.
    pub(super) async fn pump(self: Arc<Self>) {
        let mut pushes = JoinSet::new();
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            while pushes.try_join_next().is_some() {}
            let (jobs, wakes_at) = self.due();
            for job in jobs {
                let broker = self.clone();
                pushes.spawn(async move {
                    let Job { subscription, delivery, .. } = &job;
                    let now = broker.clock.now();
                    let pushed =
                        broker.pusher.push(subscription, delivery, &broker.signer, now).await;
                    broker.finish(&job, &pushed);
                });
            }
            match wakes_at {
                // Whether it is time or something changed: look again.
                Some(at) => drop(tokio::time::timeout_at(at, changed).await),
                None => changed.await,
            }
        }
    }

    /// What to push, and when to look again though nothing changes.
    fn due(&self) -> (Vec<Job>, Option<Instant>) {
        let mut desk = self.desk();
        self.pass_time(&mut desk);
        let now = Instant::now();
        let held = desk.held;
        let mut jobs = Vec::new();
        for queue in desk.state.queues.values_mut().filter(|it| it.subscription.push.is_some()) {
            // As many at once as the subscription allows.
            while !held && let Some(delivery) = queue.next_push(now) {
                let (subscription, incarnation) = (queue.subscription.clone(), queue.incarnation);
                jobs.push(Job { subscription, incarnation, delivery });
            }
        }
        let queues =
            desk.state.queues.values().filter(|it| !held || it.subscription.push.is_none());
        (jobs, queues.filter_map(|queue| queue.wakes_at()).min())
    }

    /// Ends what has come to the end of its time: retentions, snapshots, leases.
    pub(super) fn pass_time(&self, desk: &mut Desk) {
        let now = self.clock.now();
        let ended = desk.state.ended(now);
        // What cannot be recorded does not happen yet.
        drop(self.commit(desk, ended));
        let present = Instant::now();
        let queues = desk.state.queues.iter();
        let overdue: Vec<(String, String)> = queues
            .flat_map(|(name, queue)| {
                queue.overdue(present).into_iter().map(|message| (name.clone(), message))
            })
            .collect();
        for (subscription, message) in overdue {
            self.fail(desk, &subscription, &message);
        }
    }

    /// Plans and makes happen what follows from a delivery that failed. When that cannot be
    /// recorded, the message is tried again as if nobody had counted.
    pub(super) fn fail(&self, desk: &mut Desk, subscription: &str, message: &str) {
        let failure = desk.state.failure(subscription, message, self.clock.now(), &self.chance);
        if self.commit(desk, failure.into_iter().collect()).is_err() {
            put_back(desk, subscription, message);
        }
    }

    /// Records how a push ended, and acknowledges, delays or gives up the message.
    fn finish(&self, job: &Job, pushed: &Pushed) {
        let Job { subscription, incarnation, delivery } = job;
        let Delivery { number, message, attempt } = delivery;
        let Pushed { status, elapsed } = *pushed;
        let mut desk = self.desk();
        desk.remember(Attempt::of(&subscription.name, message, *attempt, status, elapsed));
        let name = subscription.full_name();
        let queue = desk.state.queues.get_mut(&name);
        if let Some(queue) = queue.filter(|queue| queue.incarnation == *incarnation) {
            queue.pushes -= 1;
            let decides = queue.is_pushed(*number);
            let message = message.message_id.clone();
            match decides {
                // Meanwhile it was acknowledged in another way, or sought.
                false => (),
                true if push::is_acknowledged(status) => {
                    let messages = vec![message.clone()];
                    let change = Change::Acknowledged { subscription: name.clone(), messages };
                    if self.commit(&mut desk, vec![change]).is_err() {
                        put_back(&mut desk, &name, &message);
                    }
                }
                true => self.fail(&mut desk, &name, &message),
            }
        }
        drop(desk);
        self.changed.notify_waiters();
    }
}

fn put_back(desk: &mut Desk, subscription: &str, message: &str) {
    let Some(queue) = desk.state.queues.get_mut(subscription) else { return };
    let Some((number, attempts)) = queue.open(message).map(|(n, held)| (n, held.attempts)) else {
        return;
    };
    let delay = queue.subscription.backoff(attempts + 1).max(super::deliver::UNRECORDED_DELAY);
    queue.put_back(number, delay);
}
