//! A bucket as a value, which many states can go on from.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use domain::{Generation, Instant};
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition};

use super::search::number;

/// What an attempt asks of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// [`store::Store::get`].
    Get(String),
    /// [`store::Store::put`].
    Put(String, Bytes, Metadata, Precondition),
    /// [`store::Store::delete`].
    Delete(String, Generation),
    /// [`store::Store::list`].
    List(List),
    /// [`store::Store::versions`].
    Versions(String),
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Of the object of this name.
    Got(String, Option<Object>),
    /// Of the object of this name.
    Put(String, Result<Generation, Error>),
    Deleted(Result<bool, Error>),
    Listed(Page),
    Versions(Vec<Listed>),
}

/// The live objects, and the older versions of those that attempts do not write.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    objects: BTreeMap<Arc<str>, Arc<Version>>,
    older: Vec<(Arc<str>, Arc<Version>)>,
}

/// A version.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) object: Object,
    pub(super) created_at: Instant,
    /// Of body and metadata.
    digest: u64,
}

impl Version {
    pub(super) fn new(object: Object, created_at: Instant) -> Self {
        let digest = number(&(&object.body[..], &object.metadata));
        Self { object, created_at, digest }
    }
}

impl Hash for Bucket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (name, version) in &self.objects {
            (name, version.object.generation, version.digest).hash(state);
        }
    }
}

impl Operation {
    /// The object that it changes, if it changes one.
    pub(super) fn changes(&self) -> Option<&str> {
        match self {
            Self::Put(name, ..) | Self::Delete(name, _) => Some(name),
            Self::Get(_) | Self::List(_) | Self::Versions(_) => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get(name) => write!(f, "get {name}"),
            Self::Put(name, _, _, Precondition::Absent) => write!(f, "create {name}"),
            Self::Put(name, ..) => write!(f, "replace {name}"),
            Self::Delete(name, _) => write!(f, "delete {name}"),
            Self::List(list) => write!(f, "list {}", list.prefix),
            Self::Versions(name) => write!(f, "versions of {name}"),
        }
    }
}

impl Answer {
    /// Whether the operation has changed nothing, because somebody else has.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Put(_, Err(_)) | Self::Deleted(Err(_)))
    }

    /// A number for it, equal for answers that differ only in what [`Answer::version`] says.
    pub(super) fn shape(&self) -> u64 {
        let object = |object: &Object| number(&(&object.body[..], &object.metadata));
        let listed = |listed: &Listed| number(&(&listed.name, listed.generation, listed.live));
        match self {
            Self::Got(name, found) => number(&(0, name, found.as_ref().map(object))),
            Self::Put(name, put) => number(&(1, name, put.is_ok())),
            Self::Deleted(deleted) => number(&(2, deleted.as_ref().ok())),
            Self::Listed(page) => number(&(3, page.items.iter().map(listed).collect::<Vec<_>>())),
            Self::Versions(items) => number(&(4, items.iter().map(listed).collect::<Vec<_>>())),
        }
    }

    /// The object and its version that were read or written.
    pub(super) fn version(&self) -> Option<(&str, Generation)> {
        match self {
            Self::Got(name, Some(object)) => Some((name, object.generation)),
            Self::Put(name, Ok(generation)) => Some((name, *generation)),
            _ => None,
        }
    }

    /// The same with another number for the version that was read or written.
    pub(super) fn renumbered(&self, generation: Generation) -> Self {
        match self.clone() {
            Self::Got(name, Some(object)) => Self::Got(name, Some(Object { generation, ..object })),
            Self::Put(name, Ok(_)) => Self::Put(name, Ok(generation)),
            other => other,
        }
    }
}

impl Bucket {
    pub(super) fn objects(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Version>)> {
        self.objects.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Object> {
        self.objects.get(name).map(|version| &version.object)
    }

    /// Gives live versions other numbers.
    pub(super) fn renumber(&mut self, number: impl Fn(&str, Generation) -> Generation) {
        for (name, version) in &mut self.objects {
            let generation = number(name, version.object.generation);
            if generation != version.object.generation {
                let object = Object { generation, ..version.object.clone() };
                *version = Arc::new(Version { object, ..**version });
            }
        }
    }

    /// Puts a version that no attempt has made.
    pub(super) fn write(&mut self, name: Arc<str>, version: Arc<Version>) {
        if let Some(older) = self.objects.insert(Arc::clone(&name), version) {
            self.older.push((name, older));
        }
    }

    /// Carries out an operation. A version that it makes becomes `fresh`.
    pub(super) fn apply(&mut self, operation: &Operation, fresh: Generation) -> Answer {
        match operation {
            Operation::Get(name) => Answer::Got(name.clone(), self.get(name).cloned()),
            Operation::Put(name, body, metadata, precondition) => {
                let live = self.get(name).map(|object| object.generation);
                let holds = match precondition {
                    Precondition::Absent => live.is_none(),
                    Precondition::At(generation) => live == Some(*generation),
                };
                if !holds {
                    return Answer::Put(name.clone(), Err(conflict("put", name)));
                }
                let (body, metadata) = (body.clone(), metadata.clone());
                let object = Object { body, generation: fresh, metadata };
                let version = Version::new(object, Instant::from_unix_millis(0));
                self.objects.insert(name.as_str().into(), Arc::new(version));
                Answer::Put(name.clone(), Ok(fresh))
            }
            Operation::Delete(name, generation) => {
                Answer::Deleted(match self.get(name).map(|object| object.generation) {
                    None => Ok(false),
                    Some(live) if live == *generation => {
                        self.objects.remove(name.as_str());
                        Ok(true)
                    }
                    Some(_) => Err(conflict("delete", name)),
                })
            }
            Operation::List(list) => Answer::Listed(self.list(list)),
            Operation::Versions(name) => Answer::Versions(self.versions(name)),
        }
    }

    fn versions(&self, name: &str) -> Vec<Listed> {
        let older = self.older.iter().filter(|(of, _)| **of == *name);
        let older = older.map(|(_, version)| version.listed(name, false));
        let live = self.objects.get(name).map(|version| version.listed(name, true));
        older.chain(live).collect()
    }

    /// One page that holds everything: there are few objects, and nobody lists folders.
    fn list(&self, list: &List) -> Page {
        let begins = |name: &&Arc<str>| {
            let from = list.start_offset.as_deref().unwrap_or_default();
            let to = list.end_offset.as_deref();
            name.starts_with(&list.prefix) && ***name >= *from && to.is_none_or(|to| &***name < to)
        };
        let found = self.objects.iter().filter(|(name, _)| begins(name));
        Page {
            items: found.map(|(name, version)| version.listed(name, true)).collect(),
            ..Page::default()
        }
    }
}

impl Version {
    fn listed(&self, name: &str, live: bool) -> Listed {
        Listed {
            name: name.to_owned(),
            generation: self.object.generation,
            size_bytes: self.object.body.len() as u64,
            created_at: self.created_at,
            live,
        }
    }
}

/// Worded as the emulator does.
fn conflict(operation: &str, name: &str) -> Error {
    let reason = format!("{operation} {name}: precondition does not hold");
    Error::new(ErrorKind::Conflict, reason)
}
