//! The workflows: every command in them is one that there is, they may do no more than they say, and
//! none of them has a key.

use std::fs;

use clap::Parser as _;
use yaml_rust2::{Yaml, YamlLoader};

use super::workspace;
use crate::Cli;

/// Scopes that a job may have with `write`, and why one would.
const WRITES: [(&str, &str, &str); 3] = [
    ("images.yml", "contents", "a branch with the lock"),
    ("plan.yml", "pull-requests", "a comment"),
    ("", "id-token", "a login without a key"),
];

/// Secrets: there is none, and the token of the workflow itself is `github.token`.
const KEYS: [&str; 5] = [
    "secrets.",
    "credentials_json",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "PRIVATE KEY",
    "pull_request_target",
];

/// One workflow.
struct Workflow {
    name: String,
    text: String,
    yaml: Yaml,
}

impl Workflow {
    fn jobs(&self) -> Vec<(&str, &Yaml)> {
        let jobs = self.yaml["jobs"].as_hash().unwrap().iter();
        jobs.map(|(name, job)| (name.as_str().unwrap(), job)).collect()
    }

    fn steps(&self) -> Vec<&Yaml> {
        self.jobs().into_iter().flat_map(|(_, job)| job["steps"].as_vec().unwrap()).collect()
    }
}

fn workflows() -> Vec<Workflow> {
    let folder = workspace().root.join(".github/workflows");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        parsed(path.file_name().unwrap().to_str().unwrap(), &text)
    };
    let mut workflows: Vec<Workflow> = fs::read_dir(folder).unwrap().map(read).collect();
    workflows.sort_by(|a, b| a.name.cmp(&b.name));
    workflows
}

fn parsed(name: &str, text: &str) -> Workflow {
    let yaml = YamlLoader::load_from_str(text).unwrap_or_else(|err| panic!("{name}: {err}"));
    let [yaml] = yaml.try_into().unwrap();
    Workflow { name: name.to_owned(), text: text.to_owned(), yaml }
}

/// The arguments of each `cargo xtask` in a script, with something in the place of variables.
fn commands(script: &str) -> Vec<Vec<String>> {
    let lines = script.lines().filter_map(|it| it.split_once("cargo xtask ")).map(|(_, it)| it);
    let commands = lines.map(|it| it.split([';', '|', '&', '>']).next().unwrap());
    commands
        .map(|it| {
            let words = it.split_whitespace().map(|word| word.trim_matches('"'));
            let word = |word: &str| match word {
                "$TARGET" => "dev".to_owned(),
                "$REGISTRY" => "europe-west1-docker.pkg.dev/p/strata".to_owned(),
                other => other.to_owned(),
            };
            words.map(word).collect()
        })
        .collect()
}

/// Everything that is wrong with a workflow.
fn wrong(workflow: &Workflow) -> Vec<String> {
    let Workflow { name, text, yaml } = workflow;
    let mut wrong = Vec::new();
    let mut add = |what: String| wrong.push(format!("{name}: {what}"));
    for key in KEYS.iter().filter(|key| text.contains(**key)) {
        add(format!("has {key}"));
    }
    if yaml["permissions"].as_hash().is_none() {
        add("does not state its permissions".to_owned());
    }
    let jobs = workflow.jobs();
    let all = jobs.iter().map(|(_, job)| &job["permissions"]).chain([&yaml["permissions"]]);
    for (scope, access) in all.filter_map(Yaml::as_hash).flatten() {
        let (scope, access) = (scope.as_str().unwrap(), access.as_str().unwrap());
        let may = |(whose, what, _): &&(&str, &str, &str)| {
            (whose.is_empty() || name == whose) && *what == scope
        };
        if access != "read" && !(access == "write" && WRITES.iter().any(|it| may(&it))) {
            add(format!("may {access} {scope}"));
        }
    }
    for (job, it) in &jobs {
        if it["timeout-minutes"].as_i64().is_none() {
            add(format!("{job} may take for ever"));
        }
        if yaml["permissions"].as_hash().is_some_and(|it| it.is_empty())
            && it["permissions"].as_hash().is_none()
        {
            add(format!("{job} does not state its permissions"));
        }
    }
    for step in workflow.steps() {
        let script = step["run"].as_str().unwrap_or_default();
        if script.contains("${{") {
            add(format!("puts a value into a script, where it could be a command: {script}"));
        }
        for arguments in commands(script) {
            let words = ["cargo xtask".to_owned()].into_iter().chain(arguments.clone());
            if let Err(err) = Cli::try_parse_from(words) {
                let first = err.to_string().lines().next().unwrap_or_default().to_owned();
                add(format!("cargo xtask {}: {first}", arguments.join(" ")));
            }
        }
        if let Some(uses) = step["uses"].as_str() {
            let commit = uses.split_once('@').map_or("", |(_, it)| it);
            if commit.len() != 40 || !commit.bytes().all(|it| it.is_ascii_hexdigit()) {
                add(format!("{uses} can become another"));
            }
        }
    }
    wrong
}

#[test]
fn workflows_run_commands_that_there_are_and_may_do_no_more_than_they_say() {
    let workflows = workflows();
    let names: Vec<&str> = workflows.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["ci.yml", "deploy.yml", "images.yml", "plan.yml"]);
    let found: Vec<String> = workflows.iter().flat_map(wrong).collect();
    assert!(found.is_empty(), "{found:#?}");
    // Something was looked at.
    let scripts = workflows.iter().flat_map(|it| it.steps()).filter_map(|it| it["run"].as_str());
    assert_eq!(scripts.flat_map(commands).count(), 6);
}

#[test]
fn what_is_wrong_with_a_workflow_is_found() {
    let workflow = |permissions: &str, step: &str| {
        let text = format!(
            "on: push\n{permissions}jobs:\n  a:\n    timeout-minutes: 1\n    steps:\n      - {step}\n"
        );
        wrong(&parsed("plan.yml", &text))
    };
    let stated = "permissions:\n  contents: read\n";
    assert_eq!(workflow(stated, "run: cargo xtask plan --env dev"), Vec::<String>::new());
    for (permissions, step, what) in [
        ("", "run: ls", "does not state its permissions"),
        ("permissions: {}\n", "run: ls", "a does not state its permissions"),
        ("permissions:\n  contents: write\n", "run: ls", "may write contents"),
        (
            stated,
            "run: cargo xtask plan --environment dev",
            "cargo xtask plan --environment dev: error",
        ),
        (stated, "run: cargo xtask deploy", "cargo xtask deploy: error"),
        (stated, "run: echo ${{ github.head_ref }}", "puts a value into a script"),
        (stated, "uses: actions/checkout@v4", "actions/checkout@v4 can become another"),
        (stated, "run: echo \"$KEY\" # ${{ secrets.KEY }}", "has secrets."),
    ] {
        let found = workflow(permissions, step);
        assert!(found.iter().any(|it| it.contains(what)), "{what}: {found:?}");
    }
}

/// Approval is that of GitHub's environment, and what is applied is what was approved.
#[test]
fn a_deployment_waits_for_its_environment_and_applies_what_was_approved() {
    let workflows = workflows();
    let deploy = workflows.iter().find(|it| it.name == "deploy.yml").unwrap();
    for (job, it) in deploy.jobs() {
        let scripts: Vec<&str> =
            it["steps"].as_vec().unwrap().iter().filter_map(|it| it["run"].as_str()).collect();
        let at = |what: &str| scripts.iter().position(|it| it.contains(what));
        if let Some(applied) = at("cargo xtask deploy ") {
            assert!(it["environment"].as_str().is_some(), "{job} applies without an environment");
            assert!(at("sha256sum --check").unwrap() < applied);
            assert!(at("cargo xtask plan ").unwrap() < at("sha256sum --check").unwrap());
        }
    }
    // Google Cloud takes the account that deploys from a job of an environment only.
    for workflow in &workflows {
        for (name, job) in workflow.jobs() {
            let steps = job["steps"].as_vec().unwrap().iter();
            let accounts = steps.filter_map(|it| it["with"]["service_account"].as_str());
            let deploys = accounts.into_iter().any(|it| it.contains("DEPLOY_ACCOUNT"));
            let has = job["environment"].as_str().is_some();
            assert!(!deploys || has, "{}: {name} has no environment", workflow.name);
        }
    }
    let elsewhere = workflows.iter().filter(|it| it.name != "deploy.yml");
    assert!(elsewhere.into_iter().all(|it| !it.text.contains("xtask deploy")));
}
