//! The buckets of an emulator and what is set on each.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::{Clock as _, Instant};
use serde_json::{Map, Value, json};

use crate::hub::{Hub, Notifications, Recorder};
use crate::notification::Notification;
use crate::{Memory, SystemClock};

/// The project of buckets that are made without one.
const PROJECT: &str = "local";

/// Bytes of a bucket's name, and of one with dots in it.
const NAME_BYTES_MIN: usize = 3;
const NAME_BYTES_MAX: usize = 63;
const NAME_WITH_DOTS_BYTES_MAX: usize = 222;

/// What is set on a bucket, beside its notification configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The project that it belongs to.
    pub(crate) project: String,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
    /// 1, and one more with each change.
    pub(crate) metageneration: u64,
    /// Fields of the resource as clients wrote them: `location`, `versioning`, `labels`, ….
    pub(crate) properties: Map<String, Value>,
    /// The policy that was set, if any.
    pub(crate) policy: Option<Value>,
    /// The id that the next notification configuration gets.
    pub(crate) notification_next: u64,
}

/// Why a bucket was not made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketError {
    #[error("there is a bucket of this name")]
    Exists,
    #[error("there is no such bucket")]
    Missing,
    #[error("the bucket is not empty")]
    NotEmpty,
    #[error("{0}")]
    Unrecorded(#[from] io::Error),
}

/// One bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) memory: Arc<Memory>,
    pub(crate) settings: Settings,
    pub(crate) notifications: Notifications,
}

/// Told of a bucket that was made.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Every bucket, by name.
///
/// Locks are taken in this order: the registry, a bucket, its notifications, the broker, the
/// journal.
pub(crate) struct Buckets {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    hub: Arc<Hub>,
    seed: u64,
    /// How many were deleted: one of the same name draws other generations.
    deleted: AtomicU64,
    write_interval: Option<Duration>,
    listener: OnceLock<Listener>,
}

/// Whether a bucket may be called so. (Cloud Storage documentation, "Bucket names".)
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let inner = |b: u8| plain(b) || b"-_.".contains(&b);
    let parts_max = if name.contains('.') { NAME_WITH_DOTS_BYTES_MAX } else { NAME_BYTES_MAX };
    (NAME_BYTES_MIN..=parts_max).contains(&name.len())
        && name.bytes().all(inner)
        && name.bytes().next().is_some_and(plain)
        && name.bytes().next_back().is_some_and(plain)
        && name.split('.').all(|part| !part.is_empty() && part.len() <= NAME_BYTES_MAX)
        && !name.starts_with("goog")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

impl Settings {
    /// Of a bucket that is made at this moment. Versioning is on where `properties` say so.
    pub(crate) fn new(project: &str, properties: Map<String, Value>) -> Self {
        let now = SystemClock.now();
        Self {
            project: project.to_owned(),
            created_at: now,
            updated_at: now,
            metageneration: 1,
            properties,
            policy: None,
            notification_next: 1,
        }
    }

    /// Of a bucket that no client has made: with versioning.
    pub(crate) fn local() -> Self {
        let versioning = ("versioning".to_owned(), json!({"enabled": true}));
        Self::new(PROJECT, Map::from_iter([versioning]))
    }

    /// An id that no notification configuration of the bucket has had.
    pub(crate) fn draw_notification_id(&mut self) -> u64 {
        let id = self.notification_next;
        self.notification_next += 1;
        id
    }

    /// Counts a change.
    pub(crate) fn touch(&mut self) {
        self.metageneration += 1;
        self.updated_at = SystemClock.now().max(self.updated_at);
    }

    pub(crate) fn versioning(&self) -> bool {
        let versioning = self.properties.get("versioning");
        versioning.and_then(|it| it.get("enabled")).and_then(Value::as_bool).unwrap_or(false)
    }
}

impl Bucket {
    /// Its notification configurations, oldest first.
    pub(crate) fn notifications(&self) -> Vec<Notification> {
        self.notifications.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes `note` of what is set from here on, and sets it, with no change of an object between.
    fn set(
        &mut self,
        settings: Settings,
        notifications: Vec<Notification>,
        note: impl FnOnce(&Settings, &[Notification]) -> io::Result<()>,
    ) -> io::Result<()> {
        let set = &self.notifications;
        self.memory.set_versioning(settings.versioning(), || {
            note(&settings, &notifications)?;
            *set.lock().unwrap_or_else(PoisonError::into_inner) = notifications;
            Ok(())
        })?;
        self.settings = settings;
        Ok(())
    }
}

impl Buckets {
    /// None yet; generations are drawn from `seed`, and one object takes one write within
    /// `write_interval`.
    pub(crate) fn new(hub: Arc<Hub>, seed: u64, write_interval: Option<Duration>) -> Self {
        let (buckets, deleted, listener) = Default::default();
        Self { buckets, hub, seed, deleted, write_interval, listener }
    }

    /// Tells `listener` of every bucket that is made from here on. There can be one.
    pub(crate) fn on_create(&self, listener: Listener) {
        // A second one would be a mistake of this crate, which sets it in one place.
        drop(self.listener.set(listener));
    }

    /// The bucket `name`.
    pub(crate) fn get(&self, name: &str) -> Option<Bucket> {
        self.lock().get(name).cloned()
    }

    /// What the bucket `name` holds.
    pub(crate) fn memory(&self, name: &str) -> Option<Arc<Memory>> {
        self.lock().get(name).map(|bucket| bucket.memory.clone())
    }

    /// Every bucket of `project`, in the order of names.
    pub(crate) fn of_project(&self, project: &str) -> Vec<(String, Bucket)> {
        let buckets = self.lock();
        let own = buckets.iter().filter(|(_, bucket)| bucket.settings.project == project);
        own.map(|(name, bucket)| (name.clone(), bucket.clone())).collect()
    }

    /// Makes an empty bucket.
    pub(crate) fn create(&self, name: &str, settings: Settings) -> Result<Bucket, BucketError> {
        let mut buckets = self.lock();
        if buckets.contains_key(name) {
            return Err(BucketError::Exists);
        }
        let mut bucket = self.open(name, settings.clone());
        bucket.set(settings, Vec::new(), |settings, none| self.note(name, settings, none))?;
        buckets.insert(name.to_owned(), bucket.clone());
        drop(buckets);
        if let Some(listener) = self.listener.get() {
            listener(name);
        }
        Ok(bucket)
    }

    /// The bucket `name`, or a new one.
    pub(crate) fn get_or_create(
        &self,
        name: &str,
        settings: impl FnOnce() -> Settings,
    ) -> Result<Bucket, BucketError> {
        if let Some(bucket) = self.get(name) {
            return Ok(bucket);
        }
        match self.create(name, settings()) {
            // Somebody else was quicker.
            Err(BucketError::Exists) => self.get(name).ok_or(BucketError::Missing),
            created => created,
        }
    }

    /// Makes a bucket, or sets what it is told, as it was noted before.
    pub(crate) fn restore(
        &self,
        name: &str,
        settings: Settings,
        notifications: Vec<Notification>,
    ) -> io::Result<()> {
        let mut buckets = self.lock();
        let bucket = buckets.entry(name.to_owned());
        let bucket = bucket.or_insert_with(|| self.open(name, settings.clone()));
        bucket.set(settings, notifications, |_, _| Ok(()))
    }

    /// Forgets a bucket, as it was noted before.
    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Every bucket, in the order of names.
    pub(crate) fn all(&self) -> Vec<(String, Bucket)> {
        self.lock().iter().map(|(name, bucket)| (name.clone(), bucket.clone())).collect()
    }

    /// Changes what is set on a bucket at once, unless `change` refuses.
    pub(crate) fn change<T, E: From<BucketError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Settings, &mut Vec<Notification>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut buckets = self.lock();
        let bucket = buckets.get_mut(name).ok_or(BucketError::Missing)?;
        let mut settings = bucket.settings.clone();
        let mut notifications = bucket.notifications();
        let changed = change(&mut settings, &mut notifications)?;
        let set = bucket.set(settings, notifications, |settings, notifications| {
            self.note(name, settings, notifications)
        });
        set.map_err(BucketError::from)?;
        Ok(changed)
    }

    /// Deletes a bucket that holds no version of any object, unless `check` refuses.
    pub(crate) fn delete<E: From<BucketError>>(
        &self,
        name: &str,
        check: impl FnOnce(&Settings) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buckets = self.lock();
        let bucket = buckets.get(name).ok_or(BucketError::Missing)?;
        check(&bucket.settings)?;
        let note = || match &self.hub.folder {
            Some(folder) => folder.no_bucket(name),
            None => Ok(()),
        };
        if !bucket.memory.close(note).map_err(BucketError::from)? {
            return Err(BucketError::NotEmpty.into());
        }
        buckets.remove(name);
        self.deleted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn note(
        &self,
        name: &str,
        settings: &Settings,
        notifications: &[Notification],
    ) -> io::Result<()> {
        match &self.hub.folder {
            Some(folder) => folder.bucket(name, settings, notifications),
            None => Ok(()),
        }
    }

    fn open(&self, name: &str, settings: Settings) -> Bucket {
        // A copy in another bucket is another version, and so is what comes after a deletion.
        let mut hasher = DefaultHasher::new();
        (self.seed, name).hash(&mut hasher);
        let seed = hasher.finish().wrapping_add(self.deleted.load(Ordering::Relaxed));
        let memory = Memory::new(name, Arc::new(SystemClock), seed);
        memory.limit_write_rate(self.write_interval);
        let notifications = Notifications::default();
        memory.record_to(Arc::new(Recorder {
            hub: self.hub.clone(),
            bucket: name.to_owned(),
            notifications: notifications.clone(),
        }));
        Bucket { memory, settings, notifications }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
