//! Listing objects, and the versions of one object.

use domain::{Generation, Instant};
use hyper::Method;
use serde::Deserialize;
use store::{Error, List, Listed, PAGE_ITEMS_MAX, Page};

use crate::Bucket;
use crate::answer::{Answer, JSON_BYTES_MAX, broken};
use crate::client::{Call, Trouble};
use crate::retry::{Cause, Effect};

/// The selected fields of a page.
const PAGE_FIELDS: &str = "items(name,generation,size,timeCreated),prefixes,nextPageToken";

/// The selected fields of a page of versions.
const VERSIONS_FIELDS: &str =
    "items(name,generation,size,timeCreated,timeDeleted),prefixes,nextPageToken";

/// The most pages of versions that are read: more than a lifecycle rule leaves of any object.
const VERSIONS_PAGES_MAX: usize = 100;

/// `Objects: list`. (Cloud Storage JSON API.)
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Objects {
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    prefixes: Vec<String>,
    next_page_token: Option<String>,
}

/// Numbers of 64 bits are texts in this API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    generation: String,
    size: String,
    time_created: String,
    /// Of versions that are not live only.
    time_deleted: Option<String>,
}

impl Bucket {
    /// One page.
    pub(crate) async fn page(&self, list: &List) -> Result<Page, Error> {
        self.listed("list", list).await
    }

    async fn listed(&self, operation: &'static str, list: &List) -> Result<Page, Error> {
        let address = self
            .endpoint
            .objects()
            .with("fields", if list.versions { VERSIONS_FIELDS } else { PAGE_FIELDS })
            .with_some("versions", list.versions.then_some(true))
            .with("prefix", &list.prefix)
            .with_some("delimiter", list.delimiter.as_ref())
            .with_some("startOffset", list.start_offset.as_ref())
            .with_some("endOffset", list.end_offset.as_ref())
            .with_some("pageToken", list.page_token.as_ref());
        let effect = (Effect::Read, Method::GET);
        let call = Call::new((operation, &list.prefix), effect, address.uri(), JSON_BYTES_MAX)?;
        self.client.run(&call, page).await
    }

    /// The versions of exactly `name`. They come first among what begins with it, and are read up
    /// to the first other name.
    pub(crate) async fn all_versions(&self, name: &str) -> Result<Vec<Listed>, Error> {
        let mut versions = Vec::new();
        let mut page_token = None;
        for _ in 0..VERSIONS_PAGES_MAX {
            let page = self.versions_page(name, page_token).await?;
            let complete = page.items.last().is_some_and(|item| item.name != name);
            versions.extend(page.items.into_iter().filter(|item| item.name == name));
            page_token = page.next_page_token;
            if complete || page_token.is_none() {
                versions.sort_by_key(|version| version.created_at);
                return Ok(versions);
            }
        }
        let text = format!("more than {VERSIONS_PAGES_MAX} pages of versions");
        Err(Trouble::new(Cause::Refused, text).of("versions", name))
    }

    /// One page of the versions of everything that begins with `prefix`.
    pub(crate) async fn versions_page(
        &self,
        prefix: &str,
        page_token: Option<String>,
    ) -> Result<Page, Error> {
        let list =
            List { prefix: prefix.to_owned(), page_token, versions: true, ..List::default() };
        self.listed("versions", &list).await
    }
}

fn page(answer: &Answer) -> Result<Page, Trouble> {
    answer.expect(200)?;
    let Objects { items, prefixes, next_page_token } = answer.json()?;
    if items.len() > PAGE_ITEMS_MAX {
        return Err(broken("answer has more items than a page"));
    }
    let items = items.into_iter().map(listed).collect::<Option<_>>();
    let items = items.ok_or_else(|| broken("answer has an item that cannot be read"))?;
    Ok(Page { items, prefixes, next_page_token })
}

fn listed(item: Item) -> Option<Listed> {
    Some(Listed {
        generation: Generation::parse(&item.generation)?,
        size_bytes: item.size.parse().ok()?,
        created_at: Instant::parse(&item.time_created)?,
        live: item.time_deleted.is_none(),
        name: item.name,
    })
}
