//! Whoever operates the bucket: jobs, whose pushes are command lines.
//!
//! A command is a message to its job. It is run, and run again until it ends well, as a person or a
//! schedule does it. Its process dies like any other.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{EntityRef, Instant, ObjectName};
use emulator::{Message, Upload};
use serde_json::json;

use super::{Event, World};
use crate::fleet::{COMMAND, COMPACTOR, ONCE, OPERATOR, Outside, Post, Reception, TOLD};
use crate::oracle;
use crate::plan::Command;
use crate::timeline::instant;

/// The release of which jobs are.
pub(super) const OPERATED: u64 = 1;

/// How long a target is waited for that does not answer.
const SILENT: Duration = Duration::from_secs(8);

/// Claims of those who have died over sending something have ended by then.
const CLAIMS_ENDED: Duration = Duration::from_secs(46);

/// After this the watermark of a compaction has left every hour in which something was written.
const JOURNAL_LEFT: Duration = Duration::from_secs(75 * 60);

/// Where the indices lie of what is damaged.
const POINTERS: &str = "env/dev/indices/ventures/by-";

/// What a command has printed.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Its words.
    pub(crate) words: Vec<String>,
    /// When the process that printed it began.
    pub(crate) began_at: Instant,
    /// When it had ended.
    pub(crate) ended_at: Instant,
    /// Whether it has ended well.
    pub(crate) well: bool,
    /// The lines.
    pub(crate) text: String,
    /// And those beside.
    pub(crate) aside: String,
}

impl World<'_> {
    /// Has a job run a command until it ends well; `once` takes any end for one but a failure.
    pub(super) fn command(&mut self, job: &str, words: &[String], once: bool) {
        let place = self.functions.iter().position(|function| function.name == job);
        let Some(function) = place else { return };
        if self.deployed[function].is_empty() {
            let process = self.start(function, OPERATED);
            self.deployed[function].push(process);
        }
        let mut attributes = BTreeMap::from([(COMMAND.to_owned(), json!(words).to_string())]);
        if once {
            attributes.insert(ONCE.to_owned(), String::new());
        }
        let message = Message {
            message_id: String::new(),
            attributes,
            data: Bytes::new(),
            published_at: self.timeline.instant(),
            ordering_key: String::new(),
        };
        self.network.note(format_args!("{job} {}", words.join(" ")));
        self.enqueue(function, message, Duration::ZERO);
    }

    /// Runs the planned command of this number.
    pub(super) fn operate(&mut self, number: usize) {
        let Command { job, words, .. } = self.plan.commands[number].clone();
        self.command(job, &words, true);
    }

    /// Where what a command prints goes, and the names of alerts that a process sends.
    pub(super) fn outside(&self, is_job: bool) -> Outside {
        let (network, timeline) = (Arc::clone(&self.network), Arc::clone(&self.timeline));
        let (sent, printed) = (Arc::clone(&self.sent), Arc::clone(&self.printed));
        let post = self.targets();
        let say = Arc::new(move |text: &str| {
            network.note(format_args!("  {} {text}", if is_job { "printed" } else { "sent" }));
            match is_job {
                false => {
                    sent.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
                }
                true => {
                    let (attempt, at) = (network.state().caller, timeline.instant());
                    let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                    printed.push((attempt, at, text.to_owned()));
                }
            }
        });
        Outside { say, post }
    }

    /// The targets of alerts: they answer, or do what targets do that wish us ill.
    fn targets(&self) -> Arc<dyn Fn(Post) -> (Reception, Duration) + Send + Sync> {
        let (network, posts) = (Arc::clone(&self.network), Arc::clone(&self.posts));
        let fate = Arc::clone(&self.fate);
        Arc::new(move |post: Post| {
            let hostile = network.state().mix.hostile;
            let dice = fate.lock().unwrap_or_else(PoisonError::into_inner);
            let (reception, arrived, took) = match dice.per_mille(hostile) {
                false => (Reception::Answered(204), true, dice.millis(5, 300)),
                true => match dice.between(0, 5) {
                    0 => (Reception::Answered(500), false, dice.millis(5, 300)),
                    1 => (Reception::Answered(301), false, dice.millis(5, 300)),
                    2 => (Reception::Answered(404), false, dice.millis(5, 300)),
                    // It has read everything, and breaks the connection.
                    3 => (Reception::Unheard, true, dice.millis(5, 300)),
                    4 => (Reception::Unheard, true, SILENT),
                    _ => (Reception::Unheard, false, SILENT),
                },
            };
            drop(dice);
            network.note(format_args!("  posted {post:?}: {reception:?}, arrived: {arrived}"));
            posts.lock().unwrap_or_else(PoisonError::into_inner).push((post, arrived));
            (reception, took)
        })
    }

    /// What commands have printed so far.
    pub(super) fn said(&self) -> Vec<Said> {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = printed.into_iter().map(|(attempt, ended_at, text)| {
            let attempt = &self.attempts[attempt];
            let attributes = &self.pending[attempt.message].message.attributes;
            let words = attributes.get(COMMAND).and_then(|words| serde_json::from_str(words).ok());
            let words: Vec<String> = words.unwrap_or_default();
            let (well, text) = text.split_once('\n').unwrap_or_default();
            let (text, aside) = text.split_once(TOLD).unwrap_or((text, ""));
            let (well, text, aside) = (well == "true", text.to_owned(), aside.to_owned());
            Said { words, began_at: attempt.began_at, ended_at, well, text, aside }
        });
        said.collect()
    }

    /// Of which entities somebody has noted that a repair is wanted.
    fn repairs_wanted(&self) -> Vec<EntityRef> {
        let objects = self.network.bucket.objects();
        let wanted = objects.keys().filter_map(|name| match ObjectName::parse(name) {
            Ok(ObjectName::RepairWanted(entity)) => Some(entity),
            _ => None,
        });
        wanted.collect()
    }

    /// Makes the repairs that are wanted, because what was overwritten is not known any more.
    pub(super) fn repair_wanted(&mut self) -> Result<(), String> {
        self.counts.operations = self.network.state().operations;
        self.redeliver()?;
        let wanted = self.repairs_wanted();
        for entity in &wanted {
            // Of others nothing is mended: it would hide what is wrong.
            let words = ["reconcile", "--repair", "--segment", &entity.segment, "--id", &entity.id];
            self.command(OPERATOR, &words.map(str::to_owned), true);
            self.drain()?;
        }
        // A rule that is in force only now.
        if wanted.iter().any(|entity| entity.segment == "rules") {
            self.sweep()?;
        }
        Ok(())
    }

    /// Has sent again what targets have not taken: they take everything, now that nothing goes wrong.
    fn redeliver(&mut self) -> Result<(), String> {
        self.timeline.after(CLAIMS_ENDED, Event::Calm);
        self.drain()?;
        self.command(OPERATOR, &["alerts", "redeliver"].map(str::to_owned), true);
        self.drain()
    }

    /// Copies an older version of something that is derived over the live one, whose metadata stays:
    /// what no handler does and a person can. Nothing happens where there is no older one.
    fn damage(&mut self) {
        let objects = self.network.bucket.objects();
        let derived = objects.into_iter().filter(|(name, _)| {
            matches!(
                ObjectName::parse(name),
                Ok(ObjectName::Snapshot(entity) | ObjectName::Manifest(entity))
                    if entity.segment == "ventures"
            ) || name.starts_with(POINTERS)
        });
        let olds = derived.filter_map(|(name, live)| {
            let versions = self.network.bucket.versions_of(&name);
            let old = versions.into_iter().find(|version| version.body != live.body)?;
            Some((name, old.body, live.metadata))
        });
        let olds: Vec<_> = olds.collect();
        if olds.is_empty() {
            return;
        }
        let (name, body, metadata) = self.dice.pick(&olds).clone();
        self.network.note(format_args!("damage {name}"));
        let upload = Upload { metadata, ..Upload::default() };
        self.network.bucket.insert(&name, body, upload).expect("its name and metadata were there");
        self.announce_finalized();
    }

    /// Looks at the bucket as operators do: repairs what a person has damaged, compacts it, lists it,
    /// asks what its entities were, or were known to be, at some instant, and restores one of them
    /// to that.
    pub(super) fn look(&mut self) -> Result<(), String> {
        if !self.plan.commands.is_empty() {
            self.damage();
            self.drain()?;
            let words = ["reconcile", "--repair", "--segment", "ventures"].map(str::to_owned);
            self.command(OPERATOR, &words, true);
            self.drain()?;
        }
        let compacted = self.plan.commands.iter().any(|command| command.job == COMPACTOR);
        // Few shards, unless somebody has made many: each is read.
        let mut mode = vec!["--segment", "ventures"];
        match compacted {
            false => mode.extend(["--full", "--shards", "16"]),
            true if self.dice.per_mille(300) => mode.push("--full"),
            true => (),
        }
        if compacted {
            // What the journal has noted meanwhile has to be in the shards then.
            self.timeline.after(JOURNAL_LEFT, Event::Calm);
            self.drain()?;
        }
        let commands = [Command::new(Duration::ZERO, COMPACTOR, &mode)];
        let list = Command::new(Duration::ZERO, OPERATOR, &["list", "venture", "--json"]);
        let ids: Vec<String> = oracle::fold(self.plan.all())
            .into_iter()
            .filter(|entity| entity.kind == "venture")
            .map(|entity| entity.id.to_owned())
            .collect();
        let took = u64::try_from(self.timeline.now().as_millis()).unwrap_or(0);
        let at = || {
            let at = self.dice.millis(0, took.min(600_000));
            instant(i64::try_from(at.as_millis()).unwrap_or(0)).to_millis_text()
        };
        let asked = ids.iter().map(|id| {
            let until = if self.dice.per_mille(500) { "--known-at" } else { "--as-of" };
            Command::new(Duration::ZERO, OPERATOR, &["get", "venture", id, until, &at(), "--json"])
        });
        let mut last: Vec<Command> = commands.into_iter().chain([list]).chain(asked).collect();
        if !ids.is_empty() {
            let (id, at) = (self.dice.pick(&ids), at());
            let words = ["restore", "--segment", "ventures", "--id", id, "--known-at", &at];
            last.push(Command::new(Duration::ZERO, OPERATOR, &words));
        }
        for Command { job, words, .. } in last {
            self.command(job, &words, true);
            self.drain()?;
        }
        Ok(())
    }
}
