//! Changes of a bucket, and the events that Cloud Storage notifies of.

use domain::{Generation, Instant};

use super::state::State;
use super::stored::Stored;

/// One change of a bucket, wholly determined: made twice on equal buckets, it gives equal buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// This version is live; the one before becomes noncurrent, or is forgotten where the bucket
    /// has no versioning.
    Insert(Stored),
    /// This version is there, live or not, whatever else is.
    Keep(Stored),
    /// This version, with other metadata under the next metageneration; its content stays.
    Edit(Stored),
    /// The live version becomes noncurrent, or is forgotten where the bucket has no versioning.
    Remove {
        /// The object.
        name: String,
        /// When.
        at: Instant,
    },
    /// This version is forgotten, live or not.
    Erase {
        /// The object.
        name: String,
        /// The version.
        generation: Generation,
    },
}

/// What a notification can be about. (Cloud Storage documentation, "Pub/Sub notifications", "Event
/// types".)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// A new version.
    Finalize,
    /// Other metadata of a version.
    MetadataUpdate,
    /// A version is gone for ever.
    Delete,
    /// The live version became noncurrent.
    Archive,
}

impl EventType {
    /// Every event type.
    pub const ALL: [Self; 4] = [Self::Finalize, Self::MetadataUpdate, Self::Delete, Self::Archive];

    /// The word of the service.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finalize => "OBJECT_FINALIZE",
            Self::MetadataUpdate => "OBJECT_METADATA_UPDATE",
            Self::Delete => "OBJECT_DELETE",
            Self::Archive => "OBJECT_ARCHIVE",
        }
    }
}

/// One event of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub event_type: EventType,
    /// The version that it happened to, as it is afterwards, or as it was when it is gone.
    pub stored: Stored,
    /// The version that took its place, where that is why.
    pub overwritten_by: Option<Generation>,
}

impl Event {
    /// That `stored` was finalized.
    pub fn finalized(stored: &Stored) -> Self {
        Self { event_type: EventType::Finalize, stored: stored.clone(), overwritten_by: None }
    }
}

/// The events of `change`, in an order that the service does not promise.
pub(super) fn events(state: &State, change: &Change) -> Vec<Event> {
    let event = |event_type, stored: &Stored| Event {
        event_type,
        stored: stored.clone(),
        overwritten_by: None,
    };
    match change {
        Change::Insert(stored) => {
            let retired = state.live(&stored.name).map(|live| {
                let retired = retired(state, live, stored.created_at);
                Event { overwritten_by: Some(stored.generation), ..retired }
            });
            retired.into_iter().chain([Event::finalized(stored)]).collect()
        }
        Change::Keep(_) => Vec::new(),
        Change::Edit(stored) => vec![event(EventType::MetadataUpdate, stored)],
        Change::Remove { name, at } => {
            state.live(name).map(|live| retired(state, live, *at)).into_iter().collect()
        }
        Change::Erase { name, generation } => {
            let stored = state.find(name, Some(*generation));
            stored.map(|stored| event(EventType::Delete, stored)).into_iter().collect()
        }
    }
}

/// The end of `live` as the live version.
fn retired(state: &State, live: &Stored, at: Instant) -> Event {
    let event_type = if state.versioning { EventType::Archive } else { EventType::Delete };
    let stored = Stored { live: false, noncurrent_at: Some(at), ..live.clone() };
    Event { event_type, stored, overwritten_by: None }
}
