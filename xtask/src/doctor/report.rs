//! What is told: a line for each thing, and what the project says of what only a project can answer.

use std::collections::BTreeSet;

use domain::{Env, Instant};
use serde_json::{Value, json};

use super::check::{Check, Outcome};
use super::probes::Answer;

/// All that was found.
pub(crate) struct Report {
    pub(crate) env: Env,
    pub(crate) project: String,
    pub(crate) bucket: String,
    pub(crate) looked_at: Instant,
    pub(crate) checks: Vec<Check>,
    pub(crate) answers: Vec<Answer>,
}

impl Report {
    /// Whether everything is ok.
    pub(crate) fn is_well(&self) -> bool {
        self.checks.iter().all(|it| it.outcome == Outcome::Ok)
    }

    /// A line for each subject that is ok, and one for each aspect of it that is not.
    pub(crate) fn table(&self) -> String {
        let mut lines = Vec::new();
        let mut told = BTreeSet::new();
        for check in &self.checks {
            let Check { subject, aspect, outcome, mend } = check;
            let line = match outcome {
                Outcome::Ok if told.insert(subject) => {
                    format!("ok         {subject}: {}", self.fine(subject).join(", "))
                }
                Outcome::Ok => continue,
                Outcome::Wrong(what) => format!("WRONG      {subject}: {aspect} {what}"),
                Outcome::NotKnown(what) => format!("not known  {subject}: {aspect} {what}"),
            };
            lines.push(line);
            lines.extend(mend.iter().map(|it| format!("           mend: {it}")));
        }
        lines.join("\n")
    }

    fn fine<'a>(&'a self, subject: &str) -> Vec<&'a str> {
        let fine = self.checks.iter().filter(|it| it.subject == subject);
        fine.filter(|it| it.outcome == Outcome::Ok).map(|it| it.aspect.as_str()).collect()
    }

    /// What the project says of the open questions.
    pub(crate) fn questions(&self) -> String {
        let text = |it: &Answer| match (&it.answer, &it.open) {
            (Some(answer), _) => format!("answered   {}: {answer}", it.probe),
            (None, open) => {
                format!("open       {}: {}", it.probe, open.as_deref().unwrap_or_default())
            }
        };
        self.answers.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    /// The whole in one line.
    pub(crate) fn sum(&self) -> String {
        let [ok, wrong, unknown] = self.counts();
        format!("{}: {ok} ok, {wrong} wrong, {unknown} not known", self.env)
    }

    fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for check in &self.checks {
            counts[match check.outcome {
                Outcome::Ok => 0,
                Outcome::Wrong(_) => 1,
                Outcome::NotKnown(_) => 2,
            }] += 1;
        }
        counts
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "environment": self.env.as_str(),
            "project": self.project,
            "bucket": self.bucket,
            "looked_at": self.looked_at.to_millis_text(),
            "is_well": self.is_well(),
            "checks": self.checks,
            "answers": self.answers,
        })
    }

    /// For people who were not there.
    pub(crate) fn markdown(&self) -> String {
        let Self { env, project, bucket, looked_at, .. } = self;
        let mut lines = vec![
            format!("# Doctor: {env}"),
            String::new(),
            format!(
                "Project {project}, bucket {bucket}, {}, version {}. {}.",
                looked_at.to_millis_text(),
                env!("CARGO_PKG_VERSION"),
                self.sum()
            ),
            String::new(),
            "## What only a real project can confirm".to_owned(),
            String::new(),
            "| probe | question | answer |".to_owned(),
            "| --- | --- | --- |".to_owned(),
        ];
        lines.extend(self.answers.iter().map(|it| {
            let open = || format!("open: {}", it.open.as_deref().unwrap_or_default());
            let answer = it.answer.clone().unwrap_or_else(open);
            format!("| {} | {} | {} |", it.probe, cell(&it.question), cell(&answer))
        }));
        let heading = ["", "## What was looked at", "", "```"].map(str::to_owned);
        lines.extend(heading);
        lines.push(self.table());
        lines.push("```\n".to_owned());
        lines.join("\n")
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
