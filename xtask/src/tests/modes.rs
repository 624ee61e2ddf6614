//! How options become runs.

use clap::Parser;
use expect_test::{Expect, expect};

use crate::replay::Options;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

fn check(arguments: &[&str], expect: &Expect) {
    let cli = Cli::try_parse_from(["replay"].iter().chain(arguments)).unwrap();
    let modes = cli.options.modes();
    let lines = modes.iter().map(|mode| format!("{mode}: {}", mode.options()));
    expect.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn without_options_there_are_four_ways() {
    check(
        &[],
        &expect![[r#"
        in order: --repeat 1 --seed 1
        shuffled by 1: --shuffle 1 --seed 1
        repeated 3 times: --repeat 3 --seed 1
        faults of 1: --faults 1 --seed 1"#]],
    );
    check(
        &["--seed", "7"],
        &expect![[r#"
        in order: --repeat 1 --seed 7
        shuffled by 7: --shuffle 7 --seed 7
        repeated 3 times: --repeat 3 --seed 7
        faults of 7: --faults 7 --seed 7"#]],
    );
}

#[test]
fn options_together_are_one_way() {
    check(&["--shuffle", "3"], &expect!["shuffled by 3: --shuffle 3 --seed 1"]);
    check(
        &["--shuffle", "3", "--repeat", "2", "--faults", "9"],
        &expect![
            "shuffled by 3, repeated 2 times, faults of 9: --shuffle 3 --repeat 2 --faults 9 --seed 1"
        ],
    );
    check(&["--update"], &expect!["in order: --repeat 1 --seed 1"]);
}

#[test]
fn what_is_accepted_is_what_comes_out_in_order() {
    assert!(Cli::try_parse_from(["replay", "--update", "--shuffle", "1"]).is_err());
    assert!(Cli::try_parse_from(["replay", "--repeat", "0"]).is_err());
}

#[test]
fn the_options_of_a_way_ask_for_it_again() {
    for mode in Cli::try_parse_from(["replay", "--seed", "5"]).unwrap().options.modes() {
        let options = mode.options();
        let again = ["replay"].into_iter().chain(options.split(' '));
        assert_eq!(Cli::try_parse_from(again).unwrap().options.modes(), [mode]);
    }
}
