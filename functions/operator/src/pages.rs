//! Lists, page by page.

use store::{List, Listed, Page, Store};

use crate::Problem;

/// The pages of one list.
pub(crate) struct Pages {
    list: List,
    ended: bool,
}

impl Pages {
    /// Of all objects below a prefix.
    pub(crate) fn of(prefix: String) -> Self {
        Self { list: List { prefix, ..List::default() }, ended: false }
    }

    /// Of what lies directly below a prefix.
    pub(crate) fn folders(prefix: String) -> Self {
        let delimiter = Some("/".to_owned());
        Self { list: List { prefix, delimiter, ..List::default() }, ended: false }
    }

    /// Of a list from its beginning.
    pub(crate) fn from(list: List) -> Self {
        Self { list, ended: false }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self, store: &dyn Store) -> Result<Option<Page>, Problem> {
        if self.ended {
            return Ok(None);
        }
        let mut page = store.list(&self.list).await?;
        self.list.page_token = page.next_page_token.take();
        self.ended = self.list.page_token.is_none();
        Ok(Some(page))
    }
}

/// What the folders of a page are called, below `prefix`: ids, where that is the history of a segment.
pub(crate) fn folder_names<'a>(page: &'a Page, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let name = move |folder: &'a String| folder.strip_prefix(prefix)?.strip_suffix('/');
    page.prefixes.iter().filter_map(name)
}

/// The one object of this name, as it is listed.
pub(crate) async fn listed(store: &dyn Store, name: &str) -> Result<Option<Listed>, Problem> {
    let list = List { prefix: name.to_owned(), ..List::default() };
    let page = store.list(&list).await?;
    Ok(page.items.into_iter().find(|item| item.name == name))
}
