//! A kind that is added as data alone: the example of `schemas/README.md`, from the check of its
//! definition to what the functions make of its records.

use std::fs;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::{files, workspace};
use crate::dev::touch::SCHEMAS;
use crate::terminal::Terminal;
use crate::{replay, schema};

/// Examples and a scenario, beside the first example, which is in the documentation.
const FIXTURES: &str = "xtask/src/tests/added_kind/fixtures";

const SCENARIO: &str = "licence-life";

/// A folder with all kinds that there are, and one more.
fn root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let here = workspace().root;
    for folder in [SCHEMAS, "fixtures/entities"] {
        copy(&here.join(folder), &root.path().join(folder));
    }
    copy(&here.join(FIXTURES), &root.path().join("fixtures"));
    let documentation = fs::read_to_string(here.join(SCHEMAS).join("README.md")).unwrap();
    let mut blocks = documentation.split("```json\n").skip(1);
    for file in [
        "schemas/licence/entity.json",
        "schemas/licence/v1.0.0.schema.json",
        "fixtures/entities/licence/valid-in-the-documentation.json",
    ] {
        let block = blocks.next().unwrap().split("```").next().unwrap();
        let file = root.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, block).unwrap();
    }
    root
}

fn copy(from: &Path, to: &Path) {
    for (name, file) in files(from, "") {
        let to = to.join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
}

/// The command line of the check.
#[derive(Parser)]
struct Check {
    #[command(flatten)]
    options: schema::Options,
}

fn check(root: &TempDir, more: &[&str]) -> bool {
    let root = root.path().to_str().unwrap();
    let line = [&["schema", "check", "--root", root], more].concat();
    schema::run(&Check::parse_from(line).options, &Terminal::on(std::io::sink())).unwrap()
}

#[test]
fn a_kind_is_checked_where_it_was_added() {
    let root = root();
    assert!(!check(&root, &[]), "nobody has noted what is new");
    assert!(check(&root, &["--update"]));
    assert!(check(&root, &["licence"]));
    let example = root.path().join("fixtures/entities/licence/valid-perpetual.json");
    fs::write(example, "{}").unwrap();
    assert!(!check(&root, &[]), "an example is invalid");
}

#[test]
fn the_functions_know_a_kind_from_its_definition_alone() {
    let root = root();
    let options = replay::Options {
        scenarios: vec![SCENARIO.to_owned()],
        root: Some(root.path().to_owned()),
        seed: 1,
        ..replay::Options::default()
    };
    assert!(replay::run(&options, &Terminal::on(std::io::stderr())).unwrap());
}
