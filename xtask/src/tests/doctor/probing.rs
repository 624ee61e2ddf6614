//! The probes against the stand-in: what they say of either answer, and that nothing stays.

use std::sync::Mutex;

use emulator::SystemClock;
use serde_json::{Value, json};

use super::project::{BUCKET, PROJECT, Project, error};
use crate::doctor::probes::{Answer, PROBES, Trial, all};
use crate::terraform::golden;

const PREFIX: &str = "env/prod/tmp/doctor-1790000000000/";

/// A project in which tokens may be exchanged, and IAM takes two of three conditions.
async fn project(bounded: &[(&'static str, &'static str, u16)]) -> Project {
    let project = Project::healthy().await;
    {
        let mut documents = project.documents.lock().unwrap();
        documents.bounded = bounded.to_vec();
        documents.there.insert("/v1/token".to_owned(), json!({"access_token": "less"}));
        let taken = json!({});
        documents.there.insert("/v1/iamPolicies:lintPolicy".to_owned(), taken);
    }
    project
}

async fn answers(project: &Project) -> Vec<Answer> {
    let (answers, cleaned) = asked(project).await;
    cleaned.unwrap();
    answers
}

async fn asked(project: &Project) -> (Vec<Answer>, anyhow::Result<()>) {
    let said = Mutex::new(Vec::new());
    let say = |line: &str| {
        said.lock().unwrap().push(line.to_owned());
        Ok(())
    };
    let trial = Trial {
        google: &project.google,
        clock: &SystemClock,
        env: golden::ENV,
        bucket: BUCKET,
        prefix: PREFIX.to_owned(),
        emulator_host: Some(project.emulator.url()),
        say: &say,
        wait_max: std::time::Duration::from_secs(3),
    };
    let (answers, cleaned) = all(&trial).await.unwrap();
    let said = said.into_inner().unwrap();
    assert!(PROBES.iter().all(|probe| said.iter().any(|line| line.contains(probe.question))));
    (answers, cleaned)
}

fn told<'a>(answers: &'a [Answer], probe: &str) -> (Option<&'a str>, Option<&'a str>) {
    let answer = answers.iter().find(|it| it.probe == probe).unwrap();
    (answer.answer.as_deref(), answer.open.as_deref())
}

/// What is left below the prefix, in any version, and of subscriptions.
async fn left(project: &Project) -> (Value, Vec<String>) {
    let path = format!("/storage/v1/b/{BUCKET}/o?versions=true&prefix={PREFIX}");
    let objects = project.call("GET", &path, &Value::Null).await["items"].clone();
    let subscriptions = project.emulator.subscriptions().into_iter().map(|it| it.name);
    (objects, subscriptions.filter(|it| it.contains("doctor")).collect())
}

#[tokio::test]
async fn each_question_is_answered_as_the_project_answers_it() {
    let project = project(&[
        ("POST", "create-only/there", 412),
        ("GET", "read-missing/not-there", 403),
        ("GET", "prefix=env/prod/tmp/", 200),
        ("GET", "prefix=env/prod/", 403),
    ])
    .await;
    let answers = answers(&project).await;
    let create = told(&answers, "create-only").0.unwrap();
    assert!(create.starts_with("412: alerts and quarantine need to create, and no more"));
    assert!(told(&answers, "read-missing").0.unwrap().starts_with("403: a function has to"));
    let list = told(&answers, "list-prefix").0.unwrap();
    assert!(list.starts_with("yes, in the boundary of a token"), "{list}");
    assert_eq!(
        told(&answers, "conditions").0.unwrap(),
        "startsWith is taken; objectListPrefix is taken; matches is taken"
    );
    let writes = told(&answers, "writes").0.unwrap();
    assert!(writes.contains("30 times 200; 10 under a generation that is gone: 10 times 412"));
    assert!(writes.contains("so the order does not show") && writes.contains("31 generations"));
    let names = told(&answers, "names");
    assert!(names.0.is_some_and(|it| it.starts_with("yes, byte for byte")), "{names:?}");
    // No function runs here.
    let pushes = told(&answers, "pushes").1.unwrap();
    assert!(pushes.starts_with("no push has arrived, or a function fails: "), "{pushes}");
    assert!(told(&answers, "unbilled").1.unwrap().contains("billing export"));
    assert_eq!(left(&project).await, (Value::Null, Vec::new()));
}

#[tokio::test]
async fn tokens_are_bounded_by_role_bucket_and_prefix() {
    let project = project(&[("POST", "create-only/there", 403)]).await;
    let answers = answers(&project).await;
    assert!(told(&answers, "create-only").0.unwrap().starts_with("403: who creates only cannot"));
    let documents = project.documents.lock().unwrap();
    let forms = documents.posted.iter().filter(|(path, _)| path == "/v1/token");
    let forms: Vec<String> = forms
        .map(|(_, form)| {
            let decoded = percent_encoding::percent_decode_str(form).decode_utf8().unwrap();
            decoded.into_owned()
        })
        .collect();
    assert_eq!(forms.len(), 3);
    let bucket = format!("//storage.googleapis.com/projects/_/buckets/{BUCKET}");
    for (form, role, condition) in [
        (&forms[0], "roles/storage.objectCreator", "resource.name.startsWith('projects/_/buckets/"),
        (&forms[1], "roles/storage.legacyObjectReader", "resource.name.startsWith("),
        (&forms[2], "roles/storage.objectViewer", "api.getAttribute('storage.googleapis.com/"),
    ] {
        assert!(form.starts_with("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&"));
        assert!(form.contains("&subject_token=loopback&options={"), "{form}");
        let options = form.split_once("&options=").unwrap().1;
        let options: Value = serde_json::from_str(options).unwrap();
        let rules = options["accessBoundary"]["accessBoundaryRules"].as_array().unwrap();
        let [rule] = rules.as_slice() else { panic!("{options}") };
        assert_eq!(rule["availablePermissions"], json!([format!("inRole:{role}")]));
        assert_eq!(rule["availableResource"], json!(bucket));
        let expression = rule["availabilityCondition"]["expression"].as_str().unwrap();
        assert!(expression.starts_with(condition) && expression.contains(PREFIX), "{expression}");
    }
}

#[tokio::test]
async fn a_probe_that_fails_is_an_open_question_and_what_it_wrote_goes() {
    let project = project(&[("POST", "create-only/new", 403)]).await;
    project.refuse("/v1/iamPolicies:lintPolicy", 403, error(403, "not you"));
    let topic = format!("/v1/projects/{PROJECT}/topics/prod-changes");
    project.call("DELETE", &topic, &Value::Null).await;
    let answers = answers(&project).await;
    // A token that creates nothing at all proves nothing.
    let (answer, open) = told(&answers, "create-only");
    assert_eq!(answer, None);
    assert_eq!(
        open,
        Some("a token for roles/storage.objectCreator alone creates nothing: 403 bounded")
    );
    assert_eq!(told(&answers, "conditions").1, Some("startsWith: 403 not you"));
    assert!(told(&answers, "names").1.unwrap().starts_with("PUT /v1/projects/"));
    assert_eq!(left(&project).await, (Value::Null, Vec::new()));
}

#[tokio::test]
async fn what_cannot_be_removed_is_told_with_the_command_that_does() {
    let project = project(&[("POST", "create-only/there", 412)]).await;
    project.refuse(&format!("/storage/v1/b/{BUCKET}/o"), 403, error(403, "no listing"));
    let (answers, cleaned) = asked(&project).await;
    let create = told(&answers, "create-only").0.unwrap();
    assert!(create.starts_with("412"), "{create}");
    let err = format!("{:#}", cleaned.unwrap_err());
    let command = format!("gcloud storage rm -a 'gs://{BUCKET}/{PREFIX}**': 403 no listing");
    assert_eq!(err, format!("cannot clean up: {command}"));
}
