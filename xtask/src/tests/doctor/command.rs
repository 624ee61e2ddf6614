//! The command as a person gives it, against the stand-in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use serde_json::{Value, json};

use super::project::{Project, service};
use crate::doctor::google::Service;
use crate::doctor::{self, Options};
use crate::terminal::Terminal;
use crate::terraform::planned::Planned;

/// The command alone.
#[derive(Parser)]
struct Doctor {
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A plan as `terraform show -json` prints one.
fn shown(planned: &Planned) -> Value {
    let changes = planned.resources.iter().map(|it| {
        json!({
            "address": it.address, "mode": "managed", "type": it.sort,
            "change": {"actions": ["no-op"], "before": it.values, "after": it.values},
        })
    });
    json!({"resource_changes": changes.collect::<Vec<_>>()})
}

/// Whether all is well, and what was printed.
async fn command(
    project: &Project,
    folder: &Path,
    more: &[&str],
) -> (anyhow::Result<bool>, String, String) {
    let plan = folder.join("plan.json");
    fs::write(&plan, shown(&project.planned).to_string()).unwrap();
    let report = folder.join("some/report.md");
    let paths = [plan.to_str().unwrap(), report.to_str().unwrap()];
    let mut words = vec!["doctor", "--env", "prod", "--plan", paths[0], "--report", paths[1]];
    let endpoints = Service::ALL.map(|it| format!("{}={}", it.name(), project.url));
    for endpoint in &endpoints {
        words.extend(["--endpoint", endpoint]);
    }
    words.extend(more);
    let Doctor { options } = Doctor::try_parse_from(words).unwrap();
    let printed = Printed::default();
    let output = printed.clone();
    let run = move || doctor::run(&options, &Terminal::on(output));
    // It has a runtime of its own, as a command does.
    let ended = tokio::task::spawn_blocking(run).await.unwrap();
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    (ended, text, fs::read_to_string(report).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_well_ends_well_and_leaves_a_report() {
    let project = Project::healthy().await;
    let folder = tempfile::tempdir().unwrap();
    let (ended, text, report) = command(&project, folder.path(), &["--without-probes"]).await;
    assert!(ended.unwrap(), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|it| !it.starts_with("WRONG") && !it.starts_with("not known")));
    assert!(text.contains("\nopen       create-only: not asked: cargo xtask doctor --env prod"));
    assert!(
        lines[lines.len() - 2].starts_with("prod: ") && text.contains(" ok, 0 wrong, 0 not known")
    );
    assert!(report.starts_with("# Doctor: prod\n") && report.contains(" ok, 0 wrong, "));
    // A look changes nothing: whatever came by POST asked for a policy.
    let documents = project.documents.lock().unwrap();
    assert!(documents.posted.iter().all(|(path, _)| path.ends_with(":getIamPolicy")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_the_exit_code_and_json_is_nothing_else() {
    let project = Project::healthy().await;
    project.edit(&service("prod-index-writer"), "/ingress", json!("INGRESS_TRAFFIC_ALL"));
    let folder = tempfile::tempdir().unwrap();
    // Nobody is there to agree, so that no probe runs either.
    let (ended, text, report) = command(&project, folder.path(), &["--json"]).await;
    assert!(!ended.unwrap());
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["is_well"], json!(false));
    assert_eq!(json["environment"], json!("prod"));
    assert!(json["answers"].as_array().unwrap().iter().all(|it| it.get("answer").is_none()));
    assert!(report.contains("WRONG      service prod-index-writer: ingress"));
}

#[tokio::test]
async fn what_is_no_place_or_no_plan_is_refused_in_words() {
    let parse = |words: &[&str]| {
        let words = ["doctor", "--env", "prod"].iter().chain(words);
        Doctor::try_parse_from(words).err().unwrap().to_string()
    };
    assert!(parse(&["--endpoint", "storage"]).contains("not SERVICE=URL"));
    let unknown = parse(&["--endpoint", "s3=http://127.0.0.1:1"]);
    assert!(unknown.contains("no service \"s3\"; there are storage, pubsub, run"), "{unknown}");
    assert!(parse(&["--yes", "--without-probes"]).contains("cannot be used with"));
    let mut project = Project::healthy().await;
    project.planned.resources.retain(|it| it.sort != "google_storage_notification");
    let folder = tempfile::tempdir().unwrap();
    let (ended, ..) = command(&project, folder.path(), &["--without-probes"]).await;
    assert_eq!(ended.unwrap_err().to_string(), "the plan has no notification of env/prod/");
}
