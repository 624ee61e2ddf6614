//! Topics and subscriptions: every notification once or more, in any order, until it is
//! acknowledged or dead-lettered. (Pub/Sub documentation, "Push subscriptions" and "Dead-letter
//! topics"; Cloud Storage documentation, "Pub/Sub notifications".)

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Instant;
use domain::limits::ACK_DEADLINE;
use emulator::{Message, Stored, notification};

use super::{BUCKET, Event, World};
use crate::fleet::{Answer, Function};
use crate::report::Fault;

/// A message in a subscription.
pub(super) struct Pending {
    pub(super) function: usize,
    pub(super) message: Message,
    pub(super) attempts: u32,
    pub(super) attempts_since_calm: u32,
    /// Pushes that are under way, and whether another is planned.
    pub(super) flying: usize,
    pub(super) planned: bool,
    pub(super) settled: bool,
}

/// One push.
pub(super) struct Attempt {
    pub(super) message: usize,
    pub(super) process: usize,
    pub(super) began_at: Instant,
    pub(super) future: Option<Answer<'static>>,
    pub(super) paused_until: Duration,
    /// It is cut off after so many writes.
    pub(super) doom: Option<u64>,
    /// Pub/Sub does not wait for it any more.
    pub(super) overdue: bool,
    pub(super) operations: u64,
}

impl World<'_> {
    /// Publishes that `stored` is finalized, to every function whose subscription takes it.
    pub(super) fn announce(&mut self, stored: &Stored, to: impl Fn(&Function) -> bool) {
        let payload = notification::payload(BUCKET, stored);
        for function in 0..self.functions.len() {
            let subscriber = &self.functions[function];
            if !subscriber.takes(&stored.name) || !to(subscriber) {
                continue;
            }
            let mut copies = 1;
            if self.dice.per_mille(self.mix.duplicates) {
                self.strike(Fault::Duplicate);
                copies = 2;
            }
            for _ in 0..copies {
                let message = self.message(stored, payload.clone());
                self.publish(function, message);
            }
        }
    }

    pub(super) fn message(&mut self, stored: &Stored, payload: Bytes) -> Message {
        let now = self.timeline.instant();
        let bare = self.dice.per_mille(self.mix.bare);
        let mut message = Message {
            message_id: String::new(),
            attributes: notification::attributes(
                BUCKET,
                1,
                &emulator::Event::finalized(stored),
                now,
            ),
            data: payload,
            published_at: now,
            ordering_key: String::new(),
        };
        if bare {
            message.attributes.clear();
        } else if self.dice.per_mille(self.mix.empty) {
            message.data = Bytes::new();
        }
        message
    }

    pub(super) fn publish(&mut self, function: usize, message: Message) {
        let mut delay = self.dice.millis(1, 60);
        if self.dice.per_mille(self.mix.delays) {
            self.strike(Fault::Delay);
            delay += self.dice.millis(1_000, 120_000);
        }
        self.enqueue(function, message, delay);
    }

    /// Puts a message into the subscription of `function`, to be pushed after `delay`.
    pub(super) fn enqueue(&mut self, function: usize, message: Message, delay: Duration) {
        let id = self.pending.len();
        let message = Message { message_id: id.to_string(), ..message };
        self.pending.push(Pending {
            function,
            message,
            attempts: 0,
            attempts_since_calm: 0,
            flying: 0,
            planned: false,
            settled: false,
        });
        self.plan_push(id, delay);
    }

    pub(super) fn plan_push(&mut self, message: usize, delay: Duration) {
        self.pending[message].planned = true;
        self.timeline.after(delay, Event::Push(message));
    }

    pub(super) fn push(&mut self, id: usize) {
        let attempt = self.attempts.len();
        let pending = &mut self.pending[id];
        pending.planned = false;
        if pending.settled {
            return;
        }
        pending.attempts += 1;
        pending.attempts_since_calm += u32::from(self.calm);
        pending.flying += 1;
        let overlaps = pending.flying > 1;
        let (function, number) = (pending.function, pending.attempts);
        let body = pending.message.push_body("simulated", Some(number)).into_bytes();
        let process = *self.dice.pick(&self.deployed[function]);
        let instance = Arc::clone(&self.processes[process].process);
        self.network.note(format_args!(
            "push #{attempt} to {} {process}: message {id}, attempt {number}, {} {}",
            self.functions[function].name,
            self.pending[id].message.object().unwrap_or("without attributes"),
            self.pending[id].message.attributes.get("objectGeneration").map_or("", |g| g),
        ));
        self.counts.pushes += 1;
        if overlaps {
            self.strike(Fault::Overlap);
        }
        self.attempts.push(Attempt {
            message: id,
            process,
            began_at: self.timeline.instant(),
            future: Some(Box::pin(async move { instance.push(&body).await })),
            paused_until: Duration::ZERO,
            doom: None,
            overdue: false,
            operations: 0,
        });
        // Nobody waits for a command as long as that and no longer.
        if !self.functions[function].is_job() {
            self.timeline.after(ACK_DEADLINE, Event::Deadline(attempt));
        }
        if self.dice.per_mille(self.mix.overlaps) {
            // Mostly while this one runs.
            let longest = *self.dice.pick(&[30, 300, 3_000]);
            let delay = self.dice.millis(1, longest);
            self.plan_push(id, delay);
        }
        self.wake(attempt);
    }

    pub(super) fn answered(&mut self, id: usize, status: u16) {
        self.network.note(format_args!("end #{id}: {status}"));
        if !self.attempts[id].overdue {
            self.ended(id, matches!(status, 102 | 200 | 201 | 202 | 204));
        }
    }

    /// A push has ended, in the eyes of Pub/Sub.
    pub(super) fn ended(&mut self, attempt: usize, acknowledged: bool) {
        let id = self.attempts[attempt].message;
        let pending = &mut self.pending[id];
        pending.flying -= 1;
        if acknowledged {
            let first = !pending.settled;
            pending.settled = true;
            if first && self.dice.per_mille(self.mix.replays) {
                self.strike(Fault::Replay);
                self.replay(id, 600_000);
            }
            return;
        }
        self.counts.nacks += 1;
        if pending.settled || pending.planned || pending.flying > 0 {
            return;
        }
        if u64::from(pending.attempts) >= self.mix.attempts_max {
            pending.settled = true;
            self.counts.dead_letters += 1;
            self.network.note(format_args!("message {id} is dead-lettered"));
            // Whoever drains the dead letters may do so more than once.
            for _ in 0..self.dice.between(1, 2) {
                let latest = *self.dice.pick(&[20_000, 3_600_000]);
                self.replay(id, latest);
            }
            return;
        }
        let doubled = 10_000_u64 << (pending.attempts - 1).min(6);
        let delay = self.dice.millis(1_000, doubled.min(600_000));
        self.plan_push(id, delay);
    }

    /// Publishes a message again, to the same subscription.
    pub(super) fn replay(&mut self, id: usize, delay_ms_max: u64) {
        let Pending { function, message, .. } = &self.pending[id];
        let (function, message) = (*function, message.clone());
        let delay = self.dice.millis(1_000, delay_ms_max);
        self.enqueue(function, message, delay);
    }

    pub(super) fn deadline(&mut self, id: usize) {
        let attempt = &mut self.attempts[id];
        if attempt.future.is_none() || attempt.overdue {
            return;
        }
        attempt.overdue = true;
        self.network.note(format_args!("overdue #{id}"));
        if self.dice.per_mille(500) {
            self.attempts[id].future = None;
        }
        self.ended(id, false);
    }

    pub(super) fn settled(&self) -> Result<(), String> {
        let Some(left) = self.pending.iter().find(|pending| !pending.settled) else {
            return Ok(());
        };
        Err(format!("a delivery about {:?} is never acknowledged", left.message.object()))
    }
}
