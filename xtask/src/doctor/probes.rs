//! Questions that only a real project answers, put to it.
//!
//! A probe says what it writes before anybody agrees to it. All of it lies below one prefix of
//! `tmp/`, and is removed when the last probe has ended, whatever has happened before; what should
//! stay all the same is removed by the bucket a day later.

mod boundary;
mod names;
pub(crate) mod pushes;
mod writes;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use domain::{Clock, Env};
use gcp::{Payload, Reply};
use serde::Serialize;
use serde_json::Value;

use super::google::{Google, Service, encode, told};

/// The most versions that are removed in one go; no probe writes as many.
const VERSIONS_MAX: usize = 1000;

/// A project to be asked.
pub(crate) struct Trial<'a> {
    pub(crate) google: &'a Google,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) env: Env,
    pub(crate) bucket: &'a str,
    /// Everything that is written lies below it.
    pub(crate) prefix: String,
    /// Where the bucket is, if it is not Google's.
    pub(crate) emulator_host: Option<String>,
    /// How long what follows from a write is waited for.
    pub(crate) wait_max: Duration,
    /// What a probe says meanwhile.
    pub(crate) say: &'a dyn Fn(&str) -> Result<()>,
}

/// What a probe is about.
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    pub(crate) question: &'static str,
    /// What it writes.
    pub(crate) writes: &'static str,
    run: Run,
}

type Run = for<'a> fn(&'a Trial<'a>) -> Pin<Box<dyn Future<Output = Result<String>> + 'a>>;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) probe: String,
    pub(crate) question: String,
    /// What the project says; nothing where it could not be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<String>,
    /// Why there is no answer, or how to get one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<String>,
}

/// Every probe.
pub(crate) const PROBES: [Probe; 7] = [
    Probe {
        name: "create-only",
        question: "does creating over an object, under ifGenerationMatch=0 and without the right \
                   to delete, answer 412 or 403?",
        writes: "two objects",
        run: |trial| Box::pin(boundary::create_only(trial)),
    },
    Probe {
        name: "read-missing",
        question: "does reading a missing object without the right to list answer 403 or 404?",
        writes: "one object",
        run: |trial| Box::pin(boundary::read_missing(trial)),
    },
    Probe {
        name: "list-prefix",
        question: "does a condition on objectListPrefix let somebody list below one prefix only?",
        writes: "nothing",
        run: |trial| Box::pin(boundary::list_prefix(trial)),
    },
    Probe {
        name: "conditions",
        question: "which functions of conditions does IAM take?",
        writes: "nothing",
        run: |trial| Box::pin(boundary::conditions(trial)),
    },
    Probe {
        name: "writes",
        question: "how many writes does one object take, is a throttled conditional write told 429 \
                   or 412, and do generations increase?",
        writes: "one object, up to 40 times within seconds",
        run: |trial| Box::pin(writes::throttled(trial)),
    },
    Probe {
        name: "names",
        question: "do notifications carry names of 1024 bytes, and letters of any language?",
        writes: "two objects, and a subscription to the topic of changes for a minute",
        run: |trial| Box::pin(names::carried(trial)),
    },
    Probe {
        name: "pushes",
        question: "does a service with internal ingress take pushes at its address?",
        writes: "one venture smoke-…, which is deleted again: two records of history and what \
                 follows from them stay, as tombstones",
        run: |trial| Box::pin(pushes::arrive(trial)),
    },
];

/// What no request answers.
const OTHERS: [(&str, &str, &str); 4] = [
    (
        "unbilled",
        "are answers 404 and 412 free of charge?",
        "compare the operations in the billing export of a day with the counts of \
         storage.googleapis.com/api/request_count by response code",
    ),
    (
        "cold-start",
        "how long does a cold start take, in either execution environment and size of memory?",
        "let a service stand still for 20 minutes, write one record, and read \
         run.googleapis.com/container/startup_latencies; then again with execution_environment = \
         EXECUTION_ENVIRONMENT_GEN2",
    ),
    (
        "bigquery",
        "does BigQuery take columns of JSON in external tables, and make a table before its first \
         file?",
        "the deployment fails at google_bigquery_table otherwise; then query one view",
    ),
    (
        "policy-size",
        "how large a policy does a bucket take?",
        "the deployment fails at google_storage_bucket_iam_member otherwise; where all grants are \
         ok above, it takes one of the size that `gcloud storage buckets get-iam-policy` prints",
    ),
];

/// What the probes write, for somebody who has to agree.
pub(crate) fn described(prefix: &str, bucket: &str) -> String {
    let lines = PROBES.iter().map(|it| format!("  {:13} {}", it.name, it.writes));
    let lines: Vec<String> = lines.collect();
    format!("probes write below gs://{bucket}/{prefix}, and remove it again:\n{}", lines.join("\n"))
}

/// Asks everything, and cleans up; what came of either. A probe that fails has no answer.
pub(crate) async fn all(trial: &Trial<'_>) -> Result<(Vec<Answer>, Result<()>)> {
    let mut answers = Vec::new();
    for probe in &PROBES {
        (trial.say)(&format!("probe {}: {}", probe.name, probe.question))?;
        let (answer, open) = match (probe.run)(trial).await {
            Ok(answer) => (Some(answer), None),
            Err(err) => (None, Some(format!("{err:#}"))),
        };
        answers.push(Answer {
            probe: probe.name.to_owned(),
            question: probe.question.to_owned(),
            answer,
            open,
        });
    }
    answers.extend(unasked("nobody has looked yet: "));
    let removed = trial.clean_up().await.with_context(|| {
        format!("cannot clean up: gcloud storage rm -a 'gs://{}/{}**'", trial.bucket, trial.prefix)
    });
    let cleaned = match removed {
        Ok(removed) => {
            (trial.say)(&format!("probes: {removed} versions of objects are removed again"))
        }
        Err(err) => Err(err),
    };
    Ok((answers, cleaned))
}

/// What there is when no probe was run.
pub(crate) fn none(env: Env) -> Vec<Answer> {
    let open = format!("not asked: cargo xtask doctor --env {env}, without --without-probes");
    let left_out = PROBES.iter().map(|it| Answer {
        probe: it.name.to_owned(),
        question: it.question.to_owned(),
        answer: None,
        open: Some(open.clone()),
    });
    left_out.chain(unasked("nobody has looked yet: ")).collect()
}

fn unasked(why: &str) -> impl Iterator<Item = Answer> {
    OTHERS.into_iter().map(move |(probe, question, how)| Answer {
        probe: probe.to_owned(),
        question: question.to_owned(),
        answer: None,
        open: Some(format!("{why}{how}")),
    })
}

impl Trial<'_> {
    /// The name of an object of ours.
    fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Writes an object under a generation, 0 for a new one, with a token that may do less if there
    /// is one.
    async fn put(&self, name: &str, generation: &str, token: Option<&str>) -> Result<Reply> {
        let bucket = encode(self.bucket);
        let path = format!(
            "/upload/storage/v1/b/{bucket}/o?uploadType=media&name={}&ifGenerationMatch={generation}",
            encode(name)
        );
        let content = Payload::Content(Bytes::from_static(b"{}\n"));
        Ok(self
            .google
            .api
            .send("POST", &self.google.url(Service::Storage, &path), content, token)
            .await?)
    }

    /// Writes a new object as the person; its generation.
    async fn create(&self, name: &str) -> Result<String> {
        let reply = self.put(name, "0", None).await?;
        ensure!(reply.status == 200, "cannot write {name}: {} {}", reply.status, told(&reply));
        generation(&reply)
    }

    /// The status of a GET in Cloud Storage.
    async fn get(&self, path: &str, token: Option<&str>) -> Result<Reply> {
        let url = self.google.url(Service::Storage, path);
        Ok(self.google.api.send("GET", &url, Payload::Nothing, token).await?)
    }

    /// Removes every version of everything below the prefix; how many there were.
    async fn clean_up(&self) -> Result<usize> {
        let bucket = encode(self.bucket);
        let path = format!(
            "/storage/v1/b/{bucket}/o?versions=true&maxResults={VERSIONS_MAX}&prefix={}",
            encode(&self.prefix)
        );
        let page = self.get(&path, None).await?;
        ensure!(page.status == 200, "{} {}", page.status, told(&page));
        let page = page.json().context("a listing that is not JSON")?;
        let versions = page["items"].as_array().cloned().unwrap_or_default();
        for version in &versions {
            let text = |key: &str| version[key].as_str().unwrap_or_default();
            let path = format!(
                "/storage/v1/b/{bucket}/o/{}?generation={}",
                encode(text("name")),
                text("generation")
            );
            let url = self.google.url(Service::Storage, &path);
            let reply = self.google.api.send("DELETE", &url, Payload::Nothing, None).await?;
            let gone = matches!(reply.status, 200 | 204 | 404);
            ensure!(gone, "{}: {} {}", text("name"), reply.status, told(&reply));
        }
        Ok(versions.len())
    }
}

/// The generation that a write made.
fn generation(reply: &Reply) -> Result<String> {
    let json = reply.json().unwrap_or_default();
    let generation = json["generation"].as_str().map(str::to_owned);
    generation.with_context(|| format!("a write without a generation: {}", shown(&json)))
}

fn shown(json: &Value) -> String {
    json.to_string().chars().take(100).collect()
}
