//! What every file of the repository has in common.

use std::fs;

use super::{files, workspace};

/// Lines of a file that is not a test.
const LINES_MAX: usize = 400;

/// The files that may have more, and why.
const LONG: [(&str, &str); 1] =
    [("shared/domain/src/object_name.rs", "one variant and one spelling for each class of object")];

/// The folders with Rust in them.
const CODE: [&str; 4] = ["functions", "fuzz/fuzz_targets", "shared", "xtask"];

/// Every Rust file with its text.
fn sources() -> Vec<(String, String)> {
    let root = workspace().root;
    let files = CODE.iter().flat_map(|folder| files(&root, folder));
    let rust = files.filter(|(name, _)| name.ends_with(".rs"));
    rust.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

/// The names of the sources that `wrong` finds something in, with the first line of it.
fn check(wrong: impl Fn(&str, &str) -> bool) {
    let mut found = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().enumerate();
        let bad = lines.filter(|(_, line)| wrong(&name, line));
        found.extend(bad.map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

#[test]
fn every_file_begins_with_what_it_is() {
    let sources = sources();
    let silent: Vec<&String> = sources
        .iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn no_file_is_too_long_to_read() {
    let sources = sources();
    let long =
        sources.iter().filter(|(name, text)| !is_test(name) && text.lines().count() > LINES_MAX);
    let long: Vec<&str> = long.map(|(name, _)| name.as_str()).collect();
    assert_eq!(long, LONG.map(|(name, _)| name), "those on the right are known");
}

#[test]
fn no_test_is_left_out_or_expected_to_panic() {
    let left_out = [concat!("#[ig", "nore"), concat!("#[should", "_panic")];
    check(|_, line| left_out.iter().any(|it| line.contains(it)));
}

#[test]
fn nothing_but_xtask_prints() {
    let printing = [concat!("print", "ln!("), concat!("db", "g!(")];
    check(|name, line| {
        !name.starts_with("xtask/") && !is_test(name) && printing.iter().any(|it| line.contains(it))
    });
}

#[test]
fn nothing_is_allowed_without_a_reason() {
    let allowing = [concat!("#[al", "low("), concat!("#![al", "low(")];
    check(|_, line| allowing.iter().any(|it| line.contains(it)));
    let expecting = [concat!("#[ex", "pect("), concat!("#![ex", "pect(")];
    for (name, text) in sources() {
        for part in expecting.iter().flat_map(|it| text.split(it).skip(1)) {
            let attribute = part.split(")]").next().unwrap_or(part);
            assert!(attribute.contains("reason"), "{name}: {attribute}");
        }
    }
}

#[test]
fn what_is_to_be_done_has_a_number() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let number = concat!("TO", "DO(#");
    check(|_, line| marks.iter().any(|it| line.contains(it)) && !line.contains(number));
}

#[test]
fn every_crate_takes_its_lints_from_the_workspace() {
    for package in workspace().packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.name);
    }
}
