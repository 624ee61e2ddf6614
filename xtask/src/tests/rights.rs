//! What functions may do by the kept plan, over HTTP, and what happens where a plan is wrong.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::{Class, Definitions, Env, ObjectName};
use emulator::{Emulator, Memory, Options, Upload};
use expect_test::{Expect, expect};
use serde_json::json;
use store::Store as _;

use super::workspace;
use crate::http::Server;
use crate::metadata::{Function, Kind, word};
use crate::replay;
use crate::replay::each::Taker;
use crate::replay::grant::{Grant, Right, unproven};
use crate::replay::rights::{Guard, Rights};
use crate::replay::run::{ATTEMPTS_MAX, Stage};
use crate::replay::trials::TRIALS;
use crate::scenario;
use crate::terminal::Terminal;
use crate::terraform::golden;
use crate::terraform::grants::is_appended;
use crate::terraform::planned::Planned;
use crate::terraform::samples;

const BUCKET: &str = "held";

fn plan() -> Planned {
    golden::read(include_str!("plans/prod.jsonl")).unwrap()
}

fn functions() -> Vec<Function> {
    workspace().functions().unwrap()
}

/// An emulator that is held to a plan.
struct Held {
    emulator: Emulator,
    memory: std::sync::Arc<Memory>,
    rights: Rights,
    server: Server,
}

impl Held {
    async fn to(planned: &Planned, env: Env) -> Self {
        let emulator = Emulator::start(Options::default()).await.unwrap();
        let memory = emulator.create_bucket(BUCKET).unwrap();
        let rights = Rights::of(planned).unwrap();
        emulator.enforce(Guard::new(rights.clone(), env));
        let server = Server::at(&emulator.url()).unwrap();
        Self { emulator, memory, rights, server }
    }

    async fn by(&self, function: &str, method: &str, target: &str) -> u16 {
        let token = format!("Bearer {}", self.rights.token(function).unwrap());
        let headers = [("authorization".to_owned(), token)];
        let sent = self.server.send(method, target, &headers, Bytes::from_static(b"{}")).await;
        sent.unwrap().status
    }

    async fn read(&self, function: &str, name: &str) -> u16 {
        self.by(function, "GET", &format!("/storage/v1/b/{BUCKET}/o/{}?alt=media", escaped(name)))
            .await
    }

    async fn write(&self, function: &str, name: &str) -> u16 {
        let name = escaped(name);
        let target = format!("/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}");
        self.by(function, "POST", &target).await
    }

    async fn delete(&self, function: &str, name: &str) -> u16 {
        self.by(function, "DELETE", &format!("/storage/v1/b/{BUCKET}/o/{}", escaped(name))).await
    }

    fn put(&self, name: &str) {
        self.memory.insert(name, Bytes::from_static(b"{}"), Upload::default()).unwrap();
    }
}

fn escaped(name: &str) -> String {
    name.replace('/', "%2F")
}

/// One object of each class, each mark at alerts, and quarantine of two functions.
fn one_of_each(env: Env) -> Vec<(Class, ObjectName)> {
    let mut seen = BTreeSet::new();
    let mut names = samples::names(env, &Definitions::embedded());
    names.retain(|(class, name)| {
        let whose = match name {
            ObjectName::Quarantine { function, .. } => function.clone(),
            ObjectName::AlertMark { mark, .. } => mark.as_str().to_owned(),
            _ => String::new(),
        };
        seen.insert((word(*class), whose))
    });
    names
}

/// Where a plan gives a function another right than its metadata says, one line each; each seen in
/// the answer to a request.
async fn differences(planned: &Planned, env: Env) -> Vec<String> {
    let held = Held::to(planned, env).await;
    let mut differences = Vec::new();
    for Function { name: function, metadata } in &functions() {
        for (class, name) in one_of_each(env) {
            let own = match &name {
                ObjectName::Quarantine { function: whose, .. } => {
                    metadata.kind == Kind::Job || whose == function
                }
                _ => true,
            };
            let name = name.to_string();
            let reads = own && metadata.reads.contains(&class);
            let writes = own && metadata.writes.contains(&class);
            let replaces = writes && !is_appended(class);
            let deletes = replaces || (own && metadata.deletes.contains(&class));
            let is = |right: bool, status: u16| if right { status } else { 403 };
            let mut expect = |what: &str, expected: u16, found: u16| {
                if expected != found {
                    differences.push(format!("{function} {what} {name}: {found}, not {expected}"));
                }
            };
            expect("reads missing", is(reads, 404), held.read(function, &name).await);
            expect("creates", is(writes, 200), held.write(function, &name).await);
            held.put(&name);
            expect("reads", is(reads, 200), held.read(function, &name).await);
            expect("replaces", is(replaces, 200), held.write(function, &name).await);
            let target = format!("/storage/v1/b/{BUCKET}/o/{}", escaped(&name));
            expect("edits", 403, held.by(function, "PATCH", &target).await);
            expect("deletes", is(deletes, 204), held.delete(function, &name).await);
            let remains = held.memory.objects().contains_key(&name);
            expect("leaves", u16::from(!deletes), u16::from(remains));
            held.delete_all().await;
        }
        let list = format!("/storage/v1/b/{BUCKET}/o?prefix=env/{env}/");
        let listed = held.by(function, "GET", &list).await;
        if listed != 200 {
            differences.push(format!("{function} lists: {listed}, not 200"));
        }
    }
    held.emulator.stop().await;
    differences
}

impl Held {
    /// Removes what a test has left.
    async fn delete_all(&self) {
        for (name, object) in self.memory.objects() {
            self.memory.delete(&name, object.generation).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_function_may_touch_what_it_says_and_everything_else_is_refused() {
    assert_eq!(differences(&plan(), Env::Prod).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_scenario_of_another_environment_is_held_to_the_same() {
    assert_eq!(differences(&plan(), Env::Dev).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_environments_of_a_bucket_are_apart() {
    let held = Held::to(&plan(), Env::Dev).await;
    for env in [Env::Stg, Env::Prod] {
        for (_, name) in one_of_each(env) {
            held.put(&name.to_string());
            for function in functions() {
                let name = name.to_string();
                assert_eq!(held.read(&function.name, &name).await, 403, "{name}");
                assert_eq!(held.write(&function.name, &name).await, 403, "{name}");
                assert_eq!(held.delete(&function.name, &name).await, 403, "{name}");
            }
        }
    }
}

/// A plan with one change, and what shows of it.
async fn planted(change: impl FnOnce(&mut Planned), expect: &Expect) {
    let mut planned = plan();
    change(&mut planned);
    assert_ne!(planned, plan(), "nothing is planted");
    expect.assert_eq(&differences(&planned, Env::Prod).await.join("\n"));
}

#[tokio::test]
async fn without_the_right_to_list_what_is_missing_answers_403() {
    let list = "google_storage_bucket_iam_member.list[\"manifest-writer\"]";
    planted(
        |it| it.resources.retain(|it| it.address != list),
        &expect![[r#"
        manifest-writer reads missing env/prod/snapshots/benchmarks/e.json: 403, not 404
        manifest-writer reads missing env/prod/manifests/benchmarks/by-id/e.json: 403, not 404
        manifest-writer lists: 403, not 200"#]],
    )
    .await;
}

#[tokio::test]
async fn a_grant_that_is_too_wide_or_too_narrow_shows() {
    let grant = "google_storage_bucket_iam_member.grant[\"rules-engine-read-rest-0\"]";
    planted(
        |it| {
            let grant = it.resources.iter_mut().find(|it| it.address == grant).unwrap();
            let condition = grant.values.pointer_mut("/condition/0/expression").unwrap();
            *condition = json!(
                condition.as_str().unwrap().replace("env/prod/snapshots/", "env/prod/benchmarks/")
            );
        },
        &expect![[r#"
            rules-engine reads missing env/prod/benchmarks/e/history/2025/01/02/a_b.json: 404, not 403
            rules-engine reads env/prod/benchmarks/e/history/2025/01/02/a_b.json: 200, not 403
            rules-engine reads missing env/prod/snapshots/benchmarks/e.json: 403, not 404
            rules-engine reads env/prod/snapshots/benchmarks/e.json: 403, not 200"#]],
    )
    .await;
}

#[tokio::test]
async fn who_may_replace_history_shows() {
    let grant = "google_storage_bucket_iam_member.grant[\"operator-append-history-0\"]";
    planted(
        |it| {
            let grant = it.resources.iter_mut().find(|it| it.address == grant).unwrap();
            let role = grant.values["role"].as_str().unwrap().replace("_append", "_write");
            grant.values["role"] = json!(role);
        },
        &expect![[r#"
            operator replaces env/prod/benchmarks/e/history/2025/01/02/a_b.json: 200, not 403
            operator deletes env/prod/benchmarks/e/history/2025/01/02/a_b.json: 204, not 403
            operator leaves env/prod/benchmarks/e/history/2025/01/02/a_b.json: 0, not 1"#]],
    )
    .await;
}

#[test]
fn a_condition_that_is_not_understood_is_an_error() {
    let mut planned = plan();
    let grant = "google_storage_bucket_iam_member.grant[\"rules-engine-read-rest-0\"]";
    let grant = planned.resources.iter_mut().find(|it| it.address == grant).unwrap();
    grant.values["condition"][0]["expression"] = json!("resource.name.matches(\"a\")");
    let err = Rights::of(&planned).unwrap_err();
    expect![[r#"google_storage_bucket_iam_member.grant["rules-engine-read-rest-0"]: condition tests with ".matches(\"a\")"; only startsWith is understood"#]].assert_eq(&format!("{err:#}"));
}

#[test]
fn every_grant_names_what_needs_it() {
    let functions = functions();
    assert_eq!(functions.iter().flat_map(unproven).collect::<Vec<_>>(), Vec::<String>::new());
    let scenarios = scenario::names_in(&workspace().root.join("fixtures")).unwrap();
    let mut needed = BTreeSet::new();
    for function in &functions {
        for grant in Grant::all(function) {
            let Some(name) = grant.needed_by(function) else { continue };
            match function.metadata.kind {
                Kind::Push => assert!(scenarios.iter().any(|it| it == name), "{grant}: {name}"),
                Kind::Job => assert!(TRIALS.iter().any(|it| it.name == name), "{grant}: {name}"),
            }
            needed.insert(name.to_owned());
        }
    }
    for trial in TRIALS {
        assert!(needed.contains(trial.name), "nobody names the trial {}", trial.name);
    }
}

#[test]
fn what_is_not_granted_needs_nothing() {
    let mut function = functions().into_iter().find(|it| it.name == "rules-engine").unwrap();
    let needed_by = &mut function.metadata.needed_by;
    needed_by.write.remove("alert").unwrap();
    needed_by.replace.remove("alert-state").unwrap();
    needed_by.read.insert("history".to_owned(), "round-moved".to_owned());
    expect![[r#"
        rules-engine:write:alert: nothing is named that needs it
        rules-engine:replace:alert-state: nothing is named that needs it
        rules-engine:read:history: something needs it, and it is not granted"#]]
    .assert_eq(&unproven(&function).join("\n"));
}

fn check_grant(text: &str, expect: &Expect) {
    let grant = Grant::parse(text, &functions());
    expect.assert_eq(&grant.map_or_else(|err| err.to_string(), |it| it.to_string()));
}

#[test]
fn grants_are_named_by_function_right_and_class() {
    check_grant("index-writer:list", &expect!["index-writer:list"]);
    check_grant("index-writer:read:pointer", &expect!["index-writer:read:pointer"]);
    check_grant(
        "manifest-writer:write:history",
        &expect![[
            r#"no grant "manifest-writer:write:history"; there are manifest-writer:list, manifest-writer:read:snapshot, manifest-writer:read:manifest, manifest-writer:write:journal, manifest-writer:write:manifest, manifest-writer:write:quarantine, manifest-writer:replace:journal, manifest-writer:replace:manifest, manifest-writer:replace:quarantine"#
        ]],
    );
    check_grant(
        "index-wirter:list",
        &expect![[
            r#"no function "index-wirter"; there are alert-dispatcher, index-writer, manifest-compactor, manifest-writer, operator, rules-engine, snapshot-builder"#
        ]],
    );
    check_grant(
        "index-writer:read",
        &expect![[
            r#""index-writer:read" is no grant: say FUNCTION:list, FUNCTION:read:CLASS, FUNCTION:write:CLASS or FUNCTION:replace:CLASS"#
        ]],
    );
    check_grant(
        "index-writer:read:thing",
        &expect![[r#"no class "thing": `cargo xtask terraform grants` has them"#]],
    );
}

#[test]
fn a_grant_that_the_plan_does_not_give_cannot_be_taken_away() {
    let rights = Rights::of(&plan()).unwrap();
    let functions = functions();
    let definitions = Definitions::embedded();
    let grant = Grant { function: "rules-engine".to_owned(), right: Right::Write(Class::Snapshot) };
    let err = rights.without_of(&grant, &functions, &definitions).unwrap_err();
    expect!["nothing gives storage.objects.create to serviceAccount:prod-rules-engine@strata-prod-example.iam.gserviceaccount.com on projects/_/buckets/strata-prod-example/objects/env/prod/snapshots/"].assert_eq(&err.to_string());
    let grant = Grant { function: "rules-engine".to_owned(), right: Right::List };
    let without = rights.without_of(&grant, &functions, &definitions).unwrap();
    assert!(without.without_of(&grant, &functions, &definitions).is_err(), "it is gone already");
}

fn replayed(options: replay::Options) -> bool {
    let options = replay::Options { seed: 1, enforce_iam: true, ..options };
    replay::run(&options, &Terminal::on(std::io::stderr())).unwrap()
}

#[test]
fn scenarios_come_out_right_with_what_is_granted_and_not_with_less() {
    let scenarios = vec!["specification".to_owned()];
    let held = replay::Options { scenarios, faults: Some(1), ..replay::Options::default() };
    assert!(replayed(held));
    let scenarios = vec!["snapshot-unusable".to_owned()];
    let without_grant = Some("manifest-writer:write:quarantine".to_owned());
    let less = replay::Options { scenarios, without_grant, ..replay::Options::default() };
    assert!(!replayed(replay::Options { repeat: Some(1), ..less }));
}

/// What is said when `grant` is taken away and `needed_by` is said to need it.
async fn verdict(stage: &Stage, grant: &str, needed_by: &str) -> Result<String, String> {
    let functions = functions();
    let root = workspace().root;
    let scenarios = scenario::select(&root, &[]).unwrap();
    let grant = Grant::parse(grant, &functions).unwrap();
    let function = functions.iter().find(|it| it.name == grant.function).unwrap();
    let jobs: Vec<Function> = vec![function.clone()];
    let tried = if function.metadata.kind == Kind::Job { &jobs } else { &stage.functions };
    let taker = Taker::new(stage, tried, &scenarios).await.unwrap();
    taker.verdict(function, &grant, needed_by).await.unwrap()
}

#[tokio::test]
async fn a_grant_is_missed_by_what_needs_it_and_by_nothing_else() {
    let workspace = workspace();
    let stage = Stage {
        functions: replay::pushed(&workspace).unwrap(),
        executables: workspace.build(&functions()).await.unwrap(),
        engine: None,
        schemas: None,
        rights: Some(Rights::read(&workspace.root, None).unwrap()),
        attempts_max: ATTEMPTS_MAX,
    };
    for (grant, needed_by) in [
        ("index-writer:write:bundle", "specification"),
        ("alert-dispatcher:read:alert-mark", "specification"),
        ("operator:write:history", "write"),
        ("manifest-compactor:list", "compact"),
        ("manifest-compactor:replace:journal", "compact"),
        ("manifest-compactor:read:export", "compact-export"),
    ] {
        verdict(&stage, grant, needed_by).await.unwrap();
    }
    let nobody = Err("nobody asks for it".to_owned());
    for (grant, needed_by) in [
        ("index-writer:write:repair-wanted", "snapshot-unusable"),
        ("operator:write:history", "quarantine-list"),
    ] {
        assert_eq!(verdict(&stage, grant, needed_by).await, nobody, "{grant}");
    }
}
