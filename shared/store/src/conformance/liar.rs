//! Stores that are wrong in one way each, to show that it would be found.

use std::sync::Arc;

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};

use crate::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// No metadata is read back.
    MetadataForgotten,
    /// Old versions have the metadata of the live one.
    MetadataOfLive,
    /// A create replaces.
    CreateReplaces,
    /// A replacement asks for no generation.
    ReplaceAnyGeneration,
    /// A replacement of what is missing creates.
    ReplaceCreates,
    /// A delete asks for no generation.
    DeleteAnyGeneration,
    /// A delete of what is missing says that it has deleted.
    DeleteOfNothing,
    /// A delete does nothing.
    DeleteForgotten,
    /// What is erased is deleted, and stays as a version.
    EraseIsDelete,
    /// Whatever is erased, it is the oldest version.
    EraseOldest,
    /// A list of versions has the live ones.
    VersionsUnlisted,
    /// A conflict is told as another failure.
    ConflictIsUnavailable,
    /// The same content is not written again.
    SameContentKept,
    /// Old versions are read as the live one.
    OldIsLive,
    /// Old versions are gone once another is live.
    OldIsGone,
    /// Versions are gone once the object is deleted.
    DeletedIsGone,
    /// An empty object is missing.
    EmptyIsMissing,
    /// Content is cut after 4,096 bytes.
    ContentCut,
    /// Content is made valid UTF-8.
    ContentIsText,
    /// Names are unescaped once more.
    NameUnescaped,
    /// Composed and decomposed letters are one.
    NameComposed,
    /// Upper and lower case are one.
    NameInLowerCase,
    /// Two slashes are one.
    SlashesMerged,
    /// The time of an answer is none of the service's.
    ClockStopped,
    /// Lists lack their last item.
    ListCut,
    /// Lists are in the order of UTF-16.
    ListInUtf16,
    /// Lists show versions that are not live.
    ListWithDeleted,
    /// The first offset is exclusive.
    StartExclusive,
    /// The last offset is inclusive.
    EndInclusive,
    /// The delimiter is always a slash.
    DelimiterIsSlash,
    /// What is named like a rolled-up prefix is listed as an item too.
    RolledUpTwice,
    /// A page token begins again.
    TokenIgnored,
    /// Versions come newest first.
    VersionsReversed,
    /// Versions of names that begin alike are mixed.
    VersionsOfPrefix,
    /// Every version is live.
    VersionsAllLive,
    /// Sizes are off by one.
    SizeWrong,
    /// Names that are refused are written under another.
    RefusedAccepted,
}

impl Lie {
    /// Every lie.
    pub const ALL: [Self; 37] = [
        Self::ClockStopped,
        Self::MetadataForgotten,
        Self::MetadataOfLive,
        Self::CreateReplaces,
        Self::ReplaceAnyGeneration,
        Self::ReplaceCreates,
        Self::DeleteAnyGeneration,
        Self::DeleteOfNothing,
        Self::DeleteForgotten,
        Self::EraseIsDelete,
        Self::EraseOldest,
        Self::VersionsUnlisted,
        Self::ConflictIsUnavailable,
        Self::SameContentKept,
        Self::OldIsLive,
        Self::OldIsGone,
        Self::DeletedIsGone,
        Self::EmptyIsMissing,
        Self::ContentCut,
        Self::ContentIsText,
        Self::NameUnescaped,
        Self::NameComposed,
        Self::NameInLowerCase,
        Self::SlashesMerged,
        Self::ListCut,
        Self::ListInUtf16,
        Self::ListWithDeleted,
        Self::StartExclusive,
        Self::EndInclusive,
        Self::DelimiterIsSlash,
        Self::RolledUpTwice,
        Self::TokenIgnored,
        Self::VersionsReversed,
        Self::VersionsOfPrefix,
        Self::VersionsAllLive,
        Self::SizeWrong,
        Self::RefusedAccepted,
    ];
}

/// A store that tells the truth but for one lie.
pub struct Liar {
    inner: Arc<dyn Store>,
    lie: Lie,
}

impl Liar {
    /// Lies about `inner`.
    pub fn new(inner: Arc<dyn Store>, lie: Lie) -> Self {
        Self { inner, lie }
    }

    /// The name under which an object is really stored.
    fn name(&self, name: &str) -> String {
        match self.lie {
            Lie::NameUnescaped => name.replace("%2F", "/").replace("%41", "A"),
            Lie::NameComposed => name.replace("e\u{301}", "\u{e9}"),
            Lie::NameInLowerCase => name.to_lowercase(),
            Lie::SlashesMerged => name.replace("//", "/"),
            Lie::RefusedAccepted => name.replace(['\r', '\n'], "_"),
            _ => name.to_owned(),
        }
    }

    async fn live(&self, name: &str) -> Result<Option<Object>, Error> {
        self.inner.get(name, None).await
    }

    async fn read(
        &self,
        name: &str,
        generation: Option<Generation>,
    ) -> Result<Option<Object>, Error> {
        let name = self.name(name);
        let Some(mut object) = self.inner.get(&name, generation).await? else { return Ok(None) };
        let live = self.live(&name).await?;
        let is_live = live.as_ref().is_some_and(|live| live.generation == object.generation);
        let gone = match self.lie {
            Lie::OldIsGone => !is_live && live.is_some(),
            Lie::DeletedIsGone => live.is_none(),
            Lie::EmptyIsMissing => object.body.is_empty(),
            _ => false,
        };
        match self.lie {
            Lie::MetadataForgotten => object.metadata.clear(),
            Lie::MetadataOfLive => {
                object.metadata = live.map_or(object.metadata, |live| live.metadata);
            }
            Lie::OldIsLive => object = live.unwrap_or(object),
            Lie::ContentCut => object.body.truncate(4096),
            Lie::ContentIsText => {
                object.body = String::from_utf8_lossy(&object.body).into_owned().into();
            }
            _ => (),
        }
        Ok((!gone).then_some(object))
    }

    async fn write(
        &self,
        name: &str,
        body: Bytes,
        metadata: &Metadata,
        precondition: Precondition,
    ) -> Result<Generation, Error> {
        let name = self.name(name);
        let live = self.live(&name).await?;
        let unchanged = Precondition::unchanged(live.as_ref());
        let precondition = match (self.lie, precondition) {
            (Lie::CreateReplaces, Precondition::Absent) => unchanged,
            (Lie::ReplaceAnyGeneration, Precondition::At(_)) if live.is_some() => unchanged,
            (Lie::ReplaceCreates, Precondition::At(_)) if live.is_none() => Precondition::Absent,
            _ => precondition,
        };
        if let (Lie::SameContentKept, Some(live)) = (self.lie, live)
            && precondition == unchanged
            && live.body == body
            && live.metadata == *metadata
        {
            return Ok(live.generation);
        }
        let put = self.inner.put(&name, body, metadata, precondition).await;
        put.map_err(|err| self.error(err))
    }

    fn error(&self, err: Error) -> Error {
        match (self.lie, err.kind) {
            (Lie::ConflictIsUnavailable, ErrorKind::Conflict) => {
                Error::new(ErrorKind::Unavailable, err.to_string())
            }
            _ => err,
        }
    }

    async fn remove(&self, name: &str, generation: Generation) -> Result<bool, Error> {
        let name = self.name(name);
        let live = self.live(&name).await?;
        let generation = match (self.lie, &live) {
            (Lie::DeleteAnyGeneration, Some(live)) => live.generation,
            (Lie::DeleteOfNothing, None) => return Ok(true),
            (Lie::DeleteForgotten, Some(live)) if live.generation == generation => return Ok(true),
            _ => generation,
        };
        let deleted = self.inner.delete(&name, generation).await;
        deleted.map_err(|err| self.error(err))
    }

    async fn destroy(&self, name: &str, generation: Generation) -> Result<bool, Error> {
        let name = self.name(name);
        let versions = self.inner.versions(&name).await?;
        let known = versions.iter().find(|version| version.generation == generation);
        match (self.lie, known, versions.first()) {
            (Lie::EraseIsDelete, Some(known), _) if known.live => {
                self.inner.delete(&name, generation).await
            }
            (Lie::EraseIsDelete, Some(_), _) => Ok(true),
            (Lie::EraseOldest, Some(_), Some(oldest)) => {
                self.inner.erase(&name, oldest.generation).await
            }
            _ => self.inner.erase(&name, generation).await,
        }
    }

    async fn page(&self, list: &List) -> Result<Page, Error> {
        let mut asked = List { prefix: self.name(&list.prefix), ..list.clone() };
        match self.lie {
            Lie::StartExclusive => {
                asked.start_offset = asked.start_offset.map(|offset| format!("{offset}\0"));
            }
            Lie::EndInclusive => {
                asked.end_offset = asked.end_offset.map(|offset| format!("{offset}\0"));
            }
            Lie::DelimiterIsSlash => {
                asked.delimiter = asked.delimiter.map(|_| "/".to_owned());
            }
            Lie::TokenIgnored => asked.page_token = None,
            Lie::VersionsUnlisted => asked.versions = false,
            _ => (),
        }
        let mut page = self.inner.list(&asked).await?;
        match self.lie {
            Lie::ListCut => drop(page.items.pop()),
            Lie::ListInUtf16 => {
                page.items.sort_by_key(|item| Vec::from_iter(item.name.encode_utf16()))
            }
            Lie::ListWithDeleted => self.add_deleted(list, &mut page).await?,
            Lie::RolledUpTwice => {
                for prefix in &page.prefixes {
                    let versions = self.inner.versions(prefix).await?;
                    page.items.extend(versions.into_iter().filter(|version| version.live));
                }
            }
            Lie::SizeWrong => page.items.iter_mut().for_each(|item| item.size_bytes += 1),
            _ => (),
        }
        Ok(page)
    }

    /// Adds what is named like the prefix and deleted.
    async fn add_deleted(&self, list: &List, page: &mut Page) -> Result<(), Error> {
        let mut versions = self.inner.versions(&list.prefix).await?;
        if let Some(last) = versions.pop().filter(|last| !last.live) {
            page.items.insert(0, last);
        }
        Ok(())
    }

    async fn all_versions(&self, name: &str) -> Result<Vec<Listed>, Error> {
        let name = self.name(name);
        let mut versions = self.inner.versions(&name).await?;
        match self.lie {
            Lie::OldIsGone if versions.iter().any(|version| version.live) => {
                versions.retain(|version| version.live);
            }
            Lie::DeletedIsGone if versions.iter().all(|version| !version.live) => versions.clear(),
            Lie::VersionsReversed => versions.reverse(),
            Lie::VersionsAllLive => versions.iter_mut().for_each(|version| version.live = true),
            Lie::VersionsOfPrefix => {
                let list = List { prefix: name, ..List::default() };
                let below = self.inner.list(&list).await?.items;
                let known = |item: &Listed| versions.iter().any(|version| version == item);
                let others: Vec<_> = below.into_iter().filter(|item| !known(item)).collect();
                versions.extend(others);
            }
            _ => (),
        }
        Ok(versions)
    }
}

impl Store for Liar {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(self.read(name, generation))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(self.write(name, body, metadata, precondition))
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.remove(name, generation))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.destroy(name, generation))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.page(list))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.all_versions(name))
    }

    fn answered_at(&self) -> Option<Instant> {
        match self.lie {
            Lie::ClockStopped => Some(Instant::from_unix_millis(0)),
            _ => self.inner.answered_at(),
        }
    }
}
