//! What a run takes, as its help states it.

use std::sync::Arc;

use clap::CommandFactory as _;
use store::Counted;

use super::world::{World, lines};
use crate::Cli;
use crate::tests::run;

/// The formula of the help, for one segment of ventures alone: `n` entities with one record each, a
/// pointer `k` times each and `r` registers.
fn expected(n: u64, k: u64, r: u64) -> (u64, u64) {
    let pages = |of: u64| of.div_ceil(1000).max(1);
    let class_b = n * (5 + k) + r + 2;
    // A history each; lists of entities, snapshots, manifests with their journal, alert states,
    // index objects, and of registers twice; wishes, alerts and notes.
    let class_a = n + 2 * pages(n) + pages(2 * n) + 1 + pages(n * k + r) + 2 * pages(r) + 3;
    (class_b, class_a)
}

#[tokio::test]
async fn ten_and_a_thousand_entities_take_what_the_help_says() {
    for n in [10, 1000] {
        let world = World::new(3);
        for id in 0..n {
            world.simple(id);
        }
        world.drain();
        let counted = Arc::new(Counted::new(world.bucket.clone()));
        let tools = store::Tools { store: counted.clone(), ..world.tools() };
        let (ended, said) = run(&tools, "reconcile --segment ventures --json").await;
        assert_eq!(ended, Ok(true), "{said}");
        let (_, summary) = lines(&said);
        let operations = counted.operations();
        let (class_b, class_a) = expected(n, 1, 1);
        assert_eq!((operations.class_b, operations.class_a), (class_b, class_a), "{n}");
        assert_eq!(summary["class_b"], class_b);
        assert_eq!(summary["class_a"], class_a);
        assert_eq!(summary["entities"], n);
    }
}

#[test]
fn the_help_states_the_formula() {
    let mut cli = Cli::command();
    let help = cli.find_subcommand_mut("reconcile").unwrap().render_long_help().to_string();
    assert!(help.contains("(n (4 + h + k) + r + 2) B + n ⌈h/1000⌉ A"), "{help}");
}
