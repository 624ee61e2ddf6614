//! Which functions a changed file touches.

use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::workspace;
use crate::dev::backoff::Crashes;
use crate::dev::touch::{Map, Touched};
use crate::replay::pushed;

fn check(file: &str, expect: &Expect) {
    let workspace = workspace();
    // Those that `cargo xtask dev` runs: no job.
    let functions = pushed(&workspace).unwrap();
    let names = functions.iter().map(|it| it.name.as_str());
    let map = Map::new(&workspace.root, &workspace.packages, names);
    let mut touched = Touched::default();
    map.touch(Path::new(file), &mut touched);
    let Touched { functions, definitions, manifest } = touched;
    let mut lines: Vec<String> = functions.into_values().collect();
    lines.extend(definitions.map(|file| format!("{file}: definitions")));
    lines.extend(manifest.map(|file| format!("{file}: manifest")));
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn a_source_touches_the_functions_that_are_made_of_it() {
    check(
        "functions/index-writer/src/handler.rs",
        &expect!["functions/index-writer/src/handler.rs changed: index-writer is built again"],
    );
    check(
        "shared/rules/src/state.rs",
        &expect!["shared/rules/src/state.rs changed: rules-engine is built again (it uses rules)"],
    );
    check(
        "shared/schema/src/lib.rs",
        &expect![
            "shared/schema/src/lib.rs changed: snapshot-builder is built again (it uses schema)"
        ],
    );
}

#[test]
fn definitions_and_manifests_are_told_apart() {
    check("schemas/idea/entity.json", &expect!["schemas/idea/entity.json: definitions"]);
    check("Cargo.lock", &expect!["Cargo.lock: manifest"]);
}

#[test]
fn what_no_binary_is_made_of_touches_nothing() {
    for file in [
        "functions/index-writer/src/tests.rs",
        "functions/index-writer/src/tests/crashes.rs",
        "shared/emulator/src/lib.rs",
        "xtask/src/main.rs",
        "docs/emulator.md",
        "schemas/README.md",
        "shared/rules/src/.state.rs.swp",
        "README.md",
        "",
    ] {
        check(file, &expect![""]);
    }
}

#[test]
fn a_function_that_crashes_again_and_again_stays_down_longer() {
    let mut crashes = Crashes::default();
    let delays: Vec<u64> =
        (0..9).map(|_| crashes.one_more(Duration::ZERO).as_millis() as u64).collect();
    assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    assert_eq!(crashes.one_more(Duration::from_secs(60)), Duration::from_millis(500));
}
