//! Every variable that the code reads is in `.env.example`, and no other is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{files, workspace};

/// How a variable is read, up to its name.
const READS: [&str; 11] = [
    "config.read(",
    "config.required(",
    "config.parsed(",
    "config.duration_ms(",
    "ascii(config, ",
    "= read(",
    "= target(",
    "var_os(",
    "env::var(",
    "const GIVEN: &str = ",
    "const LONG: (&str, &str) = (",
];

/// What a name in the code is not written down as: it is made up of others.
const MADE: [&str; 3] = ["name", "own", "var"];

/// The files whose reads are another program's: of a build script, and of tests.
fn is_read_at_run_time(file: &str) -> bool {
    let of_tests = file.contains("/tests/") || file.ends_with("/tests.rs");
    let asks = file.ends_with("gcp/tests/it/conformance.rs");
    (!of_tests || asks) && !file.ends_with("build.rs") && !file.contains("/planted")
}

/// The word at the beginning of `text`: a name in quotes, or that of a constant of `source`.
fn variable(text: &str, source: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('"') {
        return rest.split_once('"').map(|(name, _)| name.to_owned());
    }
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let name = text.trim_start_matches('&').split(word).next()?;
    if MADE.contains(&name) {
        return None;
    }
    let (_, value) = source.split_once(&format!("const {name}: &str = \""))?;
    value.split_once('"').map(|(value, _)| value.to_owned())
}

/// Variables that the code reads, and where.
fn read() -> BTreeMap<String, String> {
    let root = workspace().root;
    let mut found = BTreeMap::new();
    let all = ["functions", "shared", "xtask"].into_iter().flat_map(|it| files(&root, it));
    for (file, path) in all.filter(|(file, _)| file.ends_with(".rs") && is_read_at_run_time(file)) {
        let source = fs::read_to_string(path).unwrap();
        for call in READS {
            for (at, _) in source.match_indices(call) {
                let Some(name) = variable(&source[at + call.len()..], &source) else { continue };
                if name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
                    found.insert(name, file.clone());
                }
            }
        }
    }
    found
}

/// Variables of `.env.example`, and whether a comment of their own stands above each.
fn documented() -> BTreeMap<String, bool> {
    let text = fs::read_to_string(workspace().root.join(".env.example")).unwrap();
    let mut documented = BTreeMap::new();
    let mut is_said = false;
    for line in text.lines() {
        let bare = line.trim_start_matches("# ");
        let name = bare.split_once('=').map(|(name, _)| name).filter(|name| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        });
        match name {
            Some(name) => {
                assert!(documented.insert(name.to_owned(), is_said).is_none(), "{name} twice");
            }
            None => is_said = line.starts_with("# ") && !line.starts_with("# ---"),
        }
    }
    documented
}

#[test]
fn every_variable_that_is_read_is_in_the_example_with_what_it_is() {
    let read = read();
    // Reads that are found in each of the ways.
    for known in ["BUCKET", "PORT", "K_REVISION", "RULES_AGE_MAX_MS", "TERRAFORM", "DOCKER_CONFIG"]
    {
        assert!(read.contains_key(known), "{known} is not found any more: {read:?}");
    }
    let documented = documented();
    let missing: Vec<_> = read.iter().filter(|(name, _)| !documented.contains_key(*name)).collect();
    assert!(missing.is_empty(), "not in .env.example: {missing:?}");
    let unsaid: Vec<_> = documented.iter().filter(|(_, is_said)| !**is_said).collect();
    assert!(unsaid.is_empty(), "no comment above: {unsaid:?}");
    let known: BTreeSet<&str> = read.keys().map(String::as_str).collect();
    let unread: Vec<_> = documented.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unread.is_empty(), "nothing reads: {unread:?}");
}

#[test]
fn every_secret_of_a_function_is_a_variable_of_the_example() {
    let documented = documented();
    for function in workspace().functions().unwrap() {
        for secret in &function.metadata.secrets {
            let variable = secret.replace('-', "_").to_uppercase();
            assert!(documented.contains_key(&variable), "{variable} of {}", function.name);
        }
    }
}

#[test]
fn what_holds_values_of_secrets_is_ignored_by_git() {
    let ignored = fs::read_to_string(workspace().root.join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|it| it == "/.env.local"));
}
