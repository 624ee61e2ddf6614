//! What `terraform/` reads of the code.

use std::collections::{BTreeMap, BTreeSet};

use domain::Definitions;

use super::workspace;
use crate::terraform::condition::OPERATORS_MAX;
use crate::terraform::{chunks, generate, grants};

#[test]
fn what_terraform_reads_is_what_the_code_says() {
    let workspace = workspace();
    let functions = workspace.functions().unwrap();
    let files = generate::files(&functions, &Definitions::embedded()).unwrap();
    let stale = generate::stale(&workspace.root, &files).unwrap();
    assert!(stale.is_empty(), "{stale:?}: {}", generate::COMMAND);
}

#[test]
fn a_function_whose_accounts_would_have_too_long_a_name_is_refused() {
    let mut functions = workspace().functions().unwrap();
    functions[0].name = "x".repeat(21);
    let err = generate::files(&functions, &Definitions::embedded()).unwrap_err().to_string();
    assert!(err.contains("at most 20 bytes"), "{err}");
}

#[test]
fn a_change_of_a_function_or_of_a_kind_shows_as_drift() {
    let workspace = workspace();
    let functions = workspace.functions().unwrap();
    let mut changed = functions.clone();
    changed[0].metadata.memory_mib += 1;
    let embedded = Definitions::embedded();
    let files = generate::files(&changed, &embedded).unwrap();
    assert_eq!(generate::stale(&workspace.root, &files).unwrap(), [generate::FUNCTIONS]);
    let kpi = ["kpi/entity.json", "kpi/v1.0.0.schema.json"].map(|name| {
        let text = std::fs::read_to_string(workspace.root.join("schemas").join(name)).unwrap();
        (name.to_owned(), text)
    });
    let fewer = Definitions::from_files(kpi).unwrap();
    let files = generate::files(&functions, &fewer).unwrap();
    let stale = generate::stale(&workspace.root, &files).unwrap();
    assert_eq!(stale, [generate::FUNCTIONS, generate::KINDS]);
}

#[test]
fn roles_hold_every_prefix_that_is_read_and_written_once_and_no_other() {
    let definitions = Definitions::embedded();
    for function in workspace().functions().unwrap() {
        let roles = chunks::by_role(&function, &definitions);
        let held = |some: [&str; 2]| {
            let chunks = some.into_iter().filter_map(|it| roles.get(it)).flat_map(|it| it.values());
            let mut held: Vec<String> = chunks.flatten().cloned().collect();
            held.sort();
            held
        };
        let prefixes = |classes: &[_]| grants::prefixes(&function, classes, &definitions);
        let (appends, writes) = grants::written(&function);
        assert_eq!(held(["read", "rewrite"]), prefixes(&function.metadata.reads));
        assert_eq!(held(["write", "rewrite"]), prefixes(&writes));
        assert_eq!(held(["append", ""]), prefixes(&appends));
        assert_eq!(held(["delete", ""]), prefixes(&function.metadata.deletes));
    }
}

#[test]
fn a_chunk_fits_a_condition_and_is_the_same_for_whoever_has_it() {
    let definitions = Definitions::embedded();
    let except = grants::exceptions(&definitions);
    let functions = workspace().functions().unwrap();
    let roles = functions.iter().flat_map(|it| chunks::by_role(it, &definitions).into_values());
    let mut titled: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (title, prefixes) in roles.chain([chunks::history(&definitions)]).flatten() {
        let inside = prefixes.iter().filter_map(|it| except.get(it)).flatten().count();
        let operators = prefixes.len() - 1 + 2 * inside;
        assert!(operators <= OPERATORS_MAX, "{title}: {operators}");
        titled.entry(title).or_default().insert(prefixes);
    }
    for class in ["history-0", "history-1", "journal-1", "manifest-1", "pointer-5"] {
        assert_eq!(titled[class].len(), 1, "{class}");
    }
    let of_one = |title: &str| title.starts_with("rest-");
    let different = titled.iter().find(|(title, them)| !of_one(title) && them.len() > 1);
    assert_eq!(different, None);
}

/// Blocks of `terraform/variables.tf`, by the name of the variable.
fn variables() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(workspace().root.join("terraform/variables.tf")).unwrap();
    let blocks = text.split("\nvariable \"").skip(1);
    let blocks = blocks.map(|it| it.split_once("\" {").unwrap());
    blocks
        .map(|(name, rest)| (name.to_owned(), rest.split("\n}\n").next().unwrap().to_owned()))
        .collect()
}

#[test]
fn every_variable_is_described_and_checked() {
    let variables = variables();
    assert!(variables.len() > 25);
    for (name, block) in variables {
        assert!(block.contains("  description = \""), "{name} is not described");
        // Of a bool there is nothing left to check.
        let plain = block.contains("type        = bool");
        assert!(plain || block.contains("  validation {"), "{name} is not validated");
    }
}

#[test]
fn every_environment_says_where_it_is_and_where_its_state_is() {
    let root = workspace().root;
    for env in domain::Env::ALL {
        let folder = root.join("terraform/environments");
        let text = std::fs::read_to_string(folder.join(format!("{env}.tfvars"))).unwrap();
        assert!(text.contains(&format!("environment = \"{env}\"")), "{env}");
        let state = std::fs::read_to_string(folder.join(format!("{env}.tfbackend"))).unwrap();
        assert!(state.contains("bucket = ") && state.contains("prefix = "), "{env}");
    }
}

#[test]
fn the_documents_say_who_may_do_what() {
    let workspace = workspace();
    let table = grants::table(&workspace.functions().unwrap(), &Definitions::embedded());
    let text = std::fs::read_to_string(workspace.root.join("docs/deploy.md")).unwrap();
    assert!(
        text.contains(&table),
        "docs/deploy.md: `cargo xtask terraform grants` prints\n{table}"
    );
}
