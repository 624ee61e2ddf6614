//! The whole on loopback: buckets, their notifications, and the pushes these end in.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock as _, Generation, Instant};
use store::Operations;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::access::Policy;
use crate::buckets::{Bucket, BucketError, Buckets, Settings};
use crate::chance::Chance;
use crate::folder::Folder;
use crate::http::{self, Call, Fault, Faults, InstructionError, Instructions, Service};
use crate::hub::Hub;
use crate::memory::{Event, Properties};
use crate::notification::Notification;
use crate::pubsub::{self, Attempt, Broker, Message, Outstanding, Subscription};
use crate::watch::Watch;
use crate::{Memory, Stored, SystemClock, checksum, restore};

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
    /// Where to listen on 127.0.0.1; 0 for any free port.
    pub port: u16,
    /// The folder that holds everything; in memory alone when missing.
    pub folder: Option<PathBuf>,
    /// One object takes one write within this time, as it does in the service within a second;
    /// as many as come when missing.
    pub write_interval: Option<Duration>,
    /// How long each answer of Cloud Storage takes at least.
    pub latency: Option<Duration>,
    /// Whether nothing is pushed until [`Emulator::release`], also of what the folder remembers,
    /// and no file of the folder is taken up that is not known yet.
    pub held: bool,
}

impl Default for Options {
    /// Calm: in order, once, without faults.
    fn default() -> Self {
        Self {
            seed: 0,
            faults: None,
            shuffle: None,
            repeat: 1,
            port: 0,
            folder: None,
            write_interval: None,
            latency: None,
            held: false,
        }
    }
}

/// Cloud Storage and Pub/Sub push on one loopback port. Dropped, it ends at once.
pub struct Emulator {
    address: SocketAddr,
    service: Arc<Service>,
    hub: Arc<Hub>,
    server: JoinHandle<()>,
    watch: Option<Watch>,
}

impl Emulator {
    /// Listens on 127.0.0.1, on the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound, or the folder is in use or cannot be read.
    pub async fn start(options: Options) -> io::Result<Self> {
        let opened = options.folder.as_deref().map(Folder::open).transpose()?;
        let (folder, opened) = opened.map(|(folder, opened)| (Arc::new(folder), opened)).unzip();
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let address = listener.local_addr()?;
        // What a folder remembers was drawn from other seeds.
        let seed = if folder.is_some() { random()? } else { options.seed };
        let hub = Arc::new(Hub {
            broker: Broker::new(seed, options.shuffle, Arc::new(SystemClock)),
            chance: Chance::new(seed),
            repeat: options.repeat.max(1),
            folder: folder.clone(),
        });
        // Before anything is there to be pushed.
        hub.broker.hold(options.held);
        let buckets = Arc::new(Buckets::new(hub.clone(), seed, options.write_interval));
        let mut watch = None;
        if let (Some(folder), Some(opened)) = (&folder, opened) {
            restore::restore(folder, opened, &buckets, &hub.broker)?;
            restore::compact(folder, &buckets, &hub.broker)?;
            // Before everything is looked at: what comes later is heard of.
            let begun = Watch::begin(folder.clone(), buckets.clone(), options.held)?;
            if !options.held {
                begun.add_problems(restore::adopt_all(folder, &buckets)?);
            }
            watch = Some(begun);
        }
        let service = Arc::new(Service::new(buckets, options.faults, options.latency));
        let server = tokio::spawn(http::serve(
            listener,
            service.clone(),
            pubsub::router(hub.broker.clone()),
        ));
        Ok(Self { address, service, hub, server, watch })
    }

    /// The value for `STORAGE_EMULATOR_HOST`: `http://127.0.0.1:{port}`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An empty bucket with versioning, or the one that is there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn create_bucket(&self, name: &str) -> io::Result<Arc<Memory>> {
        Ok(self.bucket(name)?.memory)
    }

    /// Publishes what happens in `bucket` from here on to a topic. The configuration gets an id;
    /// one that says the same as one that is there changes nothing.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn notify(&self, bucket: &str, notification: Notification) -> io::Result<()> {
        let same = |it: &Notification| Notification { id: 0, ..it.clone() };
        if self.bucket(bucket)?.notifications().iter().any(|it| same(it) == same(&notification)) {
            return Ok(());
        }
        let add = |settings: &mut Settings, notifications: &mut Vec<Notification>| {
            notifications
                .push(Notification { id: settings.draw_notification_id(), ..notification });
            Ok::<_, BucketError>(())
        };
        self.service.buckets.change(bucket, add).map_err(io::Error::other)
    }

    fn bucket(&self, name: &str) -> io::Result<Bucket> {
        self.service.buckets.get_or_create(name, Settings::local).map_err(io::Error::other)
    }

    /// Delivers every message that is published to a topic from here on. The topics that the
    /// subscription names are made; what the service would refuse is not refused.
    ///
    /// # Errors
    ///
    /// When it cannot be recorded.
    pub fn subscribe(&self, subscription: Subscription) -> io::Result<()> {
        self.hub.broker.subscribe(subscription)
    }

    /// Every subscription, whoever made it, in the order of full names.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let subscriptions = self.hub.broker.subscriptions();
        subscriptions.iter().map(|it| Subscription::clone(it)).collect()
    }

    /// Lets messages gather: nothing is pushed until [`Emulator::release`]. What is in flight
    /// already ends as it would.
    pub fn hold(&self) {
        self.hub.broker.hold(true);
    }

    /// Pushes again, what has gathered first.
    pub fn release(&self) {
        if let Some(watch) = &self.watch {
            watch.release();
        }
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

    /// Every push since this was asked last, in the order in which they ended. Only the newest are
    /// remembered where it is seldom asked.
    pub fn take_attempts(&self) -> Vec<Attempt> {
        self.hub.broker.take_attempts()
    }

    /// What came to `topic` because it was never acknowledged, in order.
    pub fn dead_letters(&self, topic: &str) -> Vec<Message> {
        self.hub.broker.dead_letters(topic)
    }

    /// Publishes the dead letters that wait in a subscription again, each to the topic it came
    /// from, and tells how many. More may be left when it is many.
    ///
    /// # Errors
    ///
    /// When there is no such subscription, or when it cannot be recorded.
    pub fn redrive(&self, subscription: &str) -> io::Result<usize> {
        self.hub.broker.redrive(subscription).map_err(io::Error::other)
    }

    /// Publishes any message, as any client may; returns its id.
    ///
    /// # Errors
    ///
    /// When it cannot be recorded.
    pub fn publish(
        &self,
        topic: &str,
        attributes: BTreeMap<String, String>,
        data: Bytes,
    ) -> io::Result<String> {
        self.hub.broker.publish(topic, attributes, data)
    }

    /// Notifies of an object of `bucket` once more, as Cloud Storage may at any time: of the
    /// version `generation`, or the live one. If there is no such version, of one that is gone.
    ///
    /// # Errors
    ///
    /// When it cannot be recorded.
    pub fn announce(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<Generation>,
    ) -> io::Result<()> {
        let Bucket { memory, notifications, .. } = self.bucket(bucket)?;
        let stored = memory.find(name, generation).unwrap_or_else(|| gone(name, generation));
        self.hub.announce(bucket, &notifications, &Event::finalized(&stored))
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

    /// From here on every request over HTTP to Cloud Storage is held to `policy`, in the place of any
    /// other; Pub/Sub is not.
    pub fn enforce(&self, policy: Arc<dyn Policy>) {
        self.service.guard.enforce(policy);
    }

    /// Has the header `Date` of every answer say this, as by a clock that is wrong; the time of the
    /// machine when nothing is said.
    pub fn pretend(&self, date: Option<Instant>) {
        *self.service.date.lock().unwrap_or_else(PoisonError::into_inner) = date;
    }

    /// The requests that arrived over HTTP so far, by class, those that failed included.
    pub fn requests(&self) -> Operations {
        self.service.operations()
    }

    /// Keeps every request over HTTP and its answer from here on, bodies included, until they are
    /// taken.
    pub fn keep_calls(&self) {
        self.service.calls.keep();
    }

    /// The calls since they were last taken, in the order in which they were answered; those that
    /// faults failed included.
    pub fn take_calls(&self) -> Vec<Call> {
        self.service.calls.take()
    }

    /// What could not be taken up of the files of the folder since this was asked last.
    pub fn problems(&self) -> Vec<String> {
        self.watch.as_ref().map(Watch::problems).unwrap_or_default()
    }

    /// Closes every connection, ends every push, and lets go of the folder.
    pub async fn stop(mut self) {
        if let Some(watch) = self.watch.take() {
            watch.end().await;
        }
        self.server.abort();
        // It was cancelled a line above; that is all this can tell.
        drop((&mut self.server).await);
        self.hub.broker.stop().await;
        // Dropping it closes the folder.
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
        self.hub.broker.abort();
        if let Some(folder) = &self.hub.folder {
            folder.close();
        }
    }
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_ne_bytes(bytes))
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
        md5: Some(checksum::md5(b"")),
        component_count: None,
        properties: Properties::new(),
        created_at: SystemClock.now(),
        updated_at: SystemClock.now(),
        noncurrent_at: None,
        overwrote: None,
        live: false,
    }
}
