//! The table of interleavings.

use expect_test::{Expect, expect};

use crate::interleavings::table;

fn check(handlers: &[&str], printed: &str, expect: &Expect) {
    let handlers: Vec<String> = handlers.iter().map(|handler| (*handler).to_owned()).collect();
    expect.assert_eq(&table(&handlers, printed).unwrap_or_else(|err| format!("{err:#}")));
}

const PRINTED: &str = "
running 2 tests
---- tests::interleavings::two stdout ----
explored manifest-writer: [Some(1), None] [2, 1]: 952 states, 3022 runs
explored index-writer: V1 status:A; V1 gone, [2, 1]: 684 states, 2220 runs
explored manifest-writer: [Some(1), Some(2)] [2, 1]: 48 states, 78 runs
test result: ok. 2 passed
";

#[test]
fn states_are_summed_for_each_handler() {
    check(
        &["index-writer", "manifest-writer"],
        PRINTED,
        &expect![[r#"
        handler             cases     states       runs  divergences
        index-writer            1        684       2220            0
        manifest-writer         2       1000       3100            0
        all                     3       1684       5320            0
    "#]],
    );
}

#[test]
fn a_handler_that_explores_nothing_is_found() {
    check(
        &["index-writer", "manifest-writer", "rules-engine"],
        PRINTED,
        &expect!["rules-engine: its tests say nothing of what they explore"],
    );
    check(
        &["index-writer"],
        PRINTED,
        &expect![[r#"others explore: ["index-writer", "manifest-writer"]"#]],
    );
    check(
        &["index-writer"],
        "explored index-writer: many states",
        &expect!["not understood: explored index-writer: many states"],
    );
}
