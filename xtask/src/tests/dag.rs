//! Functions form a DAG by class of object: nothing is fed with what follows from its own writes.

use std::collections::BTreeSet;

use domain::Class;

use super::workspace;
use crate::metadata::{Function, word};

/// Every class that can follow from a write of `class`: what is written by whatever is fed with
/// it, and so on.
fn consequences(functions: &[Function], class: Class) -> BTreeSet<Class> {
    let mut reached = BTreeSet::new();
    let mut open = vec![class];
    while let Some(class) = open.pop() {
        let fed = functions.iter().filter(|it| it.metadata.fed_with.contains(&class));
        for written in fed.flat_map(|it| it.metadata.writes.iter().copied()) {
            if reached.insert(written) {
                open.push(written);
            }
        }
    }
    reached
}

fn cycles(functions: &[Function]) -> Vec<String> {
    let fed =
        functions.iter().flat_map(|it| it.metadata.fed_with.iter().map(move |fed| (it, *fed)));
    fed.filter(|(_, class)| consequences(functions, *class).contains(class))
        .map(|(it, class)| format!("{} is fed with what follows from {}", it.name, word(class)))
        .collect()
}

fn function(name: &str, fed_with: &[Class], writes: &[Class]) -> Function {
    let names = |classes: &[Class]| classes.iter().map(|it| word(*it)).collect::<Vec<_>>();
    let table = serde_json::json!({
        "kind": "push", "fed-with": names(fed_with), "reads": names(fed_with),
        "writes": names(writes), "memory-mib": 512, "concurrency": 80,
    });
    Function { name: name.to_owned(), metadata: serde_json::from_value(table).unwrap() }
}

#[test]
fn nothing_is_fed_with_what_follows_from_its_own_writes() {
    let functions = workspace().functions().unwrap();
    assert!(!functions.is_empty());
    assert_eq!(cycles(&functions), Vec::<String>::new());
}

#[test]
fn nothing_that_is_fed_writes_history() {
    let functions = workspace().functions().unwrap();
    let fed = functions.iter().filter(|it| !it.metadata.fed_with.is_empty());
    let writers = fed.filter(|it| it.metadata.writes.contains(&Class::History));
    assert_eq!(writers.map(|it| &it.name).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_cycle_over_two_functions_is_found() {
    let functions = [
        function("a", &[Class::Snapshot], &[Class::Manifest]),
        function("b", &[Class::Manifest], &[Class::Snapshot]),
        function("c", &[Class::History], &[Class::Snapshot]),
    ];
    assert_eq!(
        cycles(&functions),
        ["a is fed with what follows from snapshot", "b is fed with what follows from manifest"]
    );
}

#[test]
fn a_function_that_feeds_itself_is_found() {
    let functions = [function("a", &[Class::Alert], &[Class::AlertMark, Class::Alert])];
    assert_eq!(cycles(&functions), ["a is fed with what follows from alert"]);
}
