//! The pages of `docs/runbooks`: every command is run as it stands there, in order, by the programs
//! that a person has, on a bucket in which something is wrong; and what a page says that is seen is
//! printed.

mod command;
mod gcloud;
mod page;
mod place;

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use tokio::task::LocalSet;

use super::workspace;
use crate::Cli;
use page::{Page, says};
use place::Place;
use place::Step::{
    self, Back, Deploy, Fail, Later, Mend, Now, Publish, Release, Scenario, Set, Shell, Upload,
};

/// The page that says how to read the others.
const README: &str = "README.md";

/// Of a page.
const LINES_MAX: usize = 90;

/// What happens before so many commands of a page have been run.
type Hidden = &'static [(usize, &'static [Step])];

macro_rules! runs {
    ($($name:ident => $hidden:expr;)*) => {
        /// The pages that are run.
        const RUNS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[tokio::test]
            async fn $name() {
                LocalSet::new().run_until(follow(stringify!($name), $hidden)).await;
            }
        )*
    };
}

fn folder() -> PathBuf {
    workspace().root.join("docs/runbooks")
}

fn file(run: &str) -> String {
    format!("{}.md", run.replace('_', "-"))
}

/// Does what a page says, and looks whether that is what is seen.
async fn follow(run: &str, hidden: Hidden) {
    let page = Page::read(&fs::read_to_string(folder().join(file(run))).unwrap());
    let mut place = Place::start().await;
    let mut wrong = Vec::new();
    for (at, command) in page.run.iter().enumerate() {
        for (_, steps) in hidden.iter().filter(|(before, _)| *before == at) {
            for step in *steps {
                place.happen(*step).await;
            }
        }
        if !Place::can_run(&command.line) {
            continue;
        }
        let ended = place.run(&command.line).await;
        let mut problems = Vec::new();
        if ended.code != command.exit_code {
            problems.push(format!("ends with {}, not {}", ended.code, command.exit_code));
        }
        let missing = |it: &&String| !ended.text.lines().any(|line| says(line, it));
        problems
            .extend(command.printed.iter().filter(missing).map(|it| format!("does not say: {it}")));
        if !problems.is_empty() {
            let problems = problems.join("\n  ");
            wrong.push(format!("$ {}\n  {problems}\n{}", command.line, ended.text));
        }
    }
    assert!(wrong.is_empty(), "{run}:\n{}", wrong.join("\n"));
    assert!(!page.run.is_empty(), "{run} has no command");
}

#[test]
fn every_page_has_a_run() {
    command::become_program();
    let mut pages: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|it| it != README)
        .collect();
    pages.sort();
    let mut runs: Vec<String> = RUNS.iter().map(|it| file(it)).collect();
    runs.sort();
    assert_eq!(pages, runs);
}

#[test]
fn every_command_of_a_page_can_be_checked() {
    for run in RUNS {
        let page = Page::read(&fs::read_to_string(folder().join(file(run))).unwrap());
        let mut problems = page.problems;
        for line in &page.elsewhere {
            if let Some(line) = line.strip_prefix("cargo xtask") {
                let words = ["cargo xtask"].into_iter().chain(line.split_whitespace());
                problems.extend(Cli::try_parse_from(words).err().map(|err| err.to_string()));
            }
        }
        let gcloud = page.elsewhere.iter().chain(page.run.iter().map(|it| &it.line));
        let gcloud = gcloud.filter(|it| it.starts_with("gcloud "));
        problems.extend(gcloud.filter_map(|it| gcloud::problem(it)));
        assert!(problems.is_empty(), "{}: {problems:#?}", file(run));
    }
}

#[test]
fn a_page_is_a_page() {
    for run in RUNS {
        let text = fs::read_to_string(folder().join(file(run))).unwrap();
        assert!(text.lines().count() <= LINES_MAX, "{} is longer than a page", file(run));
        for heading in ["## When", "## Over when", "## Not"] {
            assert!(text.contains(&format!("\n{heading}\n")), "{} has no {heading:?}", file(run));
        }
    }
}

/// A venture, and what belongs to it.
const SPECIFICATION: Step = Scenario("specification");
const KIND: Step = Set("KIND", "echo venture");
const SEGMENT: Step = Set("SEGMENT", "echo ventures");
const ID: Step = Set("ID", "echo V001");

/// What somebody does to the venture.
const ARCHIVED: Step = Shell(
    "echo '{\"status\":\"Archived\"}' | operator write venture V001 --merge --file - --env prod",
);

/// The first version of an index, as `schemas/idea/entity.json` has it, and a second one.
const BY_STAGE: &str = r#""name": "by-stage",
      "version": 1,
      "keys": [{ "from": ["/stage"], "transform": "slug" }],"#;
const BY_STAGE_V2: &str = r#""name": "by-stage",
      "version": 2,
      "keys": [{ "from": ["/stage"], "transform": "slug" }],"#;
const BOTH: &str = r#""name": "by-stage",
      "version": 2,
      "keys": [{ "from": ["/stage"], "transform": "slug" }],
      "show": {
        "title": ["/title", "/name"],
        "status": ["/status"],
        "stage": ["/stage"],
        "stage_owner": ["/stage_owner"],
        "stage_due_date": ["/stage_due_date"]
      }
    },
    {
      "name": "by-stage",
      "version": 1,
      "keys": [{ "from": ["/stage"], "transform": "slug" }],"#;

/// The schema versions of ideas, and those of other releases.
const VERSIONS: &str = r#""schema_versions": ["1.0.0"]"#;
const NEXT: &str = r#""schema_versions": ["1.0.0", "1.1.0"],
  "upgrades": [{ "from": "1.0.0", "to": "1.1.0", "steps": [] }]"#;
const OTHER: &str = r#""schema_versions": ["1.1.0"]"#;

/// The record of another idea.
const IDEA_2: &str = "env/prod/ideas/IDEA-002/history/2025/11/06/2025-11-06T10:18:22.000Z_01K9C20PYG8M3X5V7T9R1N4B6D.json";
const NOTE: Step = Set(
    "NOTE",
    r#"operator quarantine list --json --env prod | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'"#,
);

runs! {
    cutover => &[
        (0, &[
            Shell("mkdir -p entities/idea"),
            Shell("cp $FIXTURES/specification/idea-001.json entities/idea/IDEA-001.json"),
            Shell("operator write venture V001 --file $FIXTURES/specification/venture-v001.json \
                   --bucket acme-old --env prod"),
            Set("ID", "echo IDEA-001"),
            Shell("echo '{\"status\":\"Approved\"}' > first.json"),
        ]),
        (4, &[Now("INSTANT")]),
        (8, &[Shell("echo '{\"status\":\"Archived\"}' | operator write venture V001 --merge --file - \
                     --bucket acme-old --env prod")]),
    ];
    disaster_recovery => &[
        (0, &[
            Shell("operator write venture V001 --file $FIXTURES/specification/venture-v001.json \
                   --bucket acme-copy --env prod"),
            Shell("operator write rule low-mrr-in-pilot --bucket acme-copy --env prod \
                   --file $FIXTURES/specification/rule-low-mrr-in-pilot.json"),
        ]),
        (8, &[Now("INSTANT")]),
    ];
    restore_one_entity => &[(0, &[
        SPECIFICATION, KIND, SEGMENT, ID,
        Now("INSTANT"),
        ARCHIVED,
        Set("DELETED", "echo IDEA-001"),
        Shell("operator write idea IDEA-001 --delete --env prod"),
    ])];
    erasure => &[
        (0, &[SPECIFICATION, KIND, SEGMENT, ID, Shell("operator copy --to gs://acme-copy --env prod")]),
    ];
    index_change => &[
        (0, &[SPECIFICATION, Release(&[(BY_STAGE, BOTH)]), Deploy]),
        (3, &[Release(&[(BY_STAGE, BY_STAGE_V2)]), Deploy]),
    ];
    schema_version => &[
        (0, &[
            SPECIFICATION,
            Shell("sed 's/IDEA-001/IDEA-002/; s/v1.0.0/1.1.0/' $FIXTURES/specification/idea-001.json \
                   > early.json"),
            Upload(IDEA_2, "early.json"),
            NOTE,
            Release(&[(VERSIONS, NEXT)]),
        ]),
        (2, &[Deploy]),
    ];
    shard_count => &[
        (0, &[SPECIFICATION, Shell("manifest-compactor --full --env prod")]),
        (3, &[Later(3700)]),
    ];
    dead_letters => &[
        (0, &[
            SPECIFICATION, KIND, ID,
            Fail("index-writer"), ARCHIVED,
            Set("LETTER", "operator dlq list --json --env prod | sed 's/.*\"id\":\"\\([0-9]*\\)\".*/\\1/'"),
            Publish("prod-index-writer-snapshot-dead"),
            Set("BROKEN", "operator dlq list --json --env prod | grep -v V001 \
                           | sed 's/.*\"id\":\"\\([0-9]*\\)\".*/\\1/'"),
        ]),
        (3, &[Mend("index-writer")]),
    ];
    stuck_subscription => &[
        (0, &[SPECIFICATION, KIND, ID, Fail("index-writer"), ARCHIVED]),
        (5, &[Shell("echo '{\"status\":\"Pilot\"}' | operator write venture V001 --merge --file - \
                     --env prod"), Mend("index-writer")]),
    ];
    hot_entity => &[(0, &[
        SPECIFICATION, KIND, SEGMENT, ID,
        Shell("for n in 1 2 3 4 5 6; do echo \"{\\\"metrics\\\":{\\\"mrr\\\":$n}}\" \
               | operator write venture V001 --merge --file - --actor meter --env prod; done"),
        Shell("for n in 7 8 9; do echo \"{\\\"metrics\\\":{\\\"mrr\\\":$n}}\"; done > patches.ndjson"),
    ])];
    key_rotation => &[(0, &[SPECIFICATION])];
    lifecycle => &[(0, &[
        SPECIFICATION, SEGMENT, ID,
        Upload("env/prod/indices/_repair/ventures/V001.json", "{}"),
    ])];
    deploy_rollback => &[
        (0, &[
            SPECIFICATION,
            Release(&[(VERSIONS, OTHER)]), Deploy,
            Shell("sed 's/IDEA-001/IDEA-002/' $FIXTURES/specification/idea-001.json > idea.json"),
            Upload(IDEA_2, "idea.json"),
            NOTE,
        ]),
        (3, &[Back]),
    ];
}
