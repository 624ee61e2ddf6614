//! The storage contract that handlers are written against.
//!
//! Implementations: `gcp` (Cloud Storage over HTTP) and `emulator` (in memory). Both are strongly
//! consistent per object, as Cloud Storage is. (Cloud Storage documentation, "Consistency".)

#[cfg(feature = "conformance")]
pub mod conformance;
mod cost;
mod counted;
pub mod counts;
mod dry;
mod error;
pub mod gzip;
mod tools;

#[cfg(test)]
mod tests;

pub use cost::{CLASS_A_PER_THOUSAND, CLASS_B_PER_THOUSAND, Tally, dollars};
pub use counted::{Counted, Operations};
pub use dry::Dry;
pub use error::{Error, ErrorKind};
pub use tools::Tools;

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant, ObjectName, RECORD_BYTES_MAX};

/// Custom metadata of an object: ASCII keys in lower case, ASCII values, together at most
/// [`METADATA_BYTES_MAX`].
pub type Metadata = BTreeMap<String, String>;

/// The most custom metadata an object can carry: keys and values in bytes.
/// (Cloud Storage documentation, "Quotas and limits".)
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// The largest content that is read or written, in bytes, decoded.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The largest content of the object `name` that is read, in bytes, as stored and decoded. History
/// is what others write: it is refused before it takes the room of anything else.
pub fn content_bytes_max(name: &str) -> usize {
    match ObjectName::parse(name) {
        Ok(ObjectName::History(_)) => RECORD_BYTES_MAX,
        _ => CONTENT_BYTES_MAX,
    }
}

/// The most items one page of a list holds. (Cloud Storage JSON API, `Objects: list`.)
pub const PAGE_ITEMS_MAX: usize = 1000;

/// One bucket.
///
/// Every call is one operation. A call that fails may have taken effect all the same: only a read
/// tells.
pub trait Store: Send + Sync {
    /// Reads body, generation and custom metadata in one call. `None` when there is no such
    /// object, or no such generation of it; no other failure is ever taken for that.
    ///
    /// `generation` selects an old version. Bodies come decoded: an object stored with gzip as
    /// its content encoding is decompressed. What is beyond [`content_bytes_max`] as stored or
    /// decoded is not read. Class B.
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>>;

    /// Writes a new version of `name` if `precondition` holds, and returns its generation.
    ///
    /// The content type follows from the ending of the name. A conflict does not tell who won: it
    /// can be this very write, whose answer was lost. Class A.
    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>>;

    /// Deletes the live version of `name` if it is `generation`. `false` when there was none.
    /// Free of charge.
    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>>;

    /// Deletes the version `generation` of `name` for ever, live or not, and no other. `false` when
    /// there was none. It asks for no live version: that of a name may be another one. No function
    /// does this. Free of charge.
    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>>;

    /// One page of the objects that match, in the order of their names as UTF-8: the live ones, or
    /// every version. Class A.
    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>>;

    /// All versions of exactly `name` that still exist, live and noncurrent, oldest first by
    /// creation time. Class A for each thousand.
    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>>;

    /// The time of the service when it last answered, to the second; `None` before it has, or where
    /// it does not say. No operation.
    fn answered_at(&self) -> Option<Instant>;
}

/// What must hold for a write to happen.
///
/// There is no variant for metagenerations: a new generation begins at metageneration 1 again, so
/// that check would protect nothing. (Cloud Storage documentation, "Request preconditions".)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// No live version.
    Absent,
    /// This version is live.
    At(Generation),
}

impl Precondition {
    /// That nothing has changed since `read`.
    pub fn unchanged(read: Option<&Object>) -> Self {
        read.map_or(Self::Absent, |object| Self::At(object.generation))
    }
}

/// An object as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The content, decoded.
    pub body: Bytes,
    /// The version.
    pub generation: Generation,
    /// Custom metadata.
    pub metadata: Metadata,
}

impl Object {
    /// Body and metadata, for pure code to which versions mean nothing.
    pub fn content(&self) -> (&[u8], &Metadata) {
        (&self.body, &self.metadata)
    }

    /// Generation, body and metadata, for pure code that knows no store.
    pub fn parts(&self) -> (Generation, &[u8], &Metadata) {
        (self.generation, &self.body, &self.metadata)
    }
}

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Names begin with this.
    pub prefix: String,
    /// Names that contain this after the prefix are rolled up into [`Page::prefixes`].
    pub delimiter: Option<String>,
    /// The first name, inclusive.
    pub start_offset: Option<String>,
    /// The last name, exclusive.
    pub end_offset: Option<String>,
    /// Where the page before ended.
    pub page_token: Option<String>,
    /// Versions that are not live too. Those of one name come together, in any order.
    pub versions: bool,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects, at most [`PAGE_ITEMS_MAX`].
    pub items: Vec<Listed>,
    /// The rolled-up prefixes.
    pub prefixes: Vec<String>,
    /// Present when there is more.
    pub next_page_token: Option<String>,
}

/// An object as listed: the selected fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// The version.
    pub generation: Generation,
    /// Bytes as stored.
    pub size_bytes: u64,
    /// When this version was created.
    pub created_at: Instant,
    /// Whether this version is the live one.
    pub live: bool,
}
