//! Lists of more names than are looked at for one page.

use bytes::Bytes;

use super::*;
use crate::{Memory, TestClock, Upload};

fn memory<'a>(names: impl IntoIterator<Item = &'a String>) -> std::sync::Arc<Memory> {
    let memory = Memory::new("bucket", TestClock::at("2026-01-02T03:04:05Z"), 7);
    for name in names {
        memory.insert(name, Bytes::new(), Upload::default()).unwrap();
    }
    memory
}

/// The items and the prefixes of every page.
fn pages(memory: &Memory, query: impl Fn(Option<Position>) -> Query<'static>) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let found = memory.page(&query(after));
        let names = found.items.into_iter().map(|stored| stored.name);
        pages.push(names.chain(found.prefixes).collect());
        let Some(token) = found.next_page_token else { return pages };
        after = Some(Position::parse(&token).unwrap());
    }
}

fn query(glob: &str, items_max: usize, after: Option<Position>) -> Query<'static> {
    Query {
        prefix: "",
        delimiter: None,
        start_offset: None,
        end_offset: None,
        after,
        include_trailing_delimiter: false,
        glob: Glob::parse(glob),
        versions: false,
        items_max,
    }
}

#[test]
fn what_a_glob_describes_comes_over_pages_of_bounded_work() {
    let names: Vec<String> = (0..3 * NAMES_MAX).map(|number| format!("{number:05}")).collect();
    let memory = memory(&names);
    let described: Vec<&String> = names.iter().filter(|name| name.ends_with("77")).collect();
    for items_max in [1, 7, PAGE_ITEMS_MAX] {
        let pages = pages(&memory, |after| query("*77", items_max, after));
        assert!(pages.iter().all(|page| page.len() <= NAMES_MAX / 100));
        assert!(pages.len() >= 3, "{}", pages.len());
        assert_eq!(pages.iter().flatten().collect::<Vec<_>>(), described, "{items_max}");
    }
    let none = pages(&memory, |after| query("x", PAGE_ITEMS_MAX, after));
    assert_eq!(none, vec![Vec::<String>::new(); 3]);
}

#[test]
fn a_prefix_is_listed_once_wherever_its_pages_part() {
    let below = |number| format!("b/{number:05}");
    for described in [vec![0, 2 * NAMES_MAX], vec![NAMES_MAX], vec![2 * NAMES_MAX], vec![]] {
        let name = |number| match described.contains(&number) {
            true => below(number) + "x",
            false => below(number),
        };
        let mut names: Vec<String> = (0..=2 * NAMES_MAX).map(name).collect();
        names.extend(["ax", "b/", "cx"].map(str::to_owned));
        let memory = memory(&names);
        let rolled_up =
            |after| Query { delimiter: Some("/"), ..query("**x", PAGE_ITEMS_MAX, after) };
        let mut expected = vec!["ax", "b/", "cx"];
        expected.retain(|name| *name != "b/" || !described.is_empty());
        let mut listed = pages(&memory, rolled_up).concat();
        listed.sort();
        assert_eq!(listed, expected, "{described:?}");
    }
}

#[test]
fn names_of_which_nothing_is_left_are_not_looked_at() {
    let names: Vec<String> = (0..=NAMES_MAX).map(|number| format!("{number:05}")).collect();
    let memory = memory(&names);
    let always = crate::memory::Conditions::default();
    for name in &names[..NAMES_MAX] {
        let generation = memory.find(name, None).unwrap().generation;
        assert_eq!(memory.erase(name, generation, &always), Ok(true));
    }
    assert_eq!(pages(&memory, |after| query("*", 10, after)), [[names[NAMES_MAX].clone()]]);
}
