//! What is said about a command line, and how documents are compared.

use clap::{CommandFactory as _, Parser as _};
use cloud_run::Config;
use domain::Env;
use expect_test::{Expect, expect};
use serde_json::json;

use crate::migrate::difference;
use crate::{Cli, Command};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

fn check(line: &str, expect: &Expect) {
    let words = ["operator"].into_iter().chain(line.split_whitespace());
    let err = Cli::try_parse_from(words).unwrap_err().to_string();
    expect.assert_eq(err.lines().next().unwrap_or_default());
}

#[test]
fn wrong_arguments_are_explained() {
    check(
        "quarantine list --env production",
        &expect![[
            r#"error: invalid value 'production' for '--env <ENV>': no environment "production"; there are dev, stg, prod"#
        ]],
    );
    check(
        "quarantine drop",
        &expect!["error: the following required arguments were not provided:"],
    );
    check(
        "get venture V1 --as-of yesterday",
        &expect![
            "error: invalid value 'yesterday' for '--as-of <INSTANT>': not a date and time with its zone, such as 2025-11-06T12:00:00Z or 2025-11-06T13:00:00+01:00"
        ],
    );
    check(
        "migrate --run --dry-run",
        &expect!["error: the argument '--run' cannot be used with '--dry-run'"],
    );
}

#[test]
fn the_bucket_of_the_command_line_wins_and_none_is_an_error() {
    let place = |line: &str| {
        let words = ["operator"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Quarantine(options) => options.place,
            other => panic!("{other:?}"),
        }
    };
    let err = place("quarantine list").tools(&Config::fixed(&[]), gcp::connect).err().unwrap();
    expect!["no bucket is named: say --bucket NAME, or set BUCKET"].assert_eq(&err.to_string());
    let config = Config::fixed(&[("BUCKET", "not a name"), ("STORAGE_EMULATOR_HOST", "localhost")]);
    assert!(place("quarantine list").tools(&config, gcp::connect).is_err());
    let given = place("quarantine list --bucket acme-data --env prod");
    assert_eq!(given.env, Env::Prod);
    assert!(given.tools(&config, gcp::connect).is_ok());
}

#[test]
fn documents_are_compared_place_by_place() {
    let before = json!({ "a": 1, "in": { "x/y": [1], "same": true }, "gone": "text" });
    let after = json!({ "a": 2, "in": { "x/y": [1, 2], "same": true }, "new": null });
    let lines = difference::lines(&before, &after);
    let lines: Vec<&str> = lines.lines().map(str::trim_start).collect();
    expect![[r#"
        - /a: 1
        + /a: 2
        - /in/x~1y: [1]
        + /in/x~1y: [1,2]
        - /gone: "text"
        + /new: null"#]]
    .assert_eq(&lines.join("\n"));
    expect!["    the same, but it covers other records"]
        .assert_eq(&difference::lines(&before, &before));
    let many: serde_json::Map<_, _> = (0..30).map(|at| (format!("f{at}"), at.into())).collect();
    let lines = difference::lines(&json!({}), &many.into());
    assert_eq!(lines.lines().count(), 21);
    assert!(lines.ends_with("… 10 more lines"), "{lines}");
}
