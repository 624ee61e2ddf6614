//! The stores side by side: one operation on each of them.

use std::collections::HashMap;

use bytes::Bytes;
use domain::Generation;

use super::Contestant;
use super::answer::Answer;
use super::known::Known;
use super::operation::{If, Operation, Pairs, Text, Which};
use crate::{
    Error, ErrorKind, List, Listed, Metadata, Object, PAGE_ITEMS_MAX, Precondition, Store,
};

/// More pages than any list of a round has.
const PAGES_MAX: usize = 20;

/// A generation that no object has.
const UNKNOWN: Generation = Generation(17);

/// The stores, and what they have written in this round.
pub(super) struct Sides<'a> {
    contestants: &'a [Contestant<'a>],
    prefix: String,
    /// The full names of the objects.
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    known: Known,
}

impl<'a> Sides<'a> {
    pub(super) fn new(contestants: &'a [Contestant<'a>], names: &[String], prefix: &str) -> Self {
        let full: Vec<_> = names.iter().map(|name| format!("{prefix}{name}")).collect();
        let numbers = full.iter().enumerate().map(|(number, name)| (name.clone(), number));
        Self {
            contestants,
            prefix: prefix.to_owned(),
            numbers: numbers.collect(),
            known: Known::new(full.len()),
            names: full,
        }
    }

    /// Runs `operation` on each of the stores; their answers in the same order.
    pub(super) async fn run(&mut self, operation: &Operation) -> Vec<Answer> {
        let contestants = self.contestants;
        let mut answers = Vec::with_capacity(contestants.len());
        let mut written = Vec::new();
        for (side, contestant) in contestants.iter().enumerate() {
            let store = contestant.store;
            answers.push(match operation {
                Operation::Get { object, which } => self.get(side, store, *object, *which).await,
                Operation::Put { object, body, metadata, under } => {
                    let precondition = self.precondition(side, *object, *under);
                    let name = &self.names[*object];
                    let put = store.put(name, body.clone(), metadata, precondition).await;
                    self.written(side, *object, put, &mut written)
                }
                Operation::PutRefused { name, metadata } => {
                    self.put_refused(store, name, metadata).await
                }
                Operation::Delete { object, which } => {
                    let generation = self.generation(side, *object, *which);
                    deleted(store.delete(&self.names[*object], generation).await)
                }
                Operation::Erase { object, which } => {
                    let generation = self.generation(side, *object, *which);
                    erased(store.erase(&self.names[*object], generation).await)
                }
                Operation::List(list) => self.list(side, store, list).await,
                Operation::Versions { object } => self.versions(side, store, *object).await,
            });
        }
        self.note(operation, &answers, written);
        answers
    }

    /// Keeps what every store says that it has done.
    fn note(&mut self, operation: &Operation, answers: &[Answer], written: Vec<Generation>) {
        let all_deleted = || answers.iter().all(|answer| answer.kind == "delete: deleted");
        let all_erased = || answers.iter().all(|answer| answer.kind == "erase: erased");
        match operation {
            Operation::Put { object, .. } if written.len() == self.contestants.len() => {
                self.known.wrote(*object, written);
            }
            Operation::Delete { object, .. } if all_deleted() => self.known.deleted(*object),
            Operation::Erase { object, which } if all_erased() => {
                let found = self.resolve(*object, *which).map(|(_, number)| number);
                if found.is_some() && found == self.known.live(*object) {
                    self.known.deleted(*object);
                }
            }
            _ => (),
        }
    }

    /// The object and the number of a version.
    fn resolve(&self, object: usize, which: Which) -> Option<(usize, usize)> {
        let number = match which {
            Which::Live => self.known.live(object).or_else(|| self.known.old(object, 0)),
            Which::Old(back) => self.known.old(object, back),
            Which::Foreign(other) => return Some((other, self.known.old(other, 0)?)),
            Which::Unknown => None,
        };
        Some((object, number?))
    }

    fn generation(&self, side: usize, object: usize, which: Which) -> Generation {
        let found = self.resolve(object, which);
        let found = found.and_then(|(object, number)| self.known.generation(side, object, number));
        found.unwrap_or(UNKNOWN)
    }

    /// What to ask for, for what is true too.
    fn asked(&self, object: usize, under: If) -> If {
        match under {
            If::Unchanged if self.known.live(object).is_some() => If::At(Which::Live),
            If::Unchanged => If::Absent,
            under => under,
        }
    }

    fn precondition(&self, side: usize, object: usize, under: If) -> Precondition {
        match self.asked(object, under) {
            If::At(which) => Precondition::At(self.generation(side, object, which)),
            If::Absent | If::Unchanged => Precondition::Absent,
        }
    }

    /// `operation` in words, as it would run next.
    pub(super) fn describe(&self, operation: &Operation) -> String {
        let name = |object: usize| {
            self.names
                .get(object)
                .map_or_else(String::new, |name| format!("{:?}", self.short(name)))
        };
        let version = |object: usize, under: If| match self.asked(object, under) {
            If::At(which) => match self.resolve(object, which) {
                Some((of, number)) if of == object => format!("at #{number}"),
                Some((of, number)) => format!("at #{number} of {}", name(of)),
                None => format!("at {UNKNOWN}"),
            },
            If::Absent | If::Unchanged => "absent".to_owned(),
        };
        operation.describe(&name, &version)
    }

    async fn get(
        &self,
        side: usize,
        store: &dyn Store,
        object: usize,
        which: Option<Which>,
    ) -> Answer {
        let generation = which.map(|which| self.generation(side, object, which));
        match store.get(&self.names[object], generation).await {
            Ok(None) => Answer::new("get: none", ""),
            Ok(Some(Object { body, generation, metadata })) => {
                let version = self.known.name(side, object, generation);
                Answer::new("get: found", format!("{} {} {version}", Text(&body), Pairs(&metadata)))
            }
            Err(err) => Answer::new("get: failed", failure(&err)),
        }
    }

    fn written(
        &self,
        side: usize,
        object: usize,
        put: Result<Generation, Error>,
        written: &mut Vec<Generation>,
    ) -> Answer {
        match put {
            Ok(generation) if self.known.is_given(side, object, generation) => {
                let version = self.known.name(side, object, generation);
                Answer::new("put: written", format!("under the generation of {version}"))
            }
            Ok(generation) => {
                written.push(generation);
                Answer::new("put: written", "")
            }
            Err(err) if err.kind == ErrorKind::Conflict => Answer::new("put: conflict", ""),
            Err(err) => Answer::new("put: failed", failure(&err)),
        }
    }

    async fn put_refused(&self, store: &dyn Store, name: &str, metadata: &Metadata) -> Answer {
        let name = format!("{}{name}", self.prefix);
        let body = Bytes::from_static(b"refused");
        match store.put(&name, body, metadata, Precondition::Absent).await {
            Ok(_) => Answer::new("put: written", "what must be refused"),
            Err(err) => Answer::new("put: refused", failure(&err)),
        }
    }

    /// All pages as one.
    async fn list(&mut self, side: usize, store: &dyn Store, list: &List) -> Answer {
        let full = |name: &String| format!("{}{name}", self.prefix);
        let mut list = List {
            prefix: full(&list.prefix),
            start_offset: list.start_offset.as_ref().map(full),
            end_offset: list.end_offset.as_ref().map(full),
            ..list.clone()
        };
        let (mut items, mut prefixes) = (Vec::new(), String::new());
        for number in 1..=PAGES_MAX {
            let page = match store.list(&list).await {
                Ok(page) => page,
                Err(err) => return Answer::new("list: failed", failure(&err)),
            };
            if page.items.len() + page.prefixes.len() > PAGE_ITEMS_MAX {
                prefixes.push_str("(page is too long) ");
            }
            for item in &page.items {
                items.push((item.name.clone(), self.item(side, item)));
            }
            for prefix in &page.prefixes {
                prefixes.push_str(&format!("{:?} ", self.short(prefix)));
            }
            list.page_token = page.next_page_token;
            if list.page_token.is_none() {
                let kind = match (number > 1, items.is_empty() && prefixes.is_empty()) {
                    (true, _) => "list: pages",
                    (_, true) => "list: empty",
                    (_, false) => "list: one page",
                };
                if list.versions {
                    in_groups_of_names(&mut items);
                }
                let items: Vec<String> = items.into_iter().map(|(_, item)| item).collect();
                return Answer::new(kind, format!("{} + {prefixes}", items.join(" ")));
            }
        }
        Answer::new("list: failed", "it does not end")
    }

    fn short<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(&self.prefix).unwrap_or(name)
    }

    /// One item of a list: `"a/b" #2 17 bytes`.
    fn item(&mut self, side: usize, item: &Listed) -> String {
        let version = match self.numbers.get(&item.name) {
            Some(object) => self.known.listed(side, *object, (item.generation, item.created_at)),
            None => "#unknown".to_owned(),
        };
        let live = if item.live { "" } else { " noncurrent" };
        format!("{:?} {version} {} bytes{live},", self.short(&item.name), item.size_bytes)
    }

    async fn versions(&mut self, side: usize, store: &dyn Store, object: usize) -> Answer {
        let versions = match store.versions(&self.names[object]).await {
            Ok(versions) => versions,
            Err(err) => return Answer::new("versions: failed", failure(&err)),
        };
        let mut text: Vec<_> = versions.iter().map(|version| self.item(side, version)).collect();
        if !versions.is_sorted_by_key(|version| version.created_at) {
            text.push("times are not in order".to_owned());
        }
        let kind = match versions.len() {
            0 => "versions: none",
            1..=PAGE_ITEMS_MAX => "versions: one page",
            _ => "versions: pages",
        };
        Answer::new(kind, text.join(" "))
    }
}

/// Sorts versions of one name that come together: their own order is nobody's promise.
fn in_groups_of_names(items: &mut [(String, String)]) {
    items.chunk_by_mut(|(left, _), (right, _)| left == right).for_each(<[_]>::sort_unstable);
}

fn deleted(deleted: Result<bool, Error>) -> Answer {
    match deleted {
        Ok(true) => Answer::new("delete: deleted", ""),
        Ok(false) => Answer::new("delete: none", ""),
        Err(err) if err.kind == ErrorKind::Conflict => Answer::new("delete: conflict", ""),
        Err(err) => Answer::new("delete: failed", failure(&err)),
    }
}

fn erased(erased: Result<bool, Error>) -> Answer {
    match erased {
        Ok(true) => Answer::new("erase: erased", ""),
        Ok(false) => Answer::new("erase: none", ""),
        Err(err) => Answer::new("erase: failed", failure(&err)),
    }
}

/// The kind of an error: messages may differ.
fn failure(err: &Error) -> String {
    format!("{:?}", err.kind)
}
