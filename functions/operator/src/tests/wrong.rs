//! Wrong arguments of every command: one line each, which says what to do.

use clap::{CommandFactory as _, Parser as _};
use cloud_run::Config;
use domain::{Env, Planted};
use emulator::tools;
use job::refused;

use super::{Printed, bucket};
use crate::{Cli, Google, Operator, Screen, perform, place};

/// A line of every command that is right but for the capital words, which stand for a kind, a segment,
/// an index, an id, a function and an instant.
const LINES: [&str; 44] = [
    "quarantine list",
    "quarantine show abcdef12",
    "quarantine retry abcdef12",
    "quarantine drop abcdef12",
    "alerts list --entity KIND ID",
    "alerts show 01K9",
    "alerts redeliver",
    "alerts mute --entity KIND ID --until INSTANT",
    "alerts ack 01K9",
    "index SEGMENT INDEX",
    "index build SEGMENT INDEX --dry-run",
    "index drop SEGMENT by-nothing --dry-run",
    "migrate --dry-run SEGMENT",
    "write KIND ID --delete",
    "seed ./no-such-folder --dry-run",
    "get KIND ID --as-of INSTANT",
    "get KIND ID --known-at INSTANT",
    "list KIND",
    "history KIND ID",
    "why KIND ID",
    "purge KIND ID --reason r --dry-run",
    "undelete KIND ID",
    "copy --to gs://other --segment SEGMENT --since INSTANT",
    "drill --to gs://other --known-at INSTANT",
    "restore --known-at INSTANT --segment SEGMENT --id ID",
    "reconcile --segment SEGMENT --id ID --since INSTANT",
    "rebuild snapshots --segment SEGMENT",
    "status",
    "cost --events 1e6",
    "capture --segment SEGMENT --id ID --since INSTANT --to ./no-such-folder",
    "dlq list --entity KIND ID --function FUNCTION",
    "dlq show 1 --entity KIND ID --function FUNCTION",
    "dlq replay --entity KIND ID --function FUNCTION",
    "dlq drop --entity KIND ID --function FUNCTION",
    "pause --function FUNCTION",
    "resume --function FUNCTION",
    "secret-pull A=b",
    "restore --history env/dev/ventures/V1/history/2025/11/06/a_1.json",
    "quarantine list --all --json",
    "rules lint ./no-such-folder",
    "rules test ./no-such-rule.json ./no-such-document.json --now INSTANT",
    "rules backtest ./no-such-rule.json --since 30d --id ID",
    "rules apply ./no-such-folder --dry-run",
    "rules sweep --segment SEGMENT",
];

/// A word, one that is right, one that is not, and what is said of it.
const WORDS: [(&str, &str, &str, &str); 6] = [
    ("KIND", "venture", "ventur", " venture"),
    ("SEGMENT", "ventures", "ventur", " ventures"),
    ("INDEX", "by-status", "by-nothing", " by-status"),
    ("ID", "V1", "a/b", "'/'"),
    ("FUNCTION", "index-writer", "index-writers", " index-writer,"),
    ("INSTANT", "2025-11-06T12:00:00Z", "yesterday", "such as 2025-11-06T"),
];

/// What is said of `line`, which cannot be done.
async fn said_of(line: &str) -> String {
    let cli = match Cli::try_parse_from(["operator"].into_iter().chain(line.split(' '))) {
        Ok(cli) => cli,
        Err(err) => return refused(&err).unwrap_or_else(|| panic!("{line}: {err}")),
    };
    let (said, aside) = (Printed::default(), Printed::default());
    let screen = Screen::on(said.clone(), aside.clone());
    let google = Google::default().at(crate::Service::PubSub, "http://127.0.0.1:1").of("local");
    let (tools, env, user, planted) = (tools(bucket()), Env::Dev, None, Planted::NONE);
    let operator = Operator { tools, env, user, google: &google, screen: &screen, planted };
    match perform(&cli.command, operator).await {
        Err(problem) => problem.to_string(),
        Ok(ended) => panic!("{line} ends with {ended}: {}{}", said.text(), aside.text()),
    }
}

#[tokio::test]
async fn a_wrong_word_is_one_line_that_says_what_is_right() {
    let mut wrong = Vec::new();
    for line in LINES {
        for (word, _, bad, advice) in WORDS {
            if !line.split(' ').any(|it| it == word) {
                continue;
            }
            let each = |it: &str| match WORDS.iter().find(|(word, ..)| *word == it) {
                Some((other, ..)) if *other == word => bad.to_owned(),
                Some((_, right, ..)) => (*right).to_owned(),
                None => it.to_owned(),
            };
            let asked: Vec<String> = line.split(' ').map(each).collect();
            let asked = asked.join(" ");
            let said = said_of(&asked).await;
            let is_right = said.lines().count() == 1 && said.contains(bad) && said.contains(advice);
            if !is_right {
                wrong.push(format!("{asked}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn an_unknown_option_and_environment_are_one_line_that_names_the_help() {
    for line in LINES.map(right) {
        let said = said_of(&format!("{line} --no-such-option")).await;
        let is_right = said.contains("--no-such-option") && said.contains("--help");
        assert!(is_right && said.lines().count() == 1, "{line}: {said}");
        if !["secret-pull", "cost"].iter().any(|it| line.starts_with(it)) {
            let said = said_of(&format!("{line} --env production")).await;
            let is_right = said.contains("there are dev, stg, prod") && said.lines().count() == 1;
            assert!(is_right, "{line}: {said}");
        }
    }
}

#[test]
fn a_bucket_that_is_missing_is_asked_for_by_every_command() {
    for line in LINES.map(right) {
        let cli = Cli::try_parse_from(["operator"].into_iter().chain(line.split(' '))).unwrap();
        let Some(place) = place(&cli.command) else { continue };
        let err = place.tools(&Config::fixed(&[]), gcp::connect).err().unwrap().to_string();
        assert_eq!(err, "no bucket is named: say --bucket NAME, or set BUCKET", "{line}");
    }
}

/// The line with every word right.
fn right(line: &str) -> String {
    let each = |it: &str| {
        let word = WORDS.iter().find(|(word, ..)| *word == it);
        word.map_or(it, |(_, right, ..)| right).to_owned()
    };
    line.split(' ').map(each).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_command_has_a_line_here() {
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for it in command.get_subcommands() {
            let path = format!("{path} {}", it.get_name()).trim().to_owned();
            if !it.has_subcommands() {
                found.push(path.clone());
            }
            leaves(it, &path, found);
        }
    }
    let mut found = Vec::new();
    leaves(&Cli::command(), "", &mut found);
    found.retain(|path| !LINES.iter().any(|line| line.starts_with(path.as_str())));
    assert!(found.is_empty(), "{found:?}");
}
