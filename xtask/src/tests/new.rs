//! The function that `new` makes.

use std::fs;
use std::path::Path;

use cargo_metadata::MetadataCommand;
use domain::Env;
use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::workspace;
use crate::metadata::Function;
use crate::new::{Feed, check_name, write};
use crate::routing::routes;

#[test]
fn a_new_function_is_routed_at_once() {
    for (feed, subscription) in [
        (Feed::History, "dev-score-keeper-history"),
        (Feed::Snapshot, "dev-score-keeper-snapshot"),
        (Feed::Alert, "dev-score-keeper-alert"),
    ] {
        let root = empty_workspace();
        let folder = write(root.path(), "score-keeper", feed).unwrap();
        let packages = MetadataCommand::new()
            .manifest_path(folder.join("Cargo.toml"))
            .no_deps()
            .other_options(["--offline".to_owned()])
            .exec()
            .unwrap()
            .packages;
        let packages = packages.iter().filter(|it| *it.name == "score-keeper");
        let functions: Vec<Function> = packages.map(|it| Function::of(it).unwrap()).collect();
        let routes = routes(&functions, Env::Dev).unwrap();
        assert_eq!(
            routes.iter().map(|it| it.subscription.as_str()).collect::<Vec<_>>(),
            [subscription]
        );
    }
}

/// Everything but `xtask`, without a line of Rust.
fn empty_workspace() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let workspace = workspace();
    let write = |file: &Path, text: String| {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    for package in workspace.packages {
        let folder = package.manifest_path.parent().unwrap().strip_prefix(&workspace.root).unwrap();
        if folder == "xtask" {
            continue;
        }
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        write(&root.path().join(folder).join("Cargo.toml"), manifest);
        for target in &package.targets {
            let file = target.src_path.strip_prefix(&workspace.root).unwrap();
            write(&root.path().join(file), String::new());
        }
    }
    let manifest = fs::read_to_string(workspace.root.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace(", \"xtask\"]", "]");
    write(&root.path().join("Cargo.toml"), manifest);
    root
}

#[test]
fn nothing_is_left_of_the_template() {
    let root = tempfile::tempdir().unwrap();
    let folder = write(root.path(), "score-keeper", Feed::Snapshot).unwrap();
    for file in ["Cargo.toml", "src/main.rs", "src/handler.rs", "src/tests.rs"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.contains("{{"), "{file}: {text}");
    }
    let handler = fs::read_to_string(folder.join("src/handler.rs")).unwrap();
    assert!(handler.contains("pub struct ScoreKeeper"), "{handler}");
}

#[test]
fn a_function_that_is_there_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let folder = write(root.path(), "score-keeper", Feed::Snapshot).unwrap();
    fs::write(folder.join("src/handler.rs"), "mine").unwrap();
    write(root.path(), "score-keeper", Feed::Snapshot).unwrap_err();
    assert_eq!(fs::read_to_string(folder.join("src/handler.rs")).unwrap(), "mine");
}

fn check_refused(name: &str, expect: &Expect) {
    expect.assert_eq(&check_name(name).unwrap_err().to_string());
}

#[test]
fn names_that_something_would_refuse_are_refused() {
    check_name("score-keeper").unwrap();
    check_name("s3").unwrap();
    for bad in ["", "Score", "score_keeper", "-a", "a-", "a--b", "9lives", "../x", "ä", "a b"] {
        assert!(check_name(bad).is_err(), "{bad:?}");
    }
    check_refused("match", &expect!["match means something in Rust; no crate can be called that"]);
    check_refused(
        &"a".repeat(41),
        &expect!["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is longer than 40 characters"],
    );
    check_refused(
        "a/b",
        &expect![[
            r#""a/b" is no name for a function: lower-case letters, digits and single hyphens, beginning with a letter, such as score-keeper"#
        ]],
    );
}
