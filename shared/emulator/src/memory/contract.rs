//! The storage contract on a bucket in memory.

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use store::gzip::GzipError;
use store::{
    CONTENT_BYTES_MAX, Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store,
    content_bytes_max,
};

use super::Memory;
use super::conditions::Conditions;
use super::list::Query;
use super::stored::{self, Stored, Upload};

/// An operation happens when its future is polled, wholly: one that is never polled never happens.
impl Store for Memory {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let unusable =
            move |why: String| Error::new(ErrorKind::Unusable, format!("get {name}: {why}"));
        let read = move |stored: Stored| {
            let bytes_max = content_bytes_max(name);
            if stored.body.len() > bytes_max {
                return Err(unusable(format!("answer of more than {bytes_max} bytes")));
            }
            stored.decoded(bytes_max).map_err(|err| match err {
                GzipError::Damaged => {
                    unusable("object is stored as gzip and is not gzip".to_owned())
                }
                large => unusable(format!("content of {large}")),
            })
        };
        Box::pin(async move { self.find(name, generation).map(read).transpose() })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let large = body.len() > CONTENT_BYTES_MAX;
        let upload = Upload {
            content_type: Some(stored::content_type_of(name).to_owned()),
            metadata: metadata.clone(),
            precondition: Some(precondition),
            ..Upload::default()
        };
        Box::pin(async move {
            if large {
                let reason = format!("put {name}: more than {CONTENT_BYTES_MAX} bytes");
                return Err(Error::new(ErrorKind::Unusable, reason));
            }
            upload.check_headers(name)?;
            Ok(self.insert(name, body, upload)?.generation)
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let conditions = Conditions::from(Some(Precondition::At(generation)));
        Box::pin(async move { self.remove(name, &conditions) })
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { self.erase(name, generation, &Conditions::default()) })
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move {
            let refused =
                || Error::new(ErrorKind::Rejected, format!("list {}: token", list.prefix));
            let found = self.page(&Query::of(list).ok_or_else(refused)?);
            Ok(Page {
                items: found.items.iter().map(Stored::to_listed).collect(),
                prefixes: found.prefixes,
                next_page_token: found.next_page_token,
            })
        })
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(
            async move { Ok(self.state().versions(name).iter().map(Stored::to_listed).collect()) },
        )
    }

    fn answered_at(&self) -> Option<Instant> {
        Some(self.clock.now())
    }
}
