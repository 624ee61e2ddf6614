//! The whole on loopback: buckets, their notifications, and the pushes these end in.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock as _, Generation, Instant};
use store::Operations;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::http::{self, Fault, Faults, InstructionError, Instructions, Service};
use crate::notification::{self, Notification};
use crate::pubsub::{Attempt, Broker, Message, Outstanding, Subscription};
use crate::{Memory, Stored, SystemClock, checksum};

/// What an emulator does differently from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides generations and message ids.
    pub seed: u64,
    /// Requests that fail; none when missing.
    pub faults: Option<Faults>,
    /// Pushes in a seeded disorder, with small delays, instead of in the order of publication.
    pub shuffle: Option<u64>,
    /// How many messages, with different ids, each notification becomes; at least 1.
    pub repeat: u32,
}

impl Default for Options {
    /// Calm: in order, once, without faults.
    fn default() -> Self {
        Self { seed: 0, faults: None, shuffle: None, repeat: 1 }
    }
}

/// Cloud Storage and Pub/Sub push on one loopback port. Dropped, it ends at once.
pub struct Emulator {
    address: SocketAddr,
    service: Arc<Service>,
    hub: Arc<Hub>,
    seed: u64,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Listens on a free port of 127.0.0.1, on the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(options.faults));
        let hub = Arc::new(Hub {
            broker: Broker::new(options.seed, options.shuffle),
            notifications: Mutex::default(),
            chance: Chance::new(options.seed),
            repeat: options.repeat.max(1),
        });
        let server = tokio::spawn(http::serve(listener, service.clone()));
        Ok(Self { address, service, hub, seed: options.seed, server })
    }

    /// The value for `STORAGE_EMULATOR_HOST`: `http://127.0.0.1:{port}`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An empty bucket, or the one that is there.
    pub fn create_bucket(&self, name: &str) -> Arc<Memory> {
        let seed = self.seed;
        let hub = self.hub.clone();
        let bucket = name.to_owned();
        self.service.bucket_or(name, || {
            let memory = Memory::new(name, Arc::new(SystemClock), seed);
            memory.on_finalize(Box::new(move |stored| hub.announce(&bucket, stored)));
            memory
        })
    }

    /// Publishes every object of `bucket` that is finalized from here on to a topic.
    pub fn notify(&self, bucket: &str, notification: Notification) {
        let mut notifications =
            self.hub.notifications.lock().unwrap_or_else(PoisonError::into_inner);
        notifications.entry(bucket.to_owned()).or_default().push(notification);
    }

    /// Pushes every message that is published to a topic from here on.
    pub fn subscribe(&self, subscription: Subscription) {
        self.hub.broker.subscribe(subscription);
    }

    /// Lets messages gather: nothing is pushed until [`Emulator::release`]. What is in flight
    /// already ends as it would.
    pub fn hold(&self) {
        self.hub.broker.hold(true);
    }

    /// Pushes again, what has gathered first.
    pub fn release(&self) {
        self.hub.broker.hold(false);
    }

    /// Completes when no message waits or is in flight in any subscription.
    ///
    /// Whoever writes an object and then calls this has waited for everything that follows from
    /// the write.
    ///
    /// # Errors
    ///
    /// What is left when `timeout` has passed.
    pub async fn settled(&self, timeout: Duration) -> Result<(), Outstanding> {
        self.hub.broker.settled(timeout).await
    }

    /// Every push so far, in the order in which they ended.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.hub.broker.attempts()
    }

    /// What came to `topic` because it was never acknowledged, in order.
    pub fn dead_letters(&self, topic: &str) -> Vec<Message> {
        self.hub.broker.dead_letters(topic)
    }

    /// Publishes any message, as any client may; returns its id.
    pub fn publish(
        &self,
        topic: &str,
        attributes: BTreeMap<String, String>,
        data: Bytes,
    ) -> String {
        self.hub.broker.publish(topic, attributes, data)
    }

    /// Notifies of an object of `bucket` once more, as Cloud Storage may at any time: of the
    /// version `generation`, or the live one. If there is no such version, of one that is gone.
    pub fn announce(&self, bucket: &str, name: &str, generation: Option<Generation>) {
        let memory = self.create_bucket(bucket);
        let stored = memory.find(name, generation).unwrap_or_else(|| gone(name, generation));
        self.hub.announce(bucket, &stored);
    }

    /// From here on so many of a thousand requests fail; 0 is calm.
    pub fn set_fault_rate(&self, per_mille: u16) {
        self.service.faults.set_rate(per_mille);
    }

    /// The next request to Cloud Storage fails in this way. Further calls add further requests, up
    /// to a bound that no test needs.
    pub fn fail_next(&self, fault: Fault) {
        self.service.faults.plan(fault);
    }

    /// The next requests of `method`, a method of the JSON API such as `storage.objects.get`,
    /// fail as these instructions say, one each and in order, for as long as the result is kept.
    /// An instruction that does not fit a request waits for the next one.
    ///
    /// The instructions are those of Google's retry conformance tests and ours; a client can give
    /// the same ones over HTTP, for the requests that it marks. ([`InstructionError`] lists them.)
    ///
    /// # Errors
    ///
    /// A method or an instruction that is none, or that do not go together.
    pub fn instruct(
        &self,
        method: &str,
        instructions: &[impl AsRef<str>],
    ) -> Result<Instructions, InstructionError> {
        let texts: Vec<_> = instructions.iter().map(|text| text.as_ref().to_owned()).collect();
        self.service.faults.instruct(method, &texts)
    }

    /// The requests that arrived over HTTP so far, by class, those that failed included.
    pub fn requests(&self) -> Operations {
        self.service.operations()
    }

    /// Closes every connection and ends every push.
    pub async fn stop(mut self) {
        self.server.abort();
        // It was cancelled a line above; that is all this can tell.
        drop((&mut self.server).await);
        self.hub.broker.stop().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
        self.hub.broker.abort();
    }
}

/// Between buckets and topics.
struct Hub {
    broker: Arc<Broker>,
    notifications: Mutex<BTreeMap<String, Vec<Notification>>>,
    chance: Chance,
    repeat: u32,
}

impl Hub {
    /// Publishes `stored` to the topic of every notification that it matches.
    fn announce(&self, bucket: &str, stored: &Stored) {
        let notifications = self.notifications.lock().unwrap_or_else(PoisonError::into_inner);
        let notifications = notifications.get(bucket).cloned().unwrap_or_default();
        for (number, Notification { topic, object_name_prefix }) in notifications.iter().enumerate()
        {
            if !stored.name.starts_with(object_name_prefix.as_str()) {
                continue;
            }
            let data = notification::payload(bucket, stored);
            for _ in 0..self.repeat {
                let attributes =
                    notification::attributes(bucket, number + 1, stored, self.event_at());
                self.broker.publish(topic, attributes, data.clone());
            }
        }
    }

    /// The present, and some microseconds that no clock here tells.
    fn event_at(&self) -> Instant {
        SystemClock.now().after(Duration::from_micros(self.chance.below(1000)))
    }
}

/// A version that was there once and of which nothing is left.
fn gone(name: &str, generation: Option<Generation>) -> Stored {
    Stored {
        name: name.to_owned(),
        body: Bytes::new(),
        generation: generation.unwrap_or(Generation(1)),
        metageneration: 1,
        metadata: BTreeMap::new(),
        content_type: "application/octet-stream".to_owned(),
        content_encoding: None,
        crc32c: checksum::crc32c(b""),
        md5: checksum::md5(b""),
        created_at: SystemClock.now(),
        noncurrent_at: None,
        overwrote: None,
        live: false,
    }
}
