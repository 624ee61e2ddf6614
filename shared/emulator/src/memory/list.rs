//! Lists: prefix, delimiter, offsets, pages.
//!
//! Items and rolled-up prefixes share one order and one page. (Cloud Storage JSON API,
//! `Objects: list`.)

#[cfg(test)]
mod tests;

use domain::Generation;
use store::{List, PAGE_ITEMS_MAX};

use super::glob::Glob;
use super::state::State;
use super::stored::Stored;
use crate::opaque;

/// The most names that are looked at for one page, however few of them are listed: the bucket is
/// locked meanwhile. A page can be short or empty and not be the last.
const NAMES_MAX: usize = PAGE_ITEMS_MAX;

/// What to list.
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) start_offset: Option<&'a str>,
    pub(crate) end_offset: Option<&'a str>,
    /// Where the page before ended.
    pub(crate) after: Option<Position>,
    /// Objects whose names end with the first delimiter are items too.
    pub(crate) include_trailing_delimiter: bool,
    /// Only names that this describes.
    pub(crate) glob: Option<Glob>,
    /// Noncurrent versions too, those of one object in the order of their generations.
    pub(crate) versions: bool,
    /// At least 1, at most [`PAGE_ITEMS_MAX`].
    pub(crate) items_max: usize,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last thing that was listed: a name with the version, or a prefix. Empty when nothing
    /// was.
    name: String,
    generation: Generation,
    /// Every name before this one was looked at.
    from: String,
}

impl Position {
    /// Reads a page token; `None` for one that was not made here.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let text = opaque::decode(token)?;
        let (generation, names) = text.split_once(' ')?;
        // No name contains the end of a line.
        let (name, from) = names.split_once('\n')?;
        let (name, from) = (name.to_owned(), from.to_owned());
        Some(Self { name, generation: Generation::parse(generation)?, from })
    }

    fn token(&self) -> String {
        opaque::encode(&format!("{} {}\n{}", self.generation, self.name, self.from))
    }
}

/// One page.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) items: Vec<Stored>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) next_page_token: Option<String>,
}

impl<'a> Query<'a> {
    /// The query of the storage contract; `None` when its page token is not ours.
    pub(crate) fn of(list: &'a List) -> Option<Self> {
        let after = match &list.page_token {
            Some(token) => Some(Position::parse(token)?),
            None => None,
        };
        Some(Self {
            prefix: &list.prefix,
            delimiter: list.delimiter.as_deref(),
            start_offset: list.start_offset.as_deref(),
            end_offset: list.end_offset.as_deref(),
            after,
            include_trailing_delimiter: false,
            glob: None,
            versions: list.versions,
            items_max: PAGE_ITEMS_MAX,
        })
    }

    /// The prefix into which `name` is rolled up.
    fn rolled_up<'n>(&self, name: &'n str) -> Option<&'n str> {
        let delimiter = self.delimiter.filter(|delimiter| !delimiter.is_empty())?;
        let at = name.get(self.prefix.len()..)?.find(delimiter)?;
        name.get(..self.prefix.len() + at + delimiter.len())
    }

    /// Whether a page before showed `name` with `generation` already, or went past it.
    fn shown(&self, name: &str, generation: Generation) -> bool {
        let Some(after) = &self.after else { return false };
        (name, generation.0) <= (after.name.as_str(), after.generation.0)
    }

    fn first_name(&self) -> &str {
        let from = self.after.as_ref().map_or("", |after| after.from.as_str());
        self.prefix.max(self.start_offset.unwrap_or("")).max(from)
    }
}

pub(super) fn page(state: &State, query: &Query<'_>) -> Found {
    let after = query.after.as_ref();
    let last = after.map(|after| (after.name.clone(), after.generation));
    let mut pager = Pager { query, found: Found::default(), last };
    for (looked_at, (name, versions)) in state.names_from(query.first_name()).enumerate() {
        let past_end = query.end_offset.is_some_and(|end| name >= end);
        if past_end || !name.starts_with(query.prefix) || pager.is_complete() {
            break;
        }
        if looked_at == NAMES_MAX {
            pager.end(name);
            break;
        }
        pager.add_object(name, versions);
    }
    pager.found
}

/// Fills one page.
struct Pager<'a> {
    query: &'a Query<'a>,
    found: Found,
    /// What was listed last, on this page or on one before it.
    last: Option<(String, Generation)>,
}

impl Pager<'_> {
    fn is_complete(&self) -> bool {
        self.found.next_page_token.is_some()
    }

    /// Ends the page; the next one begins with `from`.
    fn end(&mut self, from: &str) {
        let (name, generation) = self.last.take().unwrap_or((String::new(), Generation(0)));
        let position = Position { name, generation, from: from.to_owned() };
        self.found.next_page_token = Some(position.token());
    }

    fn add_object(&mut self, name: &str, versions: &[Stored]) {
        let wanted = versions.iter().filter(|stored| stored.live || self.query.versions);
        let mut wanted: Vec<&Stored> = wanted.collect();
        let described = self.query.glob.as_ref().is_none_or(|glob| glob.matches(name));
        if wanted.is_empty() || !described {
            return;
        }
        if let Some(prefix) = self.query.rolled_up(name) {
            // No generation is zero: a prefix stands before every version.
            let repeated = self.found.prefixes.last().is_some_and(|last| last == prefix);
            if !repeated && self.has_room(prefix, Generation(0)) {
                self.found.prefixes.push(prefix.to_owned());
            }
            if prefix != name || !self.query.include_trailing_delimiter {
                return;
            }
        }
        wanted.sort_by_key(|stored| stored.generation.0);
        for stored in wanted {
            if self.has_room(name, stored.generation) {
                self.found.items.push(stored.clone());
            }
        }
    }

    /// Whether an entry belongs on this page. The first one that does not fit ends it.
    fn has_room(&mut self, name: &str, generation: Generation) -> bool {
        if self.is_complete() || self.query.shown(name, generation) {
            return false;
        }
        if self.found.items.len() + self.found.prefixes.len() >= self.query.items_max {
            self.end(name);
            return false;
        }
        self.last = Some((name.to_owned(), generation));
        true
    }
}
