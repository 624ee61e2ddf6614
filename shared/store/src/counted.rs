//! A store that counts the operations made through it.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};

use crate::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

/// Operations by the class in which Cloud Storage bills them.
/// (Cloud Storage documentation, "Pricing", "Operation charges".)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Inserts and list pages.
    pub class_a: u64,
    /// Reads.
    pub class_b: u64,
    /// Deletes, which are free.
    pub deletes: u64,
}

impl Add for Operations {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            class_a: self.class_a + more.class_a,
            class_b: self.class_b + more.class_b,
            deletes: self.deletes + more.deletes,
        }
    }
}

impl Sub for Operations {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            class_a: self.class_a - earlier.class_a,
            class_b: self.class_b - earlier.class_b,
            deletes: self.deletes - earlier.deletes,
        }
    }
}

/// `2 B + 1 A`, as the budgets are written.
impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B + {} A", self.class_b, self.class_a)?;
        if self.deletes > 0 {
            write!(f, " + {} deletes", self.deletes)?;
        }
        Ok(())
    }
}

/// Counts every call to the store inside, whether it succeeds or not.
pub struct Counted {
    inner: Arc<dyn Store>,
    class_a: AtomicU64,
    class_b: AtomicU64,
    deletes: AtomicU64,
    log: Mutex<Vec<String>>,
}

impl Counted {
    /// Counts from nothing.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            class_a: AtomicU64::new(0),
            class_b: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
            log: Mutex::default(),
        }
    }

    /// What was called so far.
    pub fn operations(&self) -> Operations {
        Operations {
            class_a: self.class_a.load(Ordering::Relaxed),
            class_b: self.class_b.load(Ordering::Relaxed),
            deletes: self.deletes.load(Ordering::Relaxed),
        }
    }

    /// The calls since this was last asked, in order: `get env/dev/…`.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, count: &AtomicU64, call: String) {
        count.fetch_add(1, Ordering::Relaxed);
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

impl Store for Counted {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let old = if generation.is_some() { "#old" } else { "" };
        self.note(&self.class_b, format!("get {name}{old}"));
        self.inner.get(name, generation)
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        self.note(&self.class_a, format!("put {name}"));
        self.inner.put(name, body, metadata, precondition)
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.note(&self.deletes, format!("delete {name}"));
        self.inner.delete(name, generation)
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.note(&self.deletes, format!("erase {name}"));
        self.inner.erase(name, generation)
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        self.note(&self.class_a, format!("list {}", list.prefix));
        self.inner.list(list)
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        self.note(&self.class_a, format!("versions {name}"));
        self.inner.versions(name)
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
    }
}
